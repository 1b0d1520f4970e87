"""A chatbot's records: every question with its answer and how it came about; pages and an Excel file."""

from typing import Any

from litestar import Request, get
from litestar.params import FromPath

from app.api import drf
from app.api.maiagent import bodies, translate, wire
from app.api.maiagent.auth import Calling, InHouse, base_url, id_in_path
from app.api.paging import Link, numbered_links, page_number
from app.domain.records import RecordFilter
from app.services import describe_workspace, review_records
from app.services.house import House
from app.services.identify import Caller


@get(
    "/chatbots/{chatbot_id:str}/records",
    summary="Get AI assistant conversation records",
    takes=bodies.RecordsQuery,
)
async def list_records(
    request: Request[Any, Any, Any], house: InHouse, caller: Calling, chatbot_id: FromPath[str]
) -> wire.Page[wire.Record]:
    """Lists a chatbot's records between two days (UTC, inclusive), newest first."""
    sought = await _sought(request, house, caller, chatbot_id)
    page = page_number(request.query_params)
    found = await review_records.list_records(house, sought, page)
    following, before = numbered_links(Link(request, base_url(request, house)), page, found.total)
    return wire.Page(found.total, following, before, [translate.record(item) for item in found.items])


async def _sought(
    request: Request[Any, Any, Any], house: House, caller: Caller, chatbot_id: str
) -> RecordFilter:
    assistant, _ = await describe_workspace.get_assistant(house, caller.workspace_id, id_in_path(chatbot_id))
    query = drf.read_query(request, bodies.RecordsQuery)
    return RecordFilter(
        caller.workspace_id,
        assistant.id,
        query.start_date,
        query.end_date,
        query.user_message,
        query.bot_message,
    )

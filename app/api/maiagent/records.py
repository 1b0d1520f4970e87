"""A chatbot's records: every question with its answer and how it came about; pages and an Excel file."""

from datetime import date
from typing import Any

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Stream

from app.api import drf
from app.api.maiagent import bodies, translate, wire
from app.api.maiagent.auth import Calling, InHouse, base_url, id_in_path
from app.api.paging import Link, numbered_links, page_number
from app.domain.records import RecordFilter
from app.services import describe_workspace, export_records, review_records, spreadsheet
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


@get(
    "/chatbots/{chatbot_id:str}/records/export-excel",
    summary="Export chat records as Excel file",
    media_type=spreadsheet.MEDIA_TYPE,
    takes=bodies.RecordsQuery,
)
async def export_excel(
    request: Request[Any, Any, Any], house: InHouse, caller: Calling, chatbot_id: FromPath[str]
) -> Stream:
    """Streams the records between two days as a workbook."""
    sought = await _sought(request, house, caller, chatbot_id)
    name = f"records-{_shown(sought.start)}-{_shown(sought.end)}.xlsx"
    return Stream(
        export_records.export_records(house, sought),
        media_type=spreadsheet.MEDIA_TYPE,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        status_code=200,
    )


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


def _shown(day: date) -> str:
    return day.isoformat()

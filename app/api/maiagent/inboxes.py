"""The ways in to the chatbots: inboxes, and web chats, which are inboxes of type web."""

from typing import Any

from litestar import Request, get

from app.api.maiagent import translate, wire
from app.api.maiagent.auth import Calling, InHouse, base_url
from app.api.paging import Link, numbered_links, page_number
from app.services import describe_workspace


@get("/inboxes", summary="List inboxes")
async def list_inboxes(
    request: Request[Any, Any, Any], house: InHouse, caller: Calling
) -> wire.Page[wire.Inbox]:
    """Lists the inboxes of the key's organization, oldest first."""
    page = page_number(request.query_params)
    found = await describe_workspace.list_inboxes(house, caller.workspace_id, page)
    following, before = numbered_links(Link(request, base_url(request, house)), page, found.total)
    return wire.Page(found.total, following, before, [translate.inbox(item) for item in found.items])


@get("/web-chats", summary="List web chats")
async def list_web_chats(house: InHouse, caller: Calling) -> list[wire.WebChat]:
    """Lists the web chats of the key's organization, oldest first."""
    found = await describe_workspace.list_web_chats(house, caller.workspace_id)
    return [translate.web_chat(item) for item in found]

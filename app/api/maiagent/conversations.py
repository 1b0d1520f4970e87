"""Starting, listing, reading conversations."""

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.params import FromPath

from app.api import drf
from app.api.maiagent import bodies, translate, wire
from app.api.maiagent.auth import Calling, InHouse, base_url, client_address, id_in_path
from app.api.paging import Cursors, Link
from app.domain.errors import NotFound
from app.services import identify, keep_inbox
from app.services.house import House
from app.services.identify import Caller, Visit
from app.services.keep_inbox import Entry


@post("/conversations", status_code=201, summary="Create a new conversation", takes=bodies.NewConversation)
async def start_conversation(
    request: Request[Any, Any, Any], house: InHouse, caller: Calling
) -> wire.Conversation:
    """Starts a conversation in a web chat."""
    body = await drf.read_body(request, bodies.NewConversation)
    visit = await identify.visit_inbox(house, caller, body.web_chat)
    if visit is None:
        raise drf.no_such("webChat", body.web_chat)
    entry, unread = await keep_inbox.start_conversation(house, visit, client_address(request))
    return translate.conversation(entry, unread, translate.Links(house, base_url(request, house)))


@get("/conversations", summary="Get conversation list", takes=bodies.ConversationsQuery)
async def list_conversations(
    request: Request[Any, Any, Any], house: InHouse, caller: Calling
) -> wire.CursorPage[wire.Conversation]:
    """Lists an inbox's conversations, last active first; `keyword` looks in titles, names and messages."""
    query = drf.read_query(request, bodies.ConversationsQuery)
    visit = await identify.visit_inbox(house, caller, query.inbox)
    if visit is None:
        raise drf.no_such("inbox", query.inbox)
    cursors = Cursors(house.signer, f"conversations:{query.inbox}:{query.keyword or ''}")
    window = cursors.window(request.query_params)
    found, unread = await keep_inbox.list_conversations(house, visit, query.keyword, window)
    links = translate.Links(house, base_url(request, house))
    following, before = cursors.links(Link(request, links.base), found, _position)
    results = [translate.conversation(entry, unread, links) for entry in found.items]
    return wire.CursorPage(following, before, results)


@get("/conversations/{conversation_id:str}", summary="Get a specific conversation")
async def get_conversation(
    request: Request[Any, Any, Any], house: InHouse, caller: Calling, conversation_id: FromPath[str]
) -> wire.Conversation:
    """Reads a conversation with its last message."""
    wanted = id_in_path(conversation_id)
    visit = await _visit(house, caller, wanted)
    entry, unread = await keep_inbox.get_conversation(house, visit, wanted)
    return translate.conversation(entry, unread, translate.Links(house, base_url(request, house)))


@post("/conversations/{conversation_id:str}/read", status_code=204, summary="Mark a conversation as read")
async def read_conversation(house: InHouse, caller: Calling, conversation_id: FromPath[str]) -> None:
    """Notes that what the contact said so far was read; listing its messages does the same."""
    wanted = id_in_path(conversation_id)
    await _visit(house, caller, wanted)
    await keep_inbox.mark_read(house, caller.workspace_id, wanted)


async def _visit(house: House, caller: Caller, conversation_id: UUID) -> Visit:
    """Raises: NotFound."""
    visit = await identify.visit_conversation(house, caller, conversation_id)
    if visit is None:
        raise NotFound("Conversation not found.")
    return visit


def _position(entry: Entry) -> tuple[int, ...]:
    return entry.position

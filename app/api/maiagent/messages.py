"""Messages of a conversation, and what people think of the answers among them."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, delete, get, post, put
from litestar.params import FromPath

from app.api import drf
from app.api.maiagent import bodies, translate, wire
from app.api.maiagent.auth import Calling, InHouse, base_url, id_in_path
from app.api.paging import Cursors, Link, numbered_links, page_number
from app.domain.conversations import Role
from app.services import answer_later, attach, identify, keep_inbox, rate_answer
from app.services.accept_question import Ask
from app.services.house import House
from app.services.identify import Caller, Visit
from app.services.keep_inbox import Shown, Thread


@post("/messages", status_code=201, summary="Send a message (create)", takes=bodies.NewMessage)
async def send_message(request: Request[Any, Any, Any], house: InHouse, caller: Calling) -> wire.Message:
    """Stores a message; unless it is outgoing, the chatbot's answer follows as a message of its own."""
    body = await drf.read_body(request, bodies.NewMessage)
    visit = await _visit(house, caller, body.conversation)
    ask = Ask(
        text=body.content or "",
        conversation_id=body.conversation,
        kind=translate.own_kind(body.type),
        payload=body.content_payload,
        metadata=body.query_metadata,
        canvas=None if body.canvas is None else msgspec.structs.asdict(body.canvas),
        attachments=await attach.take_in(house, caller.workspace_id, translate.offered(body.attachments)),
    )
    if translate.role_of(body.type) is Role.USER and ask.text.strip():
        stored = await answer_later.answer_later(house, visit, ask)
    else:
        stored = await keep_inbox.store(house, visit, ask, translate.role_of(body.type))
    shown = await keep_inbox.get_message(house, visit, body.conversation, stored.id)
    return translate.message(shown, translate.Links(house, base_url(request, house)))


@get("/messages", summary="Get message list", takes=bodies.MessagesQuery)
async def list_messages(
    request: Request[Any, Any, Any], house: InHouse, caller: Calling
) -> wire.Page[wire.Message]:
    """Lists the messages of a conversation, newest first, by `cursor` or by `page`; listing reads them."""
    query = drf.read_query(request, bodies.MessagesQuery)
    visit = await _visit(house, caller, query.conversation)
    links = translate.Links(house, base_url(request, house))
    if request.query_params.get("page"):
        page = page_number(request.query_params)
        thread = await keep_inbox.list_numbered_messages(house, visit, query.conversation, page)
        return _page(thread, numbered_links(Link(request, links.base), page, thread.total), links)
    cursors = Cursors(house.signer, f"messages:{query.conversation}")
    window = cursors.window(request.query_params)
    thread = await keep_inbox.list_messages(house, visit, query.conversation, window)
    return _page(thread, cursors.links(Link(request, links.base), thread.shown, _position), links)


@get("/messages/{message_id:str}", summary="Get a specific message", takes=bodies.MessagesQuery)
async def get_message(
    request: Request[Any, Any, Any], house: InHouse, caller: Calling, message_id: FromPath[str]
) -> wire.Message:
    """Reads a message of a conversation."""
    wanted = id_in_path(message_id)
    query = drf.read_query(request, bodies.MessagesQuery)
    visit = await _visit(house, caller, query.conversation)
    shown = await keep_inbox.get_message(house, visit, query.conversation, wanted)
    return translate.message(shown, translate.Links(house, base_url(request, house)))


_FEEDBACK = "/messages/{message_id:str}/feedback"


@post(_FEEDBACK, status_code=200, summary="Rate an answer", takes=bodies.NewFeedback)
async def post_feedback(
    request: Request[Any, Any, Any], house: InHouse, caller: Calling, message_id: FromPath[str]
) -> wire.Feedback:
    """Likes or dislikes an answer, in place of the word before; `suggestion` says what would be better."""
    return await _rate(request, house, caller, id_in_path(message_id))


@put(_FEEDBACK, summary="Rate an answer", takes=bodies.NewFeedback)
async def put_feedback(
    request: Request[Any, Any, Any], house: InHouse, caller: Calling, message_id: FromPath[str]
) -> wire.Feedback:
    """The same as POST."""
    return await _rate(request, house, caller, id_in_path(message_id))


@delete(_FEEDBACK, summary="Take feedback back")
async def delete_feedback(house: InHouse, caller: Calling, message_id: FromPath[str]) -> None:
    """Removes what was said about an answer."""
    await rate_answer.take_back(house, caller.workspace_id, id_in_path(message_id))


async def _rate(
    request: Request[Any, Any, Any], house: House, caller: Caller, message_id: UUID
) -> wire.Feedback:
    body = await drf.read_body(request, bodies.NewFeedback)
    keys = (caller.workspace_id, message_id)
    said = translate.feedback(await rate_answer.rate_answer(house, keys, body.type, body.suggestion))
    assert said is not None, "it was just said"
    return said


async def _visit(house: House, caller: Caller, conversation_id: UUID) -> Visit:
    """Raises: WrongFields for a conversation that the organization has not."""
    visit = await identify.visit_conversation(house, caller, conversation_id)
    if visit is None:
        raise drf.no_such("conversation", conversation_id)
    return visit


def _page(
    thread: Thread, links: tuple[str | None, str | None], to: translate.Links
) -> wire.Page[wire.Message]:
    results = [translate.message(shown, to) for shown in thread.shown.items]
    return wire.Page(thread.total, *links, results)


def _position(shown: Shown) -> tuple[int, ...]:
    return (shown.message.seq,)

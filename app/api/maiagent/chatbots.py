"""Assistants, and asking them: as one reply or as a stream."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from app.api import drf
from app.api.maiagent import bodies, translate, wire
from app.api.maiagent.auth import Calling, InHouse, base_url, client_address, id_in_path
from app.api.maiagent.stream import encode_answer
from app.api.paging import Link, numbered_links, page_number
from app.api.sse import event_stream
from app.domain.errors import NotFound
from app.services import answer, attach, describe_workspace, identify, keep_inbox, manage_contacts
from app.services.accept_question import Ask
from app.services.house import House
from app.services.identify import Caller, Visit
from rag.events import Finished


@get("/chatbots", summary="List chatbots")
async def list_chatbots(
    request: Request[Any, Any, Any], house: InHouse, caller: Calling
) -> wire.Page[wire.Chatbot]:
    """Lists the chatbots of the key's organization, oldest first."""
    page = page_number(request.query_params)
    found = await describe_workspace.list_assistants(house, caller.workspace_id, page)
    following, before = numbered_links(Link(request, base_url(request, house)), page, found.total)
    results = [translate.chatbot(assistant, bases) for assistant, bases in found.items]
    return wire.Page(found.total, following, before, results)


@get("/chatbots/{chatbot_id:str}", summary="Get a chatbot")
async def get_chatbot(house: InHouse, caller: Calling, chatbot_id: FromPath[str]) -> wire.Chatbot:
    """Reads a chatbot."""
    found = await describe_workspace.get_assistant(house, caller.workspace_id, id_in_path(chatbot_id))
    return translate.chatbot(*found)


@post(
    "/chatbots/{chatbot_id:str}/completions",
    status_code=200,
    summary="Send a message (stream)",
    takes=bodies.Completion,
    streams=True,
    responses={
        200: ResponseSpec(wire.Answer, description="The answer; with `isStreaming` a stream of events")
    },
)
async def complete(
    request: Request[Any, Any, Any], house: InHouse, caller: Calling, chatbot_id: FromPath[str]
) -> Response[Any]:
    """Answers a message, in a new conversation unless one is named, with verified citations."""
    assistant_id = id_in_path(chatbot_id)
    visit = await identify.visit_chatbot(house, caller, assistant_id)
    if visit is None:
        raise NotFound("Chatbot not found.")
    body = await drf.read_body(request, bodies.Completion)
    if body.conversation is not None:
        visit = await _go_on(house, caller, assistant_id, body.conversation)
    await _check_sender(house, caller, body.message.sender)
    ask = await _ask(request, house, caller, body)
    answering = await answer.answer(house, visit, ask)
    links = translate.Links(house, base_url(request, house))

    async def whole(finished: Finished) -> wire.Answer:
        return await _whole(house, visit, answering, finished, links)

    if body.is_streaming:
        return event_stream(encode_answer(answering, whole))
    return Response(await whole(await answer.fold(answering)))


async def _go_on(house: House, caller: Caller, assistant_id: UUID, conversation_id: UUID) -> Visit:
    """Raises: WrongFields for a conversation that the chatbot has not."""
    visit = await identify.visit_chatbot(house, caller, assistant_id, conversation_id)
    if visit is None:
        raise drf.no_such("conversation", conversation_id)
    return visit


async def _check_sender(house: House, caller: Caller, sender: UUID | None) -> None:
    """Raises: WrongFields for a sender that the organization has not."""
    if sender and await manage_contacts.find_contact(house, caller.workspace_id, sender) is None:
        raise drf.no_such("message.sender", sender)


async def _ask(request: Request[Any, Any, Any], house: House, caller: Caller, body: bodies.Completion) -> Ask:
    """Raises: Invalid for an attachment that can't be had."""
    message = body.message
    with drf.within("message"):
        taken = await attach.take_in(house, caller.workspace_id, translate.offered(message.attachments))
    return Ask(
        text=message.content,
        conversation_id=body.conversation,
        sender_id=message.sender,
        payload=message.content_payload,
        metadata=message.query_metadata,
        attachments=taken,
        ip_address=client_address(request),
    )


async def _whole(
    house: House, visit: Visit, answering: answer.Answering, finished: Finished, links: translate.Links
) -> wire.Answer:
    asked, said = await keep_inbox.show_answer(house, visit, answering, finished.citations)
    return wire.Answer(
        conversation_id=answering.conversation_id,
        content=finished.text,
        done=True,
        citations=translate.cited_files(said, links),
        citation_nodes=translate.citation_nodes(said),
        attachments=[translate.attachment(each, links) for each in asked],
    )

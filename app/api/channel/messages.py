"""Asking, as one reply or as a stream, and reading a conversation."""

from typing import Any

from litestar import Request, Response, post
from litestar.openapi.datastructures import ResponseSpec

from app.api.channel import translate, wire
from app.api.channel.auth import InHouse, Visiting
from app.api.channel.stream import encode_answer
from app.api.sse import event_stream
from app.services import answer, converse


@post(
    "/message",
    status_code=200,
    summary="Send a message",
    takes=wire.SendMessage,
    streams=True,
    responses={
        200: ResponseSpec(wire.Answer, description="The answer; with `stream` a stream of OpenAI chunks")
    },
)
async def send_message(request: Request[Any, Any, Any], house: InHouse, visit: Visiting) -> Response[Any]:
    """Answers a message, in a new conversation unless one is named, with verified citations."""
    body = await wire.read_request(request, wire.SendMessage)
    answering = await answer.answer(house, visit, translate.ask(body))
    if body.stream:
        return event_stream(encode_answer(answering))
    finished = await answer.fold(answering)
    return Response(
        wire.Answer(
            conversation_id=answering.conversation_id,
            response=finished.text,
            citations=translate.citations(finished.citations),
        )
    )


@post("/messages", status_code=200, summary="Retrieve a conversation's messages", takes=wire.ListMessages)
async def list_messages(request: Request[Any, Any, Any], house: InHouse, visit: Visiting) -> wire.Messages:
    """Lists the messages of a conversation, oldest first."""
    body = await wire.read_request(request, wire.ListMessages)
    wanted = translate.page_request(body.limit, body.cursor)
    return translate.messages(await converse.list_messages(house, visit, body.conversation_id, wanted))

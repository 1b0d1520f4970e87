"""Answer events as OpenAI chunks.

Source: seed 003, "Streaming message responses".
"""

from collections.abc import AsyncIterator

import structlog
from msgspec import UNSET, UnsetType

from app.api.channel import translate, wire
from app.api.sse import DONE, encode_event
from app.services.answer import Answering
from rag.events import Failed, Finished, Token

_BROKE_OFF = "The answer broke off; please ask again."
log = structlog.get_logger()


async def encode_answer(answering: Answering) -> AsyncIterator[bytes]:
    """The answer frame by frame; what breaks it off is told in its last frame."""
    yield _chunk(answering, wire.Delta(role="assistant"))
    try:
        async for event in answering.events:
            if isinstance(event, Token):
                yield _chunk(answering, wire.Delta(content=event.text))
            elif isinstance(event, Finished):
                yield _last_chunk(answering, event)
                yield DONE
            elif isinstance(event, Failed):
                yield _broken(event.message)
    except Exception as error:
        # The status line is sent: the only way left to say it is a frame.
        log.exception("answer stream broke off", cause=str(error))
        yield _broken(_BROKE_OFF)


def _chunk(answering: Answering, delta: wire.Delta) -> bytes:
    return encode_event(_envelope(answering, wire.Choice(delta)))


def _last_chunk(answering: Answering, finished: Finished) -> bytes:
    choice = wire.Choice(wire.Delta(), finish_reason="stop")
    return encode_event(_envelope(answering, choice, translate.citations(finished.citations)))


def _envelope(
    answering: Answering, choice: wire.Choice, citations: list[wire.Citation] | UnsetType = UNSET
) -> wire.Chunk:
    return wire.Chunk(
        id=f"chatcmpl-{answering.exchange_id.hex}",
        created=int(answering.created_at.timestamp()),
        model=answering.model,
        choices=[choice],
        citations=citations,
        conversation_id=UNSET if citations is UNSET else answering.conversation_id,
    )


def _broken(message: str) -> bytes:
    return encode_event(wire.BrokenStream(wire.Broken(message)))

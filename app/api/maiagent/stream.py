"""Answer events as the MaiAgent API's events.

Source: seed 001, "Send Message (Stream)"; contracts/maiagent.md.
"""

from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

from app.api.maiagent import wire
from app.api.sse import encode_event
from app.services.answer import Answering
from rag.events import Failed, Finished, Token

_BROKE_OFF = "The answer broke off; please ask again."
log = structlog.get_logger()

# Makes the whole answer out of its end: what the marks point to has to be looked up.
Complete = Callable[[Finished], Awaitable[wire.Answer]]


async def encode_answer(answering: Answering, complete: Complete) -> AsyncIterator[bytes]:
    """The answer piece by piece; what breaks it off is told in its last event."""
    ids = (answering.conversation_id, answering.conversation_id)
    try:
        async for event in answering.events:
            if isinstance(event, Token):
                yield encode_event(wire.Delta(*ids, event.text, done=False))
            elif isinstance(event, Finished):
                whole = await complete(event)
                yield encode_event(
                    wire.LastDelta(*ids, "", True, whole.citations, whole.citation_nodes, whole.attachments)
                )
            elif isinstance(event, Failed):
                yield encode_event(wire.BrokenDelta(*ids, "", True, event.message))
    except Exception as error:
        # The status line is sent: the only way left to say it is an event.
        log.exception("answer stream broke off", cause=str(error))
        yield encode_event(wire.BrokenDelta(*ids, "", True, _BROKE_OFF))

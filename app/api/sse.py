"""Server-sent events: the bytes of one event, and the response that sends them one write at a time."""

from collections.abc import AsyncIterator, Mapping

import msgspec
from litestar.response import Stream

DONE = b"data: [DONE]\n\n"

# Proxies must neither keep an answer nor collect it before they pass it on.
_HEADERS: Mapping[str, str] = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def encode_event(data: object) -> bytes:
    """One whole event: compact JSON on one line, UTF-8 unescaped, ended by a blank line."""
    return b"data: " + msgspec.json.encode(data) + b"\n\n"


def event_stream(frames: AsyncIterator[bytes]) -> Stream:
    """The response that sends each frame in a write of its own."""
    return Stream(frames, media_type="text/event-stream", headers=_HEADERS, status_code=200)

"""Bodies of answers from outside: counted while they are unpacked."""

import zlib

import httpx

from app.domain.errors import TooLarge, Unavailable
from app.security.urls import shown_url


async def read_body(response: httpx.Response, max_bytes: int) -> bytes:
    """The body, unpacked; `max_bytes` is for what is received as well as for what it unpacks to.

    Raises: TooLarge, Unavailable for a damaged one.
    """
    unpacker = _unpacker(response.headers.get("content-encoding", ""), max_bytes)
    received, body = 0, bytearray()
    # Raw: httpx unpacks a whole piece before anyone can count it.
    async for piece in response.aiter_raw():
        received += len(piece)
        body += unpacker.feed(piece)
        if max(received, len(body)) > max_bytes:
            raise TooLarge(
                f"{shown_url(str(response.url))} is larger than {max_bytes:,} bytes, so it was not read."
            )
    if received:
        unpacker.finish()
    return bytes(body)


class _Plain:
    """A body as it comes; the protocol itself notices a cut."""

    def feed(self, piece: bytes) -> bytes:
        return piece

    def finish(self) -> None:
        pass


class _Gunzip:
    """A gzip body, unpacked at most a step past `max_bytes` however small it came."""

    def __init__(self, max_bytes: int) -> None:
        self._inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        self._step_bytes = max_bytes + 1

    def feed(self, piece: bytes) -> bytes:
        try:
            return self._inflate.decompress(piece, self._step_bytes)
        except zlib.error:
            raise _damaged() from None

    def finish(self) -> None:
        if not self._inflate.eof:
            raise _damaged()


def _unpacker(encoding: str, max_bytes: int) -> _Plain | _Gunzip:
    match encoding.strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip":
            return _Gunzip(max_bytes)
    # Nested encodings ("gzip, gzip") end here too: they multiply what a small answer unpacks to.
    raise Unavailable("The site answers in an encoding that it was not asked for, so the page can't be read.")


def _damaged() -> Unavailable:
    return Unavailable("The site's compressed answer is damaged, so the page can't be read.")

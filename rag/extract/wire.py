"""What goes between the server and its confined processes: length-prefixed msgpack frames."""

import struct
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from rag.extract.limits import Limits
from rag.passages import Extracted, Page

_LENGTH = struct.Struct(">Q")
# How much of an archive's member goes into one frame.
MOST_BLOCK_BYTES = 2**20
TORN = "The reader of files answered in a form that is not understood; add the file again."
_TOO_MANY_PAGES = "The file has more than {:,} pages; split it into smaller ones."


class Read(Struct, frozen=True, tag=True):
    """Asks for a file to be read."""

    id: int
    path: str
    name: str
    limits: Limits


class Cancel(Struct, frozen=True, tag=True):
    """Asks for a reading to be ended, answered or not."""

    id: int


class Turned(Struct, frozen=True, tag=True):
    """The next page of a file."""

    page: Page


class Found(Struct, frozen=True, tag=True):
    """That all pages have come, and what they belong to."""

    media_type: str
    title: str | None
    shortfall: str | None = None


class Refused(Struct, frozen=True, tag=True):
    """Why a file was not read, in a sentence for a person."""

    reason: str


class Part(Struct, frozen=True, tag=True):
    """Some bytes of what one reading says, passed on unseen: that process has touched a stranger's file."""

    id: int
    data: bytes


class Ended(Struct, frozen=True, tag=True):
    """The end of one reading; `reason` holds when the reading itself did not come to an end."""

    id: int
    reason: str
    peak_memory_bytes: int


class Notice(Struct, frozen=True, tag=True):
    """What the operator should know about the jail."""

    text: str


class Entry(Struct, frozen=True, tag=True):
    """That the next member of an archive follows."""

    name: str


class Block(Struct, frozen=True, tag=True):
    """The next bytes of the member."""

    data: bytes


class Unpacked(Struct, frozen=True, tag=True):
    """That all members have come."""


Request = Read | Cancel
Said = Turned | Found | Refused
Handed = Entry | Block | Unpacked | Refused
Message = Part | Ended | Notice


def frame(message: Request | Message | Said | Handed) -> bytes:
    """The message with its length before it."""
    body = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(body)) + body


class Frames:
    """Cuts a stream of bytes into the bodies of its frames."""

    def __init__(self, most_bytes: int | None = None) -> None:
        """With `most_bytes`, a longer frame is refused before it is collected."""
        self._buffer = bytearray()
        self._most_bytes = most_bytes

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bodies that `data` completes.

        Raises: msgspec.DecodeError for a frame beyond the limit.
        """
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            length = _LENGTH.unpack_from(self._buffer)[0]
            if self._most_bytes is not None and length > self._most_bytes:
                raise msgspec.DecodeError("The frame is longer than any that is sent.")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            yield bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]


class Collected:
    """What one reading has said so far; its pages are held once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._frames = Frames()
        self._decoder = msgspec.msgpack.Decoder(Said)
        self._pages: list[Page] = []
        self._outcome: Found | Refused | None = None

    def take(self, data: bytes) -> None:
        """Adds the next bytes; after an outcome they change nothing."""
        try:
            for body in self._frames.feed(data):
                self._hear(self._decoder.decode(body))
        except msgspec.DecodeError:
            self._outcome = Refused(TORN)

    def outcome(self, suspected: str) -> Extracted | Refused:
        """The document; a refusal for the `suspected` reason where the reading broke off."""
        if isinstance(self._outcome, Found):
            found = self._outcome
            return Extracted(tuple(self._pages), found.media_type, found.title, found.shortfall)
        return self._outcome or Refused(suspected)

    def _hear(self, said: Said) -> None:
        if self._outcome is not None:
            return
        if not isinstance(said, Turned):
            self._outcome = said
        elif len(self._pages) == self._limits.max_pages:
            self._outcome = Refused(_TOO_MANY_PAGES.format(self._limits.max_pages))
        else:
            self._pages.append(said.page)

"""What goes between the server and its reading child: length-prefixed msgpack frames."""

import struct
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from rag.extract.limits import Limits
from rag.passages import Extracted

_LENGTH = struct.Struct(">Q")


class Read(Struct, frozen=True, tag=True):
    """Asks for a file to be read."""

    id: int
    path: str
    name: str
    limits: Limits


class Cancel(Struct, frozen=True, tag=True):
    """Asks for a reading to be ended, answered or not."""

    id: int


class Found(Struct, frozen=True, tag=True):
    """The pages of a file."""

    document: Extracted


class Refused(Struct, frozen=True, tag=True):
    """Why a file was not read, in a sentence for a person."""

    reason: str


class Reply(Struct, frozen=True, tag=True):
    """What one reading came to; `outcome` is an encoded `Outcome`, made where the file was parsed."""

    id: int
    outcome: msgspec.Raw


class Notice(Struct, frozen=True, tag=True):
    """What the operator should know about the jail."""

    text: str


Request = Read | Cancel
Outcome = Found | Refused
Message = Reply | Notice


def frame(message: Request | Message) -> bytes:
    """The message with its length before it."""
    body = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(body)) + body


class Frames:
    """Cuts a stream of bytes into the bodies of its frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bodies that `data` completes."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._buffer)[0]
            if len(self._buffer) < end:
                return
            yield bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]

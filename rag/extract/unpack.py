"""ZIP archives -> their members, out of a confined process that a hostile archive can't leave."""

import asyncio
import os
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import IO, BinaryIO

import msgspec
from msgspec import Struct

from rag.errors import Unreadable
from rag.extract.archive import is_inside
from rag.extract.endings import TIME, suspected
from rag.extract.jail import environment
from rag.extract.limits import Limits
from rag.extract.media import ZIP, media_type
from rag.extract.wire import MOST_BLOCK_BYTES, TORN, Block, Entry, Frames, Handed, Refused, Unpacked

_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
# The process keeps the time itself; this much later it is taken for dead.
_GRACE_S = 10.0
# A frame holds a block or a name, which the format allows to have 65,535 bytes.
_MOST_FRAME_BYTES = MOST_BLOCK_BYTES + 2**18
_IN_MEMORY_BYTES = 2**20
_MISSING = "The archive is missing or can't be read; add it again."


class Member(Struct, frozen=True):
    """One file of an archive; `name` is its path inside, with `/`; `file` is open until the next comes."""

    name: str
    file: IO[bytes]


def is_archive(file: BinaryIO, name: str) -> bool:
    """Whether an open file is a ZIP of files, not one of the parts of a document; the look costs little."""
    file.seek(0)
    return file.read(4) in _ZIP_STARTS and media_type(file, name) == ZIP


async def unpack(path: Path, limits: Limits) -> AsyncGenerator[Member, None]:
    """The archive's files one by one, hidden ones left out; all are checked before the first comes out.

    Only the file that is coming is held, and on disk where it is large.
    Raises: Unreadable when the archive is broken, encrypted, empty, too large, or could do harm.
    """
    async with _unpacking(path, limits) as process:
        with closing(_Arriving(limits)) as arriving:
            async for message in _messages(process, limits):
                if complete := await asyncio.to_thread(arriving.take, message):
                    with complete.file:
                        yield complete
                if isinstance(message, Unpacked):
                    return
        raise Unreadable(suspected(await process.wait()))


@asynccontextmanager
async def _unpacking(path: Path, limits: Limits) -> AsyncIterator[Process]:
    try:
        archive = await asyncio.to_thread(path.open, "rb")
    except OSError as error:
        raise Unreadable(_MISSING) from error
    with archive:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "rag.extract.unpacker"),
            *(msgspec.json.encode(limits).decode(), str(os.getpid())),
            stdin=archive,
            stdout=PIPE,
            stderr=DEVNULL,
            env=environment(),
            start_new_session=True,
            limit=MOST_BLOCK_BYTES,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def _messages(process: Process, limits: Limits) -> AsyncIterator[Handed]:
    """What the process says, until it ends; a process that has met a hostile file is not trusted either.

    Raises: Unreadable with its refusal, or when it is late or not understood.
    """
    assert process.stdout is not None
    frames = Frames(_MOST_FRAME_BYTES)
    decoder = msgspec.msgpack.Decoder(Handed)
    try:
        while data := await asyncio.wait_for(
            process.stdout.read(MOST_BLOCK_BYTES), limits.max_wall_s + _GRACE_S
        ):
            for body in frames.feed(data):
                message: Handed = decoder.decode(body)
                if isinstance(message, Refused):
                    raise Unreadable(message.reason)
                yield message
    except TimeoutError as error:
        raise Unreadable(TIME) from error
    except msgspec.DecodeError as error:
        raise Unreadable(TORN) from error


class _Arriving:
    """The member that is coming."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._member: Member | None = None
        self._members_left = limits.max_members
        self._bytes_left = limits.max_unpacked_bytes
        self._file_bytes_left = 0

    def take(self, message: Handed) -> Member | None:
        """The member that is complete with this message, read from its start by who takes it, who closes it.

        Raises: Unreadable when there is more of anything than the limits allow.
        """
        if isinstance(message, Block):
            self._write(message.data)
            return None
        complete, self._member = self._member, None
        if complete is not None:
            complete.file.seek(0)
        if isinstance(message, Entry):
            self._begin(message.name)
        return complete

    def close(self) -> None:
        """Drops what has come of a member."""
        if self._member is not None:
            self._member.file.close()

    def _begin(self, name: str) -> None:
        self._members_left -= 1
        self._file_bytes_left = self._limits.max_file_bytes
        if self._members_left < 0 or not is_inside(name):
            raise Unreadable(TORN)
        self._member = Member(name, tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES))  # noqa: SIM115

    def _write(self, data: bytes) -> None:
        self._bytes_left -= len(data)
        self._file_bytes_left -= len(data)
        if self._member is None or self._bytes_left < 0 or self._file_bytes_left < 0:
            raise Unreadable(TORN)
        self._member.file.write(data)

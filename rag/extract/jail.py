"""The Extractor: files -> pages, parsed in a child process that a hostile file can't leave."""

import asyncio
import itertools
import os
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from rag.errors import Unreadable
from rag.extract.limits import Limits
from rag.extract.wire import (
    Cancel,
    Collected,
    Ended,
    Frames,
    Message,
    Notice,
    Part,
    Read,
    Refused,
    Request,
    frame,
)
from rag.passages import Extracted

_BLOCK_BYTES = 2**20
# The child keeps the time itself; this much later the child is taken for dead.
_GRACE_S = 10.0
_STOPPED = (
    "The reader of files stopped while it read this one; try it alone, or save it again in its program."
)
_MISSING = "The stored file is missing or not a plain file; add it again."
# The child gets no other variable: keys and passwords of the server are none of its business.
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ", "TESSDATA_PREFIX")

_log = structlog.get_logger(__name__)


class Reading(Struct, frozen=True):
    """What reading one file came to: a document or the reason why not, and what it took."""

    document: Extracted | None
    reason: str | None
    peak_memory_bytes: int


class _ChildLost(Exception):
    """The child ended with readings open."""


class Extractor:
    """Reads files, several at once; the child starts with the first file and again whenever it was lost."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._slots = asyncio.Semaphore(self._limits.concurrency)
        self._starting = asyncio.Lock()
        self._link: _Link | None = None

    async def extract(self, path: Path, name: str) -> Extracted:
        """The pages of the file; `name` is what its owner calls it.

        Raises: Unreadable with cause and remedy.
        """
        reading = await self.read(path, name)
        if reading.document is None:
            raise Unreadable(reading.reason or _STOPPED)
        return reading.document

    async def read(self, path: Path, name: str) -> Reading:
        """What reading the file comes to, and the most memory that it took."""
        try:
            path = await asyncio.to_thread(_checked, path, self._limits)
        except Unreadable as error:
            return Reading(None, str(error), 0)
        async with self._slots:
            for _ in range(2):
                with suppress(_ChildLost):
                    return await self._read(path, name)
        return Reading(None, _STOPPED, 0)

    async def close(self) -> None:
        """Ends the child and whatever it is reading."""
        async with self._starting:
            if self._link is not None:
                await self._link.close()
                self._link = None

    async def _read(self, path: Path, name: str) -> Reading:
        link = await self._connected()
        try:
            async with asyncio.timeout(self._limits.longest_s + _GRACE_S):
                return await link.read(path, name, self._limits)
        except TimeoutError as error:
            await link.close()
            raise _ChildLost from error

    async def _connected(self) -> "_Link":
        async with self._starting:
            if self._link is None or self._link.is_lost:
                if self._link is not None:
                    await self._link.close()
                self._link = await _Link.start()
            return self._link


class _Waiting:
    """One file under way."""

    def __init__(self, future: asyncio.Future[Reading], collected: Collected) -> None:
        self.future = future
        self.collected = collected

    def end(self, ended: Ended) -> None:
        """Hands out what was collected."""
        outcome = self.collected.outcome(ended.reason)
        document, reason = (None, outcome.reason) if isinstance(outcome, Refused) else (outcome, None)
        if not self.future.done():
            self.future.set_result(Reading(document, reason, ended.peak_memory_bytes))


class _Link:
    """The connection to one child."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._process = process
        self._requests = process.stdin
        self._replies = process.stdout
        self._waiting: dict[int, _Waiting] = {}
        self._ids = itertools.count(1)
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls) -> "_Link":
        """A new child; it loads its parsers while the first request waits in the pipe."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "rag.extract.child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment(),
            # A Ctrl-C in the terminal is for the server, which ends the child in its own time.
            start_new_session=True,
        )
        return cls(process)

    @property
    def is_lost(self) -> bool:
        return self._listening.done()

    async def read(self, path: Path, name: str, limits: Limits) -> Reading:
        reading_id = next(self._ids)
        waiting = _Waiting(asyncio.get_running_loop().create_future(), Collected(limits))
        self._waiting[reading_id] = waiting
        try:
            await self._send(Read(reading_id, str(path), name, limits))
            return await waiting.future
        finally:
            if self._waiting.pop(reading_id, None) is not None and not self.is_lost:
                with suppress(_ChildLost):
                    await self._send(Cancel(reading_id))

    async def close(self) -> None:
        """Ends the child; its readings die with it."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        await self._listening
        self._requests.close()
        with suppress(OSError):
            await self._requests.wait_closed()

    async def _send(self, request: Request) -> None:
        if self.is_lost:
            raise _ChildLost
        try:
            self._requests.write(frame(request))
            await self._requests.drain()
        except OSError as error:
            raise _ChildLost from error

    async def _listen(self) -> None:
        frames = Frames()
        decoder = msgspec.msgpack.Decoder(Message)
        while data := await self._replies.read(_BLOCK_BYTES):
            for body in frames.feed(data):
                self._take(decoder.decode(body))
        for waiting in self._waiting.values():
            if not waiting.future.done():
                waiting.future.set_exception(_ChildLost())

    def _take(self, message: Message) -> None:
        if isinstance(message, Notice):
            _log.warning("extract.jail", notice=message.text)
        elif isinstance(message, Part) and message.id in self._waiting:
            self._waiting[message.id].collected.take(message.data)
        elif isinstance(message, Ended) and (waiting := self._waiting.pop(message.id, None)):
            waiting.end(message)


def _checked(path: Path, limits: Limits) -> Path:
    if not path.is_file():
        raise Unreadable(_MISSING)
    if path.stat().st_size > limits.max_file_bytes:
        raise Unreadable(limits.too_large)
    return path.absolute()


def environment() -> dict[str, str]:
    """The environment of a confined process: how to find code and languages, and nothing of the server's."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    roots = [str(Path(__file__).parents[2]), *(root for root in sys.path if root)]
    # Threads started by numeric libraries would be lost in the fork.
    alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_THREAD_LIMIT": "1"}
    return {**passed_on, **alone, "PYTHONPATH": os.pathsep.join(dict.fromkeys(roots)), "PYTHONUTF8": "1"}

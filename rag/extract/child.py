"""The reading child: loads the parsers once and forks a confined process for each file."""

import os
import selectors
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import msgspec
from msgspec import Struct

from rag.errors import Unreadable
from rag.extract import ocr
from rag.extract.endings import MEMORY, TIME, suspected, tell
from rag.extract.parse import parse, preload
from rag.extract.sandbox import confine, cut_network, set_alarm
from rag.extract.streamed import CutShort
from rag.extract.wire import (
    Cancel,
    Ended,
    Found,
    Frames,
    Message,
    Notice,
    Part,
    Read,
    Request,
    Said,
    Turned,
    frame,
)

_BLOCK_BYTES = 2**20
# A character takes at most this many bytes on the wire; the rest is room for labels and titles.
_BYTES_PER_CHAR = 4
_ROOM_BYTES = 2**22

_NO_NETWORK_CUT = (
    "The kernel refuses network namespaces: files are parsed with limits, but with a network in reach."
)


class _Reading(Struct):
    id: int
    pid: int
    pipe: int
    deadline: float
    bytes_left: int


class _Child:
    """One thread and one selector: forking is only safe where nothing else runs."""

    def __init__(self, requests: int, replies: int) -> None:
        self._requests = requests
        self._replies = replies
        self._frames = Frames()
        self._selector = selectors.DefaultSelector()
        self._readings: dict[int, _Reading] = {}
        self._decoder = msgspec.msgpack.Decoder(Request)

    def serve(self) -> None:
        """Until the server closes its end; what still runs then is killed."""
        self._selector.register(self._requests, selectors.EVENT_READ)
        while self._turn():
            pass
        for reading in list(self._readings.values()):
            self._end(reading, "")

    def _turn(self) -> bool:
        for key, _ in self._selector.select(self._seconds_left()):
            if key.fd != self._requests:
                self._receive(self._readings[key.data])
            elif not self._take_requests():
                return False
        now = time.monotonic()
        for late in [reading for reading in self._readings.values() if reading.deadline <= now]:
            self._end(late, TIME)
        return True

    def _seconds_left(self) -> float | None:
        deadlines = [reading.deadline for reading in self._readings.values()]
        return max(0.0, min(deadlines) - time.monotonic()) if deadlines else None

    def _take_requests(self) -> bool:
        data = os.read(self._requests, _BLOCK_BYTES)
        for body in self._frames.feed(data):
            request = self._decoder.decode(body)
            if isinstance(request, Read):
                self._start(request)
            elif isinstance(request, Cancel) and request.id in self._readings:
                self._end(self._readings[request.id], "")
        return bool(data)

    def _start(self, request: Read) -> None:
        receiving, sending = os.pipe()
        server_pid = os.getpid()
        pid = os.fork()
        if pid == 0:
            os.close(receiving)
            _read_and_exit(request, sending, server_pid)
        os.close(sending)
        limits = request.limits
        most_bytes = _BYTES_PER_CHAR * limits.max_text_chars + _ROOM_BYTES
        deadline = time.monotonic() + limits.longest_s
        self._readings[request.id] = _Reading(request.id, pid, receiving, deadline, most_bytes)
        self._selector.register(receiving, selectors.EVENT_READ, request.id)

    def _receive(self, reading: _Reading) -> None:
        data = os.read(reading.pipe, _BLOCK_BYTES)
        reading.bytes_left -= len(data)
        if not data:
            self._end(reading)
        elif reading.bytes_left < 0:
            self._end(reading, MEMORY)
        else:
            self.send(Part(reading.id, data))

    def _end(self, reading: _Reading, reason: str | None = None) -> None:
        """Kills the reading's process with all that it started; without a reason its end suggests one."""
        del self._readings[reading.id]
        self._selector.unregister(reading.pipe)
        os.close(reading.pipe)
        status, peak_memory_bytes = _killed(reading.pid)
        self.send(Ended(reading.id, suspected(status) if reason is None else reason, peak_memory_bytes))

    def send(self, message: Message) -> None:
        """Writes the whole message."""
        data = memoryview(frame(message))
        while data:
            data = data[os.write(self._replies, data) :]


def _killed(pid: int) -> tuple[int, int]:
    """How the process ended, and the most memory it had."""
    os.kill(pid, signal.SIGKILL)
    # The group exists from the moment the process has become its leader.
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), usage.ru_maxrss * 1024


def _read_and_exit(request: Read, sending: int, server_pid: int) -> None:
    """Runs in the process of its own and never returns."""
    try:
        os.setsid()
        with open(request.path, "rb") as file:
            data = file.read(request.limits.max_file_bytes + 1)
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        # The way to the server and the pipes of other readings stay with the parent.
        os.closerange(3, sending)
        os.closerange(sending + 1, os.sysconf("SC_OPEN_MAX"))
        set_alarm(request.limits.max_wall_s)
        languages = ocr.folder()
        confine(request.limits, server_pid, [languages] if languages else ())
        with os.fdopen(sending, "wb") as pipe:
            tell(pipe, _said(data, request))
    finally:
        # Nothing of the parent's clean-up belongs to this process.
        os._exit(0)


def _said(data: bytes, request: Read) -> Iterator[Said]:
    """Page by page, and at last what they belong to."""
    if len(data) > request.limits.max_file_bytes:
        raise Unreadable(request.limits.too_large)
    found = parse(data, request.name, request.limits)
    shortfall = None
    try:
        for page in found.pages:
            yield Turned(page)
    except CutShort as cut:
        shortfall = str(cut)
    yield Found(found.media_type, found.title, shortfall)


def main() -> None:
    """Serves requests from standard input; standard output carries the replies alone."""
    replies = os.dup(1)
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    preload()
    child = _Child(sys.stdin.fileno(), replies)
    if not _can_cut_network():
        child.send(Notice(_NO_NETWORK_CUT))
    child.serve()


def _can_cut_network() -> bool:
    """Tried in a process of its own, for what is given up does not come back."""
    pid = os.fork()
    if pid == 0:
        os._exit(0 if cut_network() else 1)
    return os.waitpid(pid, 0)[1] == 0


if __name__ == "__main__":
    main()

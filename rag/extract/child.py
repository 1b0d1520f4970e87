"""The reading child: loads the parsers once and forks a confined process for each file."""

import os
import selectors
import signal
import sys
import time
from contextlib import suppress

import msgspec
from msgspec import Struct

from rag.errors import Unreadable
from rag.extract.limits import Limits
from rag.extract.parse import parse, preload
from rag.extract.sandbox import confine, cut_network
from rag.extract.wire import (
    Cancel,
    Found,
    Frames,
    Message,
    Notice,
    Outcome,
    Read,
    Refused,
    Reply,
    Request,
    frame,
)

_BLOCK_BYTES = 2**20
# A character takes at most this many bytes on the wire; the rest is room for labels and titles.
_BYTES_PER_CHAR = 4
_ROOM_BYTES = 2**22

_BROKEN = "The file could not be read because it is damaged; save it again in its program and add it anew."
_MEMORY = "The file needs more memory than is allowed to read it; split it into smaller files."
_TIME = "Reading the file took longer than is allowed; split it into smaller files."
_CRASHED = "The file made its reader crash; save it again in its program and add it anew."
_NO_NETWORK_CUT = (
    "The kernel refuses network namespaces: files are parsed with limits, but with a network in reach."
)


class _Reading(Struct):
    id: int
    pid: int
    pipe: int
    deadline: float
    max_bytes: int
    received: bytearray


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
            self._end(reading)

    def _turn(self) -> bool:
        for key, _ in self._selector.select(self._seconds_left()):
            if key.fd != self._requests:
                self._receive(self._readings[key.data])
            elif not self._take_requests():
                return False
        now = time.monotonic()
        for late in [reading for reading in self._readings.values() if reading.deadline <= now]:
            self._end(late)
            self._reply(late.id, Refused(_TIME))
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
                self._end(self._readings[request.id])
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
        max_bytes = _BYTES_PER_CHAR * limits.max_text_chars + _ROOM_BYTES
        deadline = time.monotonic() + limits.max_wall_s
        self._readings[request.id] = _Reading(request.id, pid, receiving, deadline, max_bytes, bytearray())
        self._selector.register(receiving, selectors.EVENT_READ, request.id)

    def _receive(self, reading: _Reading) -> None:
        data = os.read(reading.pipe, _BLOCK_BYTES)
        reading.received += data
        if data and len(reading.received) <= reading.max_bytes:
            return
        status = self._end(reading)
        self._reply(reading.id, _outcome(bytes(reading.received), status, is_whole=not data))

    def _end(self, reading: _Reading) -> int:
        """The status of the reading's process, killed with all that it started unless it has ended."""
        del self._readings[reading.id]
        self._selector.unregister(reading.pipe)
        os.close(reading.pipe)
        return _killed(reading.pid)

    def _reply(self, reading_id: int, outcome: Outcome | msgspec.Raw) -> None:
        raw = outcome if isinstance(outcome, msgspec.Raw) else msgspec.Raw(msgspec.msgpack.encode(outcome))
        self.send(Reply(reading_id, raw))

    def send(self, message: Message) -> None:
        """Writes the whole message."""
        data = memoryview(frame(message))
        while data:
            data = data[os.write(self._replies, data) :]


def _killed(pid: int) -> int:
    os.kill(pid, signal.SIGKILL)
    # The group exists from the moment the process has become its leader.
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _outcome(received: bytes, status: int, *, is_whole: bool) -> Outcome | msgspec.Raw:
    """What the process sent, when that is an outcome; else the reason that its end suggests."""
    if not is_whole:
        return Refused(_MEMORY)
    try:
        msgspec.msgpack.decode(received, type=Outcome)
    except msgspec.DecodeError:
        # The kernel kills what takes the machine's last memory.
        reasons = {-signal.SIGXCPU: _TIME, -signal.SIGKILL: _MEMORY}
        return Refused(reasons.get(status, _CRASHED))
    return msgspec.Raw(received)


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
        confine(request.limits, server_pid)
        outcome = _parsed(data, request.name, request.limits)
        with os.fdopen(sending, "wb") as pipe:
            pipe.write(msgspec.msgpack.encode(outcome))
    finally:
        # Nothing of the parent's clean-up belongs to this process.
        os._exit(0)


def _parsed(data: bytes, name: str, limits: Limits) -> Outcome:
    if len(data) > limits.max_file_bytes:
        return Refused(limits.too_large)
    try:
        return Found(parse(data, name, limits))
    except Unreadable as error:
        return Refused(str(error))
    except MemoryError:
        return Refused(_MEMORY)
    except Exception:  # noqa: BLE001 - the top of a process that ends here; a parser may raise anything
        return Refused(_BROKEN)


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

"""Keeps PostgreSQL, the server and the worker alive for as long as `lectern serve` runs."""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import click
from msgspec import Struct

from app.store.embedded import EmbeddedPostgres

GRACE_S = 15
_TICK_S = 0.5
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30
# A process that lived this long starts with the first pause again when it dies.
_STEADY_S = 60
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class StartFailed(Exception):
    """A part said why it can't start, and left."""


class Part(Struct, frozen=True):
    """One process of ours; `loss` says what its absence means for people."""

    name: str
    module: str
    loss: str


class Signals:
    """Requests to end (SIGINT, SIGTERM, SIGHUP) as a count; `wait` ends early when one or SIGCHLD comes."""

    def __init__(self) -> None:
        self.asked = 0
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    @contextmanager
    def caught(self) -> Iterator["Signals"]:
        """Catches the signals inside the block."""
        caught = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
        before = {number: signal.signal(number, self._note) for number in caught}
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        try:
            yield self
        finally:
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._reader)
            os.close(self._writer)

    def wait(self, seconds: float) -> None:
        """Returns after that time, or as soon as a signal arrives."""
        select.select([self._reader], [], [], seconds)
        with suppress(BlockingIOError):
            while os.read(self._reader, 64):
                pass

    def _note(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self.asked += 1


class Child:
    """A running part, started again with growing pauses when it dies."""

    def __init__(self, part: Part, environment: Mapping[str, str]) -> None:
        self.part = part
        self.process: subprocess.Popen[bytes] | None = None
        self._environment = dict(environment)
        self._pause_s = _FIRST_PAUSE_S
        self._started_at = 0.0
        self._due_at = 0.0

    def start(self) -> None:
        """Starts the process in a group of its own, so that Ctrl-C reaches only the supervisor."""
        self._started_at = time.monotonic()
        # -P: a folder `app` where the person happens to stand must not be taken for ours.
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", self.part.module],
            env=self._environment,
            process_group=0,
            preexec_fn=_die_with_parent,
        )

    def tend(self, *, ready: bool) -> None:
        """Notices a death and starts the process again when its pause is over.

        Raises: StartFailed when it leaves by itself before all were ready: it has said why.
        """
        now = time.monotonic()
        if self.process is not None and (status := self.process.poll()) is not None:
            if not ready and status == 1:
                raise StartFailed(f"The {self.part.name} did not start: the reason is in the lines above.")
            self._plan_restart(status, now)
        if self.process is None and now >= self._due_at:
            self.start()

    def _plan_restart(self, status: int, now: float) -> None:
        self._pause_s = (
            _FIRST_PAUSE_S if now - self._started_at > _STEADY_S else min(self._pause_s * 2, _LONGEST_PAUSE_S)
        )
        self._due_at, self.process = now + self._pause_s, None
        say(
            f"The {self.part.name} ended ({_how(status)}); {self.part.loss}. "
            f"It is started again in {self._pause_s:.0f} s."
        )


class Supervisor:
    """The parts of one installation; `server` is None when the database is somebody else's."""

    def __init__(self, server: EmbeddedPostgres | None, children: tuple[Child, ...]) -> None:
        self._server = server
        self._children = children
        self._ready = False
        self._pause_s = _FIRST_PAUSE_S
        self._due_at = 0.0

    def run(self, signals: Signals, is_ready: Callable[[], bool], announce: Callable[[], None]) -> None:
        """Runs until a signal asks for the end; then stops the children, the server before the worker.

        Raises: StartFailed.
        """
        try:
            while not signals.asked:
                self._tend()
                if not self._ready and is_ready():
                    self._ready = True
                    announce()
                signals.wait(_TICK_S if self._ready else 0.1)
        finally:
            self._stop(signals)

    def _tend(self) -> None:
        self._bury()
        self._tend_database()
        for child in self._children:
            child.tend(ready=self._ready)

    def _tend_database(self) -> None:
        if self._server is None or self._server.running or time.monotonic() < self._due_at:
            return
        say("PostgreSQL ended; nothing is answered until it is back. It is started again now.")
        try:
            self._server.revive()
            self._pause_s = _FIRST_PAUSE_S
            say("PostgreSQL runs again.")
        except RuntimeError as error:
            self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
            say(f"{error}; the next attempt is in {self._pause_s:.0f} s.")
            self._due_at = time.monotonic() + self._pause_s

    def _bury(self) -> None:
        """Waits for orphans that came to us, such as PostgreSQL's processes: a zombie looks alive."""
        if sys.platform != "linux":
            return
        ours = {child.process.pid for child in self._children if child.process}
        with suppress(ChildProcessError):
            while gone := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if gone.si_pid in ours:
                    return
                os.waitpid(gone.si_pid, 0)

    def _stop(self, signals: Signals) -> None:
        living = [child.process for child in self._children if child.process and child.process.poll() is None]
        for process in living:
            process.terminate()
        asked, deadline = signals.asked, time.monotonic() + GRACE_S
        while any(process.poll() is None for process in living) and time.monotonic() < deadline:
            if signals.asked > max(asked, 1):
                break
            signals.wait(0.1)
        for process in living:
            if process.poll() is None:
                process.kill()
                process.wait()


def say(line: str) -> None:
    """One line for the person at the terminal, beside the logs."""
    click.echo(f"lectern: {line}", err=True)


def _how(status: int) -> str:
    return f"killed by signal {-status}" if status < 0 else f"exit code {status}"


def _die_with_parent() -> None:
    # Runs in the child between fork and exec. Linux only; elsewhere a killed supervisor leaves its children.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def adopt_orphans() -> None:
    """Makes this process the parent of what its children leave behind, as process 1 of a container is anyway.

    PostgreSQL detaches itself; a killed one must be waited for, or its number counts as taken.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)

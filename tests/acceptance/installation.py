"""A real installation for the tests: the processes that a person starts, in a data folder of their own."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg

T = TypeVar("T")
LECTERN = Path(sys.executable).with_name("lectern")
_START_WITHIN_S = 120


def wait_for(what: str, look: Callable[[], T | None], within_s: float = 60) -> T:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {within_s} s")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def clean_environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LECTERN_")}
    return {**kept, **more}


def lectern(*arguments: str, within_s: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
    """One command, run to its end."""
    return subprocess.run(
        [LECTERN, *arguments],
        capture_output=True,
        text=True,
        timeout=within_s,
        env=clean_environment(**environment),
    )


class Installation:
    """`lectern serve` over one data folder; it may be started again."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="lt"))
        # PostgreSQL runs under another user when the tests run as root.
        self.home.chmod(0o755)
        self.port = free_port()
        self._output = self.home / "serve.txt"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        return self._output.read_text()

    @property
    def supervisor(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        arguments = [LECTERN, "serve", "--home", self.home, "--port", str(self.port)]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                arguments, stdout=output, stderr=subprocess.STDOUT, env=clean_environment()
            )
        wait_for("lectern serve is ready", self._is_announced, _START_WITHIN_S)

    def interrupt(self) -> int:
        """Ctrl-C: the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(timeout=40)

    def kill(self) -> None:
        """kill -9 of the supervisor alone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def remove(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.interrupt()
        shutil.rmtree(self.home, ignore_errors=True)

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def run(self, *arguments: str, within_s: float = 120) -> subprocess.CompletedProcess[str]:
        return lectern(*arguments, "--home", str(self.home), within_s=within_s)

    def json(self, *arguments: str) -> Any:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def rows(self, query: str, **parameters: object) -> list[tuple[Any, ...]]:
        """What the database holds."""
        with self.connect() as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A session of the test's own; each statement commits."""
        lines = (self.home / "postgres/postmaster.pid").read_text().splitlines()
        return psycopg.connect(f"postgresql://postgres:@/lectern?host={lines[4]}", autocommit=True)

    @property
    def postmaster(self) -> int:
        return int((self.home / "postgres/postmaster.pid").read_text().splitlines()[0])

    def child(self, module: str) -> int | None:
        """The process id of the server (app.main) or the worker (workers.main) of this supervisor."""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((process / "stat").read_text().rpartition(") ")[2].split()[1])
                arguments = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if parent == self.supervisor and module.encode() in arguments:
                return int(process.name)
        return None

    def _is_announced(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.output
        return re.search(r"^Ctrl-C stops everything", self.output, re.MULTILINE) is not None


@contextmanager
def running_installation() -> Iterator[Installation]:
    """An installation that is up, and gone at the end."""
    installation = Installation()
    try:
        installation.start()
        yield installation
    finally:
        installation.remove()

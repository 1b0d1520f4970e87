"""What is killed comes back, and nothing that was accepted is lost."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.installation import Installation, running_installation, wait_for


@pytest.fixture(scope="module")
def victim() -> Iterator[Installation]:
    with running_installation() as installation:
        yield installation


@pytest.fixture(scope="module")
def assistant(victim: Installation) -> str:
    return str(victim.json("assistant", "create", "Survivor")["assistant_id"])


def long_document(folder: Path, name: str) -> Path:
    """A document whose sync takes some seconds."""
    path = folder / name
    room = "## Room {0}\n\nRoom {0} of {1} holds {2} chairs and a lamp.\n"
    path.write_text("\n".join(room.format(number, name, number * 7) for number in range(1500)))
    return path


def job_of(victim: Installation, name: str) -> Any:
    """State, attempts and error of the latest sync of the source of that name."""
    rows = victim.rows(
        "SELECT j.state, j.attempts, j.error FROM jobs j JOIN sources s ON s.id = j.subject_id"
        " WHERE s.name = %(name)s ORDER BY j.seq DESC LIMIT 1",
        name=name,
    )
    return rows[0] if rows else None


def is_running(victim: Installation, name: str) -> bool:
    return bool((job := job_of(victim, name)) and job[0] == "running")


def end_of(victim: Installation, name: str) -> Any:
    job = job_of(victim, name)
    return job if job and job[0] in ("done", "failed") else None


def test_a_worker_killed_in_the_middle_of_a_sync_ends_with_the_sync_done(
    victim: Installation, assistant: str, tmp_path: Path
) -> None:
    path = long_document(tmp_path, "killed-worker.md")
    assert victim.run("add", str(path), "--assistant", assistant).returncode == 0
    wait_for("the sync runs", lambda: is_running(victim, path.name))
    worker = victim.child("workers.main")
    assert worker
    os.kill(worker, signal.SIGKILL)
    state, attempts, error = wait_for("the sync ended", lambda: end_of(victim, path.name), 120)
    assert (state, attempts, error) == ("done", 2, None)
    assert victim.child("workers.main") not in (None, worker)
    reply = victim.json("ask", "How many chairs does room 113 hold?", "--assistant", assistant)
    assert "791 chairs" in reply["answer"]


def test_a_killed_server_comes_back(victim: Installation) -> None:
    server = victim.child("app.main")
    assert server
    os.kill(server, signal.SIGKILL)
    wait_for("another server", lambda: victim.child("app.main") not in (None, server))
    assert wait_for("ready again", victim.is_ready)


def test_a_killed_postgresql_comes_back_with_all_that_was_accepted(
    victim: Installation, assistant: str, tmp_path: Path
) -> None:
    path = long_document(tmp_path, "killed-database.md")
    assert victim.run("add", str(path), "--assistant", assistant).returncode == 0
    wait_for("the sync runs", lambda: is_running(victim, path.name))
    postmaster = victim.postmaster
    os.kill(postmaster, signal.SIGKILL)
    wait_for("PostgreSQL runs again", lambda: "PostgreSQL runs again" in victim.output)
    assert victim.postmaster != postmaster
    assert wait_for("ready again", victim.is_ready)
    assert wait_for("the sync ended", lambda: end_of(victim, path.name), 150)[0] == "done"


def test_all_processes_leave_when_the_supervisor_is_killed_and_a_new_start_keeps_the_data(
    victim: Installation, assistant: str
) -> None:
    children = [victim.child("app.main"), victim.child("workers.main")]
    victim.kill()
    wait_for("the children left", lambda: not any(pid and is_alive(pid) for pid in children))
    victim.start()
    assert assistant in {line["id"] for line in victim.json("assistant", "list")}


def test_ctrl_c_stops_everything_and_the_data_stays(victim: Installation, assistant: str) -> None:
    pids = [victim.child("app.main"), victim.child("workers.main"), victim.postmaster]
    assert victim.interrupt() == 0
    assert not any(pid and is_alive(pid) for pid in pids)
    assert not (victim.home / "postgres/postmaster.pid").exists()
    # Without a server the command starts PostgreSQL for itself, and stops it again.
    assert assistant in {line["id"] for line in victim.json("assistant", "list")}
    assert not (victim.home / "postgres/postmaster.pid").exists()


def is_alive(pid: int) -> bool:
    try:
        # A zombie has ended; it only was not waited for yet.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False

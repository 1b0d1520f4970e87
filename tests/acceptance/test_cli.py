"""The command line, as a person types it, against a running installation."""

import hmac
import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from tests.acceptance.installation import Installation, clean_environment, lectern, wait_for

COMMANDS = [
    *(["serve"], ["worker"], ["migrate"], ["add"], ["ask"], ["reindex"], ["doctor"]),
    *(
        ["assistant", "create"],
        ["assistant", "list"],
        ["keys", "list"],
        ["keys", "revoke"],
        ["keys", "rotate"],
        ["channel", "list"],
        ["channel", "enable"],
        ["channel", "disable"],
        ["channel", "limit"],
        ["webhook", "set"],
        ["webhook", "show"],
        ["webhook", "remove"],
        ["webhook", "test"],
        ["webhook", "deliveries"],
    ),
    *(["eval", "retrieval"], ["eval", "answers"]),
]


def test_serve_says_where_it_is_and_what_to_do_next(installation: Installation) -> None:
    said = installation.output
    assert f"{installation.url}/health/ready" in said
    for command in ("assistant create", "add ", 'ask "'):
        assert [line for line in said.splitlines() if "lectern " + command in line]
    assert f"--home {installation.home}" in said


def test_every_command_explains_itself_with_examples() -> None:
    for command in COMMANDS:
        said = lectern(*command, "--help").stdout
        assert "Examples:" in said, command
        assert f"lectern {' '.join(command)}" in said, command


def test_no_model_library_is_loaded_for_help() -> None:
    program = (
        "import sys; from app.cli import main; "
        "main(['--help'], standalone_mode=False); "
        "sys.exit(bool({'torch', 'sentence_transformers', 'litestar', 'dramatiq'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, env=clean_environment())
    assert done.returncode == 0


def test_assistant_create_prints_exactly_the_documented_json(installation: Installation) -> None:
    created = installation.json("assistant", "create", "Shape")
    assert {name: sorted(value) if isinstance(value, dict) else None for name, value in created.items()} == {
        "workspace_id": None,
        "assistant_id": None,
        "assistant_seq": None,
        "knowledge_base_id": None,
        "knowledge_base_seq": None,
        "channel": ["channel_id", "secret_key"],
        "maiagent": ["api_key", "chatbot_id", "inbox_id", "web_chat_id"],
        "copianto": ["api_key"],
        "cognitive": ["api_key", "assistant_id"],
    }


def test_a_second_assistant_joins_a_given_workspace(installation: Installation) -> None:
    first = installation.json("assistant", "create", "One")
    second = installation.json("assistant", "create", "Two", "--workspace", first["workspace_id"])
    assert second["workspace_id"] == first["workspace_id"]
    assert second["assistant_id"] in {line["id"] for line in installation.json("assistant", "list")}


def test_an_unknown_workspace_is_one_line_and_exit_code_1(installation: Installation) -> None:
    unknown = "00000000-0000-4000-8000-000000000000"
    done = installation.run("assistant", "create", "Lost", "--workspace", unknown)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Error: There is no workspace {unknown}.\n"


def test_what_is_no_id_is_a_usage_error(installation: Installation) -> None:
    done = installation.run("ask", "Why?", "--assistant", "nobody")
    assert done.returncode == 2
    assert "'nobody' is not an id" in done.stderr


def test_good_files_of_a_folder_are_added_beside_bad_ones(
    installation: Installation, assistant: str, tmp_path: Path
) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "leave.md").write_text("# Leave\n\nEmployees have 27 days of annual leave.\n")
    (tmp_path / "inside/lunch.txt").write_text("The canteen serves lunch from 11:45 to 13:30.\n")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nnot really")
    (tmp_path / "film.mkv").write_bytes(b"\x1a\x45\xdf\xa3" + bytes(2000))
    done = installation.run("add", str(tmp_path), "--assistant", assistant, "--wait")
    lines = done.stdout.splitlines()
    assert done.returncode == 1
    assert {line.split()[1] for line in lines if line.startswith("done ")} == {
        f"{tmp_path.name}/leave.md",
        f"{tmp_path.name}/inside/lunch.txt",
    }
    failed = {line.split()[1].rstrip(":"): line for line in lines if line.startswith("failed ")}
    assert set(failed) == {f"{tmp_path.name}/{name}" for name in ("empty.txt", "broken.pdf", "film.mkv")}
    assert all(line.endswith(".") and "Traceback" not in line for line in failed.values())


def test_ask_prints_the_answer_with_verifiable_citations(installation: Installation, assistant: str) -> None:
    reply = installation.json(
        "ask", "How many days of annual leave do employees have?", "--assistant", assistant
    )
    assert "27 days" in reply["answer"]
    citation = reply["citations"][0]
    assert citation["number"] == 1
    assert citation["title"]
    [(text,)] = installation.rows(
        "SELECT text FROM documents WHERE id = %(id)s::uuid", id=citation["document_id"]
    )
    assert text[citation["start"] : citation["end"]] == citation["excerpt"]


def test_the_worker_scores_the_answer_afterwards(installation: Installation, assistant: str) -> None:
    installation.json("ask", "How many days of annual leave do employees have?", "--assistant", assistant)
    scored = (
        "SELECT s.metric, s.value FROM scores s JOIN exchanges e ON e.id = s.exchange_id"
        " WHERE e.assistant_id = %(assistant)s::uuid"
    )
    wait_for("the scores", lambda: bool(installation.rows(scored, assistant=assistant)), 30)
    values = dict(installation.rows(scored, assistant=assistant))
    assert set(values) == {"faithfulness", "answer_relevancy", "context_precision"}
    assert values["faithfulness"] == 1.0


def test_ask_shows_numbered_citations_to_a_person(installation: Installation, assistant: str) -> None:
    done = installation.run("ask", "When does the canteen serve lunch?", "--assistant", assistant)
    assert done.returncode == 0
    assert "11:45" in done.stdout
    assert "\n[1] " in done.stdout


def test_a_path_that_does_not_exist_is_one_line_and_exit_code_1(
    installation: Installation, assistant: str, tmp_path: Path
) -> None:
    done = installation.run("add", str(tmp_path / "nothing.pdf"), "--assistant", assistant)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {tmp_path}/nothing.pdf does not exist")
    assert done.stderr.count("\n") == 1


def test_a_rotated_key_opens_the_door_and_the_old_one_does_not(installation: Installation) -> None:
    channel = installation.json("assistant", "create", "Doors")["channel"]
    address = f"{installation.url}/api/public/channels/{channel['channel_id']}/1.0/conversation"
    [key_id] = [
        key["id"] for key in installation.json("keys", "list") if key["channel_id"] == channel["channel_id"]
    ]
    secret = installation.json("keys", "rotate", key_id)["secret_key"]
    codes = [
        httpx.post(address, headers={"X-API-Secret-Key": key}).status_code
        for key in (secret, channel["secret_key"])
    ]
    assert codes == [200, 403]


def test_a_revoked_key_opens_nothing(installation: Installation) -> None:
    channel = installation.json("assistant", "create", "Shut")["channel"]
    address = f"{installation.url}/api/public/channels/{channel['channel_id']}/1.0/conversation"
    [key_id] = [
        key["id"] for key in installation.json("keys", "list") if key["channel_id"] == channel["channel_id"]
    ]
    assert installation.run("keys", "revoke", key_id).returncode == 0
    headers = {"X-API-Secret-Key": channel["secret_key"]}
    assert httpx.post(address, headers=headers).status_code == 403


def test_a_channel_is_shut_opened_and_limited_by_its_operator(installation: Installation) -> None:
    channel = installation.json("assistant", "create", "Limited")["channel"]
    address = f"{installation.url}/api/public/channels/{channel['channel_id']}/1.0"
    headers = {"X-API-Secret-Key": channel["secret_key"]}

    def asked() -> int:
        return httpx.post(f"{address}/message", headers=headers, json={"message": "Hello?"}).status_code

    assert installation.run("channel", "disable", channel["channel_id"]).returncode == 0
    assert asked() == 404
    assert installation.run("channel", "enable", channel["channel_id"]).returncode == 0
    assert installation.run("channel", "limit", channel["channel_id"], "--messages", "1").returncode == 0
    assert [asked(), asked()] == [200, 429]
    lines = {line["id"]: line for line in installation.json("channel", "list")}
    line = lines[channel["channel_id"]]
    assert (line["enabled"], line["messages_used"], line["messages_limit"]) == (True, 1, 1)


def test_a_webhook_is_set_tried_out_and_told_of_answers_by_the_worker(
    installation: Installation, assistant: str
) -> None:
    heard: list[tuple[str, bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.headers["X-Lectern-Signature"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *parts: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/answers"
        shown = installation.json("webhook", "set", url, "--assistant", assistant)
        assert shown == installation.json("webhook", "show", "--assistant", assistant)
        command = ("webhook", "test", "--assistant", assistant, "--home", str(installation.home))
        done = lectern(*command, LECTERN_OUTBOUND_ALLOW="127.0.0.1")
        assert done.stdout == "The receiver answered with status 200.\n"
        server.shutdown()
    [(signature, body)] = heard
    assert signature == "sha256=" + hmac.new(shown["secret"].encode(), body, "sha256").hexdigest()

    installation.json("ask", "When does the canteen serve lunch?", "--assistant", assistant)

    def tried() -> Any:
        [line] = installation.json("webhook", "deliveries", "--assistant", assistant)
        return line if line["attempts"] else None

    # The installation was started without leave to post there.
    line = wait_for("the delivery was tried", tried, 30)
    assert (line["state"], line["status_code"]) == ("waiting", None)
    assert "LECTERN_OUTBOUND_ALLOW" in line["error"]
    assert installation.run("webhook", "remove", "--assistant", assistant).returncode == 0
    done = installation.run("webhook", "show", "--assistant", assistant)
    assert (done.returncode, done.stderr) == (1, "Error: The assistant has no webhook.\n")


def test_doctor_finds_a_running_installation_well(installation: Installation) -> None:
    checks = {check["name"]: check for check in installation.json("doctor")}
    assert {name for name, check in checks.items() if check["state"] == "fail"} == set()
    assert checks["worker"]["state"] == "ok"
    assert "pgvector 0.8" in checks["extensions"]["detail"]
    assert {"home", "disk", "database", "migrations", "jobs", "broker", "model", "llm"} <= set(checks)


def test_doctor_fails_with_a_remedy_when_the_database_is_away(tmp_path: Path) -> None:
    done = lectern(
        *("doctor", "--json", "--home", str(tmp_path)),
        LECTERN_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing",
    )
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert done.returncode == 1
    assert checks["database"]["state"] == "fail"
    assert checks["database"]["remedy"]


def test_a_taken_port_stops_the_start_with_one_line(installation: Installation, tmp_path: Path) -> None:
    done = lectern("serve", "--home", str(tmp_path), "--port", str(installation.port))
    assert done.returncode == 1
    assert done.stderr == (
        f"Error: 127.0.0.1:{installation.port} is taken: stop what listens there, "
        "or choose another with --port or LECTERN_PORT.\n"
    )


@pytest.mark.parametrize("command", [["serve"], ["assistant", "list"]])
def test_a_folder_that_cannot_be_written_stops_the_start_with_one_line(
    command: list[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    home = tmp_path / "file/home"
    done = lectern(*command, "--home", str(home))
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: The data folder {home} can't be written (a file is in the way)")
    assert done.stderr.count("\n") == 1


def test_a_wrong_setting_stops_the_start_with_one_line(tmp_path: Path) -> None:
    done = lectern("serve", LECTERN_HOME=str(tmp_path), LECTERN_LLM_CONTEXT_TOKENS="many")
    assert done.returncode == 1
    assert (
        done.stderr == "Error: LECTERN_LLM_CONTEXT_TOKENS is 'many': it takes a number from 512 to 1048576.\n"
    )


def test_a_database_that_is_away_stops_the_start_with_one_line(tmp_path: Path) -> None:
    done = lectern("migrate", LECTERN_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The database does not do its part (connection failed")
    assert done.stderr.count("\n") == 1

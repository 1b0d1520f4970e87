"""The README's examples of a client, run word for word against an installation."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .installation import Installation, running_installation

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "tests/data/handbook-tts/pages/travel-and-leave"
SECTION = "### Pointing a MaiAgent client here"


def example(language: str, holding: str) -> str:
    """The code block of the section in that language that holds these words."""
    section = (ROOT / "README.md").read_text().partition(SECTION)[2].partition("\n## ")[0]
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    (found,) = [block for block in blocks if holding in block]
    return str(found)


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """What the section's `export` sets, for an installation with a part of the handbook."""
    with running_installation() as installation:
        yield {**os.environ, **_client(installation)}


def _client(installation: Installation) -> dict[str, str]:
    created = installation.json("assistant", "create", "Handbook")
    added = installation.run("add", str(PAGES), "--assistant", created["assistant_id"], "--wait")
    assert added.returncode == 0, added.stderr
    key, chatbot = created["maiagent"]["api_key"], created["maiagent"]["chatbot_id"]
    return {"BASE": installation.url, "KEY": key, "CHATBOT": chatbot}


def run(*command: str, environment: dict[str, str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_names_of_the_export_are_those_of_the_examples(environment: dict[str, str]) -> None:
    names = re.findall(r"(\w+)=", example("bash", "export"))
    assert set(names) == {"BASE", "KEY", "CHATBOT"}


def test_curl_streams_an_answer(environment: dict[str, str]) -> None:
    said = run("bash", "-c", example("bash", "curl"), environment=environment)
    assert said.count("data: ") > 3
    assert '"done":true' in said
    assert "240" in said


def test_python_holds_a_conversation_with_a_file(environment: dict[str, str]) -> None:
    said = run(sys.executable, "-c", example("python", "requests"), environment=environment)
    assert "7:45" in said
    assert "['note.txt']" in said


def test_javascript_streams_an_answer(environment: dict[str, str], tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    script = tmp_path / "client.mjs"
    script.write_text(example("javascript", "fetch"))
    said = run(node, str(script), environment=environment)
    assert "two weeks (80 hours)" in said
    assert ".md" in said

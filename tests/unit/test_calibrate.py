"""What an embedder's cosines are found to be worth."""

import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from rag import calibrate as module
from rag.calibrate import calibrate
from rag.embed import load_embedder
from rag.relevance import BY_WORDS, Rule
from rag.testing import HashEmbedder


class RandomEmbedder(HashEmbedder):
    """Reads everything and understands nothing: equal texts are equal, all others are strangers."""

    def __init__(self, seed: int) -> None:
        super().__init__(64)
        self._seed = seed

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = [self._vector(text) for text in texts]
        return np.array(vectors, dtype=np.float32)

    def _vector(self, text: str) -> NDArray[np.float64]:
        digest = hashlib.blake2b(f"{self._seed} {text}".encode(), digest_size=8).digest()
        vector = np.random.default_rng(int.from_bytes(digest)).normal(size=self.dimensions)
        return np.asarray(vector / np.linalg.norm(vector))


class Knowing(RandomEmbedder):
    """Puts each question of the calibration near its passage, in every language."""

    def _vector(self, text: str) -> NDArray[np.float64]:
        pairs = [pair for pairs in module._pairs().values() for pair in pairs]
        passage = next((passage for question, passage in pairs if question == text), text)
        vector = super()._vector(passage) + 0.5 * super()._vector(text)
        return np.asarray(vector / np.linalg.norm(vector))


class Blind(Knowing):
    """Would know everything, but can't read a word of it."""

    def readability(self, text: str) -> float:
        return 0.0


def test_the_bundled_model_is_trusted_and_sees_answers_nearer() -> None:
    rule = calibrate(load_embedder())
    assert rule.trust > 0.9 and rule.matching > rule.unrelated + 0.2


@pytest.mark.parametrize("seed", range(5))
def test_random_vectors_are_not_trusted(seed: int) -> None:
    assert calibrate(RandomEmbedder(seed)).trust == 0.0


def test_vectors_of_words_are_trusted_less_than_those_of_meaning() -> None:
    assert calibrate(HashEmbedder()).trust < calibrate(Knowing(1)).trust == 1.0


def test_an_embedder_that_reads_nothing_is_not_trusted() -> None:
    assert calibrate(Blind(1)) == BY_WORDS


def test_the_same_embedder_gives_the_same_rule() -> None:
    assert calibrate(HashEmbedder()) == calibrate(HashEmbedder())


def test_a_rule_survives_json() -> None:
    rule = calibrate(Knowing(1))
    assert msgspec.json.decode(msgspec.json.encode(rule), type=Rule) == rule

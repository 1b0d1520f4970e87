"""A closer look where the first leaves doubt: is there a sentence that speaks of just what is asked?

Where two candidates come out close, ranking compares sentences too (`apart.py`), by its own choice of them.
"""

import re
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from rag.embed import Embedder
from rag.evidence import JUDGED, Wording, best_covered
from rag.lexicon import fold
from rag.passages import Hit

_NAMES_AND_NUMBERS = re.compile(r"(?<=\w.)\b[A-ZÀ-ÖØ-Þ][\w'-]+|\d+(?:[.,]\d+)*")
_DENIES = re.compile(
    r"\b(?:not|never|no|none|nor|neither|without|except|unlike|cannot)\b|n['’]t\b", re.IGNORECASE
)


class Sentence(Struct, frozen=True):
    """A sentence of a hit with the title and the headings above it."""

    title: str
    headings: str
    text: str

    @property
    def read_as(self) -> str:
        """What is embedded."""
        return f"{self.title}: {self.text}"


def sentence_of(hit: Hit, text: str) -> Sentence:
    """A sentence of the hit."""
    return Sentence(hit.title, " ".join(hit.heading_path), text)


class SentenceCosines:
    """How near sentences are to a question; each is embedded once, however often it is looked at."""

    def __init__(self, embedder: Embedder, question: NDArray[np.float32]) -> None:
        self._embedder = embedder
        self._question = question
        self._known: dict[str, float] = {}

    def of(self, sentences: Sequence[Sentence]) -> list[float]:
        """The cosine of each; blocking, so callers use a thread."""
        new = [text for text in dict.fromkeys(each.read_as for each in sentences) if text not in self._known]
        if new:
            cosines: list[float] = (self._embedder.embed(new) @ self._question).tolist()
            self._known.update(zip(new, cosines, strict=True))
        return [self._known[each.read_as] for each in sentences]


class Comparison(Struct, frozen=True):
    """What the sentence nearest to the question shows; more of each never speaks against an answer.

    - cosine: to the question
    - named: the share of the question's names and numbers that it holds with title and headings
    - agrees: not when the question denies something and the sentence does not
    """

    cosine: float
    named: float
    agrees: bool


def telling_sentences(wording: Wording, hits: Sequence[Hit]) -> list[Sentence]:
    """Of each of the best hits the sentence that says most of the question."""
    return [
        sentence_of(hit, f"{best.header} {hit.text[best.start : best.end]}".strip())
        for hit, best in zip(hits[:JUDGED], best_covered(wording, hits), strict=True)
    ]


def compare(question: str, sentences: Sequence[Sentence], cosines: Sequence[float]) -> Comparison:
    """The nearest sentence compared with the question; one cosine for each of one or more sentences."""
    cosine, nearest = max(zip(cosines, sentences, strict=True), key=lambda pair: pair[0])
    return Comparison(cosine, _named(question, nearest), _agrees(question, nearest))


def _named(question: str, sentence: Sentence) -> float:
    names = {fold(name) for name in _NAMES_AND_NUMBERS.findall(question)}
    said = fold(f"{sentence.title} {sentence.headings} {sentence.text}")
    return sum(name in said for name in names) / len(names) if names else 1.0


def _agrees(question: str, sentence: Sentence) -> bool:
    return not _DENIES.search(question) or _DENIES.search(sentence.text) is not None

"""Candidates with their evidence to scores; pure, no I/O.

Two halves are added: how near the vectors are, and how well the words fit. The words of the best candidates
are looked at a second time: BM25 does not see whether they stand in one sentence or scattered over a chunk.
Two candidates that come out close change places where a look at their best sentences says so (`apart.py`).
"""

import math
from collections.abc import Mapping, Sequence, Set

from msgspec import Struct

from rag.lexicon import (
    AskedTerm,
    ReadSentence,
    beginning_of,
    forms_of,
    is_unspaced,
    language_of,
    read_sentences,
)

LOOKED_AT = 12  # candidates whose sentences are read; hit@1 and hit@5 were the same with 10, 16 and 80
_DENSE_WEIGHT = 0.5
_SENTENCE_WEIGHT = 0.7  # of the words' half; what is left is BM25. README, "Fusion"
_FIRST_WEIGHT = 0.4  # SQuAD 2, hit@5: .977; 0.3 gave .976, 1 .975
_CLOSE = 0.03


class Match(Struct, frozen=True):
    """How a candidate fits: cosine (None without a vector), BM25, the share of the words in one sentence."""

    cosine: float | None
    bm25: float
    sentence: float = 0.0


class Weights(Struct, frozen=True):
    """How scores are put together: the share of the vectors, and the cosine of unrelated texts."""

    dense: float
    unrelated: float


def weights_for(readable: float, unrelated: float) -> Weights:
    """The weights for a question of which the embedder reads the share `readable`."""
    return Weights(_DENSE_WEIGHT * readable, unrelated)


class FirstLook(Struct, frozen=True):
    """What a cosine, and BM25 as a share of the best one, add to a score; all else is the same for each."""

    per_cosine: float
    per_words: float


def first_look(weights: Weights) -> FirstLook:
    """What decides which candidates are looked at.

    BM25 counts somewhat more than in the score: with its share there, what only words find would be passed
    over where vectors mislead; for all of the words' half, what only vectors find.
    """
    return FirstLook(weights.dense / (1.0 - weights.unrelated), (1.0 - weights.dense) * _FIRST_WEIGHT)


def scores(candidates: Sequence[Match], weights: Weights) -> list[float]:
    """The score of each candidate, by its cosine and by its words.

    BM25 counts relative to the best of the candidates, which is what makes it comparable between questions.
    """
    best = max((candidate.bm25 for candidate in candidates), default=0.0) or 1.0
    return [
        weights.dense * nearness(candidate.cosine, weights.unrelated)
        + (1.0 - weights.dense)
        * ((1.0 - _SENTENCE_WEIGHT) * candidate.bm25 / best + _SENTENCE_WEIGHT * candidate.sentence)
        for candidate in candidates
    ]


def too_close(scored: Sequence[float]) -> list[int]:
    """The places of the two best scores, if those are too near each other to tell which is better."""
    first = sorted(range(len(scored)), key=lambda place: -scored[place])[:2]
    return first if len(first) == 2 and scored[first[0]] - scored[first[1]] < _CLOSE else []


def told_apart(scored: Sequence[float], close: Sequence[int], added: Sequence[float]) -> list[float]:
    """The scores, where the two at the close places are exchanged if with what is added the second is better.

    Scores stay what they are, so that they compare with those of other candidates and other questions; only
    of equal ones the worse becomes less by the least there is.
    """
    found = list(scored)
    if len(added) < len(close):  # one of them was deleted meanwhile
        return found
    better, worse = close
    if scored[better] + added[0] < scored[worse] + added[1]:
        better, worse = worse, better
    high, low = scored[close[0]], scored[close[1]]
    found[better], found[worse] = high, min(low, math.nextafter(high, -math.inf))
    return found


def nearness(cosine: float | None, unrelated: float) -> float:
    """The cosine on a scale from that of unrelated texts, 0, to that of equal ones, 1."""
    return ((cosine or 0.0) - unrelated) / (1.0 - unrelated)


class AskedWords:
    """The words of a question, each with the terms that stand for it and what they weigh."""

    def __init__(
        self, asked: Mapping[str, AskedTerm], weights: Mapping[str, float], language: str | None
    ) -> None:
        self._weights = dict(weights)
        self._word_of = {term: asked[term].word for term in weights}
        for term, weight in weights.items():
            # Words of one root count as the same: the stem misses "migrate" and "migration".
            beginning = term if is_unspaced(term) else beginning_of(term)
            if self._weights.get(beginning, 0.0) < weight:
                self._weights[beginning] = weight
                self._word_of[beginning] = asked[term].word
        self._language = language or ("english" if all(map(is_unspaced, weights)) else None)
        self._wanted = frozenset(self._weights)
        self._total = self._weight(self._wanted)

    def best_sentence(self, headings: str, text: str) -> float:
        """From 0 to 1, the share of the words' weight that a sentence of the text and its headings hold."""
        return max((share for _, share in self._shares(headings, text)), default=0.0)

    def best_worded(self, headings: str, text: str) -> str:
        """The sentence of the text that holds most of the words with its headings, the first of equals."""
        found = max(self._shares(headings, text), key=lambda each: each[1], default=None)
        return text[found[0].start : found[0].end] if found else text

    def _shares(self, headings: str, text: str) -> list[tuple[ReadSentence, float]]:
        language = self._language or language_of(text) or "english"
        around = self._wanted & forms_of(headings, language)
        return [
            (each, self._weight(around | (self._wanted & each.forms)) / (self._total or 1.0))
            for each in read_sentences(text, language)
        ]

    def _weight(self, held: Set[str]) -> float:
        by_word: dict[int, float] = {}
        for term in held:
            word = self._word_of[term]
            by_word[word] = max(by_word.get(word, 0.0), self._weights[term])
        return sum(by_word.values())

"""Candidates with their evidence to scores; pure, no I/O.

Two halves are added: how near the vectors are, and how well the words fit. The words of the best candidates
are looked at a second time: BM25 does not see whether they stand in one sentence or scattered over a chunk.
Two candidates that come out close are told apart by how near their best sentences are; Chinese ones by their
words in English, where synonyms meet.
"""

from collections.abc import Mapping, Sequence, Set

from msgspec import Struct

from rag.glossary import Gloss, gloss
from rag.lexicon import (
    AskedTerm,
    asked_terms,
    beginning_of,
    forms_of,
    is_unspaced,
    language_of,
    read_sentences,
    sentences,
    terms,
)

LOOKED_AT = 12  # candidates whose sentences are read; hit@1 and hit@5 were the same with 10, 16 and 80
_DENSE_WEIGHT = 0.5
_SENTENCE_WEIGHT = 0.7  # of the words' half; what is left is BM25. README, "Fusion"
_GLOSS_WEIGHT = 0.3  # on top of the words' half. README, "Close candidates"
_CLOSE = 0.03


class Match(Struct, frozen=True):
    """How a candidate fits: cosine (None without a vector), BM25, shares of words that one sentence holds.

    `said` is the cosine of the sentence that says most of the question, where it was looked at.
    """

    cosine: float | None
    bm25: float
    sentence: float = 0.0
    glossed: float = 0.0
    said: float | None = None


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
    """What scores are made of before sentences are looked at."""
    return FirstLook(
        weights.dense / (1.0 - weights.unrelated), (1.0 - weights.dense) * (1.0 - _SENTENCE_WEIGHT)
    )


def scores(candidates: Sequence[Match], weights: Weights) -> list[float]:
    """The score of each candidate, by its cosine and by its words.

    BM25 counts relative to the best of the candidates, which is what makes it comparable between questions.
    """
    best = max((candidate.bm25 for candidate in candidates), default=0.0) or 1.0
    return [
        weights.dense
        * (
            _nearness(candidate.cosine, weights.unrelated)
            + (0.0 if candidate.said is None else _nearness(candidate.said, weights.unrelated))
        )
        + (1.0 - weights.dense)
        * (
            (1.0 - _SENTENCE_WEIGHT) * candidate.bm25 / best
            + _SENTENCE_WEIGHT * candidate.sentence
            + _GLOSS_WEIGHT * candidate.glossed
        )
        for candidate in candidates
    ]


def too_close(scored: Sequence[float]) -> list[int]:
    """The places of the two best scores, if those are too near each other to tell which is better."""
    first = sorted(range(len(scored)), key=lambda place: -scored[place])[:2]
    return first if len(first) == 2 and scored[first[0]] - scored[first[1]] < _CLOSE else []


def _nearness(cosine: float | None, unrelated: float) -> float:
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
        if not self._total:
            return 0.0
        language = self._language or language_of(text) or "english"
        around = self._wanted & forms_of(headings, language)
        held = (around | (self._wanted & each.forms) for each in read_sentences(text, language))
        return max(map(self._weight, held), default=0.0) / self._total

    def _weight(self, held: Set[str]) -> float:
        by_word: dict[int, float] = {}
        for term in held:
            word = self._word_of[term]
            by_word[word] = max(by_word.get(word, 0.0), self._weights[term])
        return sum(by_word.values())


def telling_sentence(words: AskedWords, headings: str, text: str) -> str:
    """The sentence of the text that holds most of the words with the headings, the first of equals."""
    found = [text[start:end] for start, end in sentences(text)]
    return max(found, key=lambda sentence: words.best_sentence(headings, sentence), default=text)


class GlossedWords:
    """The words of a glossed question, each with the terms of its first meaning."""

    def __init__(self, question: Gloss) -> None:
        meanings = [asked_terms(word.meanings[0]) for word in question.words if word.meanings]
        telling = [frozenset(term.term for term in meaning if term.telling) for meaning in meanings]
        self._words = [word for word in telling if word]

    def best_sentence(self, headings: str, text: str) -> float:
        """From 0 to 1, the share of the words that the gloss of a sentence and of the headings hold."""
        if not self._words:
            return 0.0
        around = _glossed_terms(headings)
        held = (around | _glossed_terms(text[start:end]) for start, end in sentences(text))
        return max((self._count(each) for each in held), default=0) / len(self._words)

    def _count(self, held: set[str]) -> int:
        return sum(not word.isdisjoint(held) for word in self._words)


def _glossed_terms(text: str) -> set[str]:
    found = gloss(text)
    return set(terms(found.text if found else text, "english"))

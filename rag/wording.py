"""A question's terms as a scope knows them: how many chunks hold each, and what it weighs; pure, no I/O."""

import math
from collections.abc import Iterable
from typing import Any

from msgspec import Struct, structs

from rag.evidence import Wording
from rag.lexicon import AskedTerm
from rag.postings import K1, B
from rag.rank import AskedWords

_IDF_POWER = 1.5  # a question's rare words say more than BM25's one idf gives them; README, "Figures"


class Asked(Struct, frozen=True):
    """A question as the embedder and the lexicon take it; `glossed` if it was translated word for word."""

    text: str
    terms: list[AskedTerm]
    glossed: bool = False


class KnownTerms(Struct, frozen=True):
    """The question's terms with the statistics of a scope.

    `weights` are of those that it knows, by id.
    """

    asked: dict[str, AskedTerm]
    chunks_count: int
    mean_terms: float
    weights: dict[int, float]
    term_of: dict[int, str]
    df_of: dict[str, int]

    def asked_words(self, language: str | None) -> AskedWords:
        """The words that sentences are looked through for."""
        weights = {term: self.weights[term_id] for term_id, term in self.term_of.items()}
        return AskedWords(self.asked, weights, language)

    def of(self, question: Asked) -> Wording:
        """What evidence is weighed by."""
        full = sum(self.weights.values())
        return Wording(question.text, self.asked, self.df_of, self.chunks_count, question.glossed, full)

    def parameters(self) -> dict[str, Any]:
        """What a query needs to score a chunk by BM25."""
        return {
            "term_ids": list(self.weights),
            "weights": list(self.weights.values()),
            "k1": K1,
            "b": B,
            "mean": self.mean_terms,
        }


def known_terms(
    asked: dict[str, AskedTerm], found: Iterable[tuple[Any, ...]], counts: tuple[int, int]
) -> KnownTerms:
    """The asked terms of which rows (id, term, document frequency, …) were found, one or more for an id.

    `counts` are the numbers of chunks and of their terms.
    """
    chunks_count, terms_count = counts
    rows = {term_id: (term, df) for term_id, term, df, *_ in found}
    df_of = dict.fromkeys(asked, 0)
    for term, df in rows.values():
        df_of[term] += df
    weight_of = {term: asked[term].weight * _idf(df_of[term], chunks_count) ** _IDF_POWER for term in asked}
    return KnownTerms(
        asked,
        chunks_count,
        terms_count / max(1, chunks_count) or 1.0,
        {term_id: weight_of[term] for term_id, (term, _) in rows.items()},
        {term_id: term for term_id, (term, _) in rows.items()},
        df_of,
    )


def of_known_alternatives(known: KnownTerms) -> KnownTerms:
    """Without the translations that the scope does not know, where it knows another one of the word."""
    words = {term.word for term in known.asked.values() if known.df_of[term.term]}
    asked = {name: term for name, term in known.asked.items() if known.df_of[name] or term.word not in words}
    return structs.replace(known, asked=asked)


def _idf(df: int, chunks_count: int) -> float:
    # Chunks may have come since they were counted.
    return math.log1p((max(0, chunks_count - df) + 0.5) / (df + 0.5))

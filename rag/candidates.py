"""Candidates with both scores to hits, and are they relevant: the same wherever the candidates were found."""

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from rag.apart import added_by_look
from rag.doubt import SentenceCosines, compare, telling_sentences
from rag.embed import Embedder
from rag.evidence import Evidence, Wording, background_of, weigh
from rag.lexicon import AskedTerm, language_of
from rag.passages import Hit
from rag.rank import (
    LOOKED_AT,
    AskedWords,
    FirstLook,
    Match,
    Weights,
    first_look,
    scores,
    told_apart,
    too_close,
)
from rag.relevance import Rule, in_doubt, odds_after_look, odds_of, relevance_of
from rag.threads import compute
from rag.wording import Asked, KnownTerms

Only = Literal["fused", "dense", "lexical"]

_CANDIDATES = 40  # of each half, or as many as hits are asked for
_TERMS_ASKED = 128
_RELEVANT = 0.5


class Doubt(Struct, frozen=True):
    """What a closer look at hits needs: the question, its sentences' cosines, and what was found so far."""

    wording: Wording
    cosines: SentenceCosines
    evidence: Evidence
    rule: Rule
    odds: float


class Retrieval(Struct, frozen=True):
    """Hits, best first, and how sure it is (0 to 1) that they speak about the question.

    Where that is in `doubt`, `settled` looks closer.
    """

    hits: tuple[Hit, ...]
    relevance: float
    relevant: bool
    doubt: Doubt | None = None


class Read(Struct, frozen=True):
    """The question as the embedder reads it: what its vector counts among words, and what as evidence."""

    vector: NDArray[np.float32]
    weight: float
    trust: float
    rule: Rule
    by_gloss: float = 0.0


class Plan(Struct, frozen=True):
    """What is looked for: how many candidates of each half, how many hits, and what they are ranked by."""

    only: Only
    limit: int
    weights: Weights

    @property
    def candidates(self) -> int:
        """How many of each half."""
        return max(_CANDIDATES, self.limit)

    @property
    def shown(self) -> int:
        """How many candidates are worth being hits: their sentences are read, or they are asked for."""
        return max(self.limit, LOOKED_AT)

    @property
    def first_look(self) -> FirstLook:
        """What decides which those are."""
        alone = {"dense": FirstLook(1.0, 0.0), "lexical": FirstLook(0.0, 1.0)}
        return alone.get(self.only) or first_look(self.weights)


class Search(Struct, frozen=True):
    """A question with all that it is looked for by."""

    asked: Asked
    read: Read
    plan: Plan

    @property
    def terms(self) -> dict[str, AskedTerm]:
        """What it is asked for by."""
        return {term.term: term for term in self.asked.terms[:_TERMS_ASKED]}


class Candidate(Struct, frozen=True):
    """A chunk with both scores; the best ones as hits too."""

    chunk_id: int
    dense: float | None
    lexical: float
    hit: Hit | None = None


class Found(Struct, frozen=True):
    """The candidates, best first by the first look, and the question's terms as that place knows them."""

    known: KnownTerms
    candidates: list[Candidate]


class Place(Protocol):
    """Where a question is looked for."""

    async def find(self, search: Search) -> Found:
        """The candidates that it has."""


async def judged(found: Found, search: Search, embedder: Embedder) -> Retrieval:
    """The best candidates as hits, judged by first evidence, with the doubt that it leaves."""
    asked, read, plan = search.asked, search.read, search.plan
    words = found.known.asked_words(language_of(asked.text)) if plan.only == "fused" else None
    cosines, scored = SentenceCosines(embedder, read.vector), _scores(found.candidates, words, plan)
    if words and not asked.glossed and (close := too_close(scored)):
        both = [hit for place in close if (hit := found.candidates[place].hit)]
        added = await compute(added_by_look, both, asked.text, words, plan.weights, cosines)
        scored = told_apart(scored, close, added)
    hits = _ranked(found.candidates, scored, plan.limit)
    wording = found.known.of(asked)
    lexical = [each.lexical for each in found.candidates]
    shown = weigh(wording, hits, lexical, read.trust, read.by_gloss)
    evidence = structs.replace(shown, background=background_of(each.dense for each in found.candidates))
    first = Doubt(wording, cosines, evidence, read.rule, odds_of(evidence, read.rule))
    doubtful = bool(hits) and in_doubt(first.odds, first.evidence, first.rule)
    return structs.replace(_by_odds(hits, first.odds), doubt=first if doubtful else None)


async def settled(found: Retrieval) -> Retrieval:
    """The same with its doubt resolved: the sentences that say most of the question are compared with it.

    Retrieving takes no such time, because an answer needs to know and a list of hits does not.
    """
    if found.doubt is None:
        return found
    odds = await compute(_look_closer, found.doubt, found.hits)
    return _by_odds(found.hits, odds)


def _by_odds(hits: tuple[Hit, ...], odds: float) -> Retrieval:
    relevance = relevance_of(odds)
    return Retrieval(hits, relevance, bool(hits) and relevance >= _RELEVANT)


def _scores(candidates: Sequence[Candidate], words: AskedWords | None, plan: Plan) -> list[float]:
    """The candidates' scores; sentences count where `words` are looked for in them."""
    if plan.only == "dense":
        return [each.dense or 0.0 for each in candidates]
    if words is None:
        return [each.lexical for each in candidates]
    matches = [
        Match(
            each.dense,
            each.lexical,
            words.best_sentence(each.hit.headings, each.hit.text) if each.hit and place < LOOKED_AT else 0.0,
        )
        for place, each in enumerate(candidates)
    ]
    return scores(matches, plan.weights)


def _look_closer(doubt: Doubt, hits: Sequence[Hit]) -> float:
    sentences = telling_sentences(doubt.wording, hits)
    compared = compare(doubt.wording.question, sentences, doubt.cosines.of(sentences))
    return odds_after_look(doubt.odds, compared, doubt.evidence, doubt.rule)


def _ranked(candidates: Sequence[Candidate], scored: Sequence[float], limit: int) -> tuple[Hit, ...]:
    """The best hits with their scores."""
    hits = [
        structs.replace(each.hit, score=score)
        for each, score in zip(candidates, scored, strict=True)
        if each.hit
    ]
    return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id))[:limit])

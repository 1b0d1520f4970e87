"""A question to hits: nearest and best-worded chunks, both scores combined, and are they relevant."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Literal
from uuid import UUID

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray
from pgvector import HalfVector
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from rag.apart import added_by_look
from rag.doubt import SentenceCosines, compare, telling_sentences
from rag.embed import Embedder
from rag.evidence import (
    Evidence,
    Wording,
    background_of,
    further_by_gloss,
    trust_in_gloss,
    trust_in_reading,
    weigh,
)
from rag.glossary import gloss_in, language_to_gloss, speaks
from rag.lexicon import asked_terms, language_of
from rag.passages import Hit, Scope
from rag.postings import Postings, best_worded
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
    weights_for,
)
from rag.relevance import Rule, in_doubt, odds_after_look, odds_of, relevance_of
from rag.sqlfile import queries_beside, with_constants
from rag.wording import Asked, KnownTerms, known_terms, of_known_alternatives

Q = queries_beside(__file__)
Only = Literal["fused", "dense", "lexical"]
Pool = AsyncConnectionPool[AsyncConnection[Any]]

_CANDIDATES = 40  # of each half, or as many as hits are asked for
_EXACT_CHUNKS = 10_000  # at most; comparing takes 0.65 ms a thousand
_FEW_CHUNKS = 2_000  # not slower than the vector index
_POSTINGS_READ = 3_000  # with 10,000 the same hit@1 (310 questions, 10,000 chunks)
_NARROWEST = 0.1  # a category that is a smaller share of the chunks has no more of its postings read
_TERMS_ASKED = 128
_RELEVANT = 0.5
# Sentences of nothing in common: their mean cosine is what this embedder gives to unrelated texts.
_UNRELATED = (
    "The recipe calls for two cups of flour.",
    "Parliament passed the budget on Tuesday.",
    "Whales migrate south in the winter.",
    "The compiler reports a missing semicolon.",
    "She scored the winning goal in extra time.",
    "Granite forms when magma cools slowly.",
)


class Doubt(Struct, frozen=True):
    """What a closer look at hits needs: the question, its sentences' cosines, and what was found so far."""

    wording: Wording
    cosines: SentenceCosines
    evidence: Evidence
    rule: Rule
    odds: float


class Retrieval(Struct, frozen=True):
    """Hits, best first, and how sure it is (0 to 1) that they speak about the question.

    Where that is in `doubt`, `Retriever.settle` looks closer.
    """

    hits: tuple[Hit, ...]
    relevance: float
    relevant: bool
    doubt: Doubt | None = None


class _Candidate(Struct, frozen=True):
    """A chunk with both scores; the best ones as hits too."""

    chunk_id: int
    dense: float | None
    lexical: float
    hit: Hit | None = None


class _Read(Struct, frozen=True):
    """The question as the embedder reads it: what its vector counts among words, and what as evidence."""

    vector: NDArray[np.float32]
    weight: float
    trust: float
    rule: Rule
    by_gloss: float = 0.0


class _Plan(Struct, frozen=True):
    """What is looked for: how many candidates of each half, how many hits, and what they are ranked by."""

    only: Only
    limit: int
    weights: Weights

    @property
    def candidates(self) -> int:
        return max(_CANDIDATES, self.limit)

    @property
    def first_look(self) -> FirstLook:
        alone = {"dense": FirstLook(1.0, 0.0), "lexical": FirstLook(0.0, 1.0)}
        return alone.get(self.only) or first_look(self.weights)


class _Found(Struct, frozen=True):
    """The candidates of each half, best first, and the terms as the scope knows them."""

    known: KnownTerms
    nearest: list[int]
    worded: list[int]


class Retriever:
    """Finds what answers a question, by one embedding model and the rule calibrated for it."""

    def __init__(self, embedder: Embedder, model_id: int, rule: Rule) -> None:
        self._embedder = embedder
        self._rule = rule
        self._queries = {
            name: with_constants(Q[name], dimensions=embedder.dimensions, model_id=model_id).as_bytes()
            for name in ("nearest", "complete")
        }
        self._unrelated: float | None = None

    async def retrieve(
        self, pool: Pool, question: str, scope: Scope, *, limit: int = 8, only: Only = "fused"
    ) -> Retrieval:
        """The best `limit` chunks of the scope; `only` ranks by one half alone, for measuring.

        A question that finds another language than its own is asked again in English, word for word; so is
        one that finds nothing relevant in its own, and then only relevant texts in English count.
        """
        asked = Asked(question, asked_terms(question))
        found = await self._retrieve(pool, asked, scope, limit=limit, only=only)
        if (language := language_to_gloss(question)) is None:
            return found
        is_own = _is_in(language, found)
        if is_own and found.relevant:
            return found
        # A glossary is loaded when it is first asked.
        glossed = await asyncio.to_thread(gloss_in, language, question)
        in_english = Asked(glossed.text, glossed.asked_terms(), glossed=True)
        again = await self._retrieve(pool, in_english, scope, limit=limit, only=only)
        return again if not is_own or (again.relevant and not _is_in(language, again)) else found

    async def _retrieve(self, pool: Pool, asked: Asked, scope: Scope, *, limit: int, only: Only) -> Retrieval:
        # Before a connection is taken: while the model runs, none is held.
        read = await asyncio.to_thread(self._read, asked.text)
        plan = _Plan(only, limit, weights_for(read.weight, self._unrelated or 0.0))
        async with pool.connection() as connection:
            found = await self._find(connection, asked, scope, read, plan)
            candidates = await self._complete(connection, found, read, plan)
        words = found.known.asked_words(language_of(asked.text)) if only == "fused" else None
        cosines, scored = SentenceCosines(self._embedder, read.vector), _scores(candidates, words, plan)
        if words and not asked.glossed and (close := too_close(scored)):
            both = [hit for place in close if (hit := candidates[place].hit)]
            added = await asyncio.to_thread(added_by_look, both, asked.text, words, plan.weights, cosines)
            scored = told_apart(scored, close, added)
        hits = _ranked(candidates, scored, plan.limit)
        wording = found.known.of(asked)
        lexical = [each.lexical for each in candidates]
        shown = weigh(wording, hits, lexical, read.trust, read.by_gloss)
        evidence = structs.replace(shown, background=background_of(each.dense for each in candidates))
        return _judged(hits, Doubt(wording, cosines, evidence, read.rule, odds_of(evidence, read.rule)))

    async def settle(self, found: Retrieval) -> Retrieval:
        """The same with its doubt resolved: the sentences that say most of the question are compared with it.

        Retrieving takes no such time, because an answer needs to know and a list of hits does not.
        """
        if found.doubt is None:
            return found
        odds = await asyncio.to_thread(_look_closer, found.doubt, found.hits)
        return _settled(found.hits, odds)

    def _read(self, question: str) -> _Read:
        if self._unrelated is None:
            self._unrelated = _mean_cosine(self._embedder.embed(_UNRELATED))
        vector = self._embedder.embed([question])[0]
        trust = trust_in_reading(self._embedder.readability(question))
        if (glossed := self._embedder.gloss_readability(question)) is None:
            return _Read(vector, trust, trust, self._rule)
        weight = trust_in_gloss(glossed)
        return _Read(vector, weight, trust, self._rule.of_glosses(), further_by_gloss(trust, weight))

    async def _find(
        self, connection: AsyncConnection[Any], asked: Asked, scope: Scope, read: _Read, plan: _Plan
    ) -> _Found:
        """The candidates of both halves, in one round trip (two more where categories narrow the scope)."""
        terms = {term.term: term for term in asked.terms[:_TERMS_ASKED]}
        parameters = _scope_parameters(scope) | await _searched(connection, scope) | _find_parameters(plan)
        parameters |= {"terms": list(terms), "vector": HalfVector(read.vector)}
        async with connection.pipeline():
            counted = await connection.execute(Q["begin_search"], parameters)
            rows = await connection.cursor(binary=True).execute(Q["find_terms"], parameters)
            near = connection.cursor()
            if plan.only != "lexical":
                await near.execute(self._queries["nearest"], parameters)
        found = await rows.fetchall()
        known = known_terms(terms, found, (await counted.fetchone() or (0, 0))[:2])
        most = 0 if plan.only == "dense" else plan.candidates
        worded = await _best_worded(connection, known, scope, found, most) if most else []
        return _Found(
            of_known_alternatives(known) if asked.glossed else known,
            [row[0] for row in await near.fetchall()] if near.description else [],
            worded,
        )

    async def _complete(
        self, connection: AsyncConnection[Any], found: _Found, read: _Read, plan: _Plan
    ) -> list[_Candidate]:
        """The candidates with both scores, and the best of them as hits."""
        look = plan.first_look
        parameters = found.known.parameters() | {
            "chunk_ids": list(dict.fromkeys([*found.nearest, *found.worded])),
            "vector": HalfVector(read.vector),
            "per_cosine": look.per_cosine,
            "per_words": look.per_words,
            "shown": max(plan.limit, LOOKED_AT),
        }
        async with connection.pipeline():
            await connection.execute(Q["keep_plans"])
            cursor = await connection.execute(self._queries["complete"], parameters)
            await connection.commit()  # in the same round trip
        ranks = _ranks(found.nearest), _ranks(found.worded)
        return [_candidate(row, *ranks) for row in await cursor.fetchall()]


def _judged(hits: tuple[Hit, ...], first: Doubt) -> Retrieval:
    """The hits as the first evidence judges them, with the doubt that it leaves."""
    doubtful = bool(hits) and in_doubt(first.odds, first.evidence, first.rule)
    return structs.replace(_settled(hits, first.odds), doubt=first if doubtful else None)


def _settled(hits: tuple[Hit, ...], odds: float) -> Retrieval:
    relevance = relevance_of(odds)
    return Retrieval(hits, relevance, bool(hits) and relevance >= _RELEVANT)


def _mean_cosine(vectors: NDArray[np.float32]) -> float:
    count = len(vectors)
    return min(0.95, max(0.0, (float((vectors @ vectors.T).sum()) - count) / (count * (count - 1))))


async def _searched(connection: AsyncConnection[Any], scope: Scope) -> dict[str, int | None]:
    """How many chunks the categories hold, up to a limit; None where the statistics tell."""
    if not scope.category_ids:
        return {"searched": None}
    parameters = _scope_parameters(scope) | {"limit": _EXACT_CHUNKS + 1}
    row = await (await connection.execute(Q["count_chunks"], parameters)).fetchone()
    return {"searched": row[0] if row else 0}


def _find_parameters(plan: _Plan) -> dict[str, Any]:
    return {
        "candidates": plan.candidates,
        "few": _FEW_CHUNKS,
        "most": _EXACT_CHUNKS,
        "postings": _POSTINGS_READ,
        "narrowest": _NARROWEST,
    }


async def _best_worded(
    connection: AsyncConnection[Any],
    known: KnownTerms,
    scope: Scope,
    found: Sequence[tuple[Any, ...]],
    most: int,
) -> list[int]:
    """The chunks of the scope, best BM25 over the listed terms first."""
    lists = [Postings(known.weights[term_id], sent) for term_id, _, _, sent in found if sent]
    if not scope.category_ids:
        return best_worded(lists, known.mean_terms, most)
    ranking = best_worded(lists, known.mean_terms)
    parameters = _scope_parameters(scope) | {"chunk_ids": ranking}
    rows = await (await connection.execute(Q["keep_categories"], parameters)).fetchall()
    kept = {row[0] for row in rows}
    return [chunk_id for chunk_id in ranking if chunk_id in kept][:most]


def _ranks(chunk_ids: Iterable[int]) -> dict[int, int]:
    return {chunk_id: rank for rank, chunk_id in enumerate(chunk_ids, start=1)}


def _candidate(
    row: tuple[Any, ...], dense_ranks: dict[int, int], lexical_ranks: dict[int, int]
) -> _Candidate:
    chunk_id, dense, lexical, document_id, *_ = row
    if document_id is None:  # not among the first, or deleted since it was found
        return _Candidate(chunk_id, dense, lexical)
    hit = structs.replace(
        _hit((chunk_id, *row[3:])),
        dense_score=dense,
        lexical_score=lexical,
        dense_rank=dense_ranks.get(chunk_id),
        lexical_rank=lexical_ranks.get(chunk_id),
    )
    return _Candidate(chunk_id, dense, lexical, hit)


def _scores(candidates: Sequence[_Candidate], words: AskedWords | None, plan: _Plan) -> list[float]:
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


def _is_in(language: str, found: Retrieval) -> bool:
    return speaks(language, [hit.text for hit in found.hits])


def _look_closer(doubt: Doubt, hits: Sequence[Hit]) -> float:
    sentences = telling_sentences(doubt.wording, hits)
    compared = compare(doubt.wording.question, sentences, doubt.cosines.of(sentences))
    return odds_after_look(doubt.odds, compared, doubt.evidence, doubt.rule)


def _ranked(candidates: Sequence[_Candidate], scored: Sequence[float], limit: int) -> tuple[Hit, ...]:
    """The best hits with their scores."""
    hits = [
        structs.replace(each.hit, score=score)
        for each, score in zip(candidates, scored, strict=True)
        if each.hit
    ]
    return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.chunk_id))[:limit])


async def read_hits(connection: AsyncConnection[Any], chunk_ids: Sequence[int]) -> tuple[Hit, ...]:
    """Those of the chunks that still exist, in the order asked for; their scores are 0."""
    cursor = await connection.execute(Q["list_hits"], {"chunk_ids": list(chunk_ids)})
    rows = {row[0]: _hit(row) for row in await cursor.fetchall()}
    return tuple(rows[chunk_id] for chunk_id in chunk_ids if chunk_id in rows)


def _hit(row: tuple[Any, ...]) -> Hit:
    chunk_id, document_id, title, url, text, start, end, page, heading_path, space_after = row
    path = tuple(heading_path)
    hit = Hit(chunk_id, document_id, title, url, text, start, end, page, path, 0.0)
    return structs.replace(hit, space_after=space_after)


def _scope_parameters(scope: Scope) -> dict[str, list[UUID]]:
    return {"knowledge_base_ids": list(scope.knowledge_base_ids), "category_ids": list(scope.category_ids)}

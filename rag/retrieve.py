"""A question to hits: nearest and best-worded chunks, both scores combined, and are they relevant."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray
from pgvector import HalfVector
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from rag.candidates import Candidate, Found, Place, Plan, Read, Retrieval, Search, judged
from rag.candidates import Only as Only
from rag.embed import Embedder
from rag.evidence import further_by_gloss, trust_in_gloss, trust_in_reading
from rag.glossary import gloss_in, language_to_gloss, speaks
from rag.lexicon import asked_terms
from rag.passages import Hit, Scope
from rag.postings import Postings, best_worded
from rag.rank import weights_for
from rag.relevance import Rule
from rag.sqlfile import queries_beside, with_constants
from rag.threads import compute
from rag.wording import Asked, KnownTerms, known_terms, of_known_alternatives

Q = queries_beside(__file__)
Pool = AsyncConnectionPool[AsyncConnection[Any]]

_EXACT_CHUNKS = 10_000  # at most; comparing takes 0.65 ms a thousand
_FEW_CHUNKS = 2_000  # not slower than the vector index
_POSTINGS_READ = 3_000  # with 10,000 the same hit@1 (310 questions, 10,000 chunks)
_NARROWEST = 0.1  # a category that is a smaller share of the chunks has no more of its postings read
# Sentences of nothing in common: their mean cosine is what this embedder gives to unrelated texts.
_UNRELATED = (
    "The recipe calls for two cups of flour.",
    "Parliament passed the budget on Tuesday.",
    "Whales migrate south in the winter.",
    "The compiler reports a missing semicolon.",
    "She scored the winning goal in extra time.",
    "Granite forms when magma cools slowly.",
)


class _Halves(Struct, frozen=True):
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
        """The best `limit` chunks of the scope; `only` ranks by one half alone, for measuring."""
        return await self.search(_Index(pool, scope, self._queries), question, limit=limit, only=only)

    async def search(self, place: Place, question: str, *, limit: int = 8, only: Only = "fused") -> Retrieval:
        """The best `limit` chunks of the place.

        A question that finds another language than its own is asked again in English, word for word; so is
        one that finds nothing relevant in its own, and then only relevant texts in English count.
        """
        asked = Asked(question, asked_terms(question))
        found = await self._search(place, asked, limit, only)
        if (language := language_to_gloss(question)) is None:
            return found
        is_own = _is_in(language, found)
        if is_own and found.relevant:
            return found
        # A glossary is loaded when it is first asked.
        glossed = await compute(gloss_in, language, question)
        in_english = Asked(glossed.text, glossed.asked_terms(), glossed=True)
        again = await self._search(place, in_english, limit, only)
        return again if not is_own or (again.relevant and not _is_in(language, again)) else found

    async def _search(self, place: Place, asked: Asked, limit: int, only: Only) -> Retrieval:
        # Before a connection is taken: while the model runs, none is held.
        read = await compute(self._read, asked.text)
        plan = Plan(only, limit, weights_for(read.weight, self._unrelated or 0.0))
        search = Search(asked, read, plan)
        return await judged(await place.find(search), search, self._embedder)

    def _read(self, question: str) -> Read:
        if self._unrelated is None:
            self._unrelated = _mean_cosine(self._embedder.embed(_UNRELATED))
        vector = self._embedder.embed([question])[0]
        trust = trust_in_reading(self._embedder.readability(question))
        if (glossed := self._embedder.gloss_readability(question)) is None:
            return Read(vector, trust, trust, self._rule)
        weight = trust_in_gloss(glossed)
        return Read(vector, weight, trust, self._rule.of_glosses(), further_by_gloss(trust, weight))


class _Index:
    """The stored chunks of a scope."""

    def __init__(self, pool: Pool, scope: Scope, queries: Mapping[str, bytes]) -> None:
        self._pool = pool
        self._scope = scope
        self._queries = queries

    async def find(self, search: Search) -> Found:
        """The candidates of both halves, in two round trips."""
        async with self._pool.connection() as connection:
            halves = await self._find(connection, search)
            candidates = await self._complete(connection, halves, search)
        return Found(halves.known, candidates)

    async def _find(self, connection: AsyncConnection[Any], search: Search) -> _Halves:
        """The candidates of both halves, in one round trip (two more where categories narrow the scope)."""
        scope, plan, terms = self._scope, search.plan, search.terms
        parameters = _scope_parameters(scope) | await _searched(connection, scope) | _find_parameters(plan)
        parameters |= {"terms": list(terms), "vector": HalfVector(search.read.vector)}
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
        return _Halves(
            of_known_alternatives(known) if search.asked.glossed else known,
            [row[0] for row in await near.fetchall()] if near.description else [],
            worded,
        )

    async def _complete(
        self, connection: AsyncConnection[Any], found: _Halves, search: Search
    ) -> list[Candidate]:
        """The candidates with both scores, and the best of them as hits."""
        look = search.plan.first_look
        parameters = found.known.parameters() | {
            "chunk_ids": list(dict.fromkeys([*found.nearest, *found.worded])),
            "vector": HalfVector(search.read.vector),
            "per_cosine": look.per_cosine,
            "per_words": look.per_words,
            "shown": search.plan.shown,
        }
        async with connection.pipeline():
            await connection.execute(Q["keep_plans"])
            cursor = await connection.execute(self._queries["complete"], parameters)
            await connection.commit()  # in the same round trip
        ranks = _ranks(found.nearest), _ranks(found.worded)
        return [_candidate(row, *ranks) for row in await cursor.fetchall()]


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


def _find_parameters(plan: Plan) -> dict[str, Any]:
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


def _candidate(row: tuple[Any, ...], dense_ranks: dict[int, int], lexical_ranks: dict[int, int]) -> Candidate:
    chunk_id, dense, lexical, document_id, *_ = row
    if document_id is None:  # not among the first, or deleted since it was found
        return Candidate(chunk_id, dense, lexical)
    hit = structs.replace(
        _hit((chunk_id, *row[3:])),
        dense_score=dense,
        lexical_score=lexical,
        dense_rank=dense_ranks.get(chunk_id),
        lexical_rank=lexical_ranks.get(chunk_id),
    )
    return Candidate(chunk_id, dense, lexical, hit)


def _is_in(language: str, found: Retrieval) -> bool:
    return speaks(language, [hit.text for hit in found.hits])


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

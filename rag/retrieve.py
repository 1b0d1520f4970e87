"""A question to hits: nearest and best-worded chunks, both scores combined, and are they relevant."""

import asyncio
import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal
from uuid import UUID

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray
from pgvector import HalfVector
from psycopg import AsyncConnection, AsyncCursor
from psycopg_pool import AsyncConnectionPool

from rag.embed import Embedder
from rag.evidence import Wording, trust_in_reading, weigh
from rag.glossary import gloss_for
from rag.lexicon import AskedTerm, asked_terms, language_of
from rag.passages import Hit, Scope
from rag.postings import K1, B, Postings, best_worded
from rag.rank import LOOKED_AT, AskedWords, Match, scores, weights_for
from rag.relevance import Rule, relevance_of
from rag.sqlfile import queries_beside, with_constants

Q = queries_beside(__file__)
Only = Literal["fused", "dense", "lexical"]
Pool = AsyncConnectionPool[AsyncConnection[Any]]

_CANDIDATES = 40  # of each half, or as many as hits are asked for
_EF_SEARCH = 800  # recall@10 1.0 of 100,000 chunks; with 400 .93 to .96, with 200 .91, with 100 .84
_EXACT_CHUNKS = 10_000  # at most; comparing takes 0.65 ms a thousand
_FEW_CHUNKS = 2_000  # not slower than the vector index
_IDF_POWER = 1.5  # a question's rare words say more than BM25's one idf gives them; README, "Figures"
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


class Retrieval(Struct, frozen=True):
    """Hits, best first, and how sure it is (0 to 1) that they speak about the question."""

    hits: tuple[Hit, ...]
    relevance: float
    relevant: bool


class _Asked(Struct, frozen=True):
    """A question as the embedder and the lexicon take it."""

    text: str
    terms: list[AskedTerm]
    glossed: bool = False


class _Wording(Struct, frozen=True):
    """The question's terms as a scope knows them."""

    chunks_count: int
    mean_terms: float
    asked: dict[str, AskedTerm]
    idf: dict[str, float]
    term_of: dict[int, str]
    df: dict[int, int]  # by id, in one knowledge base
    df_of: dict[str, int]  # by term, in all of them

    def weight(self, term_id: int) -> float:
        term = self.term_of[term_id]
        return self.asked[term].weight * float(self.idf[term] ** _IDF_POWER)

    def asked_words(self, language: str | None) -> AskedWords:
        weights = {self.term_of[term_id]: self.weight(term_id) for term_id in self.term_of}
        return AskedWords(self.asked, weights, language)

    def of(self, question: "_Asked") -> Wording:
        full = sum(map(self.weight, self.term_of))
        return Wording(question.text, self.asked, self.df_of, self.chunks_count, question.glossed, full)

    def parameters(self, term_ids: Sequence[int]) -> dict[str, Any]:
        return {
            "term_ids": list(term_ids),
            "weights": [self.weight(term_id) for term_id in term_ids],
            "k1": K1,
            "b": B,
            "mean": self.mean_terms,
        }


class _Candidate(Struct, frozen=True):
    chunk_id: int
    dense: float | None
    lexical: float
    sentence: float = 0.0
    score: float = 0.0


class _Read(Struct, frozen=True):
    """The question as the embedder reads it."""

    vector: NDArray[np.float32]
    weight: float


class Retriever:
    """Finds what answers a question, by one embedding model and the rule calibrated for it."""

    def __init__(self, embedder: Embedder, model_id: int, rule: Rule) -> None:
        self._embedder = embedder
        self._rule = rule
        self._constants = {"dimensions": embedder.dimensions, "model_id": model_id}
        self._unrelated: float | None = None

    async def retrieve(
        self, pool: Pool, question: str, scope: Scope, *, limit: int = 8, only: Only = "fused"
    ) -> Retrieval:
        """The best `limit` chunks of the scope; `only` ranks by one half alone, for measuring.

        A question in another language than what it finds is asked again in English, word for word.
        """
        asked = _Asked(question, asked_terms(question))
        found = await self._retrieve(pool, asked, scope, limit=limit, only=only)
        gloss = await asyncio.to_thread(gloss_for, question, [hit.text for hit in found.hits])
        if gloss is None:
            return found
        asked = _Asked(gloss.text, gloss.asked_terms(), glossed=True)
        return await self._retrieve(pool, asked, scope, limit=limit, only=only)

    async def _retrieve(
        self, pool: Pool, asked: "_Asked", scope: Scope, *, limit: int, only: Only
    ) -> Retrieval:
        wanted = max(_CANDIDATES, limit)
        # Before a connection is taken: while the model runs, none is held.
        read = await asyncio.to_thread(self._read, asked.text)
        async with pool.connection() as connection:
            known = await _known(connection, asked, scope)
            wording = known.wording
            dense = 0 if only == "lexical" else wanted
            lexical = _Wanted(0 if only == "dense" else wanted, known.searched)
            async with connection.pipeline():
                near = await self._nearest(connection, scope, _Plan(read.vector, known.exact, dense))
                lists = await _lists(connection, wording, lexical)
            nearest = [row[0] for row in await near.fetchall()] if near else []
            worded = await _best_worded(connection, known, scope, lists, lexical.candidates)
            found = await self._complete(connection, wording, read.vector, [*nearest, *worded])
            ranking = self._ranking(found, read.weight, only)
            looked_at = ranking[: max(limit, LOOKED_AT)]
            hits = await _hits(connection, looked_at, nearest, worded)
        if only == "fused":
            words = wording.asked_words(language_of(asked.text))
            ranking = self._ranking(_looked_at(ranking, hits[:LOOKED_AT], words), read.weight, only)
        hits = _first(ranking, hits, limit)
        evidence = weigh(wording.of(asked), hits, [each.lexical for each in found], read.weight)
        relevance = relevance_of(evidence, self._rule)
        return Retrieval(hits, relevance, bool(hits) and relevance >= _RELEVANT)

    def _read(self, question: str) -> _Read:
        if self._unrelated is None:
            self._unrelated = _mean_cosine(self._embedder.embed(_UNRELATED))
        weight = trust_in_reading(self._embedder.readability(question))
        return _Read(self._embedder.embed([question])[0], weight)

    async def _nearest(
        self, connection: AsyncConnection[Any], scope: Scope, plan: "_Plan"
    ) -> AsyncCursor[Any] | None:
        """What will hold the nearest chunks; None where none are wanted."""
        if not plan.candidates:
            return None
        parameters = _scope_parameters(scope) | {
            "vector": HalfVector(plan.vector),
            "candidates": plan.candidates,
            "ef_search": str(_EF_SEARCH),
        }
        query = with_constants(Q["nearest_exact" if plan.exact else "nearest"], **self._constants)
        await connection.execute(Q["set_search"], parameters)
        return await connection.execute(query, parameters)

    async def _complete(
        self,
        connection: AsyncConnection[Any],
        wording: _Wording,
        vector: NDArray[np.float32],
        chunk_ids: Iterable[int],
    ) -> list[_Candidate]:
        distinct = list(dict.fromkeys(chunk_ids))
        parameters = {"chunk_ids": distinct, "vector": HalfVector(vector)}
        query = with_constants(Q["complete"], **self._constants)
        cursor = await connection.execute(query, parameters | wording.parameters(list(wording.term_of)))
        return [_Candidate(*row) for row in await cursor.fetchall()]

    def _ranking(self, candidates: Sequence[_Candidate], readable: float, only: Only) -> list[_Candidate]:
        """The candidates, best first; with what their sentences hold once they were looked at."""
        weights = weights_for(readable, self._unrelated or 0.0)
        fused = scores([Match(each.dense, each.lexical, each.sentence) for each in candidates], weights)
        by = {
            "fused": fused,
            "dense": [each.dense or 0.0 for each in candidates],
            "lexical": [each.lexical for each in candidates],
        }
        scored = zip(candidates, by[only], strict=True)
        ranking = [structs.replace(candidate, score=score) for candidate, score in scored]
        return sorted(ranking, key=lambda candidate: (-candidate.score, candidate.chunk_id))


class _Plan(Struct, frozen=True):
    """How the nearest chunks are looked for."""

    vector: NDArray[np.float32]
    exact: bool
    candidates: int


class _Known(Struct, frozen=True):
    """The terms as a scope knows them, its chunks (up to a limit), and whether all of them are compared."""

    wording: _Wording
    searched: int
    exact: bool


class _Wanted(Struct, frozen=True):
    """How many candidates are wanted of how many chunks."""

    candidates: int
    of: int


def _mean_cosine(vectors: NDArray[np.float32]) -> float:
    count = len(vectors)
    return min(0.95, max(0.0, (float((vectors @ vectors.T).sum()) - count) / (count * (count - 1))))


async def _known(connection: AsyncConnection[Any], question: "_Asked", scope: Scope) -> "_Known":
    asked = {term.term: term for term in question.terms[:_TERMS_ASKED]}
    parameters = _scope_parameters(scope) | {"terms": list(asked), "limit": _EXACT_CHUNKS + 1}
    async with connection.pipeline():
        statistics = await connection.execute(Q["scope_statistics"], parameters)
        known = await connection.execute(Q["find_terms"], parameters)
        counted = await connection.execute(Q["count_chunks"], parameters) if scope.category_ids else None
    chunks_count, terms_count, vectors_count = await statistics.fetchone() or (0, 0, 0)
    narrowed = await counted.fetchone() if counted else None
    wording = _wording(asked, await known.fetchall(), chunks_count, terms_count)
    if question.glossed:
        wording = _of_known_alternatives(wording)
    searched = narrowed[0] if narrowed else chunks_count
    return _Known(wording, searched, _is_exact(searched, max(chunks_count, vectors_count)))


def _is_exact(chunks_count: int, vectors_count: int) -> bool:
    """Whether comparing all chunks of a scope is faster than looking for them among all vectors by index."""
    pays = chunks_count**2 <= _FEW_CHUNKS / 2 * vectors_count
    return chunks_count <= _EXACT_CHUNKS and (chunks_count <= _FEW_CHUNKS or pays)


async def _lists(
    connection: AsyncConnection[Any], wording: _Wording, wanted: "_Wanted"
) -> AsyncCursor[Any] | None:
    """What will hold the posting lists of the rarest terms; None where there is nothing to read."""
    share = min(1.0, max(_NARROWEST, wanted.of / max(1, wording.chunks_count)))
    term_ids = _rare_enough(wording, round(_POSTINGS_READ / share)) if wanted.candidates else []
    if not term_ids:
        return None
    return await connection.cursor(binary=True).execute(Q["list_postings"], {"term_ids": term_ids})


async def _best_worded(
    connection: AsyncConnection[Any],
    known: "_Known",
    scope: Scope,
    lists: AsyncCursor[Any] | None,
    candidates: int,
) -> list[int]:
    wording = known.wording
    rows = await lists.fetchall() if lists else []
    ranking = best_worded(
        [Postings(wording.weight(term_id), sent) for term_id, sent in rows], wording.mean_terms
    )
    return await _first_in(connection, scope, ranking, candidates)


async def _first_in(
    connection: AsyncConnection[Any], scope: Scope, ranking: list[int], candidates: int
) -> list[int]:
    """The first of the ranking that lie in the scope's categories."""
    if not scope.category_ids or not ranking:
        return ranking[:candidates]
    parameters = _scope_parameters(scope) | {"chunk_ids": ranking}
    rows = await (await connection.execute(Q["keep_categories"], parameters)).fetchall()
    kept = {row[0] for row in rows}
    return [chunk_id for chunk_id in ranking if chunk_id in kept][:candidates]


def _wording(
    asked: dict[str, AskedTerm], rows: Sequence[tuple[Any, ...]], chunks_count: int, terms_count: int
) -> _Wording:
    dfs = dict.fromkeys(asked, 0)
    for _, term, df in rows:
        dfs[term] += df
    return _Wording(
        chunks_count,
        terms_count / max(1, chunks_count) or 1.0,
        asked,
        # Chunks may have come since they were counted.
        {term: math.log1p((max(0, chunks_count - df) + 0.5) / (df + 0.5)) for term, df in dfs.items()},
        {term_id: term for term_id, term, _ in rows},
        {term_id: df for term_id, _, df in rows},
        dfs,
    )


def _of_known_alternatives(wording: _Wording) -> _Wording:
    """Without the translations that the scope does not know, where it knows another one of the word."""
    known = {term.word for term in wording.asked.values() if wording.df_of[term.term]}
    asked = {
        name: term for name, term in wording.asked.items() if wording.df_of[name] or term.word not in known
    }
    return structs.replace(wording, asked=asked)


def _rare_enough(wording: _Wording, limit: int) -> list[int]:
    """The terms whose postings are read to find candidates: by rarity, until `limit` postings are named.

    The score of a candidate is completed over all terms later.
    """
    chosen: list[int] = []
    postings = 0
    for term_id in sorted(wording.df, key=lambda term_id: (wording.df[term_id], term_id)):
        postings += wording.df[term_id]
        if chosen and postings > limit:
            break
        chosen.append(term_id)
    return chosen


def _looked_at(ranking: Sequence[_Candidate], hits: Sequence[Hit], words: AskedWords) -> list[_Candidate]:
    """The candidates, those of the hits with what the best of their sentences holds."""
    held = {
        hit.chunk_id: words.best_sentence("\n".join((hit.title, *hit.heading_path)), hit.text) for hit in hits
    }
    return [structs.replace(each, sentence=held.get(each.chunk_id, 0.0)) for each in ranking]


def _first(ranking: Sequence[_Candidate], hits: Sequence[Hit], limit: int) -> tuple[Hit, ...]:
    """The hits in the order of the ranking, with its scores."""
    by_id = {hit.chunk_id: hit for hit in hits}
    found = [
        structs.replace(by_id[each.chunk_id], score=each.score) for each in ranking if each.chunk_id in by_id
    ]
    return tuple(found[:limit])


async def _hits(
    connection: AsyncConnection[Any], ranking: Sequence[_Candidate], nearest: list[int], worded: list[int]
) -> tuple[Hit, ...]:
    stored = await read_hits(connection, [candidate.chunk_id for candidate in ranking])
    by_id = {candidate.chunk_id: candidate for candidate in ranking}
    dense_ranks = {chunk_id: rank for rank, chunk_id in enumerate(nearest, start=1)}
    lexical_ranks = {chunk_id: rank for rank, chunk_id in enumerate(worded, start=1)}
    return tuple(
        structs.replace(
            hit,
            dense_score=by_id[hit.chunk_id].dense,
            lexical_score=by_id[hit.chunk_id].lexical,
            dense_rank=dense_ranks.get(hit.chunk_id),
            lexical_rank=lexical_ranks.get(hit.chunk_id),
        )
        for hit in stored
    )


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

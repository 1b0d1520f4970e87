"""The bench of retrieval: how its cost and recall, and those of adding and removing, change with the size."""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import click
import numpy as np
import uvloop
from bench_corpus import (
    CHUNKS_PER_DOCUMENT,
    HANDBOOK,
    SHARES,
    Handbook,
    Owner,
    Passage,
    fill,
    prepared,
    row_of,
)
from msgspec import Struct
from numpy.typing import NDArray
from pgvector import HalfVector
from psycopg import AsyncConnection

from app.cli.options import open_house_of, settings_with
from app.services.house import House
from app.services.manage_assistants import create_assistant
from app.services.read_question_sets import read_file_set
from rag import index
from rag.embed import Embedder
from rag.glossing import load_glossing_embedder
from rag.lexicon import language_of
from rag.models import enlist, ensure_index
from rag.passages import Scope
from rag.relevance import Rule
from rag.retrieve import Q, Retriever
from rag.sqlfile import with_constants

_NAME = "retrieval bench"
_FEW_DOCUMENTS = 100
_CHANGED = 40  # documents that are added, and removed, to see what it takes
_WARM = 10
_BARE = """
SELECT chunk_id FROM chunk_vectors WHERE model_id = {model_id}
ORDER BY (embedding::halfvec({dimensions})) <=> %s::halfvec({dimensions}) LIMIT 10
"""
_EXACT = """
WITH all_of_it AS MATERIALIZED (
    SELECT chunk_id, embedding <=> %s::halfvec AS distance FROM chunk_vectors
    WHERE model_id = %s AND category_id = ANY(%s)
)
SELECT chunk_id FROM all_of_it ORDER BY distance LIMIT 10
"""

Vector = NDArray[np.float32]


class Place(Struct, frozen=True):
    """Where the bench stores, and by which model."""

    house: House
    model_id: int
    rule: Rule
    owner: Owner


class Known:
    """An embedder that has seen every question before: its time is not that of retrieval."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: dict[str, Vector] = {}
        self._readable: dict[str, float] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._embedder, name)

    def embed(self, texts: Sequence[str]) -> Vector:
        """The vectors, each computed once."""
        for text in texts:
            if text not in self._vectors:
                self._vectors[text] = self._embedder.embed([text])[0]
        return np.stack([self._vectors[text] for text in texts])

    def readability(self, text: str) -> float:
        """How well the embedder reads the text, computed once."""
        if text not in self._readable:
            self._readable[text] = self._embedder.readability(text)
        return self._readable[text]


@click.command()
@click.option("--chunks", type=click.IntRange(5_000), default=100_000, show_default=True)
@click.option(
    "--keep", type=click.Path(path_type=Path), help="A folder for the filled databases, used again."
)
def main(chunks: int, keep: Path | None) -> None:
    """Measure retrieval at a tenth of CHUNKS and at all of them; the last line is JSON."""
    with tempfile.TemporaryDirectory(prefix="lectern-bench-", ignore_cleanup_errors=True) as temporary:
        figures = uvloop.run(_measure(keep or Path(temporary), chunks))  # the loop that serves
    click.echo(json.dumps(figures))


async def _measure(folder: Path, chunks: int) -> dict[str, Any]:
    real = load_glossing_embedder()
    embedder, handbook = Known(real), Handbook(real)
    # What is asked in another language than the passages' is asked twice, the second time in other words.
    questions = [
        each.question for each in read_file_set(HANDBOOK).questions if language_of(each.question) == "english"
    ]
    by_size: list[dict[str, Any]] = []
    for size in (_FEW_DOCUMENTS * CHUNKS_PER_DOCUMENT, chunks // 10, chunks):
        async with open_house_of(settings_with(folder / str(size)), llm="nothing") as house:
            place = await _place(house, embedder)
            await _fill(place, handbook, embedder, size)
            figures = await _ask(place, embedder, questions) | await _recall(place, embedder, questions)
            by_size.append(figures | await _space(place) | await _change(place, handbook))
    least, few, many = by_size
    return {"ratios": _ratios(least, few, many), "100_documents": least, "tenth": few, "all": many}


def _ratios(least: dict[str, Any], few: dict[str, Any], many: dict[str, Any]) -> dict[str, float]:
    """What is to stay small, whatever the machine: times over times of the same run, and recall."""
    asked = (
        (few, few, "bare"),
        (many, many, "bare"),
        (many, many, "bare_as_far"),
        (many, few, "retrieval"),
    )
    names = (
        "retrieval_over_bare_at_a_tenth",
        "retrieval_over_bare",
        "retrieval_over_bare_as_far",
        "retrieval_growth",
    )
    ratios = {
        name: round(one["retrieval_p50_ms"] / other[f"{kind}_p50_ms"], 2)
        for name, (one, other, kind) in zip(names, asked, strict=True)
    }
    changed = {
        f"{kind}_growth": round(many[f"{kind}_ms"] / least[f"{kind}_ms"], 2) for kind in ("add", "remove")
    }
    return ratios | changed | {name: many[name] for name in many if name.startswith("recall")}


async def _place(house: House, embedder: Embedder) -> Place:
    """The knowledge base of an earlier run in this folder, or a new one."""
    enlisted = await enlist(house.pool, embedder)
    async with house.pool.connection() as connection:
        rows = await _rows(connection, "SELECT id FROM workspaces WHERE name = %s", _NAME)
    workspace_id = rows[0][0] if rows else (await create_assistant(house.pool, _NAME)).workspace_id
    async with house.pool.connection() as connection:
        [(base_id,)] = await _rows(
            connection, "SELECT id FROM knowledge_bases WHERE workspace_id = %s", workspace_id
        )
        if not rows:
            await _make_parts(connection, workspace_id, base_id)
        [(source_id,)] = await _rows(
            connection, "SELECT id FROM sources WHERE knowledge_base_id = %s", base_id
        )
        categories = await _rows(
            connection, "SELECT id FROM categories WHERE knowledge_base_id = %s ORDER BY seq", base_id
        )
    owner = Owner(workspace_id, base_id, source_id, tuple(row[0] for row in categories))
    return Place(house, enlisted.id, enlisted.rule, owner)


async def _make_parts(connection: AsyncConnection[Any], workspace_id: UUID, base_id: UUID) -> None:
    await connection.execute(
        "INSERT INTO sources (workspace_id, knowledge_base_id, kind) VALUES (%s, %s, 'text')",
        (workspace_id, base_id),
    )
    for name in (*SHARES, "rest"):
        await connection.execute(
            "INSERT INTO categories (workspace_id, knowledge_base_id, name) VALUES (%s, %s, %s)",
            (workspace_id, base_id, str(name)),
        )


async def _fill(place: Place, handbook: Handbook, embedder: Embedder, size: int) -> None:
    async with place.house.pool.connection() as connection:
        if (await _rows(connection, "SELECT count(*) FROM chunks"))[0][0]:
            return
        began = time.perf_counter()
        # One by one, rows would cost the vector index ten times what building it from all of them does.
        await connection.execute(
            with_constants("DROP INDEX IF EXISTS chunk_vectors_hnsw_{model_id}", model_id=place.model_id)
        )
        await connection.execute("SET LOCAL maintenance_work_mem = '1GB'")
        passages = [each async for each in _first(handbook.passages(), size)]
        await fill(connection, place.owner, place.model_id, passages)
        click.echo(f"{size} chunks are stored after {time.perf_counter() - began:.0f} s", file=sys.stderr)
        await ensure_index(connection, place.model_id, embedder.dimensions)
    async with place.house.pool.connection() as connection:
        await connection.set_autocommit(True)
        await connection.execute("VACUUM ANALYZE")
        await connection.set_autocommit(False)
    click.echo(f"and indexed after {time.perf_counter() - began:.0f} s", file=sys.stderr)


async def _first(items: AsyncIterator[Passage], count: int) -> AsyncIterator[Passage]:
    for _ in range(count):
        yield await anext(items)


async def _change(place: Place, handbook: Handbook) -> dict[str, Any]:
    """The milliseconds a document takes to store, vectors and terms being ready, and one takes to remove."""
    passages = handbook.passages()
    added, removed = [], []
    for _ in range(_CHANGED):
        document = prepared(place.owner, [each async for each in _first(passages, CHUNKS_PER_DOCUMENT)])
        began = time.perf_counter()
        async with place.house.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO documents (id, workspace_id, knowledge_base_id, source_id, category_id, name) "
                "VALUES (%s, %s, %s, %s, %s, %s)",
                row_of(place.owner, document.key),
            )
            await index.replace_document(connection, document, place.model_id)
        added.append((time.perf_counter() - began) * 1000)
    async with place.house.pool.connection() as connection:
        found = await _rows(connection, "SELECT id FROM documents ORDER BY random() LIMIT %s", _CHANGED)
    for (document_id,) in found:
        began = time.perf_counter()
        async with place.house.pool.connection() as connection:
            await index.remove_documents(connection, [document_id])
            await connection.execute("DELETE FROM documents WHERE id = %s", (document_id,))
        removed.append((time.perf_counter() - began) * 1000)
    return {"add_ms": _median(added), "remove_ms": _median(removed)}


async def _ask(place: Place, embedder: Known, questions: Sequence[str]) -> dict[str, Any]:
    """Retrieval without embedding, in turns with the bare query for the ten nearest vectors.

    The bare query runs as pgvector comes, and looking as far as retrieval does, which finds what it finds.
    Each question is asked once before, so that sentences of close candidates are embedded already, too; how
    long that first time took is told beside it. These passages repeat each other: most candidates are close.
    """
    retriever, scope = (
        Retriever(embedder, place.model_id, place.rule),
        Scope((place.owner.knowledge_base_id,)),
    )
    took: dict[str, list[float]] = {
        "retrieval_first": [
            await _clocked(retriever.retrieve(place.house.pool, question, scope)) for question in questions
        ],
        "retrieval": [],
        "bare": [],
        "bare_as_far": [],
    }
    for question in questions:
        vector = HalfVector(embedder.embed([question])[0])
        took["retrieval"].append(await _clocked(retriever.retrieve(place.house.pool, question, scope)))
        took["bare"].append(await _clocked(_ask_bare(place, embedder, vector)))
        took["bare_as_far"].append(await _clocked(_ask_bare(place, embedder, vector, as_far=True)))
    return {f"{name}_p50_ms": _median(each[_WARM:]) for name, each in took.items()}


async def _ask_bare(place: Place, embedder: Known, vector: HalfVector, *, as_far: bool = False) -> None:
    bare = with_constants(_BARE, model_id=place.model_id, dimensions=embedder.dimensions)
    async with place.house.pool.connection() as connection:
        async with connection.pipeline() if as_far else nullcontext():
            if as_far:
                bases = {"knowledge_base_ids": [place.owner.knowledge_base_id]}
                await connection.execute(Q["begin_search"], bases)
            cursor = await connection.execute(bare, (vector,))
        await cursor.fetchall()


async def _clocked(work: Awaitable[object]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    await work
    return (time.perf_counter() - began) * 1000


async def _recall(place: Place, embedder: Known, questions: Sequence[str]) -> dict[str, Any]:
    """The share of the ten nearest that is found, and the time, by the share of chunks in the scope."""
    retriever = Retriever(embedder, place.model_id, place.rule)
    figures: dict[str, Any] = {}
    one, ten, _ = place.owner.categories
    for name, categories in (("1%", (one,)), ("10%", (ten,)), ("100%", place.owner.categories)):
        scope, shares, took = Scope((place.owner.knowledge_base_id,), categories), [], []
        for question in questions:
            began = time.perf_counter()
            found = await retriever.retrieve(place.house.pool, question, scope, limit=10, only="dense")
            took.append((time.perf_counter() - began) * 1000)
            vector = HalfVector(embedder.embed([question])[0])
            async with place.house.pool.connection() as connection:
                nearest = await _rows(connection, _EXACT, vector, place.model_id, list(categories))
            shares.append(
                len({hit.chunk_id for hit in found.hits} & {row[0] for row in nearest}) / max(1, len(nearest))
            )
        figures[f"recall_at_10_of_{name}"] = round(statistics.mean(shares), 3)
        figures[f"dense_p50_ms_of_{name}"] = _median(took)
    return figures


async def _space(place: Place) -> dict[str, float]:
    """Bytes a chunk with indexes, by table."""
    query = "SELECT pg_total_relation_size(%s::regclass)::float / count(*) FROM chunks"
    tables = ("chunks", "chunk_vectors", "chunk_terms", "terms", "posting_blocks")
    async with place.house.pool.connection() as connection:
        return {f"bytes_{table}": round((await _rows(connection, query, table))[0][0]) for table in tables}


async def _rows(
    connection: AsyncConnection[Any], query: LiteralString, *values: Any
) -> list[tuple[Any, ...]]:
    return await (await connection.execute(query, values)).fetchall()


def _median(figures: Sequence[float]) -> float:
    return round(statistics.median(figures), 2)


if __name__ == "__main__":
    main()

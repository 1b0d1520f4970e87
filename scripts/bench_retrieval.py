"""The bench of retrieval: how its cost and recall, and the cost of adding, change with the size of the index.

The passages are the handbook's, and beyond those recombined: sentences of two passages under a few made-up
names, so that word frequencies stay those of text, with the vectors of the two mixed, so that they lie where
real ones do.
"""

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID, uuid4

import click
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from pgvector import HalfVector
from psycopg import AsyncConnection

from app.cli.options import open_house_of, settings_with
from app.services.house import House
from app.services.manage_assistants import create_assistant
from app.services.read_question_sets import read_file_set
from rag import index
from rag.chunk import split
from rag.embed import Embedder, load_embedder
from rag.errors import Unreadable
from rag.extract import Extractor
from rag.lexicon import sentences, terms
from rag.passages import Chunk, Scope, join_pages
from rag.retrieve import Retriever
from rag.sqlfile import with_constants

HANDBOOK = Path(__file__).resolve().parent.parent / "tests/data/handbook-tts"
_NAME = "retrieval bench"
_CHUNKS_PER_DOCUMENT = 4
_SHARES = (0.01, 0.1)  # of the chunks in a category each; the rest lies in a third
_MEASURED = (100, 2_500, 10_000)  # documents; at each, what adding one costs
_ADDED = 40
_BATCH_DOCUMENTS = 25
_WARM = 10
_NOISE = (
    0.025  # a coordinate: a recombined passage is then as far from its two as they are from their neighbours
)
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


class Passage(Struct, frozen=True):
    """A text with its vector."""

    text: str
    vector: Vector


class Place(Struct, frozen=True):
    """Where the bench stores: a knowledge base with a category for each share, the last for the rest."""

    house: House
    model_id: int
    workspace_id: UUID
    knowledge_base_id: UUID
    source_id: UUID
    categories: tuple[UUID, ...]


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

    def embed_all(self, texts: Sequence[str]) -> Vector:
        """The vectors of passages, which are not kept."""
        return self._embedder.embed(texts)

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
        figures = asyncio.run(_measure(keep or Path(temporary), chunks))
    click.echo(json.dumps(figures))


async def _measure(folder: Path, chunks: int) -> dict[str, Any]:
    embedder = Known(load_embedder())
    handbook = Handbook(embedder)
    questions = [each.question for each in read_file_set(HANDBOOK).questions]
    by_size: list[dict[str, Any]] = []
    for size in (chunks // 10, chunks):
        settings = settings_with(folder / str(size))
        async with open_house_of(settings, with_llm=False) as house:
            place = await _place(house, embedder)
            figures = await _fill(place, handbook, embedder, size) | await _ask(place, embedder, questions)
            by_size.append(figures | await _recall(place, embedder, questions) | await _space(place))
    few, many = by_size
    ratios = {
        "retrieval_over_bare": round(many["retrieval_p50_ms"] / many["bare_p50_ms"], 2),
        "retrieval_growth": round(many["retrieval_p50_ms"] / few["retrieval_p50_ms"], 2),
    }
    return {"ratios": ratios, "tenth": few, "all": many}


async def _place(house: House, embedder: Known) -> Place:
    """The knowledge base of an earlier run in this folder, or a new one."""
    async with house.pool.connection() as connection:
        rows = await _rows(connection, "SELECT id FROM workspaces WHERE name = %s", _NAME)
        model_id = await index.register_model(connection, embedder.name, embedder.dimensions)
    workspace_id = rows[0][0] if rows else (await create_assistant(house.pool, _NAME)).workspace_id
    async with house.pool.connection() as connection:
        [(base_id,)] = await _rows(
            connection, "SELECT id FROM knowledge_bases WHERE workspace_id = %s", workspace_id
        )
        if not rows:
            await connection.execute(
                "INSERT INTO sources (workspace_id, knowledge_base_id, kind) VALUES (%s, %s, 'text')",
                (workspace_id, base_id),
            )
            for name in (*_SHARES, "rest"):
                await connection.execute(
                    "INSERT INTO categories (workspace_id, knowledge_base_id, name) VALUES (%s, %s, %s)",
                    (workspace_id, base_id, str(name)),
                )
        [(source_id,)] = await _rows(
            connection, "SELECT id FROM sources WHERE knowledge_base_id = %s", base_id
        )
        categories = await _rows(
            connection, "SELECT id FROM categories WHERE knowledge_base_id = %s ORDER BY seq", base_id
        )
    return Place(house, model_id, workspace_id, base_id, source_id, tuple(row[0] for row in categories))


class Handbook:
    """Passages without end, out of the bundled handbook."""

    def __init__(self, embedder: Known) -> None:
        self._embedder = embedder
        self._real: list[Passage] = []

    async def passages(self) -> AsyncIterator[Passage]:
        """The handbook's own, then recombined ones; the same at each call."""
        self._real = self._real or await self._read()
        for passage in self._real:
            yield passage
        chance, noise = random.Random(1), np.random.default_rng(1)  # noqa: S311 - not for secrets
        cut = [[each.text[start:end] for start, end in sentences(each.text)] for each in self._real]
        while True:
            one = chance.randrange(len(cut))
            two = min(len(cut) - 1, max(0, one + chance.choice((-2, -1, 1, 2))))
            names = [f"nm{int(1 / (chance.random() + 1e-7))}x" for _ in range(3)]
            picked = [each for each in cut[one] if chance.random() < 0.6]
            picked += [each for each in cut[two] if chance.random() < 0.4]
            mixed = 0.7 * self._real[one].vector + 0.3 * self._real[two].vector
            mixed = _unit(_unit(mixed) + noise.standard_normal(len(mixed)) * _NOISE)
            yield Passage(" ".join(names + picked), mixed.astype(np.float32))

    async def _read(self) -> list[Passage]:
        extractor = Extractor()
        texts: list[str] = []
        for name, path in read_file_set(HANDBOOK).files.items():
            if path.suffix == ".md":
                with suppress(Unreadable):  # a few pages are empty
                    extracted = await extractor.extract(path, name)
                    document = join_pages(extracted.pages, extracted.title or name)
                    texts += [chunk.text for chunk in split(document, self._embedder)]
        await extractor.close()
        vectors = self._embedder.embed_all(texts)
        return [Passage(text, vector) for text, vector in zip(texts, vectors, strict=True)]


def _unit(vector: Any) -> Any:
    return vector / np.linalg.norm(vector)


async def _fill(place: Place, handbook: Handbook, embedder: Known, size: int) -> dict[str, Any]:
    """What adding a document takes at several sizes on the way to this one."""
    stored = await _count(place)
    if stored >= size:
        return {}
    passages = handbook.passages()
    figures = {}
    with click.progressbar(length=size - stored, label=f"{size} chunks", file=sys.stderr) as bar:
        for target in sorted(
            {min(size, documents * _CHUNKS_PER_DOCUMENT) for documents in _MEASURED} | {size}
        ):
            await _drop_vector_index(place)
            while stored < target:
                count = min(_BATCH_DOCUMENTS, -(-(target - stored) // _CHUNKS_PER_DOCUMENT))
                await _add(place, passages, count)
                stored += count * _CHUNKS_PER_DOCUMENT
                bar.update(count * _CHUNKS_PER_DOCUMENT)
            await _make_vector_index(place, embedder)
            figures[f"add_ms_at_{stored // _CHUNKS_PER_DOCUMENT}_documents"] = await _timed_adding(
                place, passages
            )
            stored += _ADDED * _CHUNKS_PER_DOCUMENT
    return figures


async def _timed_adding(place: Place, passages: AsyncIterator[Passage]) -> float:
    took = []
    for _ in range(_ADDED):
        took.append(await _add(place, passages, 1))
    return _median(took)


async def _add(place: Place, passages: AsyncIterator[Passage], documents: int) -> float:
    """The milliseconds that storing new documents took, vectors and terms being ready."""
    prepared = [await _prepared(place, passages) for _ in range(documents)]
    began = time.perf_counter()
    async with place.house.pool.connection() as connection:
        for each in prepared:
            await connection.execute(
                "INSERT INTO documents (id, workspace_id, knowledge_base_id, source_id, category_id, name) "
                "VALUES (%s, %s, %s, %s, %s, %s)",
                _row_of(place, each.key),
            )
            await index.replace_document(connection, each, place.model_id)
    return (time.perf_counter() - began) * 1000


def _row_of(place: Place, key: index.DocumentKey) -> tuple[Any, ...]:
    owners = (key.workspace_id, key.knowledge_base_id, place.source_id)
    return (key.document_id, *owners, key.category_id, str(key.document_id))


async def _prepared(place: Place, passages: AsyncIterator[Passage]) -> index.Prepared:
    taken = [await anext(passages) for _ in range(_CHUNKS_PER_DOCUMENT)]
    document_id = uuid4()
    # A document's category by its id, so that it has nothing to do with what it says.
    at = document_id.int % 1000 / 1000
    category = next((n for n, share in enumerate(np.cumsum(_SHARES)) if at < share), len(_SHARES))
    chunks = tuple(
        Chunk(n, n * 10_000, n * 10_000 + len(each.text), each.text) for n, each in enumerate(taken)
    )
    hashes = tuple(index.content_hash(str(document_id), chunk) for chunk in chunks)
    return index.Prepared(
        index.DocumentKey(
            document_id, place.workspace_id, place.knowledge_base_id, place.categories[category]
        ),
        chunks,
        hashes,
        {key: Counter(terms(each.text, "english")) for key, each in zip(hashes, taken, strict=True)},
        {key: each.vector for key, each in zip(hashes, taken, strict=True)},
    )


async def _drop_vector_index(place: Place) -> None:
    async with place.house.pool.connection() as connection:
        await connection.execute(
            with_constants("DROP INDEX IF EXISTS chunk_vectors_hnsw_{model_id}", model_id=place.model_id)
        )


async def _make_vector_index(place: Place, embedder: Known) -> None:
    async with place.house.pool.connection() as connection:
        await connection.execute("SET LOCAL maintenance_work_mem = '512MB'")
        await index.register_model(connection, embedder.name, embedder.dimensions)
    async with place.house.pool.connection() as connection:
        await connection.set_autocommit(True)
        await connection.execute("VACUUM ANALYZE chunks, chunk_vectors, chunk_terms, terms, posting_blocks")
        await connection.set_autocommit(False)


async def _ask(place: Place, embedder: Known, questions: Sequence[str]) -> dict[str, Any]:
    """Retrieval without embedding, against the bare query for the ten nearest vectors, in turns."""
    retriever, scope = Retriever(embedder, place.model_id), Scope((place.knowledge_base_id,))
    bare = with_constants(_BARE, model_id=place.model_id, dimensions=embedder.dimensions)
    retrieval_ms, bare_ms = [], []
    for question in [*questions[:_WARM], *questions]:
        vector = HalfVector(embedder.embed([question])[0])
        embedder.readability(question)
        began = time.perf_counter()
        await retriever.retrieve(place.house.pool, question, scope)
        between = time.perf_counter()
        async with place.house.pool.connection() as connection:
            await (await connection.execute(bare, (vector,))).fetchall()
        bare_ms.append((time.perf_counter() - between) * 1000)
        retrieval_ms.append((between - began) * 1000)
    return {"retrieval_p50_ms": _median(retrieval_ms[_WARM:]), "bare_p50_ms": _median(bare_ms[_WARM:])}


async def _recall(place: Place, embedder: Known, questions: Sequence[str]) -> dict[str, Any]:
    """The share of the ten nearest that is found, and the time, by the share of chunks in the scope."""
    retriever = Retriever(embedder, place.model_id)
    figures: dict[str, Any] = {}
    one, ten, _ = place.categories
    for name, categories in (("1%", (one,)), ("10%", (ten,)), ("100%", place.categories)):
        scope, shares, took = Scope((place.knowledge_base_id,), categories), [], []
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


async def _count(place: Place) -> int:
    async with place.house.pool.connection() as connection:
        return int((await _rows(connection, "SELECT count(*) FROM chunks"))[0][0])


async def _rows(
    connection: AsyncConnection[Any], query: LiteralString, *values: Any
) -> list[tuple[Any, ...]]:
    return await (await connection.execute(query, values)).fetchall()


def _median(figures: Sequence[float]) -> float:
    return round(statistics.median(figures), 2)


if __name__ == "__main__":
    main()

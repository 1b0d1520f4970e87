"""What the bench of retrieval stores: passages without end, and a way to store many of them at once.

The passages are the handbook's, and beyond those recombined: sentences of two passages under a few made-up
names, so that word frequencies stay those of text, with the vectors of the two mixed, so that they lie where
real ones do.
"""

import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID, uuid4

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from pgvector import HalfVector
from psycopg import AsyncConnection

from app.services.read_question_sets import read_file_set
from rag import index
from rag.chunk import split
from rag.embed import Embedder
from rag.errors import Unreadable
from rag.extract import Extractor
from rag.lexicon import sentences, terms
from rag.passages import Chunk, join_pages

HANDBOOK = Path(__file__).resolve().parent.parent / "tests/data/handbook-tts"
CHUNKS_PER_DOCUMENT = 8
SHARES = (0.01, 0.1)  # of the documents in a category each; the rest lies in a third
_BLOCK_ENTRIES = 64
# A coordinate: a recombined passage is then as far from its two as they are from their neighbours.
_NOISE = 0.025

Vector = NDArray[np.float32]


class Passage(Struct, frozen=True):
    """A text with its terms and its vector."""

    text: str
    counts: Counter[str]
    vector: Vector


class Owner(Struct, frozen=True):
    """Whose documents the bench stores; the categories are those of `SHARES` and one for the rest."""

    workspace_id: UUID
    knowledge_base_id: UUID
    source_id: UUID
    categories: tuple[UUID, ...]

    def document(self) -> index.DocumentKey:
        """A new document; its category has nothing to do with what it says."""
        document_id = uuid4()
        at = document_id.int % 1000 / 1000
        category = next((n for n, share in enumerate(np.cumsum(SHARES)) if at < share), len(SHARES))
        return index.DocumentKey(
            document_id, self.workspace_id, self.knowledge_base_id, self.categories[category]
        )


class Handbook:
    """Passages without end, out of the bundled handbook."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._real: list[Passage] = []

    async def passages(self) -> AsyncIterator[Passage]:
        """The handbook's own, then recombined ones; the same at each call."""
        self._real = self._real or await self._read()
        for passage in self._real:
            yield passage
        for passage in _recombined(self._real):
            yield passage

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
        vectors = self._embedder.embed(texts)
        return [Passage(text, _counts(text), vector) for text, vector in zip(texts, vectors, strict=True)]


def _recombined(real: Sequence[Passage]) -> Iterator[Passage]:
    chance, noise = random.Random(1), np.random.default_rng(1)  # noqa: S311 - not for secrets
    cut = [
        [(each.text[start:end], _counts(each.text[start:end])) for start, end in sentences(each.text)]
        for each in real
    ]
    while True:
        one = chance.randrange(len(cut))
        two = min(len(cut) - 1, max(0, one + chance.choice((-2, -1, 1, 2))))
        names = [f"nm{int(1 / (chance.random() + 1e-7))}x" for _ in range(3)]
        picked = [each for each in cut[one] if chance.random() < 0.6]
        picked += [each for each in cut[two] if chance.random() < 0.4]
        counts = Counter(names)
        for _, counted in picked:
            counts.update(counted)
        mixed = _unit(0.7 * real[one].vector + 0.3 * real[two].vector)
        mixed = _unit(mixed + noise.standard_normal(len(mixed)) * _NOISE)
        yield Passage(" ".join([*names, *(text for text, _ in picked)]), counts, mixed.astype(np.float32))


def _counts(text: str) -> Counter[str]:
    return Counter(terms(text, "english"))


def _unit(vector: Any) -> Any:
    return vector / np.linalg.norm(vector)


def prepared(owner: Owner, passages: Sequence[Passage]) -> index.Prepared:
    """A document of the passages, ready to be stored."""
    key = owner.document()
    chunks = tuple(_chunks(passages))
    hashes = tuple(index.content_hash(str(key.document_id), chunk) for chunk in chunks)
    counts = {text_hash: each.counts for text_hash, each in zip(hashes, passages, strict=True)}
    vectors = {text_hash: each.vector for text_hash, each in zip(hashes, passages, strict=True)}
    return index.Prepared(key, chunks, hashes, counts, vectors)


def _chunks(passages: Sequence[Passage]) -> Iterator[Chunk]:
    for n, each in enumerate(passages):
        yield Chunk(n, n * 10_000, n * 10_000 + len(each.text), each.text)


async def fill(
    connection: AsyncConnection[Any], owner: Owner, model_id: int, passages: list[Passage]
) -> None:
    """Stores the passages in an empty knowledge base in bulk, as storing one document at a time would."""
    keys = [owner.document() for _ in range(-(-len(passages) // CHUNKS_PER_DOCUMENT))]
    await _copy_documents(connection, owner, keys)
    await _copy_chunks(connection, keys, model_id, passages)
    await _copy_terms(connection, owner, keys, passages)
    total = sum(each.counts.total() for each in passages)
    await connection.execute(
        "INSERT INTO lexicon_statistics (knowledge_base_id, workspace_id, chunks_count, terms_count) "
        "VALUES (%s, %s, %s, %s)",
        (owner.knowledge_base_id, owner.workspace_id, len(passages), total),
    )
    for table in ("chunks", "terms"):
        await connection.execute(
            "SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", (table, 10 * len(passages) + 10**6)
        )


async def _copy_documents(
    connection: AsyncConnection[Any], owner: Owner, keys: Sequence[index.DocumentKey]
) -> None:
    await _copy(
        connection,
        "COPY documents (id, workspace_id, knowledge_base_id, source_id, category_id, name) "
        "FROM STDIN BINARY",
        ["uuid", "uuid", "uuid", "uuid", "uuid", "text"],
        (row_of(owner, key) for key in keys),
    )


def row_of(owner: Owner, key: index.DocumentKey) -> tuple[Any, ...]:
    """A document's row: id, workspace, knowledge base, source, category and name."""
    owners = (key.workspace_id, key.knowledge_base_id, owner.source_id)
    return (key.document_id, *owners, key.category_id, str(key.document_id))


async def _copy_chunks(
    connection: AsyncConnection[Any],
    keys: Sequence[index.DocumentKey],
    model_id: int,
    passages: Sequence[Passage],
) -> None:
    placed = [(n + 1, keys[n // CHUNKS_PER_DOCUMENT], each) for n, each in enumerate(passages)]
    await _copy(
        connection,
        "COPY chunks (id, workspace_id, knowledge_base_id, document_id, category_id, ordinal, start_chars, "
        "end_chars, text, text_hash, terms_count) FROM STDIN BINARY",
        ["int8", "uuid", "uuid", "uuid", "uuid", "int4", "int4", "int4", "text", "bytea", "int4"],
        (_chunk_row(chunk_id, key, passage) for chunk_id, key, passage in placed),
    )
    await _copy(
        connection,
        "COPY chunk_vectors (chunk_id, model_id, workspace_id, knowledge_base_id, category_id, embedding) "
        "FROM STDIN BINARY",
        ["int8", "int4", "uuid", "uuid", "uuid", "halfvec"],
        (
            (
                chunk_id,
                model_id,
                key.workspace_id,
                key.knowledge_base_id,
                key.category_id,
                HalfVector(each.vector),
            )
            for chunk_id, key, each in placed
        ),
    )


def _chunk_row(chunk_id: int, key: index.DocumentKey, passage: Passage) -> tuple[Any, ...]:
    ordinal = (chunk_id - 1) % CHUNKS_PER_DOCUMENT
    owners = (key.workspace_id, key.knowledge_base_id, key.document_id, key.category_id)
    start = ordinal * 10_000
    places = (ordinal, start, start + len(passage.text))
    return (chunk_id, *owners, *places, passage.text, chunk_id.to_bytes(16, "big"), passage.counts.total())


def _vector_row(chunk_id: int, model_id: int, key: index.DocumentKey, passage: Passage) -> tuple[Any, ...]:
    owners = (key.workspace_id, key.knowledge_base_id, key.category_id)
    return (chunk_id, model_id, *owners, HalfVector(passage.vector))


async def _copy_terms(
    connection: AsyncConnection[Any],
    owner: Owner,
    keys: Sequence[index.DocumentKey],
    passages: Sequence[Passage],
) -> None:
    lists: dict[str, list[int]] = defaultdict(list)
    for chunk_id, each in enumerate(passages, start=1):
        for term, tf in each.counts.items():
            lists[term].append(chunk_id << 24 | min(tf, 255) << 16 | each.counts.total())
    ids = {term: n for n, term in enumerate(lists, start=1)}
    workspace, base = owner.workspace_id, owner.knowledge_base_id
    await _copy_lines(
        connection,
        "COPY terms (id, workspace_id, knowledge_base_id, term, df, entries) FROM STDIN",
        (
            (ids[term], workspace, base, term, len(held), _array(held[_own(held) :]))
            for term, held in lists.items()
        ),
    )
    await _copy_lines(
        connection,
        "COPY posting_blocks (term_id, first_chunk_id, entries) FROM STDIN",
        (
            (ids[term], held[at] >> 24, _array(held[at : at + _BLOCK_ENTRIES]))
            for term, held in lists.items()
            for at in range(0, _own(held), _BLOCK_ENTRIES)
        ),
    )
    await _copy_lines(
        connection,
        "COPY chunk_terms (chunk_id, workspace_id, category_id, terms_count, term_ids, tfs) FROM STDIN",
        _chunk_terms(keys, passages, ids),
    )


def _own(entries: Sequence[int]) -> int:
    """How many entries of a term lie in blocks; the others are in its own row."""
    return (len(entries) - 1) // _BLOCK_ENTRIES * _BLOCK_ENTRIES


def _chunk_terms(
    keys: Sequence[index.DocumentKey], passages: Sequence[Passage], ids: dict[str, int]
) -> Iterator[tuple[Any, ...]]:
    for n, each in enumerate(passages):
        key = keys[n // CHUNKS_PER_DOCUMENT]
        held = sorted((ids[term], min(tf, 255)) for term, tf in each.counts.items())
        tfs = "\\\\x" + bytes(tf for _, tf in held).hex()
        term_ids = _array(term_id for term_id, _ in held)
        yield n + 1, key.workspace_id, key.category_id, each.counts.total(), term_ids, tfs


def _array(numbers: Iterable[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


async def _copy(
    connection: AsyncConnection[Any],
    statement: LiteralString,
    types: list[str],
    rows: Iterable[tuple[Any, ...]],
) -> None:
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            await copy.write_row(row)


async def _copy_lines(
    connection: AsyncConnection[Any], statement: LiteralString, rows: Iterable[tuple[Any, ...]]
) -> None:
    """As `_copy`, for rows whose values are text that needs no quoting."""
    async with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            await copy.write("\t".join(map(str, row)) + "\n")

"""Chunks, terms and vectors into PostgreSQL; every function runs inside its caller's transaction.

Lock order: the lexicon of the knowledge base first (every function that writes takes it), then the row of the
document. A caller that locks or deletes a document's row calls the function of this module before it does.
"""

import asyncio
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from itertools import accumulate
from typing import Any
from uuid import UUID

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from pgvector import HalfVector
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from rag.chunk import headed, headline
from rag.embed import Embedder
from rag.errors import RagError
from rag.lexicon import language_of, terms
from rag.passages import Chunk, DocumentText
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)
_TF_MAX = 255  # a byte of a posting; BM25 hardly tells more of them apart
_LENGTH_MAX = 65_535
_BLOCK_ENTRIES = 64
_Row = tuple[Any, ...]
Pool = AsyncConnectionPool[AsyncConnection[Any]]


class IndexChanged(RagError):
    """The stored chunks changed between `prepare` and `replace_document`; prepare again."""


class DocumentKey(Struct, frozen=True):
    """Whose chunks they are."""

    document_id: UUID
    workspace_id: UUID
    knowledge_base_id: UUID
    category_id: UUID | None = None


class Draft(Struct, frozen=True):
    """A document with its chunks, before it is compared with what is stored."""

    key: DocumentKey
    document: DocumentText
    chunks: tuple[Chunk, ...]


class Prepared(Struct, frozen=True):
    """A document ready to be stored; vectors by hash, only of the chunks that have none yet."""

    key: DocumentKey
    chunks: tuple[Chunk, ...]
    hashes: tuple[bytes, ...]
    term_counts: dict[bytes, Counter[str]]
    vectors: dict[bytes, NDArray[np.float32]]


class Changed(Struct, frozen=True):
    """What storing a document did, in chunks."""

    kept: int
    added: int
    removed: int


class _Placed(Struct, frozen=True):
    """A new chunk with its row."""

    chunk_id: int
    text_hash: bytes


async def prepare(pool: Pool, draft: Draft, embedder: Embedder, model_id: int) -> Prepared:
    """The draft with its terms, and with vectors for the chunks that have none yet.

    No connection is held while the model runs.
    """
    async with pool.connection() as connection:
        known = await known_hashes(connection, draft.key.document_id, model_id)
    return await asyncio.to_thread(_prepared, draft, embedder, known)


def content_hash(title: str, chunk: Chunk) -> bytes:
    """The hash of all that a chunk's vector and terms are made from."""
    content = json.dumps([title, chunk.heading_path, chunk.text]).encode()
    return hashlib.blake2b(content, digest_size=16).digest()


async def known_hashes(connection: AsyncConnection[Any], document_id: UUID, model_id: int) -> set[bytes]:
    """The hashes of the document's chunks that need no embedding."""
    rows = await _all(connection, "known_hashes", {"document_id": document_id, "model_id": model_id})
    return {bytes(row[0]) for row in rows}


async def replace_document(connection: AsyncConnection[Any], prepared: Prepared, model_id: int) -> Changed:
    """What changed: unchanged chunks keep their rows and vectors, the others are exchanged.

    Raises: IndexChanged when a chunk that was known has gone since `prepare`; the caller rolls back.
    """
    key = prepared.key
    await lock_knowledge_base(connection, key.knowledge_base_id)
    stored = await _all(connection, "list_chunks", {"document_id": key.document_id, "model_id": model_id})
    kept, new, gone = _difference(prepared, stored)
    if gone:
        await connection.execute(Q["remove_chunks"], {"chunk_ids": gone})
    if kept:
        await connection.execute(Q["move_chunks"], {"chunk_ids": [row[0] for row, _ in kept]} | _places(kept))
    placed = await _add_chunks(connection, prepared, new)
    lacking = [_Placed(row[0], bytes(row[1])) for row, _ in kept if not row[2]]
    await _add_vectors(connection, prepared, model_id, placed + lacking)
    await _add_terms(connection, prepared, placed)
    if any(row[3] != key.category_id for row, _ in kept):
        await set_category(connection, key.document_id, key.category_id)
    return Changed(len(kept), len(new), len(gone))


async def lock_knowledge_base(connection: AsyncConnection[Any], knowledge_base_id: UUID) -> None:
    """Keeps other writers out of the knowledge base's index until the transaction ends."""
    await connection.execute(Q["lock_lexicon"], {"knowledge_base_id": knowledge_base_id})


async def remove_documents(connection: AsyncConnection[Any], document_ids: Sequence[UUID]) -> None:
    """Removes all that is indexed of the documents."""
    parameters = {"document_ids": list(document_ids)}
    await connection.execute(Q["lock_lexicons_of_documents"], parameters)
    await connection.execute(Q["remove_documents"], parameters)


async def remove_knowledge_base(connection: AsyncConnection[Any], knowledge_base_id: UUID) -> None:
    """Removes all that is indexed of a knowledge base."""
    await lock_knowledge_base(connection, knowledge_base_id)
    await connection.execute(Q["remove_knowledge_base"], {"knowledge_base_id": knowledge_base_id})


async def set_category(connection: AsyncConnection[Any], document_id: UUID, category_id: UUID | None) -> None:
    """Moves what is indexed of the document to the category, as a trigger does when it moves."""
    await connection.execute(Q["set_category"], {"document_id": document_id, "category_id": category_id})


def _prepared(draft: Draft, embedder: Embedder, known: Collection[bytes]) -> Prepared:
    title, chunks = draft.document.title, draft.chunks
    hashes = tuple(content_hash(title, chunk) for chunk in chunks)
    fresh = {
        text_hash: chunk for text_hash, chunk in zip(hashes, chunks, strict=True) if text_hash not in known
    }
    heads = {path: headline(title, path, embedder) for path in {chunk.heading_path for chunk in chunks}}
    vectors = embedder.embed([headed(heads[chunk.heading_path], chunk.text) for chunk in fresh.values()])
    language = language_of(draft.document.text)
    counts = {
        text_hash: Counter(terms(headed(_full_head(title, chunk), chunk.text), language))
        for text_hash, chunk in zip(hashes, chunks, strict=True)
    }
    return Prepared(draft.key, chunks, hashes, counts, dict(zip(fresh, vectors, strict=True)))


def _full_head(title: str, chunk: Chunk) -> str:
    return "\n".join((title.replace("_", " "), *chunk.heading_path))


def _difference(
    prepared: Prepared, stored: Sequence[_Row]
) -> tuple[list[tuple[_Row, Chunk]], list[tuple[Chunk, bytes]], list[int]]:
    """Stored rows with the chunks they become, new chunks, ids that are gone; equal texts stay in order."""
    by_hash: dict[bytes, list[_Row]] = defaultdict(list)
    for row in reversed(stored):
        by_hash[bytes(row[1])].append(row)
    kept: list[tuple[_Row, Chunk]] = []
    new: list[tuple[Chunk, bytes]] = []
    for chunk, text_hash in zip(prepared.chunks, prepared.hashes, strict=True):
        rows = by_hash.get(text_hash)
        if rows:
            kept.append((rows.pop(), chunk))
        else:
            new.append((chunk, text_hash))
    return kept, new, [row[0] for rows in by_hash.values() for row in rows]


def _places(chunks: Sequence[tuple[Any, Chunk]]) -> dict[str, list[Any]]:
    return {
        "ordinals": [chunk.ordinal for _, chunk in chunks],
        "starts": [chunk.start for _, chunk in chunks],
        "ends": [chunk.end for _, chunk in chunks],
        "pages": [chunk.page for _, chunk in chunks],
    }


async def _add_chunks(
    connection: AsyncConnection[Any], prepared: Prepared, new: Sequence[tuple[Chunk, bytes]]
) -> list[_Placed]:
    if not new:
        return []
    parameters = _owner(prepared.key) | _places([(text_hash, chunk) for chunk, text_hash in new])
    parameters |= {
        "document_id": prepared.key.document_id,
        "paths": [json.dumps(chunk.heading_path) for chunk, _ in new],
        "texts": [chunk.text for chunk, _ in new],
        "hashes": [text_hash for _, text_hash in new],
        "terms_counts": [_length(prepared, text_hash) for _, text_hash in new],
    }
    by_ordinal = {chunk.ordinal: text_hash for chunk, text_hash in new}
    rows = await _all(connection, "add_chunks", parameters)
    return [_Placed(chunk_id, by_ordinal[ordinal]) for chunk_id, ordinal in rows]


async def _add_vectors(
    connection: AsyncConnection[Any], prepared: Prepared, model_id: int, placed: Sequence[_Placed]
) -> None:
    owner = _owner(prepared.key) | {"model_id": model_id}
    embedded = [chunk for chunk in placed if chunk.text_hash in prepared.vectors]
    if embedded:
        async with connection.cursor() as cursor:
            await cursor.executemany(
                Q["add_vector"],
                [
                    owner
                    | {"chunk_id": chunk.chunk_id, "embedding": HalfVector(prepared.vectors[chunk.text_hash])}
                    for chunk in embedded
                ],
            )
    # A text that occurs again in its document takes the vector of its twin.
    twins = [chunk.chunk_id for chunk in placed if chunk.text_hash not in prepared.vectors]
    if twins:
        copied = await connection.execute(Q["copy_vectors"], {"chunk_ids": twins, "model_id": model_id})
        if copied.rowcount != len(twins):
            raise IndexChanged("The document changed while it was being indexed; it has to be indexed again.")


async def _add_terms(connection: AsyncConnection[Any], prepared: Prepared, placed: Sequence[_Placed]) -> None:
    if not placed:
        return
    owner = _owner(prepared.key)
    held = {chunk.chunk_id: prepared.term_counts[chunk.text_hash] for chunk in placed}
    await connection.execute(Q["plan_by_index"])
    ids: dict[str, int] = dict(await _all(connection, "count_terms", owner | _entries(held)))
    by_id = [sorted((ids[term], min(tf, _TF_MAX)) for term, tf in counts.items()) for counts in held.values()]
    lengths = [counts.total() for counts in held.values()]
    rows = {
        "chunk_ids": list(held),
        "terms_counts": lengths,
        "term_ids": [_array(term_id for term_id, _ in terms_held) for terms_held in by_id],
        "tfs": [bytes(tf for _, tf in terms_held) for terms_held in by_id],
    }
    await connection.execute(Q["add_chunk_terms"], owner | rows)
    totals = {"chunks_count": len(held), "terms_count": sum(lengths)}
    await connection.execute(Q["count_in"], owner | totals)


def _entries(held: dict[int, Counter[str]]) -> dict[str, Any]:
    """The postings of chunks by term: chunk, frequency and length in one number."""
    entries: dict[str, list[int]] = defaultdict(list)
    for chunk_id, counts in sorted(held.items()):
        chunk_and_length = chunk_id << 24 | min(counts.total(), _LENGTH_MAX)
        for term, tf in counts.items():
            entries[term].append(chunk_and_length | min(tf, _TF_MAX) << 16)
    dfs = [len(listed) for listed in entries.values()]
    return {
        "terms": list(entries),
        "dfs": dfs,
        "lasts": list(accumulate(dfs)),
        "entries": [entry for listed in entries.values() for entry in listed],
        "block_entries": _BLOCK_ENTRIES,
    }


def _array(numbers: Iterable[int]) -> str:
    """The text of a PostgreSQL array; a list of lists of unequal length can't be sent as one."""
    return "{" + ",".join(map(str, numbers)) + "}"


def _length(prepared: Prepared, text_hash: bytes) -> int:
    return prepared.term_counts[text_hash].total()


def _owner(key: DocumentKey) -> dict[str, Any]:
    return {
        "workspace_id": key.workspace_id,
        "knowledge_base_id": key.knowledge_base_id,
        "category_id": key.category_id,
    }


async def _all(connection: AsyncConnection[Any], name: str, parameters: dict[str, Any]) -> list[_Row]:
    return list(await (await connection.execute(Q[name], parameters)).fetchall())

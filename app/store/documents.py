"""Rows of documents."""

from uuid import UUID

from msgspec import Struct, to_builtins
from msgspec.structs import asdict
from psycopg.types.json import Jsonb

from app.domain.knowledge import Document, FailedItem, Source
from app.domain.paging import PageOf
from app.store.rows import Connection, change, fetch, find, value
from rag.passages import DocumentText
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)


class NewDocument(Struct, frozen=True):
    """A document about to be stored, with either its text or the key of its file."""

    name: str
    content_hash: bytes | None
    content: str | None = None
    file_key: str | None = None
    file_bytes: int = 0
    title: str = ""
    url: str | None = None


class NewContent(Struct, frozen=True):
    """What replaces a document's content; None keeps what is there."""

    document_id: UUID
    name: str | None = None
    content: str | None = None
    file_key: str | None = None
    file_bytes: int | None = None
    content_hash: bytes | None = None


class Reading(Struct, frozen=True):
    """What a sync read from a document and put into the index."""

    document_id: UUID
    content_hash: bytes | None
    document: DocumentText
    media_type: str | None
    shortfall: str | None = None


async def insert_document(connection: Connection, source: Source, document: NewDocument) -> Document | None:
    """The stored document, or None when the source has one of that name."""
    parameters = asdict(document) | {
        "workspace_id": source.workspace_id,
        "knowledge_base_id": source.knowledge_base_id,
        "source_id": source.id,
        "category_id": source.category_id,
    }
    return await find(connection, Document, Q["insert_document"], parameters)


async def replace_content(connection: Connection, content: NewContent) -> Document | None:
    """The document, now not_synced, or None when it is gone."""
    return await find(connection, Document, Q["replace_content"], asdict(content))


async def find_document(connection: Connection, source_id: UUID, document_id: UUID) -> Document | None:
    """The source's document, or None when it has no such one."""
    parameters = {"source_id": source_id, "document_id": document_id}
    return await find(connection, Document, Q["find_document"], parameters)


async def find_document_named(connection: Connection, source_id: UUID, name: str) -> Document | None:
    """The source's document of that name, or None."""
    return await find(connection, Document, Q["find_document_named"], {"source_id": source_id, "name": name})


class Original(Struct, frozen=True):
    """What a document was made of; `file_key` is the file that was handed in, if one was."""

    id: UUID
    name: str
    media_type: str | None
    file_key: str | None


async def find_original(connection: Connection, document_id: UUID) -> Original | None:
    """What the document was made of, or None when it is gone."""
    return await find(connection, Original, Q["find_original"], {"document_id": document_id})


class _Name(Struct, frozen=True):
    name: str


async def find_names_taken(
    connection: Connection, source_id: UUID, names: list[str], except_ids: list[UUID]
) -> list[str]:
    """Those of `names` that other documents of the source have."""
    parameters = {"source_id": source_id, "names": names, "document_ids": except_ids}
    return [row.name for row in await fetch(connection, _Name, Q["find_names_taken"], parameters)]


async def get_content(connection: Connection, document_id: UUID) -> str:
    """What was handed in; empty for a file or a page."""
    return await value(connection, Q["get_content"], {"document_id": document_id}) or ""


async def get_text(connection: Connection, document_id: UUID) -> str:
    """What is indexed and cited; empty before the first sync."""
    return await value(connection, Q["get_text"], {"document_id": document_id}) or ""


async def list_documents(
    connection: Connection, source_id: UUID, after_seq: int | None, limit: int
) -> PageOf[Document]:
    """A page of the source's documents, oldest first."""
    parameters = {"source_id": source_id, "after_seq": after_seq, "limit": limit}
    items = await fetch(connection, Document, Q["list_documents"], parameters)
    return PageOf(items, await value(connection, Q["count_documents"], parameters))


class _Id(Struct, frozen=True):
    id: UUID


async def list_document_ids(connection: Connection, source_id: UUID) -> list[UUID]:
    """The ids of all documents of the source."""
    return [row.id for row in await fetch(connection, _Id, Q["list_document_ids"], {"source_id": source_id})]


class _NamedId(Struct, frozen=True):
    name: str
    id: UUID


async def list_document_names(connection: Connection, source_id: UUID) -> dict[str, UUID]:
    """Ids of all documents of the source, by name."""
    rows = await fetch(connection, _NamedId, Q["list_document_names"], {"source_id": source_id})
    return {row.name: row.id for row in rows}


async def mark_syncing(connection: Connection, source_id: UUID) -> list[UUID]:
    """The ids of the documents that a sync has to look at, now syncing."""
    return [row.id for row in await fetch(connection, _Id, Q["mark_syncing"], {"source_id": source_id})]


async def mark_synced(connection: Connection, reading: Reading) -> None:
    """Keeps what was read: it is in the index now."""
    parameters = {
        "document_id": reading.document_id,
        "content_hash": reading.content_hash,
        "title": reading.document.title,
        "media_type": reading.media_type,
        "shortfall": reading.shortfall,
        "text": reading.document.text,
        "pages": Jsonb(to_builtins(reading.document.spans)),
    }
    await change(connection, Q["mark_synced"], parameters)


async def list_incomplete_documents(connection: Connection, source_ids: list[UUID]) -> tuple[FailedItem, ...]:
    """The synced documents of which something is missing, with what and why."""
    return await fetch(connection, FailedItem, Q["list_incomplete_documents"], {"source_ids": source_ids})


async def mark_failed(
    connection: Connection, document_id: UUID, content_hash: bytes | None, error: str
) -> None:
    """Keeps the reason, unless the content was replaced meanwhile."""
    parameters = {"document_id": document_id, "content_hash": content_hash, "error": error}
    await change(connection, Q["mark_failed"], parameters)


async def release_syncing(connection: Connection, source_id: UUID, error: str | None) -> None:
    """Ends the syncing state of documents that an interrupted sync left behind."""
    await change(connection, Q["release_syncing"], {"source_id": source_id, "error": error})


async def delete_documents(connection: Connection, source_id: UUID, document_ids: list[UUID]) -> int:
    """How many of the source's documents were removed."""
    parameters = {"source_id": source_id, "document_ids": document_ids}
    return await change(connection, Q["delete_documents"], parameters)


async def list_failed_documents(connection: Connection, source_ids: list[UUID]) -> tuple[FailedItem, ...]:
    """The documents that could not be synced, with the reason."""
    return await fetch(connection, FailedItem, Q["list_failed_documents"], {"source_ids": source_ids})


async def count_stored_bytes(connection: Connection, workspace_id: UUID) -> int:
    """The text that a tenant keeps, in bytes."""
    stored: int = await value(connection, Q["count_stored_bytes"], {"workspace_id": workspace_id})
    return stored


class _FileKey(Struct, frozen=True):
    file_key: str


async def list_file_keys(
    connection: Connection, source_id: UUID, document_ids: list[UUID] | None = None
) -> list[str]:
    """Where the stored files of the source, or of some of its documents, lie."""
    parameters = {"source_id": source_id, "document_ids": document_ids}
    return [row.file_key for row in await fetch(connection, _FileKey, Q["list_file_keys"], parameters)]

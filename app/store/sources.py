"""Rows of sources."""

from uuid import UUID

from msgspec import Struct
from psycopg.types.json import Jsonb

from app.domain.knowledge import KnowledgeBase, Source, SourceKind, SyncInterval
from app.domain.paging import PageOf
from app.store.rows import Connection, change, fetch, find, get, value
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)


class NewSource(Struct, frozen=True):
    """A source about to be stored."""

    kind: SourceKind
    name: str = ""
    options: dict[str, object] = {}
    category_id: UUID | None = None


async def insert_source(connection: Connection, base: KnowledgeBase, source: NewSource) -> Source:
    """The new source of that knowledge base."""
    parameters = {
        "workspace_id": base.workspace_id,
        "knowledge_base_id": base.id,
        "category_id": source.category_id,
        "kind": source.kind,
        "name": source.name,
        "options": Jsonb(source.options),
    }
    return await get(connection, Source, Q["insert_source"], parameters)


async def find_source(
    connection: Connection, base: KnowledgeBase, source_id: UUID, kind: SourceKind | None = None
) -> Source | None:
    """The base's source, or None when it has no such one."""
    parameters = {
        "source_id": source_id,
        "workspace_id": base.workspace_id,
        "knowledge_base_id": base.id,
        "kind": kind,
    }
    return await find(connection, Source, Q["find_source"], parameters)


async def find_workspace_source(connection: Connection, workspace_id: UUID, source_id: UUID) -> Source | None:
    """The tenant's source, or None when it has no such one."""
    parameters = {
        "source_id": source_id,
        "workspace_id": workspace_id,
        "knowledge_base_id": None,
        "kind": None,
    }
    return await find(connection, Source, Q["find_source"], parameters)


async def find_source_named(
    connection: Connection, base: KnowledgeBase, kind: SourceKind, name: str
) -> Source | None:
    """The base's source of that kind and name, or None."""
    parameters = {"knowledge_base_id": base.id, "kind": kind, "name": name}
    return await find(connection, Source, Q["find_source_named"], parameters)


async def lock_source(connection: Connection, source_id: UUID) -> bool:
    """Whether the source is still there; it is held until the transaction ends."""
    return await value(connection, Q["lock_source"], {"source_id": source_id}) is not None


class SourceList(Struct, frozen=True):
    """Which sources of a knowledge base are listed, and from where on."""

    knowledge_base_id: UUID
    kind: SourceKind | None = None
    after_seq: int | None = None
    limit: int = 10


async def list_sources(connection: Connection, wanted: SourceList) -> PageOf[Source]:
    """A page of sources, oldest first."""
    parameters = {name: getattr(wanted, name) for name in SourceList.__struct_fields__}
    items = await fetch(connection, Source, Q["list_sources"], parameters)
    return PageOf(items, await value(connection, Q["count_sources"], parameters))


async def set_interval(connection: Connection, source_id: UUID, interval: SyncInterval | None) -> Source:
    """The source with its new interval."""
    return await get(connection, Source, Q["set_interval"], {"source_id": source_id, "interval": interval})


async def mark_queued(connection: Connection, source_id: UUID) -> None:
    """Notes that a sync was asked for."""
    await change(connection, Q["mark_queued"], {"source_id": source_id})


async def mark_ended(connection: Connection, source_id: UUID, error: str | None) -> None:
    """Notes the end of a sync, with the reason if documents failed, and plans the next."""
    await change(connection, Q["mark_ended"], {"source_id": source_id, "error": error})


async def mark_failed(connection: Connection, source_id: UUID, error: str) -> None:
    """Notes why a sync could not run."""
    await change(connection, Q["mark_failed"], {"source_id": source_id, "error": error})


async def mark_changed(connection: Connection, source_id: UUID) -> None:
    """Marks the source as changed since its last sync, unless a sync runs."""
    await change(connection, Q["mark_changed"], {"source_id": source_id})


async def delete_source(connection: Connection, source_id: UUID) -> None:
    """Removes the source and its documents."""
    await change(connection, Q["delete_source"], {"source_id": source_id})


async def list_due_sources(connection: Connection, limit: int) -> tuple[Source, ...]:
    """Sources whose interval is over, the longest waiting first."""
    return await fetch(connection, Source, Q["list_due_sources"], {"limit": limit})

"""Sources: make, list, look at, plan, delete."""

from uuid import UUID

from app.domain.errors import Invalid, NotFound
from app.domain.knowledge import Source, SourceKind, SyncInterval
from app.domain.paging import PageOf, PageRequest
from app.services.house import House
from app.services.identify import Visit
from app.store import documents, sources
from app.store.rows import Connection
from app.store.sources import NewSource, SourceList


async def create_source(house: House, visit: Visit) -> Source:
    """A new, empty manual source."""
    async with house.pool.connection() as connection:
        return await sources.insert_source(connection, visit.base, NewSource(SourceKind.MANUAL))


async def list_sources(house: House, visit: Visit, page: PageRequest) -> PageOf[Source]:
    """A page of the manual sources, oldest first.

    Raises: Invalid when the cursor is no source of this assistant.
    """
    async with house.pool.connection() as connection:
        after_seq = None
        if page.after is not None:
            last = await sources.find_source(connection, visit.base, page.after, SourceKind.MANUAL)
            if last is None:
                raise Invalid("cursor is not the id of a data source.", "cursor")
            after_seq = last.seq
        wanted = SourceList(visit.base.id, SourceKind.MANUAL, after_seq, page.limit)
        return await sources.list_sources(connection, wanted)


async def get_source(house: House, visit: Visit, source_id: UUID) -> Source:
    """The manual source.

    Raises: NotFound.
    """
    async with house.pool.connection() as connection:
        return await get_manual_source(connection, visit, source_id)


async def set_interval(house: House, visit: Visit, source_id: UUID, interval: SyncInterval | None) -> Source:
    """The source, from now on synced by itself at that interval (or no longer).

    Raises: NotFound.
    """
    async with house.pool.connection() as connection:
        source = await get_manual_source(connection, visit, source_id)
        return await sources.set_interval(connection, source.id, interval)


async def delete_source(house: House, visit: Visit, source_id: UUID) -> None:
    """Removes the source: once this returns, nothing of it is retrieved.

    Raises: NotFound.
    """
    async with house.pool.connection() as connection:
        source = await hold_manual_source(connection, visit, source_id)
        file_keys = await documents.list_file_keys(connection, source.id)
        await house.engine.lock(connection, source.knowledge_base_id)
        await house.engine.remove(connection, await documents.list_document_ids(connection, source.id))
        await sources.delete_source(connection, source.id)
    await house.files.delete(file_keys)


async def hold_manual_source(connection: Connection, visit: Visit, source_id: UUID) -> Source:
    """The visitor's manual source, held until the transaction ends.

    Whoever changes a source takes locks in this order: source, index of the knowledge base, documents.

    Raises: NotFound.
    """
    source = await get_manual_source(connection, visit, source_id)
    if not await sources.lock_source(connection, source.id):
        raise NotFound("Data source not found.")
    return source


async def get_manual_source(connection: Connection, visit: Visit, source_id: UUID) -> Source:
    """The visitor's manual source.

    Raises: NotFound.
    """
    source = await sources.find_source(connection, visit.base, source_id, SourceKind.MANUAL)
    if source is None:
        raise NotFound("Data source not found.")
    return source

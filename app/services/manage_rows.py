"""Rows of manual sources: add, list, read, change, delete."""

import hashlib
from collections import Counter
from uuid import UUID

from app.domain.errors import Invalid, NotFound
from app.domain.knowledge import Document, Row, RowChange
from app.domain.paging import PageOf, PageRequest
from app.services.house import House
from app.services.identify import Visit
from app.services.manage_sources import get_manual_source, hold_manual_source
from app.store import documents, sources
from app.store.documents import NewContent, NewDocument
from app.store.rows import Connection

_FIELD = "dataSourceRows"


async def add_rows(house: House, visit: Visit, source_id: UUID, rows: tuple[Row, ...]) -> None:
    """Adds all rows or none; they answer after the next sync.

    Raises: NotFound (source), Invalid (a name twice, or taken).
    """
    _refuse_twins([row.name for row in rows])
    async with house.pool.connection() as connection:
        source = await hold_manual_source(connection, visit, source_id)
        for row in rows:
            document = NewDocument(row.name, content_hash(row.content), row.content)
            if await documents.insert_document(connection, source, document) is None:
                raise Invalid(f"{_FIELD}: a row named {row.name!r} exists already.", _FIELD)
        if rows:
            await sources.mark_changed(connection, source.id)


async def list_rows(house: House, visit: Visit, source_id: UUID, page: PageRequest) -> PageOf[Document]:
    """A page of the source's rows, oldest first.

    Raises: NotFound (source), Invalid (cursor).
    """
    async with house.pool.connection() as connection:
        source = await get_manual_source(connection, visit, source_id)
        after_seq = None
        if page.after is not None:
            last = await documents.find_document(connection, source.id, page.after)
            if last is None:
                raise Invalid("cursor is not the id of a row of this data source.", "cursor")
            after_seq = last.seq
        return await documents.list_documents(connection, source.id, after_seq, page.limit)


async def get_row(house: House, visit: Visit, source_id: UUID, row_id: UUID) -> tuple[Document, str]:
    """The row and its content as it was handed in last.

    Raises: NotFound.
    """
    async with house.pool.connection() as connection:
        source = await get_manual_source(connection, visit, source_id)
        row = await documents.find_document(connection, source.id, row_id)
        if row is None:
            raise NotFound("Data source row not found.")
        return row, await documents.get_content(connection, row.id)


async def change_rows(house: House, visit: Visit, source_id: UUID, changes: tuple[RowChange, ...]) -> None:
    """Changes all rows or none; the old text keeps answering until the next sync.

    Raises: NotFound (source, row), Invalid (a name twice, or taken).
    """
    names = [change.name for change in changes if change.name is not None]
    _refuse_twins(names)
    async with house.pool.connection() as connection:
        source = await hold_manual_source(connection, visit, source_id)
        ids = [change.id for change in changes]
        for taken in await documents.find_names_taken(connection, source.id, names, ids):
            raise Invalid(f"{_FIELD}: a row named {taken!r} exists already.", _FIELD)
        for change in changes:
            await _change(connection, source.id, change)
        if changes:
            await sources.mark_changed(connection, source.id)


async def delete_rows(house: House, visit: Visit, source_id: UUID, row_ids: tuple[UUID, ...]) -> None:
    """Deletes all rows or none; once this returns, nothing of them is retrieved.

    Raises: NotFound (source, row).
    """
    ids = list(dict.fromkeys(row_ids))
    async with house.pool.connection() as connection:
        source = await hold_manual_source(connection, visit, source_id)
        await house.engine.lock(connection, source.knowledge_base_id)
        for row_id in ids:
            if await documents.find_document(connection, source.id, row_id) is None:
                raise NotFound("Data source row not found.")
        await house.engine.remove(connection, ids)
        await documents.delete_documents(connection, source.id, ids)


def content_hash(content: str) -> bytes:
    """What a document's content is compared by."""
    return hashlib.sha256(content.encode()).digest()


async def _change(connection: Connection, source_id: UUID, change: RowChange) -> None:
    if await documents.find_document(connection, source_id, change.id) is None:
        raise NotFound("Data source row not found.")
    digest = None if change.content is None else content_hash(change.content)
    content = NewContent(change.id, change.name, change.content, content_hash=digest)
    await documents.replace_content(connection, content)


def _refuse_twins(names: list[str]) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise Invalid(f"{_FIELD}: the name {name!r} occurs {times} times.", _FIELD)

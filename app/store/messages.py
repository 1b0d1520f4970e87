"""Rows of messages with all that an inbox shows of them, and what their citations point to."""

from uuid import UUID

from app.domain.conversations import Message
from app.domain.paging import Window
from app.domain.quotes import CitedFile
from app.store.rows import Connection, fetch, find, value
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)


async def list_messages(
    connection: Connection, conversation_id: UUID, window: Window, offset: int = 0
) -> tuple[Message, ...]:
    """Up to `size + 1` of the thread's messages next to the window's position, newest first."""
    parameters = {
        "conversation_id": conversation_id,
        "seq": window.position[0] if window.position else None,
        "offset": offset,
        "limit": window.size + 1,
    }
    if window.newer:
        return (await fetch(connection, Message, Q["list_messages_newer"], parameters))[::-1]
    return await fetch(connection, Message, Q["list_messages_older"], parameters)


async def count_messages(connection: Connection, conversation_id: UUID) -> int:
    """How many messages of the thread are shown."""
    count: int = await value(connection, Q["count_messages"], {"conversation_id": conversation_id})
    return count


async def find_message(
    connection: Connection, workspace_id: UUID, message_id: UUID, conversation_id: UUID | None = None
) -> Message | None:
    """The workspace's message, or None; also None when it stands in another thread than the one named."""
    parameters = {
        "workspace_id": workspace_id,
        "message_id": message_id,
        "conversation_id": conversation_id,
    }
    return await find(connection, Message, Q["find_message"], parameters)


async def list_cited_files(
    connection: Connection, workspace_id: UUID, ids: list[UUID]
) -> dict[UUID, CitedFile]:
    """Those of the cited texts that still exist."""
    parameters = {"workspace_id": workspace_id, "ids": ids}
    found = await fetch(connection, CitedFile, Q["list_cited_files"], parameters)
    return {file.id: file for file in found}


async def list_hits_counts(connection: Connection, chunk_ids: list[int]) -> dict[int, int]:
    """How often each of the chunks was retrieved; those that never were are missing."""
    cursor = await connection.execute(Q["list_hits_counts"], {"chunk_ids": chunk_ids})
    return dict(await cursor.fetchall())

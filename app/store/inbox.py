"""Rows of conversations as an inbox lists and searches them.

A keyword is looked for in two ways in turn, with a budget that grows: through the conversations in the order
of the list, which is soon done when many hold it, and through the index of what was said, which is soon done
when few do. What is spent is thus a small multiple of what the better way would have taken.
"""

from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from app.domain.inbox import InboxFilter, InboxItem, InboxPosition
from app.store.rows import Connection, fetch, get, value
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)

# Conversations to walk through, then texts to gather from the index; the last walk has no end.
BUDGETS = ((32, 2_000), (400, 20_000), (4_000, 200_000))


class _Gathered(Struct, frozen=True):
    complete: bool
    ids: list[UUID]


async def list_inbox(
    connection: Connection, sought: InboxFilter, before: InboxPosition | None, limit: int
) -> tuple[InboxItem, ...]:
    """The conversations that were last spoken in, newest first; `before` is where the page before ended."""
    return await _list(connection, _parameters(sought, before, limit) | {"newer": False})


async def list_inbox_after(
    connection: Connection, sought: InboxFilter, after: InboxPosition, limit: int
) -> tuple[InboxItem, ...]:
    """The conversations right before that position, newest first: a page towards the list's start."""
    return await _list(connection, _parameters(sought, after, limit) | {"newer": True})


async def find_inbox_item(
    connection: Connection, workspace_id: UUID, conversation_id: UUID
) -> InboxItem | None:
    """The workspace's conversation, or None when none of its open inboxes has it."""
    items = await _items(connection, workspace_id, [conversation_id])
    return items[0] if items else None


async def count_unread_conversations(connection: Connection, channel_id: UUID) -> int:
    """How many of the channel's conversations hold something unread."""
    count: int = await value(connection, Q["count_unread"], {"channel_id": channel_id})
    return count


def _parameters(sought: InboxFilter, position: InboxPosition | None, limit: int) -> dict[str, object]:
    place = {"active_at": None, "seq": None} if position is None else asdict(position)
    return asdict(sought) | place | {"limit": limit}


async def _list(connection: Connection, parameters: dict[str, object]) -> tuple[InboxItem, ...]:
    ids = await (_search(connection, parameters) if parameters["keyword"] else _ids(connection, parameters))
    return await _items(connection, parameters["workspace_id"], ids)


async def _items(connection: Connection, workspace_id: object, ids: list[UUID]) -> tuple[InboxItem, ...]:
    parameters = {"workspace_id": workspace_id, "ids": ids}
    return await fetch(connection, InboxItem, Q["list_items"], parameters)


async def _search(connection: Connection, parameters: dict[str, object]) -> list[UUID]:
    for conversations, texts in BUDGETS:
        found = await _walk(connection, parameters | {"budget": conversations})
        if len(found) == parameters["limit"]:
            return found
        gathered = await get(connection, _Gathered, Q["gather"], parameters | {"budget": texts})
        if gathered.complete:
            return gathered.ids
    return await _walk(connection, parameters | {"budget": None})


async def _walk(connection: Connection, parameters: dict[str, object]) -> list[UUID]:
    query = Q["walk_after"] if parameters["newer"] else Q["walk_before"]
    return [row[0] for row in await (await connection.execute(query, parameters)).fetchall()]


async def _ids(connection: Connection, parameters: dict[str, object]) -> list[UUID]:
    query = Q["list_ids_after"] if parameters["newer"] else Q["list_ids_before"]
    return [row[0] for row in await (await connection.execute(query, parameters)).fetchall()]

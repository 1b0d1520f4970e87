"""Rows of conversations as an inbox lists and searches them."""

from typing import Any
from uuid import UUID

from msgspec.structs import asdict

from app.domain.inbox import InboxFilter, InboxItem, InboxPosition
from app.store.rows import Connection, fetch, get, value
from app.store.search import Gathered, Ways, search
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)

# Messages to walk through, texts to gather.
BUDGETS = ((3_200, 4_000), (40_000, 40_000), (400_000, 400_000))


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


def _parameters(sought: InboxFilter, position: InboxPosition | None, limit: int) -> dict[str, Any]:
    place = {"active_at": None, "seq": None} if position is None else asdict(position)
    return asdict(sought) | place | {"limit": limit}


async def _list(connection: Connection, parameters: dict[str, Any]) -> tuple[InboxItem, ...]:
    if parameters["keyword"]:
        ids = await _search(connection, parameters)
    else:
        query = "list_ids_after" if parameters["newer"] else "list_ids_before"
        ids = await _ids(connection, query, parameters)
    return await _items(connection, parameters["workspace_id"], ids)


async def _items(connection: Connection, workspace_id: UUID, ids: list[UUID]) -> tuple[InboxItem, ...]:
    parameters = {"workspace_id": workspace_id, "ids": ids}
    return await fetch(connection, InboxItem, Q["list_items"], parameters)


async def _search(connection: Connection, parameters: dict[str, Any]) -> list[UUID]:
    query = "walk_after" if parameters["newer"] else "walk_before"
    ways = Ways(
        lambda budget: _ids(connection, query, parameters | {"budget": budget}),
        lambda budget: get(connection, Gathered, Q["gather"], parameters | {"budget": budget}),
    )
    return await search(ways, parameters["limit"], BUDGETS)


async def _ids(connection: Connection, query: str, parameters: dict[str, Any]) -> list[UUID]:
    return [row[0] for row in await (await connection.execute(Q[query], parameters)).fetchall()]

"""Rows of exchanges as records: counted, by page and by batch; their texts are searched as an inbox is."""

from datetime import date
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from app.domain.records import Record, RecordFilter, RecordPosition
from app.store.rows import Connection, fetch, get
from app.store.search import Gathered, Ways, search
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)

# Exchanges to walk through, texts to gather.
BUDGETS = ((1_000, 4_000), (10_000, 40_000), (100_000, 400_000))


class _Day(Struct, frozen=True):
    day: date
    exchanges_count: int


async def count_records(connection: Connection, sought: RecordFilter) -> int:
    """How many records there are; with texts sought it takes time in proportion to them."""
    if not _has_texts(sought):
        return sum(day.exchanges_count for day in await _days(connection, sought))
    parameters = _parameters(sought, None) | {"budget": None, "offset": 0, "limit": 0}
    return (await get(connection, Gathered, Q["gather"], parameters)).total


async def list_records(
    connection: Connection, sought: RecordFilter, offset: int, limit: int
) -> tuple[Record, ...]:
    """A page of the records, newest first."""
    parameters = _parameters(sought, None) | {"offset": offset, "limit": limit}
    if not _has_texts(sought):
        parameters |= _skip_days(await _days(connection, sought), offset)
    return await _list(connection, sought, parameters)


async def list_records_before(
    connection: Connection, sought: RecordFilter, before: RecordPosition | None, limit: int
) -> tuple[Record, ...]:
    """The next records, newest first; `before` is where the batch before ended."""
    return await _list(connection, sought, _parameters(sought, before) | {"offset": 0, "limit": limit})


def _has_texts(sought: RecordFilter) -> bool:
    return bool(sought.user_text or sought.bot_text)


def _parameters(sought: RecordFilter, position: RecordPosition | None) -> dict[str, Any]:
    place = {"created_at": None, "seq": None} if position is None else asdict(position)
    texts = {"user_text": sought.user_text or None, "bot_text": sought.bot_text or None}
    # The index is asked for the longer text, which fewer will hold.
    by_answer = len(sought.bot_text or "") > len(sought.user_text or "")
    return asdict(sought) | place | texts | {"by_answer": by_answer}


async def _days(connection: Connection, sought: RecordFilter) -> tuple[_Day, ...]:
    return await fetch(connection, _Day, Q["count_by_day"], asdict(sought))


def _skip_days(days: tuple[_Day, ...], offset: int) -> dict[str, Any]:
    """Where the page begins: its day, and how many of that day's exchanges come before it."""
    for day in days:
        if offset < day.exchanges_count:
            return {"end": day.day, "offset": offset}
        offset -= day.exchanges_count
    return {"limit": 0}


async def _list(
    connection: Connection, sought: RecordFilter, parameters: dict[str, Any]
) -> tuple[Record, ...]:
    if _has_texts(sought):
        ids = await _search(connection, parameters)
    else:
        ids = await _ids(connection, "list_ids", parameters)
    keys = {"ids": ids, "workspace_id": sought.workspace_id}
    return await fetch(connection, Record, Q["list_records"], keys)


async def _search(connection: Connection, parameters: dict[str, Any]) -> list[UUID]:
    ways = Ways(
        lambda budget: _ids(connection, "walk", parameters | {"budget": budget}),
        lambda budget: get(connection, Gathered, Q["gather"], parameters | {"budget": budget}),
    )
    return await search(ways, parameters["limit"], BUDGETS)


async def _ids(connection: Connection, query: str, parameters: dict[str, Any]) -> list[UUID]:
    return [row[0] for row in await (await connection.execute(Q[query], parameters)).fetchall()]

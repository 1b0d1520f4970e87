"""Rows as domain structs, enums included (psycopg's class_row would leave them plain strings)."""

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString, TypeVar

import msgspec
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import AsyncRowFactory, RowMaker

S = TypeVar("S", bound=msgspec.Struct)
Connection = AsyncConnection[Any]


def struct_row(kind: type[S]) -> AsyncRowFactory[S]:
    """A row factory that makes `kind` out of each row, by column name."""

    def factory(cursor: AsyncCursor[Any]) -> RowMaker[S]:
        names = [column.name for column in cursor.description or ()]

        def make(values: Sequence[Any]) -> S:
            return msgspec.convert(dict(zip(names, values, strict=True)), kind)

        return make

    return factory


async def find(
    connection: Connection, kind: type[S], query: LiteralString, parameters: Mapping[str, object]
) -> S | None:
    """The first row as `kind`, or None."""
    async with connection.cursor(row_factory=struct_row(kind)) as cursor:
        await cursor.execute(query, parameters)
        return await cursor.fetchone()


async def get(
    connection: Connection, kind: type[S], query: LiteralString, parameters: Mapping[str, object]
) -> S:
    """The row that an INSERT … RETURNING or an aggregate always gives."""
    row = await find(connection, kind, query, parameters)
    assert row is not None, "the query returns a row always"
    return row


async def fetch(
    connection: Connection, kind: type[S], query: LiteralString, parameters: Mapping[str, object]
) -> tuple[S, ...]:
    """All rows as `kind`."""
    async with connection.cursor(row_factory=struct_row(kind)) as cursor:
        await cursor.execute(query, parameters)
        return tuple(await cursor.fetchall())


async def value(connection: Connection, query: LiteralString, parameters: Mapping[str, object]) -> Any:
    """The first column of the first row, or None without a row."""
    cursor = await connection.execute(query, parameters)
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def change(connection: Connection, query: LiteralString, parameters: Mapping[str, object]) -> int:
    """How many rows the statement touched."""
    return (await connection.execute(query, parameters)).rowcount

"""What the bench of the API stores: workspaces that have talked for a year, in bulk and set by set."""

import random
import sys
import time
from typing import Any, LiteralString
from uuid import UUID, uuid4

import click
from bench_words import texts
from msgspec import Struct
from psycopg import AsyncConnection, sql

from app.services.manage_assistants import create_assistant
from app.store.pool import Pool
from rag.sqlfile import queries_beside

MESSAGES_PER_CONVERSATION = 100
NAME = "api bench"
# A keyword, and the share of messages that hold it; the rare one is in as many at each size.
KEYWORDS: dict[str, tuple[str, float]] = {
    "rare": ("Quetzalpost", 0),
    "middling": ("vestíbulo", 0.001),
    "common": ("subscription", 0.1),
    "chinese": ("鸚鵡", 0.0025),
    "old": ("Gramophone", 0.01),
}
_RARE = 6
ABSENT = "zyxwvolant"
_OTHERS = 0.2  # of the messages belong to other workspaces
_GENERATIONS = 10  # of conversations, one after the other; those of one go on at the same time
_INDEXES = ("messages_by_grams", "contacts_by_grams", "conversation_titles_by_grams")


class Place(Struct, frozen=True):
    """Whose conversations these are."""

    workspace_id: UUID
    assistant_id: UUID
    channel_id: UUID


async def fill(pool: Pool, messages: int) -> Place:
    """The place of so many messages, those of an earlier run when they are there."""
    async with pool.connection() as connection:
        rows = await _rows(
            connection,
            "SELECT c.workspace_id, c.assistant_id, c.id FROM channels AS c "
            "JOIN assistants AS a ON a.id = c.assistant_id WHERE a.name = %s AND c.kind = 'web'",
            NAME,
        )
    if rows:
        return Place(*rows[0])
    place, other = await _open(pool, NAME), await _open(pool, "beside it")
    async with pool.connection() as connection:
        # Its rows are right: checking each against its parents would take longer than storing them.
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("SET LOCAL maintenance_work_mem = '1GB'")
        definitions = [
            await _rows(connection, "SELECT pg_get_indexdef(%s::regclass)", name) for name in _INDEXES
        ]
        for name in _INDEXES:
            await connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
        await _talk(connection, other, round(messages * _OTHERS))
        await _talk(connection, place, messages)
        _say("indexing what was said")
        for name, [(definition,)] in zip(_INDEXES, definitions, strict=True):
            await connection.execute(definition)
            for column in (1, 2):
                await connection.execute(
                    sql.SQL("ALTER INDEX {} ALTER COLUMN {} SET STATISTICS 0").format(
                        sql.Identifier(name), sql.Literal(column)
                    )
                )
    async with pool.connection() as connection:
        await connection.set_autocommit(True)
        await connection.execute("VACUUM ANALYZE")
        await connection.set_autocommit(False)
    _say("filled")
    return place


async def _open(pool: Pool, name: str) -> Place:
    created = await create_assistant(pool, name)
    return Place(created.workspace_id, created.assistant_id, created.maiagent.inbox_id)


async def _talk(connection: AsyncConnection[Any], place: Place, messages: int) -> None:
    threads = messages // MESSAGES_PER_CONVERSATION
    at_once = threads // _GENERATIONS
    _say(f"{messages} messages in {threads} conversations")
    await connection.execute("CREATE TEMP TABLE said (n int PRIMARY KEY, content text NOT NULL)")
    planted = _planted(messages)
    async with connection.cursor() as cursor, cursor.copy("COPY said FROM STDIN") as copy:
        for n, content in enumerate(texts(messages, at_once)):
            await copy.write_row((n, " ".join([content, *planted.get(n, [])])))
    values = {
        "workspace": place.workspace_id,
        "assistant": place.assistant_id,
        "channel": place.channel_id,
        "document": uuid4(),
        "pairs": messages // 2,
        "threads": threads,
        "at_once": at_once,
        "rounds": MESSAGES_PER_CONVERSATION // 2,
    }
    for step in queries_beside(__file__).values():
        await connection.execute(step, values)


def _planted(messages: int) -> dict[int, list[str]]:
    """The keywords that each message holds, if any; one is of the first half of the year only."""
    chance = random.Random(6)  # noqa: S311 - not for secrets
    planted: dict[int, list[str]] = {}
    for name, (word, share) in KEYWORDS.items():
        among = messages // 2 if name == "old" else messages
        for n in chance.sample(range(among), round(share * among) or _RARE):
            planted.setdefault(n, []).append(word)
    return planted


async def _rows(
    connection: AsyncConnection[Any], query: LiteralString, *values: Any
) -> list[tuple[Any, ...]]:
    return await (await connection.execute(query, values)).fetchall()


def _say(what: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr)

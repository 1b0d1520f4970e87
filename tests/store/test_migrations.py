"""Migrations while the previous version answers: neither stops the other, and nothing is missed."""

import asyncio
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from app.store import migrate as migration
from app.store.embedded import EmbeddedPostgres
from app.store.migrate import MIGRATIONS, migrate
from tests.parts import cloned

# Statements of the version before 0008_inbox, shortened.
OPEN = "INSERT INTO conversations (workspace_id, assistant_id, channel_id) VALUES (%s, %s, %s) RETURNING id"
SAY = (
    "WITH thread AS (UPDATE conversations SET messages_count = messages_count + 1, last_message_at = now() "
    "WHERE id = %s RETURNING id, workspace_id, messages_count) "
    "INSERT INTO messages (id, workspace_id, conversation_id, role, number, content) "
    "SELECT %s, workspace_id, id, 'user', messages_count, 'When is it due?' FROM thread"
)
ASK = (
    "INSERT INTO exchanges (workspace_id, assistant_id, conversation_id, question_message_id) "
    "VALUES (%s, %s, %s, %s)"
)
Keys = tuple[UUID, UUID, UUID]


@pytest.fixture
def _only_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str) -> None:
    for file in MIGRATIONS.glob("*.sql"):
        if file.name < before:
            shutil.copy(file, tmp_path)
    monkeypatch.setattr(migration, "MIGRATIONS", tmp_path)


@pytest.mark.usefixtures("_only_before")
@pytest.mark.parametrize("before", ["0008", "0009"])
async def test_a_question_that_is_asked_meanwhile_is_stored_and_counted(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cloned(postgres, "template1") as url:
        await asyncio.to_thread(migrate, url)
        monkeypatch.setattr(migration, "MIGRATIONS", MIGRATIONS)
        async with await psycopg.AsyncConnection.connect(url) as asker:
            keys = await open_channel(asker)
            conversation_id = (await (await asker.execute(OPEN, keys)).fetchall())[0][0]
            applying = asyncio.create_task(asyncio.to_thread(migrate, url))
            await wait_for_a_lock(url)
            await ask(asker, keys, conversation_id)
            await asker.commit()
            await applying
            await ask(asker, keys, conversation_id)
            await asker.commit()
            counted = await asker.execute("SELECT sum(exchanges_count) FROM exchange_days")
            assert await counted.fetchall() == [(2,)]


async def open_channel(asker: psycopg.AsyncConnection[Any]) -> Keys:
    workspace_id, assistant_id, channel_id = uuid4(), uuid4(), uuid4()
    await asker.execute("INSERT INTO workspaces (id, name) VALUES (%s, 'Library')", (workspace_id,))
    await asker.execute(
        "INSERT INTO assistants (workspace_id, id, name) VALUES (%s, %s, 'Desk')",
        (workspace_id, assistant_id),
    )
    await asker.execute(
        "INSERT INTO channels (id, workspace_id, assistant_id, kind, name) VALUES (%s, %s, %s, 'web', 'Web')",
        (channel_id, workspace_id, assistant_id),
    )
    await asker.commit()
    return workspace_id, assistant_id, channel_id


async def ask(asker: psycopg.AsyncConnection[Any], keys: Keys, conversation_id: UUID) -> None:
    """A question in that conversation, and another conversation."""
    message_id = uuid4()
    await asker.execute(OPEN, keys)
    await asker.execute(SAY, (conversation_id, message_id))
    await asker.execute(ASK, (keys[0], keys[1], conversation_id, message_id))


async def wait_for_a_lock(url: str) -> None:
    """Returns once somebody waits for a table."""
    async with asyncio.timeout(20), await psycopg.AsyncConnection.connect(url, autocommit=True) as other:
        while True:
            if await (await other.execute("SELECT FROM pg_locks WHERE NOT granted")).fetchall():
                return
            await asyncio.sleep(0.01)

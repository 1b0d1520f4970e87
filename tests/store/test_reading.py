"""Listing a conversation reads it, and nothing that was not listed."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.domain.conversations import Role
from app.domain.paging import PageNumber, Window
from app.services import keep_inbox
from app.services.accept_question import Ask
from app.services.house import House
from app.services.identify import Visit
from app.store import conversations, messages
from app.store.conversations import NewMessage


@pytest.mark.parametrize("by_number", [False, True])
async def test_what_is_said_while_a_conversation_is_listed_stays_unread(
    house: House, visit: Visit, monkeypatch: pytest.MonkeyPatch, by_number: bool
) -> None:
    async with house.pool.connection() as connection:
        thread = await conversations.insert_conversation(connection, visit.channel)
    await keep_inbox.store(house, visit, Ask("When is it due?", thread.id), Role.USER)
    real, saying = messages.list_messages, []

    async def list_while_another_talks(*given: Any) -> Any:
        found = await real(*given)
        saying.append(asyncio.create_task(say(house, thread.id)))
        await said_or_waiting(house, saying[0])
        return found

    monkeypatch.setattr(messages, "list_messages", list_while_another_talks)
    if by_number:
        listed = await keep_inbox.list_numbered_messages(house, visit, thread.id, PageNumber(10))
    else:
        listed = await keep_inbox.list_messages(house, visit, thread.id, Window(10))
    await asyncio.gather(*saying)
    assert [each.message.content for each in listed.shown.items] == ["When is it due?"]
    async with house.pool.connection() as connection:
        cursor = await connection.execute("SELECT unread_count FROM conversations")
        assert await cursor.fetchall() == [(1,)]


async def say(house: House, conversation_id: UUID) -> None:
    async with house.pool.connection() as connection:
        said = NewMessage(uuid4(), Role.USER, "And today?")
        await conversations.insert_message(connection, conversation_id, said)


async def said_or_waiting(house: House, saying: asyncio.Task[None]) -> None:
    """Returns once it was said, or waits for a row."""
    async with asyncio.timeout(20), house.pool.connection() as connection:
        while not saying.done():
            cursor = await connection.execute("SELECT FROM pg_locks WHERE NOT granted")
            if await cursor.fetchall():
                return
            await asyncio.sleep(0.01)

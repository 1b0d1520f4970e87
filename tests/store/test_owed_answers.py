"""An answer that a posted question is owed comes, whatever happens to the server that works on it; once."""

import asyncio
from uuid import UUID

import pytest

from app.domain.conversations import Message, Role
from app.domain.exchanges import ExchangeState
from app.domain.paging import Window
from app.services.accept_question import Ask
from app.services.answer_later import answer_later, take_up_owed
from app.services.house import House
from app.services.identify import Caller, Visit, visit_inbox
from app.services.manage_assistants import create_assistant
from app.store import exchanges, messages
from rag.errors import ModelBusy
from rag.testing import ScriptedGenerator

NOT_FOUND = "I could not find an answer to that in the documents I have."


@pytest.fixture
async def visit(house: House) -> Visit:
    """A caller at the web chat of a new assistant, which knows nothing."""
    created = await create_assistant(house.pool, "Library")
    caller = Caller(created.workspace_id, "")
    opened = await visit_inbox(house, caller, created.maiagent.web_chat_id)
    assert opened is not None
    return opened


async def thread(house: House, conversation_id: UUID) -> list[Message]:
    """The messages, oldest first."""
    async with house.pool.connection() as connection:
        return list(await messages.list_messages(connection, conversation_id, Window(100)))[::-1]


async def states(house: House, conversation_id: UUID) -> list[ExchangeState]:
    async with house.pool.connection() as connection:
        found = await exchanges.list_exchanges(connection, conversation_id)
    return [exchange.state for exchange in found]


async def owed_count(house: House) -> int:
    async with house.pool.connection() as connection:
        cursor = await connection.execute("SELECT count(*) FROM owed_answers")
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def stop(house: House) -> None:
    """What a server does with its answers when it goes down."""
    under_way = list(house.running)
    for task in under_way:
        task.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)


async def expire(house: House) -> None:
    """As if the server had been killed half a minute ago."""
    house.owed.clear()
    async with house.pool.connection() as connection:
        await connection.execute("UPDATE owed_answers SET lease_until = now() - interval '1 second'")


async def test_an_answer_that_came_is_owed_no_more(house: House, visit: Visit) -> None:
    question = await answer_later(house, visit, Ask("Where is it?"))
    assert await owed_count(house) == 1
    await asyncio.gather(*house.running)
    assert await owed_count(house) == 0
    assert [message.content for message in await thread(house, question.conversation_id)] == [
        "Where is it?",
        NOT_FOUND,
    ]


@pytest.mark.parametrize("waiting", [True, False], ids=["before its turn", "under way"])
async def test_a_stopped_server_leaves_it_to_the_next(house: House, visit: Visit, waiting: bool) -> None:
    if waiting:
        await house.unhurried.acquire()
        await house.unhurried.acquire()
    question = await answer_later(house, visit, Ask("Where is it?"))
    await asyncio.sleep(0)
    await stop(house)
    if waiting:
        house.unhurried.release()
        house.unhurried.release()
        # It had not begun, so its lease is still held by the server that is gone.
        await expire(house)
    assert await states(house, question.conversation_id) == [ExchangeState.RUNNING]
    assert await take_up_owed(house) == 1
    assert await take_up_owed(house) == 0, "it is held now"
    await asyncio.gather(*house.running)
    assert [message.role for message in await thread(house, question.conversation_id)] == [
        Role.USER,
        Role.ASSISTANT,
    ]
    assert await states(house, question.conversation_id) == [ExchangeState.NOT_FOUND]


async def test_a_killed_servers_answer_is_taken_up_when_its_lease_is_over(house: House, visit: Visit) -> None:
    async with house.unhurried, house.unhurried:
        first = await answer_later(house, visit, Ask("Where is it?"))
        follow_up = await answer_later(house, visit, Ask("And when?", first.conversation_id))
        assert await take_up_owed(house) == 0, "a server that lives holds its own"
        for task in list(house.running):
            task.cancel()
        await asyncio.gather(*house.running, return_exceptions=True)
        await expire(house)
    assert await take_up_owed(house) == 2
    await asyncio.gather(*house.running)
    assert await states(house, follow_up.conversation_id) == [ExchangeState.NOT_FOUND] * 2
    said = [message.content for message in await thread(house, follow_up.conversation_id)]
    assert sorted(said) == sorted(["Where is it?", "And when?", NOT_FOUND, NOT_FOUND])


async def test_it_is_not_taken_for_forgotten(house: House, visit: Visit) -> None:
    async with house.unhurried, house.unhurried:
        await answer_later(house, visit, Ask("Where is it?"))
        async with house.pool.connection() as connection:
            assert await exchanges.fail_forgotten_exchanges(connection, 0) == 0
    await asyncio.gather(*house.running)


async def test_a_model_that_fails_is_tried_again_and_then_the_conversation_is_told(
    house: House, visit: Visit, generator: ScriptedGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_: object) -> None:
        raise ModelBusy("The model is busy; ask again in a while.")

    monkeypatch.setattr(generator, "condense", busy)
    question = await answer_later(house, visit, Ask("Where is it?"))
    for _ in range(2):
        await asyncio.gather(*house.running)
        assert len(await thread(house, question.conversation_id)) == 1
        await expire(house)
        assert await take_up_owed(house) == 1
    await asyncio.gather(*house.running)
    _, told = await thread(house, question.conversation_id)
    assert (told.role, told.content) == (Role.ASSISTANT, "The model is busy; ask again in a while.")
    assert await states(house, question.conversation_id) == [ExchangeState.FAILED]
    assert await owed_count(house) == 0


async def test_it_is_given_up_when_its_inbox_is_shut(house: House, visit: Visit) -> None:
    async with house.unhurried, house.unhurried:
        question = await answer_later(house, visit, Ask("Where is it?"))
        for task in list(house.running):
            task.cancel()
        await asyncio.gather(*house.running, return_exceptions=True)
    await expire(house)
    async with house.pool.connection() as connection:
        await connection.execute("UPDATE channels SET enabled = false")
    assert await take_up_owed(house) == 1
    assert await states(house, question.conversation_id) == [ExchangeState.FAILED]
    assert await owed_count(house) == 0

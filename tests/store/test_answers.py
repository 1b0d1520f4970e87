"""Answers are stored with all that is known of them, and hold what they cite."""

import asyncio
from uuid import UUID, uuid4

import pytest

from app.domain.channels import QuotaKind, QuotaPeriod
from app.domain.conversations import Role
from app.domain.errors import Busy, Exhausted, Unavailable
from app.domain.exchanges import Exchange, ExchangeState
from app.domain.knowledge import Row
from app.services.accept_question import Ask
from app.services.answer import answer, fold
from app.services.house import House
from app.services.identify import Visit
from app.services.manage_channels import limit_channel
from app.services.manage_rows import add_rows
from app.services.manage_sources import create_source
from app.services.sync_source import request_sync
from app.store import assistants, conversations, documents, exchanges
from app.store.conversations import NewMessage
from rag.errors import ModelBusy, ModelUnavailable
from rag.events import Finished
from rag.testing import ScriptedGenerator
from tests.parts import HeldQueue

LOANS = "# Loans\n\nThe grace period for returning a book is fourteen days after the due date."
QUESTION = "What is the grace period for returning a book?"


@pytest.fixture
def failure() -> Exception | None:
    return None


@pytest.fixture
def generator(failure: Exception | None) -> ScriptedGenerator:
    said = ["The grace period for returning a book \0is ", "fourteen days [1]. It was free [7]."]
    return ScriptedGenerator(said if failure is None else [], error=failure)


@pytest.fixture(autouse=True)
async def row(house: House, visit: Visit, queue: HeldQueue) -> None:
    source = await create_source(house, visit)
    await add_rows(house, visit, source.id, (Row("loans.md", LOANS),))
    await request_sync(house, visit, source.id)
    await queue.work_off(house)


async def ask(
    house: House, visit: Visit, text: str, conversation_id: UUID | None = None
) -> tuple[UUID, Finished]:
    answering = await answer(house, visit, Ask(text, conversation_id))
    return answering.conversation_id, await fold(answering)


async def stored(house: House, conversation_id: UUID) -> tuple[Exchange, ...]:
    async with house.pool.connection() as connection:
        return await exchanges.list_exchanges(connection, conversation_id)


async def test_a_citation_is_the_document_s_own_characters(house: House, visit: Visit) -> None:
    conversation_id, finished = await ask(house, visit, QUESTION)
    assert finished.text == "The grace period for returning a book is fourteen days [1]. It was free."
    (exchange,) = await stored(house, conversation_id)
    assert exchange.answer_message_id is not None
    async with house.pool.connection() as connection:
        cited = await exchanges.list_citations(connection, [exchange.answer_message_id])
        (citation,) = cited[exchange.answer_message_id]
        text = await documents.get_text(connection, citation.document_id)
    assert text[citation.start : citation.end] == citation.excerpt
    assert citation.title == "loans.md"


async def test_an_exchange_keeps_question_timings_usage_and_model(house: House, visit: Visit) -> None:
    conversation_id, _ = await ask(house, visit, QUESTION)
    (exchange,) = await stored(house, conversation_id)
    assert (exchange.state, exchange.model) == (ExchangeState.ANSWERED, "scripted")
    assert exchange.standalone_question == QUESTION
    assert set(exchange.timings_ms) == {"condense", "retrieve", "generate", "total"}
    assert exchange.usage["answer_chars"] > 0
    assert exchange.finished_at is not None


async def test_a_follow_up_is_retrieved_by_its_stand_alone_form(
    house: House, visit: Visit, generator: ScriptedGenerator
) -> None:
    conversation_id, _ = await ask(house, visit, QUESTION)
    await ask(house, visit, "And how long is it?", conversation_id)
    _, follow_up = await stored(house, conversation_id)
    assert follow_up.standalone_question is not None
    assert "grace period" in follow_up.standalone_question
    assert "how long" in follow_up.standalone_question
    assert generator.standalone_questions[-1] == follow_up.standalone_question


async def test_without_anything_relevant_the_assistant_says_so_and_cites_nothing(
    house: House, visit: Visit, generator: ScriptedGenerator
) -> None:
    conversation_id, finished = await ask(house, visit, "Who invented the steam locomotive?")
    assert (finished.text, finished.citations) == (visit.assistant.not_found_message, ())
    (exchange,) = await stored(house, conversation_id)
    assert exchange.state is ExchangeState.NOT_FOUND
    assert generator.questions == [], "the model is not even asked"


async def test_many_questions_at_once_are_all_answered(house: House, visit: Visit) -> None:
    answers = await asyncio.gather(*(ask(house, visit, QUESTION) for _ in range(12)))
    assert all(finished.citations for _, finished in answers)


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (ModelBusy("The model is busy."), Busy),
        (ModelUnavailable("The model went away."), Unavailable),
        (RuntimeError("a bug"), Unavailable),
    ],
)
async def test_a_failed_answer_is_told_stored_and_not_charged(
    house: House, visit: Visit, error: type[Exception]
) -> None:
    await limit_channel(house.pool, visit.channel.id, QuotaKind.MESSAGES, 1, QuotaPeriod.MONTH)
    for _ in range(2):
        with pytest.raises(error):
            await ask(house, visit, QUESTION)
    async with house.pool.connection() as connection:
        cursor = await connection.execute("SELECT state FROM exchanges")
        assert await cursor.fetchall() == [("failed",), ("failed",)]


async def test_a_spent_message_quota_refuses_before_anything_is_stored(house: House, visit: Visit) -> None:
    await limit_channel(house.pool, visit.channel.id, QuotaKind.MESSAGES, 1, QuotaPeriod.MONTH)
    await ask(house, visit, QUESTION)
    with pytest.raises(Exhausted):
        await ask(house, visit, QUESTION)
    async with house.pool.connection() as connection:
        cursor = await connection.execute("SELECT count(*) FROM conversations")
        assert await cursor.fetchone() == (1,)


@pytest.mark.parametrize("failure", [ModelUnavailable("The model went away.")])
async def test_a_failed_answer_and_the_next_question_do_not_wait_for_each_other(
    house: House, visit: Visit, generator: ScriptedGenerator
) -> None:
    generator._script = ["The grace period ", "is "]
    gate = generator._gates[1] = asyncio.Event()
    await limit_channel(house.pool, visit.channel.id, QuotaKind.MESSAGES, 9, QuotaPeriod.MONTH)
    answering = await answer(house, visit, Ask(QUESTION))
    async with house.pool.connection() as asker:
        # Were there a deadlock, this one would be told of it; a failed answer is stored a second time.
        await asker.execute("SET LOCAL deadlock_timeout = '10ms'")
        await assistants.spend(asker, visit.channel, QuotaKind.MESSAGES, 1)
        gate.set()
        await wait_for_a_lock(house)
        said = NewMessage(uuid4(), Role.USER, QUESTION)
        await conversations.insert_message(asker, answering.conversation_id, said)
    with pytest.raises(Unavailable):
        await fold(answering)
    (exchange,) = await stored(house, answering.conversation_id)
    assert exchange.answer_message_id is not None, "what was said before the failure is kept"


async def test_an_answer_that_was_taken_for_forgotten_is_recorded_when_it_comes(
    house: House, visit: Visit, generator: ScriptedGenerator
) -> None:
    gate = generator._gates[1] = asyncio.Event()
    answering = await answer(house, visit, Ask(QUESTION))
    async with house.pool.connection() as connection:
        assert await exchanges.fail_forgotten_exchanges(connection, 0) == 1
    gate.set()
    await asyncio.gather(*house.running)
    (exchange,) = await stored(house, answering.conversation_id)
    assert (exchange.state, exchange.error) == (ExchangeState.ANSWERED, None)
    assert exchange.answer_message_id is not None


async def wait_for_a_lock(house: House) -> None:
    """Returns once somebody waits for a row."""
    async with asyncio.timeout(20), house.pool.connection() as connection:
        while True:
            cursor = await connection.execute("SELECT FROM pg_locks WHERE NOT granted")
            if await cursor.fetchall():
                return
            await asyncio.sleep(0.01)

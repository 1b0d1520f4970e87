"""Answers: an accepted question is answered in a task of its own, and the answer stored with its citations.

The task belongs to the server: whoever stops listening to its events does not stop it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import aclosing
from datetime import datetime
from uuid import UUID

import structlog
from msgspec import Struct
from msgspec.structs import asdict, replace

from app.domain.channels import QuotaKind
from app.domain.conversations import Message, Role
from app.domain.errors import Busy, Unavailable
from app.domain.exchanges import ExchangeState
from app.domain.jobs import Job, JobKind
from app.services.accept_question import Ask, Turn, accept_question
from app.services.house import House
from app.services.identify import Visit
from app.services.notify import open_delivery
from app.services.read_attachments import read_attachments
from app.services.run_jobs import announce
from app.store import assistants, conversations, exchanges, jobs, owed
from app.store.conversations import NewMessage
from app.store.exchanges import Outcome
from app.store.pool import DATABASE_ERRORS
from rag.events import AnswerEvent, Failed, Finished, Retrieved, Started, Token
from rag.passages import Attached, Question

# An owed answer is tried so often, with a growing pause, before the conversation is told of the failure.
_MOST_ATTEMPTS = 3
_PAUSE_S = 15
_BROKE_OFF = "The answer broke off because of an error on the server. Please ask again."

log = structlog.get_logger()


class Answering(Struct, frozen=True):
    """An answer under way; `events` ends with Finished or Failed."""

    conversation_id: UUID
    question_id: UUID
    exchange_id: UUID
    message_id: UUID
    created_at: datetime
    model: str
    events: AsyncIterator[AnswerEvent]


async def answer(house: House, visit: Visit, ask: Ask) -> Answering:
    """The answer to `ask`, from its first words on.

    Raises: NotFound (conversation), Exhausted (message quota), Busy (model queue), Unavailable (model).
    """
    turn = await accept_question(house, visit, ask)
    events: asyncio.Queue[AnswerEvent] = asyncio.Queue()
    start(house, produce(house, turn, events))
    opening = await _opening(events)
    exchange = turn.exchange
    return Answering(
        exchange.conversation_id,
        turn.message.id,
        exchange.id,
        turn.answer_id,
        exchange.created_at,
        house.engine.model_name,
        _follow(opening, events),
    )


async def fold(answering: Answering) -> Finished:
    """The whole answer at once.

    Raises: Busy, Unavailable when it broke off.
    """
    async for event in answering.events:
        if isinstance(event, Finished):
            return event
        if isinstance(event, Failed):
            raise _as_error(event)
    raise Unavailable(_BROKE_OFF)


def start(house: House, work: Coroutine[None, None, None]) -> None:
    """Starts work that belongs to the server: it goes on whoever leaves."""
    task = asyncio.create_task(work)
    house.running.add(task)
    task.add_done_callback(house.running.discard)


async def _opening(events: asyncio.Queue[AnswerEvent]) -> list[AnswerEvent]:
    """The events up to the first words; a failure before them is an error, not a stream."""
    opening: list[AnswerEvent] = []
    while True:
        event = await events.get()
        if isinstance(event, Failed):
            raise _as_error(event)
        opening.append(event)
        if not isinstance(event, Started | Retrieved):
            return opening


async def _follow(
    opening: list[AnswerEvent], events: asyncio.Queue[AnswerEvent]
) -> AsyncIterator[AnswerEvent]:
    for event in opening:
        yield event
    last = opening[-1]
    while not isinstance(last, Finished | Failed):
        last = await events.get()
        yield last


def _as_error(event: Failed) -> Busy | Unavailable:
    return Busy(event.message) if event.busy else Unavailable(event.message)


async def produce(house: House, turn: Turn, events: asyncio.Queue[AnswerEvent]) -> None:
    """Answers and stores; `events` gets what happens, to its end."""
    trace = _Trace()
    last: AnswerEvent = Failed(_BROKE_OFF)
    opened: tuple[Job, ...] = ()
    try:
        question = await _with_attachments(house, turn, trace)
        async with aclosing(house.engine.answer(house.pool, question)) as made:
            async for event in made:
                trace.note(event)
                if isinstance(event, Finished | Failed):
                    last = event
                else:
                    events.put_nowait(event)
        opened = await _end(house, turn, trace, last)
    except asyncio.CancelledError:
        await asyncio.shield(_stop(house, turn, trace))
        raise
    except Exception as error:
        # The end of the stream: the asker is told, the operator reads why, the exchange is closed as failed.
        log.exception("answer broke off", exchange=str(turn.exchange.id), cause=str(error))
        last = Failed(_BROKE_OFF)
        await _store_failure(house, turn, trace)
    finally:
        events.put_nowait(last)
    for job in opened:
        await announce(house, job)


async def give_up(house: House, exchange_id: UUID) -> None:
    """Closes the exchange of a question that can't be answered any more: its conversation was shut."""
    async with house.pool.connection() as connection:
        outcome = Outcome(
            exchange_id, ExchangeState.FAILED, error="The conversation can't be reached any more."
        )
        await exchanges.finish_exchange(connection, outcome)
        await owed.settle_owed(connection, exchange_id)


async def _end(house: House, turn: Turn, trace: "_Trace", last: AnswerEvent) -> tuple[Job, ...]:
    """The jobs that follow the answer; an owed one that failed is tried again after a pause."""
    if isinstance(last, Failed) and 0 < turn.attempt < _MOST_ATTEMPTS:
        async with house.pool.connection() as connection:
            await owed.put_off_owed(connection, turn.exchange.id, _PAUSE_S * turn.attempt)
        log.warning("owed answer put off", exchange=str(turn.exchange.id), cause=last.message)
        return ()
    return await _store(house, turn, trace, last)


async def _stop(house: House, turn: Turn, trace: "_Trace") -> None:
    """The server goes down: an owed answer is left to the next one."""
    try:
        if not turn.attempt:
            await _store(house, turn, trace, Failed("The server was stopped."))
            return
        async with house.pool.connection() as connection:
            await owed.put_off_owed(connection, turn.exchange.id, 0)
    except DATABASE_ERRORS as error:
        # Stored already, or the database is away: then the lease or the sweep ends it.
        log.warning("stopped answer not stored", exchange=str(turn.exchange.id), cause=str(error))


async def _with_attachments(house: House, turn: Turn, trace: "_Trace") -> Question:
    if not turn.attachments:
        return turn.question
    texts = await read_attachments(house, turn.attachments)
    trace.lap("read")
    return replace(turn.question, attached=tuple(Attached(each, text) for each, text in texts))


async def _store_failure(house: House, turn: Turn, trace: "_Trace") -> None:
    try:
        await _end(house, turn, trace, Failed(_BROKE_OFF))
    except DATABASE_ERRORS as error:
        # The database is away too: the worker's sweep closes the exchange later.
        log.warning("failed answer not stored", exchange=str(turn.exchange.id), cause=str(error))


class _Trace:
    """What an answer's events told on the way."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.timings_ms: dict[str, int] = {}
        self.started: Started | None = None
        self.retrieved: Retrieved | None = None
        self._said: list[str] = []

    def note(self, event: AnswerEvent) -> None:
        if isinstance(event, Started):
            self.started = event
        elif isinstance(event, Retrieved):
            self.retrieved = event
        elif isinstance(event, Token):
            self._said.append(event.text)

    def lap(self, stage: str) -> None:
        """Notes that this stage ends now, and took all the time so far."""
        self.timings_ms[stage] = round((time.monotonic() - self._began) * 1000)

    @property
    def said(self) -> str:
        return "".join(self._said)


async def _store(house: House, turn: Turn, trace: _Trace, last: AnswerEvent) -> tuple[Job, ...]:
    """Stores the answer with its marks and hits in one transaction, and gives the jobs that follow it.

    What was said before a failure is kept too.
    """
    text = last.text if isinstance(last, Finished) else trace.said or _told(turn, last)
    visit, exchange = turn.visit, turn.exchange
    workspace_id = visit.assistant.workspace_id
    async with house.pool.connection() as connection:
        message, posting, scoring = None, None, None
        # First: whoever accepts a question takes the quota before the conversation, too.
        if isinstance(last, Failed):
            await assistants.spend(connection, visit.channel, QuotaKind.MESSAGES, -1)
        if text:
            said = NewMessage(turn.answer_id, Role.ASSISTANT, text)
            message = await conversations.insert_message(connection, exchange.conversation_id, said)
        if message is not None and isinstance(last, Finished):
            posting = await open_delivery(connection, workspace_id, visit.assistant.id, message.id)
            await exchanges.insert_citations(connection, workspace_id, message.id, last.citations)
        if trace.retrieved is not None:
            await exchanges.insert_hits(connection, workspace_id, exchange.id, trace.retrieved.hits)
        outcome = _outcome(turn, trace, last, message)
        await exchanges.finish_exchange(connection, outcome)
        if turn.attempt:
            await owed.settle_owed(connection, exchange.id)
        if outcome.state is ExchangeState.ANSWERED and house.settings.score_answers:
            scoring = await jobs.insert_job(connection, workspace_id, JobKind.SCORE_EXCHANGE, exchange.id)
    return tuple(job for job in (posting, scoring) if job is not None)


def _told(turn: Turn, last: AnswerEvent) -> str:
    """What a failure says in the conversation of an owed answer, where nobody hears of it otherwise."""
    return last.message if turn.attempt and isinstance(last, Failed) else ""


def _outcome(turn: Turn, trace: _Trace, last: AnswerEvent, message: Message | None) -> Outcome:
    found = trace.retrieved
    trace.lap("total")
    outcome = Outcome(
        exchange_id=turn.exchange.id,
        state=ExchangeState.FAILED,
        answer_message_id=message.id if message else None,
        standalone_question=trace.started.standalone_question if trace.started else None,
        model=trace.started.model if trace.started else None,
        relevance=found.relevance if found else None,
        error=last.message if isinstance(last, Failed) else None,
        timings_ms=trace.timings_ms,
    )
    if not isinstance(last, Finished):
        return outcome
    not_found = (found is not None and not found.relevant) or last.text == turn.question.not_found_message
    return replace(
        outcome,
        state=ExchangeState.NOT_FOUND if not_found else ExchangeState.ANSWERED,
        timings_ms=last.timings_ms | trace.timings_ms,
        usage=asdict(last.usage),
    )

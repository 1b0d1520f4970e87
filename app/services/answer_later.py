"""Posted questions: nobody waits at the other end, so their answers are owed until they are there.

A server holds the lease of those that it works on; what a stopped or killed one left is taken up by the next.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from app.domain.conversations import Message
from app.services.accept_question import Ask, Turn, accept_question, take_up
from app.services.answer import give_up, produce, start
from app.services.house import House
from app.services.identify import Visit
from app.store import owed
from app.store.pool import DATABASE_ERRORS

_LOOK_EVERY_S = 5.0
_AT_ONCE = 20

log = structlog.get_logger()


async def answer_later(house: House, visit: Visit, ask: Ask) -> Message:
    """The stored question; its answer follows in the conversation, also after a restart.

    Raises: NotFound (conversation), Exhausted (message quota).
    """
    turn = await accept_question(house, visit, ask, owed_answer=True)
    _begin(house, turn)
    return turn.message


@asynccontextmanager
async def owing(house: House) -> AsyncIterator[None]:
    """Holds the leases of this server, and takes up what others left, for as long as this is open."""
    task = asyncio.create_task(_look_after(house))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def take_up_owed(house: House) -> int:
    """How many answers were taken up that nobody worked on."""
    async with house.pool.connection() as connection:
        await owed.hold_owed(connection, list(house.owed))
        left = await owed.claim_owed(connection, _AT_ONCE)
    for exchange in left:
        turn = await take_up(house, exchange)
        if turn is None:
            await give_up(house, exchange.id)
        else:
            log.info("answer taken up again", exchange=str(exchange.id), attempt=exchange.attempts)
            _begin(house, turn)
    return len(left)


async def _look_after(house: House) -> None:
    while True:
        try:
            await take_up_owed(house)
        except DATABASE_ERRORS as error:
            log.warning("owed answers not looked after: the database did not answer", cause=str(error))
        await asyncio.sleep(_LOOK_EVERY_S)


def _begin(house: House, turn: Turn) -> None:
    house.owed.add(turn.exchange.id)
    start(house, _in_turn(house, turn))


async def _in_turn(house: House, turn: Turn) -> None:
    """Waits itself, because nobody else does: many questions at once must not find the model busy."""
    try:
        async with house.unhurried:
            await produce(house, turn, asyncio.Queue())
    finally:
        house.owed.discard(turn.exchange.id)

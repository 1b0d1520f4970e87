"""Following the serving embedding model: a running process takes up another one without a restart."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from app.services.house import House
from app.store.pool import DATABASE_ERRORS
from app.store.rows import Connection
from rag.errors import RagError

_LOOK_EVERY_S = 2.0
_RETRY_AFTER_S = 30.0

log = structlog.get_logger()


@asynccontextmanager
async def following(house: House) -> AsyncIterator[None]:
    """Keeps the house on the model that serves for as long as this is open."""
    task = asyncio.create_task(follow_model(house))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def follow_model(house: House) -> None:
    """Looks every two seconds which model serves, and takes up another one; until cancelled.

    While the new model can't be loaded the process answers with the one it has: its vectors stay for as long
    as `prune` sees that they are used.
    """
    while True:
        try:
            async with house.pool.connection() as connection:
                await connection.set_autocommit(True)
                try:
                    await _follow_over(house, connection)
                finally:
                    if not connection.closed:
                        # The session goes back to the pool: what it shows must not outlive this.
                        await connection.close()
        except DATABASE_ERRORS as error:
            log.warning("serving model not looked up: the database did not answer", cause=str(error))
            await asyncio.sleep(_LOOK_EVERY_S)


async def take_up_serving_model(house: House) -> None:
    """Exchanges the engine for one of the model that serves, unless it is that; answers under way go on.

    Raises: ModelUnavailable when the model can't be loaded.
    """
    async with house.switching:
        async with house.pool.connection() as connection:
            if await house.engine.is_current(connection):
                return
        engine = await house.engine.successor(house.pool, house.settings.embedding_model)
        log.info("embedding model switched", before=house.engine.embedder_name, now=engine.embedder_name)
        house.engine = engine


async def _follow_over(house: House, connection: Connection) -> None:
    shown = None
    while True:
        if house.engine is not shown:
            shown = house.engine
            await shown.show_use(connection)
        await asyncio.sleep(_LOOK_EVERY_S)
        if not await house.engine.is_current(connection):
            await _try_to_take_up(house)


async def _try_to_take_up(house: House) -> None:
    try:
        await take_up_serving_model(house)
    except RagError as error:
        log.error(
            "the embedding model was switched, but can't be loaded here: the one before goes on",
            cause=str(error),
            tried_again_in_s=_RETRY_AFTER_S,
        )
        await asyncio.sleep(_RETRY_AFTER_S)

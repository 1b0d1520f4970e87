"""Worker processes: their signs of life, which health checks and the doctor read."""

import asyncio
from uuid import UUID

import structlog

from app.services.house import House
from app.store import jobs
from app.store.pool import DATABASE_ERRORS

BEAT_EVERY_S = 10.0

log = structlog.get_logger()


async def attend(house: House, worker_id: UUID) -> None:
    """Gives a sign of life until cancelled."""
    while True:
        try:
            async with house.pool.connection() as connection:
                await jobs.beat_worker(connection, worker_id)
        except DATABASE_ERRORS as error:
            # A database that is down now may be up at the next beat; the process goes on meanwhile.
            log.warning("sign of life not stored: the database did not answer", cause=str(error))
        await asyncio.sleep(BEAT_EVERY_S)


async def leave(house: House, worker_id: UUID) -> None:
    """Removes the worker's sign of life: it goes down in good order."""
    async with house.pool.connection() as connection:
        await jobs.forget_worker(connection, worker_id)

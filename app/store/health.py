"""What the database says of the house's health, without ever waiting long."""

import asyncio

import psycopg
import structlog
from msgspec import Struct

from app.store import jobs
from app.store.jobs import JobCounts
from app.store.pool import Pool

# A worker beats every few seconds; a busy machine may skip one or two.
WORKER_SILENT_AFTER_S = 60
_WAIT_S = 3.0

log = structlog.get_logger()


class Signs(Struct, frozen=True):
    """The workers that gave a sign of life lately, and the open jobs."""

    workers_count: int
    jobs: JobCounts


async def read_signs(pool: Pool) -> Signs | None:
    """The signs of life, or None when the database does not answer within three seconds."""
    try:
        async with asyncio.timeout(_WAIT_S), pool.connection() as connection:
            return Signs(
                await jobs.count_workers(connection, WORKER_SILENT_AFTER_S),
                await jobs.count_jobs(connection),
            )
    except (psycopg.Error, TimeoutError) as error:
        log.warning("the database does not answer", cause=str(error) or type(error).__name__)
        return None

"""Connections: one asynchronous pool a process."""

import select
from typing import Any

import psycopg
from pgvector.psycopg import register_vector_async
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from psycopg_pool import PoolTimeout as PoolTimeout

Pool = AsyncConnectionPool[AsyncConnection[Any]]

# What an operation raises while the database is down or goes away.
DATABASE_ERRORS = (psycopg.Error, PoolTimeout)


async def open_pool(url: str, *, max_size: int = 16, wait_s: float = 30.0) -> Pool:
    """An open pool whose connections know the vector types.

    Raises: psycopg_pool.PoolTimeout when the database can't be reached in time.
    """
    pool: Pool = AsyncConnectionPool(
        url,
        min_size=1,
        max_size=max_size,
        open=False,
        check=_check,
        configure=_configure,
        kwargs={"application_name": "lectern"},
    )
    await pool.open(wait=True, timeout=wait_s)
    return pool


async def _check(connection: AsyncConnection[Any]) -> None:
    """Raises where the server has closed the connection; asks it only if it said something unasked.

    Asking each time would cost every use a round trip, and a server that goes away closes its sockets.
    """
    unasked = select.poll()
    unasked.register(connection.fileno(), select.POLLIN)
    if unasked.poll(0):
        await AsyncConnectionPool.check_connection(connection)


async def _configure(connection: AsyncConnection[Any]) -> None:
    await register_vector_async(connection)
    # Partial indexes and filters need the values: a generic plan would lose both.
    await connection.execute("SET plan_cache_mode = force_custom_plan")
    # Its queries are short: compiling one takes longer than running it, by estimates that come out too high.
    await connection.execute("SET jit = off")
    await connection.commit()

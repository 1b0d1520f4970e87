"""The pool of connections hands out living ones, whatever happened to them while they waited."""

import psycopg
import pytest

from tests.library import Pool


async def _backend(pool: Pool) -> int:
    async with pool.connection() as connection:
        return connection.info.backend_pid


async def test_a_connection_that_the_server_closed_is_not_handed_out(pool: Pool, database_url: str) -> None:
    closed = await _backend(pool)
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (closed,))
    async with pool.connection() as connection:
        assert (await (await connection.execute("SELECT 1")).fetchone()) == (1,)
    assert await _backend(pool) != closed


async def test_a_living_connection_is_used_again(pool: Pool) -> None:
    assert await _backend(pool) == await _backend(pool)


@pytest.mark.parametrize("setting", ["application_name", "work_mem"])
async def test_what_the_server_said_unasked_does_no_harm(pool: Pool, database_url: str, setting: str) -> None:
    before = await _backend(pool)
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_reload_conf()")
    async with pool.connection() as connection:
        assert await (await connection.execute("SELECT current_setting(%s)", (setting,))).fetchone()
    assert await _backend(pool) == before

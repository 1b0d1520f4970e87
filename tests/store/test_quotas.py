"""Quotas: what fits is taken once, what does not is refused, a new period starts anew."""

import asyncio

import pytest

from app.domain.channels import QuotaKind
from app.domain.errors import NotFound
from app.services.house import House
from app.services.identify import Visit
from app.services.manage_channels import enable_channel
from app.store import assistants
from app.store.assistants import NewQuota


async def spend(house: House, visit: Visit, units: int = 1) -> int | None:
    async with house.pool.connection() as connection:
        wait_s = await assistants.spend(connection, visit.channel, QuotaKind.MESSAGES, units)
        if wait_s is not None:
            await connection.rollback()
        return wait_s


async def limit(house: House, visit: Visit, units: int, *, for_channel: bool = True) -> None:
    channel_id = visit.channel.id if for_channel else None
    quota = NewQuota(visit.channel.workspace_id, channel_id, QuotaKind.MESSAGES, units)
    async with house.pool.connection() as connection:
        await assistants.set_quota(connection, quota)


async def test_without_a_quota_nothing_is_refused(house: House, visit: Visit) -> None:
    assert await spend(house, visit, 1_000_000) is None


async def test_many_at_once_get_exactly_what_there_is(house: House, visit: Visit) -> None:
    await limit(house, visit, 10)
    waits = await asyncio.gather(*(spend(house, visit) for _ in range(16)))
    assert waits.count(None) == 10


async def test_a_refusal_says_when_the_quota_opens_again(house: House, visit: Visit) -> None:
    await limit(house, visit, 1)
    assert await spend(house, visit) is None
    wait_s = await spend(house, visit)
    assert wait_s is not None
    assert 0 < wait_s <= 31 * 86400


async def test_a_new_period_starts_anew(house: House, visit: Visit) -> None:
    await limit(house, visit, 1)
    await spend(house, visit)
    async with house.pool.connection() as connection:
        await connection.execute("UPDATE quotas SET resets_at = now() - interval '1 second'")
    assert await spend(house, visit) is None


async def test_the_workspace_s_quota_binds_its_channels_too(house: House, visit: Visit) -> None:
    await limit(house, visit, 100)
    await limit(house, visit, 1, for_channel=False)
    assert await spend(house, visit) is None
    assert await spend(house, visit) is not None


async def test_what_is_given_back_can_be_spent_again(house: House, visit: Visit) -> None:
    await limit(house, visit, 1)
    await spend(house, visit)
    await spend(house, visit, -1)
    assert await spend(house, visit) is None


async def test_an_unknown_channel_can_not_be_opened(house: House, visit: Visit) -> None:
    with pytest.raises(NotFound):
        await enable_channel(house.pool, visit.assistant.id, True)

"""Channels: list them, open and shut them, limit what may be spent there."""

from uuid import UUID

from app.domain.channels import Channel, ChannelLine, Quota, QuotaKind, QuotaPeriod
from app.domain.errors import NotFound
from app.store import assistants
from app.store.assistants import NewQuota
from app.store.pool import Pool


async def list_channels(pool: Pool) -> tuple[ChannelLine, ...]:
    """All channels with their limits, oldest first."""
    async with pool.connection() as connection:
        return await assistants.list_channels(connection)


async def enable_channel(pool: Pool, channel_id: UUID, enabled: bool) -> None:
    """Opens or shuts a channel.

    Raises: NotFound.
    """
    async with pool.connection() as connection:
        if not await assistants.enable_channel(connection, channel_id, enabled):
            raise NotFound(f"There is no channel {channel_id}.")


async def limit_channel(
    pool: Pool, channel_id: UUID, kind: QuotaKind, limit_units: int, period: QuotaPeriod
) -> Quota:
    """The channel's new limit; what was spent in the running period stays spent.

    Raises: NotFound.
    """
    async with pool.connection() as connection:
        channel: Channel | None = await assistants.find_channel(connection, channel_id)
        if channel is None:
            raise NotFound(f"There is no channel {channel_id}.")
        quota = NewQuota(channel.workspace_id, channel.id, kind, limit_units, period)
        return await assistants.set_quota(connection, quota)

"""Rows of assistants, channels and quotas."""

from uuid import UUID

from msgspec import Struct

from app.domain.assistants import Assistant, AssistantLine
from app.domain.channels import Channel, ChannelKind, ChannelLine, Quota, QuotaKind, QuotaPeriod
from app.store.rows import Connection, change, fetch, find, get
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)


async def insert_assistant(connection: Connection, workspace_id: UUID, name: str) -> Assistant:
    """The new assistant, with the default words."""
    return await get(
        connection, Assistant, Q["insert_assistant"], {"workspace_id": workspace_id, "name": name}
    )


async def find_assistant(connection: Connection, assistant_id: UUID) -> Assistant | None:
    """The assistant, or None."""
    return await find(connection, Assistant, Q["find_assistant"], {"assistant_id": assistant_id})


async def list_assistants(connection: Connection, workspace_id: UUID | None) -> tuple[AssistantLine, ...]:
    """All assistants, one line per knowledge base, oldest first."""
    return await fetch(connection, AssistantLine, Q["list_assistants"], {"workspace_id": workspace_id})


async def insert_channel(
    connection: Connection, assistant: Assistant, kind: ChannelKind, name: str
) -> Channel:
    """The new, open channel."""
    parameters = {
        "workspace_id": assistant.workspace_id,
        "assistant_id": assistant.id,
        "kind": kind,
        "name": name,
    }
    return await get(connection, Channel, Q["insert_channel"], parameters)


async def find_channel(connection: Connection, channel_id: UUID) -> Channel | None:
    """The channel, or None."""
    return await find(connection, Channel, Q["find_channel"], {"channel_id": channel_id})


async def find_assistant_channel(
    connection: Connection, assistant_id: UUID, kind: ChannelKind
) -> Channel | None:
    """The first channel of that kind to the assistant, or None."""
    parameters = {"assistant_id": assistant_id, "kind": kind}
    return await find(connection, Channel, Q["find_assistant_channel"], parameters)


async def list_channels(connection: Connection) -> tuple[ChannelLine, ...]:
    """All channels with their own limits, oldest first."""
    return await fetch(connection, ChannelLine, Q["list_channels"], {})


async def enable_channel(connection: Connection, channel_id: UUID, enabled: bool) -> bool:
    """Whether there was such a channel to open or shut."""
    parameters = {"channel_id": channel_id, "enabled": enabled}
    return await change(connection, Q["enable_channel"], parameters) > 0


class NewQuota(Struct, frozen=True):
    """A limit about to be set."""

    workspace_id: UUID
    channel_id: UUID | None
    kind: QuotaKind
    limit_units: int
    period: QuotaPeriod = QuotaPeriod.MONTH


async def set_quota(connection: Connection, quota: NewQuota) -> Quota:
    """The quota as it is now."""
    parameters = {name: getattr(quota, name) for name in NewQuota.__struct_fields__}
    return await get(connection, Quota, Q["set_quota"], parameters)


async def find_quota(connection: Connection, channel: Channel, kind: QuotaKind) -> Quota | None:
    """The tightest quota that binds the channel, its own or its workspace's; None without any."""
    parameters = {"workspace_id": channel.workspace_id, "channel_id": channel.id, "kind": kind}
    return await find(connection, Quota, Q["find_quota"], parameters)


class _Bound(Struct, frozen=True):
    quotas_count: int
    opens_in_s: int


async def spend(connection: Connection, channel: Channel, kind: QuotaKind, units: int) -> int | None:
    """None when every quota that binds the channel had room; else the seconds until one opens again.

    The caller rolls its transaction back in the latter case.
    """
    parameters = {
        "workspace_id": channel.workspace_id,
        "channel_id": channel.id,
        "kind": kind,
        "units": units,
    }
    spent = await change(connection, Q["spend"], parameters)
    bound = await get(connection, _Bound, Q["count_quotas"], parameters)
    return None if spent == bound.quotas_count else max(1, bound.opens_in_s)

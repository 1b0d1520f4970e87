"""Rows of assistants, channels and quotas."""

from uuid import UUID

from msgspec import Struct

from app.domain.assistants import Assistant, AssistantLine
from app.domain.channels import Channel, ChannelKind, ChannelLine, Inbox, Quota, QuotaKind, QuotaPeriod
from app.domain.paging import ALL, Span
from app.store.rows import Connection, change, fetch, find, get, value
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


async def find_inbox_of(
    connection: Connection, workspace_id: UUID, assistant_id: UUID | None, conversation_id: UUID | None
) -> Channel | None:
    """The workspace's assistant's inbox where the conversation takes place, its first one without any."""
    parameters = {
        "workspace_id": workspace_id,
        "assistant_id": assistant_id,
        "conversation_id": conversation_id,
    }
    return await find(connection, Channel, Q["find_inbox_of"], parameters)


async def list_inboxes(
    connection: Connection, workspace_id: UUID, kind: ChannelKind | None = None, span: Span = ALL
) -> tuple[Inbox, ...]:
    """The open inboxes of the workspace, oldest first."""
    parameters = {"workspace_id": workspace_id, "kind": kind, "offset": span.offset, "limit": span.limit}
    return await fetch(connection, Inbox, Q["list_inboxes"], parameters)


async def count_inboxes(connection: Connection, workspace_id: UUID) -> int:
    """How many open inboxes the workspace has."""
    count: int = await value(connection, Q["count_inboxes"], {"workspace_id": workspace_id})
    return count


async def list_workspace_assistants(
    connection: Connection, workspace_id: UUID, span: Span
) -> tuple[Assistant, ...]:
    """Some of the workspace's assistants, oldest first."""
    parameters = {"workspace_id": workspace_id, "offset": span.offset, "limit": span.limit}
    return await fetch(connection, Assistant, Q["list_workspace_assistants"], parameters)


async def count_workspace_assistants(connection: Connection, workspace_id: UUID) -> int:
    """How many assistants the workspace has."""
    count: int = await value(connection, Q["count_workspace_assistants"], {"workspace_id": workspace_id})
    return count


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

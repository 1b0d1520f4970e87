"""Channels: the enabled ways in to an assistant, and what may be spent there."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct


class ChannelKind(StrEnum):
    """What stands on the other side."""

    API = "api"
    WEB = "web"
    LINE = "line"
    TELEGRAM = "telegram"
    MESSENGER = "messenger"


class Channel(Struct, frozen=True):
    """One way in."""

    id: UUID
    seq: int
    workspace_id: UUID
    assistant_id: UUID
    kind: ChannelKind
    name: str
    enabled: bool
    created_at: datetime


class Inbox(Struct, frozen=True):
    """A channel as an inbox: whose it is, and how many of its conversations hold something unread."""

    id: UUID
    seq: int
    kind: ChannelKind
    name: str
    created_at: datetime
    assistant_id: UUID
    assistant_name: str
    unread_count: int


class QuotaKind(StrEnum):
    """What a quota counts."""

    MESSAGES = "messages"
    STORAGE_BYTES = "storage_bytes"


class QuotaPeriod(StrEnum):
    """How often a quota starts anew."""

    DAY = "day"
    MONTH = "month"
    FOREVER = "forever"


class Quota(Struct, frozen=True):
    """What may be spent, by a workspace or by one of its channels."""

    id: UUID
    workspace_id: UUID
    channel_id: UUID | None
    kind: QuotaKind
    limit_units: int
    used_units: int
    period: QuotaPeriod
    resets_at: datetime | None


class ChannelLine(Struct, frozen=True):
    """A channel in a list, with what it may spend; None is no limit."""

    id: UUID
    assistant_id: UUID
    assistant_name: str
    kind: ChannelKind
    enabled: bool
    messages_limit: int | None
    messages_used: int | None
    storage_bytes_limit: int | None

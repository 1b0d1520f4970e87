"""Knowledge: what may be cited, where it comes from, and whether its index is current."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct


class SourceKind(StrEnum):
    """How a source gets its text."""

    MANUAL = "manual"
    FILE = "file"
    TEXT = "text"
    WEBSITE = "website"


class SyncState(StrEnum):
    """Whether the index holds what the source says; on sources and on each document."""

    NOT_SYNCED = "not_synced"
    SYNCING = "syncing"
    SYNCED = "synced"
    SYNC_ERROR = "sync_error"


class SyncInterval(StrEnum):
    """How often a source is synced by itself."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class KnowledgeBase(Struct, frozen=True):
    """What an assistant may cite."""

    id: UUID
    seq: int
    workspace_id: UUID
    name: str
    created_at: datetime


class Category(Struct, frozen=True):
    """A label that narrows retrieval."""

    id: UUID
    seq: int
    workspace_id: UUID
    knowledge_base_id: UUID
    name: str


class Source(Struct, frozen=True):
    """What is synced; `options` are those of its kind (a website's address and limits)."""

    id: UUID
    seq: int
    workspace_id: UUID
    knowledge_base_id: UUID
    category_id: UUID | None
    kind: SourceKind
    name: str
    options: dict[str, object]
    state: SyncState
    error: str | None
    sync_interval: SyncInterval | None
    last_sync_at: datetime | None
    next_sync_at: datetime | None
    created_at: datetime


class Document(Struct, frozen=True):
    """One named text, without its text; `content_hash` equals `indexed_hash` when the index is current."""

    id: UUID
    seq: int
    workspace_id: UUID
    knowledge_base_id: UUID
    source_id: UUID
    category_id: UUID | None
    name: str
    title: str
    url: str | None
    media_type: str | None
    file_key: str | None
    file_bytes: int
    content_hash: bytes | None
    indexed_hash: bytes | None
    state: SyncState
    error: str | None
    last_sync_at: datetime | None
    created_at: datetime


class Row(Struct, frozen=True):
    """A row of a manual source as a client hands it in."""

    name: str
    content: str


class RowChange(Struct, frozen=True):
    """New words for a row that exists; None keeps what is there."""

    id: UUID
    name: str | None = None
    content: str | None = None


class FailedItem(Struct, frozen=True):
    """A document that could not be synced, and why."""

    name: str
    error: str

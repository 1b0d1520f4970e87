"""Workspaces and the keys that open doors to them."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct


class KeyKind(StrEnum):
    """Which door a key opens."""

    CHANNEL = "channel"
    MAIAGENT = "maiagent"
    COPIANTO = "copianto"
    COGNITIVE = "cognitive"
    ADMIN = "admin"


class Workspace(Struct, frozen=True):
    """A tenant."""

    id: UUID
    seq: int
    name: str
    created_at: datetime


class ApiKey(Struct, frozen=True):
    """A stored key; the secret itself is shown once and never kept."""

    id: UUID
    seq: int
    workspace_id: UUID
    assistant_id: UUID | None
    channel_id: UUID | None
    kind: KeyKind
    prefix: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewKey(Struct, frozen=True):
    """A key about to be stored; `hash` is of the secret."""

    workspace_id: UUID
    assistant_id: UUID | None
    channel_id: UUID | None
    kind: KeyKind
    prefix: str
    hash: bytes

"""Jobs: background work as rows."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

LEASE_S = 30
HEARTBEAT_S = 8
RESEND_AFTER_S = 120


class JobKind(StrEnum):
    """Which actor does it; the value is the actor's name."""

    SYNC_SOURCE = "sync_source"
    SCORE_EXCHANGE = "score_exchange"


class JobState(StrEnum):
    """How far it is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Job(Struct, frozen=True):
    """One piece of background work; whoever holds `lease_token` works on it until `lease_until`."""

    id: UUID
    seq: int
    workspace_id: UUID
    kind: JobKind
    subject_id: UUID
    state: JobState
    attempts: int
    max_attempts: int
    lease_token: UUID | None
    progress_done: int
    progress_total: int
    result: dict[str, object] | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None

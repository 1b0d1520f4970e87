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
    DELIVER_ANSWER = "deliver_answer"


class Patience(Struct, frozen=True):
    """How long a kind's job waits after each failed attempt but the last; how long it is kept when done."""

    pauses_s: tuple[int, ...] = (15, 30)
    kept_s: int | None = None

    @property
    def max_attempts(self) -> int:
        """How often it is tried."""
        return len(self.pauses_s) + 1


# There are jobs of the latter kinds for every answer; done ones tell nothing that their results don't.
PATIENCE = {
    JobKind.SYNC_SOURCE: Patience(),
    JobKind.SCORE_EXCHANGE: Patience(kept_s=3600),
    JobKind.DELIVER_ANSWER: Patience((10, 30, 120, 600, 3600), kept_s=3600),
}


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


def pause_s(job: Job) -> int:
    """How long the job waits after this attempt.

    Its id adds up to a quarter: what failed together does not come back together.
    """
    pauses = PATIENCE[job.kind].pauses_s
    pause = pauses[min(job.attempts, len(pauses)) - 1]
    return pause + pause * (job.id.int % 256) // 1024

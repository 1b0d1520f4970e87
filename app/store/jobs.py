"""Rows of jobs, and the signs of life of the workers that do them."""

from uuid import UUID

from msgspec import Struct
from psycopg.types.json import Jsonb

from app.domain.jobs import LEASE_S, PATIENCE, RESEND_AFTER_S, Job, JobKind
from app.store.rows import Connection, change, fetch, find, get, value
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)


async def insert_job(
    connection: Connection, workspace_id: UUID, kind: JobKind, subject_id: UUID
) -> Job | None:
    """The new job, or None when the same work is open already."""
    parameters = {
        "workspace_id": workspace_id,
        "kind": kind,
        "subject_id": subject_id,
        "max_attempts": PATIENCE[kind].max_attempts,
    }
    return await find(connection, Job, Q["insert_job"], parameters)


async def find_job(connection: Connection, job_id: UUID) -> Job | None:
    """The job, or None."""
    return await find(connection, Job, Q["find_job"], {"job_id": job_id})


async def list_latest_jobs(connection: Connection, subject_ids: list[UUID]) -> tuple[Job, ...]:
    """The last job of each subject that ever had one."""
    return await fetch(connection, Job, Q["list_latest_jobs"], {"subject_ids": subject_ids})


async def mark_sent(connection: Connection, job_ids: list[UUID]) -> None:
    """Notes that the broker has messages for these jobs."""
    await change(connection, Q["mark_sent"], {"job_ids": job_ids})


async def claim_job(connection: Connection, job_id: UUID) -> Job | None:
    """The job, leased to the caller, or None when it is not to be had."""
    return await find(connection, Job, Q["claim_job"], {"job_id": job_id, "lease_s": LEASE_S})


async def beat(connection: Connection, job: Job) -> bool:
    """Whether the lease still held, and was prolonged."""
    parameters = {"job_id": job.id, "lease_token": job.lease_token, "lease_s": LEASE_S}
    return await change(connection, Q["beat"], parameters) > 0


async def set_progress(connection: Connection, job: Job, done: int, total: int) -> None:
    """Notes how far the work is."""
    parameters = {"job_id": job.id, "lease_token": job.lease_token, "done": done, "total": total}
    await change(connection, Q["set_progress"], parameters)


async def finish_job(connection: Connection, job: Job, result: dict[str, object]) -> bool:
    """Whether the lease still held, and the job is done."""
    parameters = {"job_id": job.id, "lease_token": job.lease_token, "result": Jsonb(result)}
    return await change(connection, Q["finish_job"], parameters) > 0


async def fail_job(connection: Connection, job: Job, error: str, pause_s: int | None) -> Job | None:
    """The job, queued again after `pause_s` or failed (None, or no attempts left); None without the lease."""
    parameters = {
        "job_id": job.id,
        "lease_token": job.lease_token,
        "error": error,
        "retry": pause_s is not None,
        "pause_s": pause_s or 0,
    }
    return await find(connection, Job, Q["fail_job"], parameters)


async def release_job(connection: Connection, job: Job, pause_s: int = 0) -> None:
    """Hands the job back as if it had not been started."""
    parameters = {"job_id": job.id, "lease_token": job.lease_token, "pause_s": pause_s}
    await change(connection, Q["release_job"], parameters)


async def defer_job(connection: Connection, job_id: UUID) -> None:
    """Lets the next sweep announce the waiting job again."""
    await change(connection, Q["defer_job"], {"job_id": job_id})


async def list_lost_jobs(connection: Connection, kind: JobKind, limit: int) -> tuple[Job, ...]:
    """Jobs of the kind that need another message."""
    parameters = {"kind": kind, "resend_after_s": RESEND_AFTER_S, "limit": limit}
    return await fetch(connection, Job, Q["list_lost_jobs"], parameters)


async def fail_worn_out_jobs(connection: Connection) -> tuple[Job, ...]:
    """Jobs that were given up because their workers died every time."""
    return await fetch(connection, Job, Q["fail_worn_out_jobs"], {})


async def forget_done_jobs(connection: Connection, kind: JobKind, older_than_s: int) -> int:
    """How many jobs of the kind, done for longer than that, were removed."""
    return await change(connection, Q["forget_done_jobs"], {"kind": kind, "older_than_s": older_than_s})


class JobCounts(Struct, frozen=True):
    """Open jobs by state; stuck ones are counted in their state too."""

    queued_count: int
    running_count: int
    stuck_count: int


async def count_jobs(connection: Connection) -> JobCounts:
    """How many jobs are open."""
    return await get(connection, JobCounts, Q["count_jobs"], {})


async def beat_worker(connection: Connection, worker_id: UUID) -> None:
    """Notes that the worker process lives."""
    await change(connection, Q["beat_worker"], {"worker_id": worker_id})


async def forget_worker(connection: Connection, worker_id: UUID) -> None:
    """Removes the worker that leaves, and those that went silent."""
    await change(connection, Q["forget_workers"], {"worker_id": worker_id})


async def count_workers(connection: Connection, within_s: int) -> int:
    """How many worker processes gave a sign of life within that time."""
    count: int = await value(connection, Q["count_workers"], {"within_s": within_s})
    return count


async def try_lock(connection: Connection, name: str) -> bool:
    """Whether this transaction alone may do the periodic work of that name now."""
    return bool(await value(connection, Q["try_lock"], {"name": name}))

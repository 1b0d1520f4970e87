"""Jobs: announce, claim, keep alive, end; and the periodic sweep that loses none.

A job's row says everything: who holds it, until when, how often it was tried, how it ended. A message only
wakes a worker up, so a lost or doubled one does no harm.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog

from app.domain.errors import Busy, DomainError, Unavailable
from app.domain.jobs import HEARTBEAT_S, PATIENCE, Job, JobKind, pause_s
from app.domain.knowledge import Source
from app.services.house import Desk, House
from app.store import attachments, documents, exchanges, jobs, sources, uploads, webhooks
from app.store.pool import DATABASE_ERRORS
from app.store.rows import Connection
from rag.errors import Unreadable

Work = Callable[[House, Job], Awaitable[dict[str, object]]]

# Of each kind: many of one kind must not keep another waiting.
_RESEND_AT_ONCE = 100
_DUE_AT_ONCE = 100
# Longer than any answer takes: what is still running then belonged to a server that died.
_FORGOTTEN_ANSWER_S = 1800
_DELIVERIES_KEPT_S = 30 * 86400
_FORGET_AT_ONCE = 100
_EXPIRED_AT_ONCE = 100
# A client may hand a file in today and send it tomorrow.
_UNSENT_KEPT_S = 7 * 86400

log = structlog.get_logger()


async def announce(desk: Desk, job: Job) -> None:
    """Tells the workers of a committed job."""
    if await desk.queue.send(job):
        async with desk.pool.connection() as connection:
            await jobs.mark_sent(connection, [job.id])


async def run_job(house: House, job_id: UUID, work: Work) -> None:
    """Does the job if it is to be had: a second message for the same job finds it taken or done."""
    async with house.pool.connection() as connection:
        job = await jobs.claim_job(connection, job_id)
    if job is None:
        return
    log.info("job started", job=str(job.id), kind=job.kind.value, attempt=job.attempts)
    task = asyncio.ensure_future(work(house, job))
    pulse = asyncio.create_task(_keep_alive(house, job, task))
    try:
        await _finish(house, job, await task)
    except asyncio.CancelledError:
        await asyncio.shield(_release(house, job))
        log.info("job handed back: the worker goes down", job=str(job.id))
        raise
    except Busy as error:
        # It waits for other work, which is no fault of its own.
        await _release(house, job, error.retry_after_s)
    except Exception as error:  # noqa: BLE001
        # The top of every actor: the row keeps the reason and decides whether to try again.
        await _fail(house, job, error)
    finally:
        pulse.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await pulse


async def defer_job(house: House, job_id: UUID) -> None:
    """Leaves a waiting job to another worker, because this one goes down."""
    async with house.pool.connection() as connection:
        await jobs.defer_job(connection, job_id)


async def sweep(house: House) -> None:
    """Sends again what was lost, gives up what killed every worker, starts due syncs, removes what uploads
    left behind; by one at a time."""
    async with house.pool.connection() as connection:
        if not await jobs.try_lock(connection, "lectern-sweep"):
            return
        for job in await jobs.fail_worn_out_jobs(connection):
            log.error("job given up: its worker died every time", job=str(job.id), attempts=job.attempts)
            await _mark_subject_failed(connection, job)
        await exchanges.fail_forgotten_exchanges(connection, _FORGOTTEN_ANSWER_S)
        await _start_due_syncs(connection)
        await _forget(connection)
        expired = await uploads.delete_expired_uploads(connection, _EXPIRED_AT_ONCE)
        expired += await attachments.delete_unsent_attachments(connection, _UNSENT_KEPT_S, _EXPIRED_AT_ONCE)
        lost = await _list_lost(connection)
        await jobs.mark_sent(connection, [job.id for job in lost])
    for job in lost:
        await house.queue.send(job)
    await house.files.delete(expired)


async def open_sync_job(connection: Connection, source: Source) -> Job | None:
    """A new sync of that source, or None while one is open; the caller announces it after the commit."""
    job = await jobs.insert_job(connection, source.workspace_id, JobKind.SYNC_SOURCE, source.id)
    if job is not None:
        await sources.mark_queued(connection, source.id)
    return job


async def _forget(connection: Connection) -> None:
    for kind, patience in PATIENCE.items():
        if patience.kept_s is not None:
            await jobs.forget_done_jobs(connection, kind, patience.kept_s)
    await webhooks.forget_deliveries(connection, _DELIVERIES_KEPT_S, _FORGET_AT_ONCE)


async def _list_lost(connection: Connection) -> list[Job]:
    return [job for kind in JobKind for job in await jobs.list_lost_jobs(connection, kind, _RESEND_AT_ONCE)]


async def _start_due_syncs(connection: Connection) -> None:
    """Opens jobs for due sources; being new and unsent they are announced with the lost ones."""
    for source in await sources.list_due_sources(connection, _DUE_AT_ONCE):
        if await open_sync_job(connection, source) is not None:
            log.info("scheduled sync started", source=str(source.id), interval=source.sync_interval)


async def _keep_alive(house: House, job: Job, task: "asyncio.Future[dict[str, object]]") -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_S)
        try:
            async with house.pool.connection() as connection:
                held = await jobs.beat(connection, job)
        except DATABASE_ERRORS as error:
            # The lease outlasts some missed beats; the next one tries again.
            log.warning("heartbeat missed: the database did not answer", job=str(job.id), cause=str(error))
            continue
        if not held:
            log.warning("job lost to another worker: stopping here", job=str(job.id))
            task.cancel()
            return


async def _finish(house: House, job: Job, result: dict[str, object]) -> None:
    async with house.pool.connection() as connection:
        await jobs.finish_job(connection, job, result)
    log.info("job done", job=str(job.id), **result)


async def _fail(house: House, job: Job, error: Exception) -> None:
    """A reason that will not go away fails the job at once; anything else is tried again after a pause."""
    lasting = isinstance(error, DomainError | Unreadable) and not isinstance(error, Unavailable)
    reason = str(error) or type(error).__name__
    async with house.pool.connection() as connection:
        ended = await jobs.fail_job(connection, job, reason, None if lasting else pause_s(job))
        if ended is not None and ended.finished_at is not None:
            await _mark_subject_failed(connection, ended)
    again = ended is not None and ended.finished_at is None
    # Where the error is one of ours, its sentence says all.
    unexpected = not isinstance(error, DomainError | Unreadable)
    log.warning("job failed", job=str(job.id), cause=reason, tried_again=again, exc_info=unexpected)


async def _release(house: House, job: Job, pause_s: int = 0) -> None:
    async with house.pool.connection() as connection:
        await jobs.release_job(connection, job, pause_s)


async def _mark_subject_failed(connection: Connection, job: Job) -> None:
    if job.kind is JobKind.DELIVER_ANSWER:
        await webhooks.fail_delivery(connection, job.subject_id, job.attempts, job.error)
    if job.kind is not JobKind.SYNC_SOURCE:
        return
    await documents.release_syncing(connection, job.subject_id, job.error)
    await sources.mark_failed(connection, job.subject_id, job.error or "The sync failed.")

"""Jobs as rows: one worker at a time, nothing lost, every bad end with its reason."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Busy, Invalid
from app.domain.jobs import PATIENCE, Job, JobKind, JobState, pause_s
from app.domain.knowledge import SourceKind, SyncState
from app.services.house import House
from app.services.identify import Visit
from app.services.run_jobs import open_sync_job, run_job, sweep
from app.store import jobs, sources
from app.store.sources import NewSource
from tests.parts import HeldQueue


@pytest.fixture
async def source_id(house: House, visit: Visit) -> UUID:
    async with house.pool.connection() as connection:
        return (await sources.insert_source(connection, visit.base, NewSource(SourceKind.MANUAL))).id


@pytest.fixture
async def job(house: House, visit: Visit, source_id: UUID) -> Job:
    async with house.pool.connection() as connection:
        source = await sources.find_source(connection, visit.base, source_id)
        assert source is not None
        opened = await open_sync_job(connection, source)
    assert opened is not None
    return opened


async def look(house: House, job: Job) -> Job:
    async with house.pool.connection() as connection:
        found = await jobs.find_job(connection, job.id)
    assert found is not None
    return found


async def let_lease_run_out(house: House, job: Job) -> None:
    async with house.pool.connection() as connection:
        await connection.execute(
            "UPDATE jobs SET lease_until = now() - interval '1 second' WHERE id = %s", (job.id,)
        )


async def nothing(house: House, job: Job) -> dict[str, object]:
    return {"indexed": 0}


async def test_many_workers_ask_for_a_job_and_one_gets_it(house: House, job: Job) -> None:
    async def claim() -> Job | None:
        async with house.pool.connection() as connection:
            return await jobs.claim_job(connection, job.id)

    claimed = await asyncio.gather(*(claim() for _ in range(8)))
    assert len([one for one in claimed if one is not None]) == 1


async def test_asking_twice_for_the_same_sync_opens_one_job(house: House, visit: Visit, job: Job) -> None:
    async with house.pool.connection() as connection:
        source = await sources.find_source(connection, visit.base, job.subject_id)
        assert source is not None
        assert await open_sync_job(connection, source) is None


async def test_a_job_that_ran_is_done_and_a_second_message_does_nothing(house: House, job: Job) -> None:
    ran = 0

    async def work(house: House, job: Job) -> dict[str, object]:
        nonlocal ran
        ran += 1
        return {"indexed": 3}

    await run_job(house, job.id, work)
    await run_job(house, job.id, work)
    assert (ran, (await look(house, job)).result) == (1, {"indexed": 3})


async def test_the_job_of_a_dead_worker_is_sent_again(house: House, queue: HeldQueue, job: Job) -> None:
    async with house.pool.connection() as connection:
        await jobs.claim_job(connection, job.id)
    await sweep(house)
    assert queue.jobs == [], "a job whose lease holds is left alone"
    await let_lease_run_out(house, job)
    await sweep(house)
    assert [sent.id for sent in queue.jobs] == [job.id]
    await run_job(house, job.id, nothing)
    assert (await look(house, job)).state is JobState.DONE


async def test_a_job_whose_message_was_never_sent_is_sent_by_the_sweep(
    house: House, queue: HeldQueue, job: Job
) -> None:
    await sweep(house)
    await sweep(house)
    assert [sent.id for sent in queue.jobs] == [job.id], "and not again while the message is fresh"


async def test_a_job_that_kills_every_worker_fails_with_a_reason(
    house: House, visit: Visit, job: Job
) -> None:
    for _ in range(job.max_attempts):
        async with house.pool.connection() as connection:
            assert await jobs.claim_job(connection, job.id) is not None
        await let_lease_run_out(house, job)
    await sweep(house)
    ended = await look(house, job)
    assert ended.state is JobState.FAILED
    assert ended.error == "The worker died 3 times while it worked on this."
    async with house.pool.connection() as connection:
        source = await sources.find_source(connection, visit.base, job.subject_id)
    assert source is not None
    assert (source.state, source.error) == (SyncState.SYNC_ERROR, ended.error)


async def test_a_reason_that_will_not_go_away_fails_the_job_at_once(house: House, job: Job) -> None:
    async def work(house: House, job: Job) -> dict[str, object]:
        raise Invalid("0 pages were found.", "url")

    await run_job(house, job.id, work)
    ended = await look(house, job)
    assert (ended.state, ended.attempts, ended.error) == (JobState.FAILED, 1, "0 pages were found.")


async def test_an_accident_is_tried_again_later(house: House, queue: HeldQueue, job: Job) -> None:
    async def work(house: House, job: Job) -> dict[str, object]:
        raise OSError("disk went away")

    await run_job(house, job.id, work)
    waiting = await look(house, job)
    assert (waiting.state, waiting.error) == (JobState.QUEUED, "disk went away")
    await run_job(house, job.id, nothing)
    assert (await look(house, job)).state is JobState.QUEUED, "its pause is not over"


async def test_work_that_has_to_wait_is_put_back_and_costs_no_attempt(house: House, job: Job) -> None:
    async def work(house: House, job: Job) -> dict[str, object]:
        raise Busy("Others first.", retry_after_s=5)

    await run_job(house, job.id, work)
    waiting = await look(house, job)
    assert (waiting.state, waiting.attempts, waiting.error) == (JobState.QUEUED, 0, None)
    await run_job(house, job.id, nothing)
    assert (await look(house, job)).state is JobState.QUEUED, "not before its pause is over"


@given(kind=st.sampled_from(JobKind), job_id=st.uuids(version=4), attempts=st.integers(1, 9))
def test_a_pause_is_that_of_the_attempt_and_up_to_a_quarter_more(
    kind: JobKind, job_id: UUID, attempts: int
) -> None:
    now = datetime.now(UTC)
    held = (JobState.RUNNING, attempts, PATIENCE[kind].max_attempts, uuid4(), 0, 0, None, None, now, None)
    planned = PATIENCE[kind].pauses_s
    least = planned[attempts - 1] if attempts <= len(planned) else planned[-1]
    assert least <= pause_s(Job(job_id, 1, uuid4(), kind, uuid4(), *held)) <= least * 1.25


async def test_many_lost_jobs_of_one_kind_keep_no_other_kind_waiting(
    house: House, queue: HeldQueue, job: Job
) -> None:
    async with house.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO jobs (workspace_id, kind, subject_id, run_after) SELECT %s, %s, gen_random_uuid(),"
            " now() - interval '1 hour' FROM generate_series(1, 300)",
            (job.workspace_id, JobKind.SCORE_EXCHANGE.value),
        )
    await sweep(house)
    assert job.id in {sent.id for sent in queue.jobs}


async def test_of_lost_jobs_who_waits_longest_is_sent_first(house: House, visit: Visit) -> None:
    async with house.pool.connection() as connection:
        for minutes in (3, 9, 6):
            await connection.execute(
                "INSERT INTO jobs (workspace_id, kind, subject_id, run_after) VALUES"
                " (%s, %s, gen_random_uuid(), now() - %s * interval '1 minute')",
                (visit.assistant.workspace_id, JobKind.SCORE_EXCHANGE.value, minutes),
            )
        lost = await jobs.list_lost_jobs(connection, JobKind.SCORE_EXCHANGE, 10)
    assert [one.seq - lost[0].seq for one in lost] == [0, 1, -1]


async def test_a_worker_that_goes_down_hands_its_job_back_untouched(house: House, job: Job) -> None:
    begun = asyncio.Event()

    async def work(house: House, job: Job) -> dict[str, object]:
        begun.set()
        await asyncio.Event().wait()
        return {}

    running = asyncio.create_task(run_job(house, job.id, work))
    await begun.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    waiting = await look(house, job)
    assert (waiting.state, waiting.attempts) == (JobState.QUEUED, 0)


async def test_a_message_for_a_job_that_does_not_exist_is_ignored(house: House) -> None:
    await run_job(house, uuid4(), nothing)


async def test_a_due_source_is_synced_by_the_sweep_and_planned_anew(
    house: House, queue: HeldQueue, source_id: UUID
) -> None:
    async with house.pool.connection() as connection:
        await connection.execute(
            "UPDATE sources SET sync_interval = 'week', next_sync_at = now() - interval '1 s' WHERE id = %s",
            (source_id,),
        )
    await sweep(house)
    assert [sent.subject_id for sent in queue.jobs] == [source_id]
    await sweep(house)
    assert len(queue.jobs) == 1, "an open job is not doubled"
    await queue.work_off(house)
    async with house.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT state, next_sync_at - now() FROM sources WHERE id = %s", (source_id,)
        )
        row = await cursor.fetchone()
    assert row is not None
    assert row[0] == "synced"
    assert 6.9 < row[1].total_seconds() / 86400 <= 7

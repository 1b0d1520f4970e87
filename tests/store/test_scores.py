"""Workers score answers afterwards: against their sources, and a reference that a person attaches."""

from uuid import UUID, uuid4

import pytest

from app.domain.errors import Invalid, NotFound
from app.domain.exchanges import Metric, Score
from app.domain.jobs import JobKind, JobState
from app.domain.knowledge import Row
from app.domain.paging import PageRequest
from app.services.accept_question import Ask
from app.services.answer import answer, fold
from app.services.house import House
from app.services.identify import Visit
from app.services.manage_assistants import create_assistant
from app.services.manage_rows import add_rows, delete_rows, list_rows
from app.services.manage_sources import create_source
from app.services.run_jobs import sweep
from app.services.score_exchanges import attach_reference, list_scores, score_exchange
from app.services.sync_source import request_sync
from app.store import jobs
from rag.engine import Engine, Models
from rag.extract import Extractor
from rag.testing import HashEmbedder, ScriptedGenerator
from tests.parts import HeldQueue

LOANS = "# Loans\n\nThe grace period for returning a book is fourteen days after the due date."
QUESTION = "What is the grace period for returning a book?"
OF_EVERY_ANSWER = {Metric.FAITHFULNESS, Metric.ANSWER_RELEVANCY, Metric.CONTEXT_PRECISION}


@pytest.fixture
def generator() -> ScriptedGenerator:
    return ScriptedGenerator(["The grace period for returning a book is fourteen days [1]."])


@pytest.fixture(autouse=True)
async def source_id(house: House, visit: Visit, queue: HeldQueue) -> UUID:
    source = await create_source(house, visit)
    await add_rows(house, visit, source.id, (Row("loans.md", LOANS),))
    await request_sync(house, visit, source.id)
    await queue.work_off(house)
    return source.id


async def asked(house: House, visit: Visit) -> UUID:
    answering = await answer(house, visit, Ask(QUESTION))
    await fold(answering)
    while house.running:
        await next(iter(house.running))
    return answering.exchange_id


async def values(house: House, visit: Visit, exchange_id: UUID) -> dict[Metric, float]:
    found = await list_scores(house, visit.assistant.workspace_id, [exchange_id])
    return {score.metric: score.value for score in found.get(exchange_id, [])}


async def test_an_answer_is_there_before_its_scores(house: House, visit: Visit, queue: HeldQueue) -> None:
    exchange_id = await asked(house, visit)
    assert await values(house, visit, exchange_id) == {}
    assert [job.kind for job in queue.jobs] == [JobKind.SCORE_EXCHANGE]
    await queue.work_off(house)
    scores = await values(house, visit, exchange_id)
    assert set(scores) == OF_EVERY_ANSWER
    assert scores[Metric.FAITHFULNESS] == scores[Metric.CONTEXT_PRECISION] == 1.0


async def test_a_reference_adds_the_scores_that_need_one(
    house: House, visit: Visit, queue: HeldQueue
) -> None:
    exchange_id = await asked(house, visit)
    await attach_reference(house, visit.assistant.workspace_id, exchange_id, "fourteen days")
    assert len(queue.jobs) == 1, "the job that waits sees the reference too"
    await queue.work_off(house)
    scores = await values(house, visit, exchange_id)
    assert set(scores) == set(Metric)
    assert scores[Metric.ANSWER_CORRECTNESS] > 0.75
    await attach_reference(house, visit.assistant.workspace_id, exchange_id, "three weeks")
    await queue.work_off(house)
    assert (await values(house, visit, exchange_id))[Metric.ANSWER_CORRECTNESS] < 0.25
    await attach_reference(house, visit.assistant.workspace_id, exchange_id, None)
    await queue.work_off(house)
    assert set(await values(house, visit, exchange_id)) == OF_EVERY_ANSWER


async def test_a_reference_that_comes_while_scores_are_made_is_not_overlooked(
    house: House, visit: Visit, queue: HeldQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange_id = await asked(house, visit)
    made = house.engine.score
    attached = False

    async def meanwhile(answered: object) -> object:
        nonlocal attached
        if not attached:
            attached = True
            await attach_reference(house, visit.assistant.workspace_id, exchange_id, "fourteen days")
        return await made(answered)  # type: ignore[arg-type]

    monkeypatch.setattr(house.engine, "score", meanwhile)
    await queue.work_off(house)
    assert set(await values(house, visit, exchange_id)) == set(Metric)


async def test_when_the_source_is_gone_what_was_quoted_still_counts(
    house: House, visit: Visit, queue: HeldQueue, source_id: UUID
) -> None:
    exchange_id = await asked(house, visit)
    rows = await list_rows(house, visit, source_id, PageRequest())
    await delete_rows(house, visit, source_id, tuple(row.id for row in rows.items))
    await queue.work_off(house)
    assert (await values(house, visit, exchange_id))[Metric.FAITHFULNESS] == 1.0


async def test_scoring_twice_changes_nothing(house: House, visit: Visit, queue: HeldQueue) -> None:
    exchange_id = await asked(house, visit)
    job = queue.jobs[0]
    await queue.work_off(house)
    before = await values(house, visit, exchange_id)
    assert await score_exchange(house, job)
    assert await values(house, visit, exchange_id) == before


async def test_an_exchange_that_was_deleted_ends_the_job_calmly(
    house: House, visit: Visit, queue: HeldQueue
) -> None:
    exchange_id = await asked(house, visit)
    async with house.pool.connection() as connection:
        await connection.execute("DELETE FROM exchanges WHERE id = %s", (exchange_id,))
    job = queue.jobs[0]
    await queue.work_off(house)
    async with house.pool.connection() as connection:
        ended = await jobs.find_job(connection, job.id)
    assert ended is not None and (ended.state, ended.result) == (JobState.DONE, {"gone": True})


async def test_another_workspace_sees_and_changes_nothing(
    house: House, visit: Visit, queue: HeldQueue
) -> None:
    exchange_id = await asked(house, visit)
    await queue.work_off(house)
    other = (await create_assistant(house.pool, "Other")).workspace_id
    assert await list_scores(house, other, [exchange_id]) == {}
    for unknown in (exchange_id, uuid4()):
        with pytest.raises(NotFound, match="Exchange not found"):
            await attach_reference(house, other, unknown, "anything")


@pytest.mark.parametrize("reference", ["", " \n", "x" * 20_001])
async def test_a_useless_reference_is_refused(house: House, visit: Visit, reference: str) -> None:
    with pytest.raises(Invalid, match="reference answer"):
        await attach_reference(house, visit.assistant.workspace_id, uuid4(), reference)


async def test_what_could_not_be_answered_is_not_scored(house: House, visit: Visit, queue: HeldQueue) -> None:
    answering = await answer(house, visit, Ask("Who painted the Sistine Chapel ceiling?"))
    await fold(answering)
    assert queue.jobs == []


async def test_done_scoring_jobs_are_swept_away_and_scores_stay(
    house: House, visit: Visit, queue: HeldQueue
) -> None:
    exchange_id = await asked(house, visit)
    job = queue.jobs[0]
    await queue.work_off(house)
    async with house.pool.connection() as connection:
        await connection.execute("UPDATE jobs SET finished_at = now() - interval '2 hours'")
    await sweep(house)
    async with house.pool.connection() as connection:
        assert await jobs.find_job(connection, job.id) is None
    assert set(await values(house, visit, exchange_id)) == OF_EVERY_ANSWER


async def test_a_model_judges_when_one_is_configured(house: House, visit: Visit, queue: HeldQueue) -> None:
    exchange_id = await asked(house, visit)
    judge = ScriptedGenerator(name="a-judge")
    judge.replies = ["1: none", "What is the grace period?"]
    models = Models(HashEmbedder(), ScriptedGenerator(), Extractor(), judge)
    house.engine = await Engine.open(house.pool, models)
    await queue.work_off(house)
    found: list[Score] = (await list_scores(house, visit.assistant.workspace_id, [exchange_id]))[exchange_id]
    by_metric = {score.metric: score for score in found}
    assert by_metric[Metric.FAITHFULNESS].value == 0.0
    assert {score.judge for score in found} == {"a-judge"}

"""Receivers that hang, crawl or lose their workers: at least once, and at nobody else's expense."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
from msgspec.structs import replace

from app.domain.jobs import JobState
from app.domain.webhooks import DeliveryState
from app.services.answer import Ask, answer
from app.services.house import House
from app.services.identify import Visit, visit_assistant
from app.services.manage_assistants import create_assistant
from app.services.notify import deliver_answer, list_deliveries
from app.services.run_jobs import run_job, sweep
from app.settings import Settings
from app.store import jobs
from tests.parts import HeldQueue
from tests.receiving import MOST, QUESTION, ask, delivery, header, hook, look, run
from tests.unit.loopback import Site, always, response, site


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, outbound_allow=("127.0.0.1",), score_answers=False)


@pytest.fixture
async def receiver() -> AsyncIterator[Site]:
    """One that takes everything."""
    async with site(always(response(b"ok"))) as server:
        yield server


class Hanging:
    """A receiver that takes a post and never says anything."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def __call__(self, path: str, writer: asyncio.StreamWriter) -> None:
        self.asked.set()
        await asyncio.Event().wait()


def impatient(house: House, monkeypatch: pytest.MonkeyPatch, timeout_s: float) -> None:
    monkeypatch.setattr(house.outbound, "post", partial(house.outbound.post, timeout_s=timeout_s))


async def test_answers_come_while_a_receiver_hangs(house: House, visit: Visit, queue: HeldQueue) -> None:
    hanging = Hanging()
    async with site(hanging) as server:
        await hook(house, visit, server)
        await ask(house, visit)
        under_way = asyncio.create_task(run_job(house, queue.jobs[0].id, deliver_answer))
        await hanging.asked.wait()
        for _ in range(3):
            await ask(house, visit)
        assert not under_way.done()
        assert len(server.requests) == 1, "answers are posted by workers, not by who answers"
        under_way.cancel()
        await asyncio.gather(under_way, return_exceptions=True)
    assert (await look(house, queue.jobs[0])).attempts == 0, "a worker that goes down hands it back"


async def test_who_keeps_silent_is_left_alone_for_a_while_and_others_are_not(
    house: House, visit: Visit, queue: HeldQueue, receiver: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(house, monkeypatch, 1.1)
    other = await visit_assistant(house, (await create_assistant(house.pool, "Other")).assistant_id)
    await hook(house, other, receiver)
    async with site(Hanging()) as server:
        await hook(house, visit, server)
        for visitor in (visit, visit, visit, other):
            await ask(house, visitor)
        for job in list(queue.jobs):
            await run(house, job)
        assert len(server.requests) == 1
        told = await list_deliveries(house.pool, visit.assistant.workspace_id, visit.assistant.id)
        assert {(one.state, one.attempts, one.error) for one in told} == {
            (DeliveryState.WAITING, 1, "127.0.0.1 did not answer within 1.1 seconds.")
        }
    assert (await delivery(house, other)).state is DeliveryState.DELIVERED


async def test_a_slow_receiver_has_four_posts_under_way_and_what_waits_costs_no_attempt(
    house: House, visit: Visit, queue: HeldQueue
) -> None:
    go_on, asked = asyncio.Event(), asyncio.Semaphore(0)
    go_on.set()

    async def say(path: str, writer: asyncio.StreamWriter) -> None:
        asked.release()
        await go_on.wait()
        writer.write(response())

    async with site(say) as server:
        await hook(house, visit, server)
        await ask(house, visit)
        await queue.work_off(house)
        await asked.acquire()
        go_on.clear()
        for _ in range(5):
            await ask(house, visit)
        first = [asyncio.create_task(run(house, job)) for job in queue.jobs[:4]]
        for _ in first:
            await asked.acquire()
        waiting = await run(house, queue.jobs[4])
        assert (waiting.state, waiting.attempts, waiting.error) == (JobState.QUEUED, 0, None)
        go_on.set()
        assert {job.state for job in await asyncio.gather(*first)} == {JobState.DONE}
        assert (await run(house, queue.jobs[4])).state is JobState.DONE
    assert len(server.requests) == 6


async def let_lease_run_out(house: House) -> None:
    async with house.pool.connection() as connection:
        await connection.execute("UPDATE jobs SET lease_until = now() - interval '1 second'")


async def test_a_worker_that_dies_after_a_post_leaves_it_to_another_under_the_same_id(
    house: House, visit: Visit, queue: HeldQueue
) -> None:
    hanging = Hanging()
    async with site(hanging) as server:
        await hook(house, visit, server)
        await ask(house, visit)
        [job] = queue.jobs
        async with house.pool.connection() as connection:
            held = await jobs.claim_job(connection, job.id)
        assert held is not None
        dying = asyncio.create_task(deliver_answer(house, held))
        await hanging.asked.wait()
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        first_id = header(server.requests[0], "X-Lectern-Delivery")
    queue.jobs.clear()
    await sweep(house)
    assert queue.jobs == [], "its lease holds"
    await let_lease_run_out(house)
    await sweep(house)
    async with site(always(response())) as server:
        await hook(house, visit, server)
        await queue.work_off(house)
        assert [header(request, "X-Lectern-Delivery") for request in server.requests] == [first_id]
    told = await delivery(house, visit)
    assert (told.state, told.attempts) == (DeliveryState.DELIVERED, 2)


async def test_what_was_taken_is_not_posted_again_though_its_worker_died_right_then(
    house: House, visit: Visit, queue: HeldQueue, receiver: Site
) -> None:
    await hook(house, visit, receiver)
    await ask(house, visit)
    [job] = queue.jobs
    async with house.pool.connection() as connection:
        held = await jobs.claim_job(connection, job.id)
    assert held is not None
    await deliver_answer(house, held)
    await let_lease_run_out(house)
    assert (await run(house, job)).result == {"gone": True}
    assert len(receiver.requests) == 1


async def test_a_delivery_that_kills_every_worker_has_failed(
    house: House, visit: Visit, queue: HeldQueue, receiver: Site
) -> None:
    await hook(house, visit, receiver)
    await ask(house, visit)
    for _ in range(MOST):
        async with house.pool.connection() as connection:
            assert await jobs.claim_job(connection, queue.jobs[0].id) is not None
        await let_lease_run_out(house)
    await sweep(house)
    told = await delivery(house, visit)
    assert (told.state, told.attempts) == (DeliveryState.FAILED, MOST)
    assert told.error == f"The worker died {MOST} times while it worked on this."


async def test_what_broke_off_after_some_words_is_not_told(
    house: House, visit: Visit, queue: HeldQueue, receiver: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = house.engine.answer

    async def breaking(*parts: object) -> AsyncIterator[object]:
        async for event in made(*parts):  # type: ignore[arg-type]
            yield event
            if type(event).__name__ == "Token":
                raise RuntimeError("a bug")

    monkeypatch.setattr(house.engine, "answer", breaking)
    await hook(house, visit, receiver)
    said = [event async for event in (await answer(house, visit, Ask(QUESTION))).events]
    await asyncio.gather(*house.running)
    await sweep(house)
    await queue.work_off(house)
    assert type(said[-1]).__name__ == "Failed"
    assert receiver.requests == []

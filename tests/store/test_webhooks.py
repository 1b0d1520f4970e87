"""Answers are posted to the assistant's webhook: signed, and again until they are taken."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from msgspec.structs import replace

from app.domain.errors import Invalid, NotFound
from app.domain.jobs import JobState
from app.domain.knowledge import Row
from app.domain.webhooks import DeliveryState
from app.services.house import House
from app.services.identify import Visit
from app.services.manage_assistants import create_assistant
from app.services.manage_rows import add_rows
from app.services.manage_sources import create_source
from app.services.notify import (
    deliver_answer,
    get_webhook,
    list_deliveries,
    remove_webhook,
    secret_of,
    send_ping,
    set_webhook,
)
from app.services.run_jobs import run_job, sweep
from app.services.sync_source import request_sync
from app.settings import Settings
from app.store import jobs
from tests.parts import HeldQueue
from tests.receiving import MOST, answering, ask, delivery, header, hook, run
from tests.unit.loopback import Site, always, response, site

LOANS = "# Loans\n\nThe grace period for returning a book is fourteen days after the due date."


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, outbound_allow=("127.0.0.1",), score_answers=False)


@pytest.fixture
async def receiver() -> AsyncIterator[Site]:
    """One that takes everything."""
    async with site(always(response(b"ok"))) as server:
        yield server


async def test_a_receiver_is_told_the_answer_and_can_verify_who_says_so(
    house: House, visit: Visit, queue: HeldQueue, receiver: Site
) -> None:
    source = await create_source(house, visit)
    await add_rows(house, visit, source.id, (Row("loans.md", LOANS),))
    await request_sync(house, visit, source.id)
    await queue.work_off(house)
    webhook = await hook(house, visit, receiver)
    message_id = await ask(house, visit)
    await queue.work_off(house)

    [request], [body] = receiver.requests, receiver.bodies
    secret = secret_of(house.signer, webhook.id)
    expected = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(header(request, "X-Lectern-Signature"), expected)
    told = await delivery(house, visit)
    assert header(request, "X-Lectern-Delivery") == str(told.id)
    assert header(request, "Content-Type") == "application/json"
    assert header(request, "User-Agent") == "LecternBot/1.0"
    assert (told.state, told.attempts, told.status_code) == (DeliveryState.DELIVERED, 1, 200)

    said = json.loads(body)
    citation = said.pop("citations")[0]
    assert len(said.pop("created_at")) == 13
    assert UUID(said.pop("conversation"))
    assert said == {
        "event": "message.created",
        "chatbot": str(visit.assistant.id),
        "id": str(message_id),
        "sender": {
            "id": str(visit.assistant.id),
            "name": "Library",
            "avatar": "http://127.0.0.1:8000/api/avatar.svg",
        },
        "type": "outgoing",
        "content": "The grace period is fourteen days [1].",
        "feedback": None,
        "attachments": [],
    }
    assert UUID(citation.pop("id"))
    assert LOANS[citation.pop("start") : citation.pop("end")] == citation.pop("excerpt")
    assert citation == {"number": 1, "title": "loans.md", "filename": "loans.md", "url": None, "page": None}


async def test_what_is_told_is_what_is_known_when_it_is_told(
    house: House, visit: Visit, queue: HeldQueue, receiver: Site
) -> None:
    await hook(house, visit, receiver, "/before")
    message_id = await ask(house, visit)
    async with house.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO feedback (message_id, workspace_id, kind, suggestion)"
            " VALUES (%s, %s, 'dislike', 'no')",
            (message_id, visit.assistant.workspace_id),
        )
    await hook(house, visit, receiver, "/after")
    await queue.work_off(house)
    assert receiver.requests[0].startswith("POST /after ")
    feedback = json.loads(receiver.bodies[0])["feedback"]
    assert (feedback["type"], feedback["suggestion"], len(feedback["updated_at"])) == ("dislike", "no", 13)
    assert UUID(feedback["id"])


async def test_without_a_webhook_there_is_nothing_to_do(house: House, visit: Visit, queue: HeldQueue) -> None:
    await ask(house, visit)
    assert queue.jobs == []
    with pytest.raises(NotFound, match="has no webhook"):
        await list_deliveries(house.pool, visit.assistant.workspace_id, visit.assistant.id)


async def test_what_fails_twice_is_posted_a_third_time_as_the_same_delivery(
    house: House, visit: Visit, queue: HeldQueue
) -> None:
    async with site(answering("500 Oh", "503 Later", "200 OK")) as server:
        await hook(house, visit, server)
        await ask(house, visit)
        [job] = queue.jobs
        waiting = await run(house, job)
        assert (waiting.state, waiting.attempts) == (JobState.QUEUED, 1)
        told = await delivery(house, visit)
        assert (told.state, told.status_code) == (DeliveryState.WAITING, 500)
        assert told.error == "The receiver answered with status 500, not 200."
        await run_job(house, job.id, deliver_answer)
        assert len(server.requests) == 1, "its pause is not over"
        await run(house, job)
        assert (await run(house, job)).state is JobState.DONE
    told = await delivery(house, visit)
    assert (told.state, told.attempts, told.status_code, told.error) == (
        DeliveryState.DELIVERED,
        3,
        200,
        None,
    )
    assert told.finished_at is not None
    assert {header(request, "X-Lectern-Delivery") for request in server.requests} == {str(told.id)}


async def test_after_the_last_attempt_the_delivery_has_failed_with_its_reason(
    house: House, visit: Visit, queue: HeldQueue
) -> None:
    async with site(answering("500 Oh")) as server:
        await hook(house, visit, server)
        await ask(house, visit)
        [job] = queue.jobs
        states = [(await run(house, job)).state for _ in range(MOST)]
    assert states == [JobState.QUEUED] * (MOST - 1) + [JobState.FAILED]
    told = await delivery(house, visit)
    assert (told.state, told.attempts, told.status_code) == (DeliveryState.FAILED, MOST, 500)
    assert told.error == "The receiver answered with status 500, not 200."
    assert told.finished_at is not None


@pytest.mark.parametrize(
    ("answered", "status"),
    [
        (response(b"", "302 Found", Location="http://169.254.169.254/latest/meta-data/"), 302),
        (response(b"", "201 Created"), 201),
        (response(b"", "404 Not Found"), 404),
    ],
)
async def test_only_200_is_taken_for_a_yes(
    house: House, visit: Visit, queue: HeldQueue, answered: bytes, status: int
) -> None:
    async with site(always(answered)) as server:
        await hook(house, visit, server)
        await ask(house, visit)
        assert (await run(house, queue.jobs[0])).state is JobState.QUEUED
    assert (await delivery(house, visit)).status_code == status
    assert len(server.requests) == 1


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "127.0.0.2:{port}", "169.254.169.254", "10.0.0.1"])
async def test_a_dead_port_and_a_refused_address_are_tried_again(
    house: House, visit: Visit, queue: HeldQueue, host: str
) -> None:
    async with site(always(b"")) as server:
        pass
    url = f"http://{host.format(port=server.port)}/s3cret"
    await set_webhook(house.pool, visit.assistant.workspace_id, visit.assistant.id, url)
    await ask(house, visit)
    assert (await run(house, queue.jobs[0])).state is JobState.QUEUED
    told = await delivery(house, visit)
    assert (told.state, told.attempts, told.status_code) == (DeliveryState.WAITING, 1, None)
    assert told.error is not None and "s3cret" not in told.error
    assert server.connections == 0


async def test_ten_gigabytes_of_thanks_are_a_yes(house: House, visit: Visit, queue: HeldQueue) -> None:
    async def say(path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(Content_Length="10000000000"))
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with site(say) as server:
        await hook(house, visit, server)
        await ask(house, visit)
        assert (await run(house, queue.jobs[0])).state is JobState.DONE


@pytest.mark.parametrize("table", ["webhooks", "messages", "conversations", "assistants"])
async def test_what_is_gone_is_not_posted_and_ends_its_job_quietly(
    house: House, visit: Visit, queue: HeldQueue, receiver: Site, table: str
) -> None:
    await hook(house, visit, receiver)
    await ask(house, visit)
    async with house.pool.connection() as connection:
        await connection.execute(f"DELETE FROM {table}")  # type: ignore[arg-type]
    ended = await run(house, queue.jobs[0])
    assert (ended.state, ended.result, receiver.requests) == (JobState.DONE, {"gone": True}, [])


async def test_a_workspace_takes_its_jobs_along(
    house: House, visit: Visit, queue: HeldQueue, receiver: Site
) -> None:
    await hook(house, visit, receiver)
    await ask(house, visit)
    async with house.pool.connection() as connection:
        await connection.execute("DELETE FROM workspaces")
    await queue.work_off(house)
    assert receiver.requests == []


async def test_deliveries_are_forgotten_after_a_month_with_their_jobs(
    house: House, visit: Visit, queue: HeldQueue, receiver: Site
) -> None:
    await hook(house, visit, receiver)
    for _ in range(3):
        await ask(house, visit)
    old, done, new = queue.jobs
    async with house.pool.connection() as connection:
        await connection.execute(
            "UPDATE deliveries SET created_at = now() - interval '31 days' WHERE id = %s", (old.subject_id,)
        )
        await connection.execute(
            "UPDATE jobs SET state = 'failed', finished_at = now() - interval '29 days' WHERE id = %s",
            (old.id,),
        )
    await run(house, done)
    async with house.pool.connection() as connection:
        await connection.execute(
            "UPDATE jobs SET finished_at = now() - interval '2 hours' WHERE id = %s", (done.id,)
        )
    await sweep(house)
    told = await list_deliveries(house.pool, visit.assistant.workspace_id, visit.assistant.id)
    assert [one.id for one in told] == [new.subject_id, done.subject_id]
    async with house.pool.connection() as connection:
        left = [await jobs.find_job(connection, job.id) for job in (old, done, new)]
    assert [job is None for job in left] == [True, True, False]


async def test_setting_another_address_keeps_the_secret_and_removing_the_webhook_ends_it(
    house: House, visit: Visit, receiver: Site
) -> None:
    keys = (visit.assistant.workspace_id, visit.assistant.id)
    first = await hook(house, visit, receiver, "/one")
    second = await hook(house, visit, receiver, "/two")
    assert secret_of(house.signer, first.id) == secret_of(house.signer, second.id)
    assert await get_webhook(house.pool, *keys) == second
    await remove_webhook(house.pool, *keys)
    with pytest.raises(NotFound):
        await get_webhook(house.pool, *keys)
    third = await hook(house, visit, receiver)
    assert secret_of(house.signer, third.id) != secret_of(house.signer, first.id)


async def test_another_workspace_sees_and_changes_nothing(house: House, visit: Visit, receiver: Site) -> None:
    webhook = await hook(house, visit, receiver)
    foreign = ((await create_assistant(house.pool, "Other")).workspace_id, visit.assistant.id)
    with pytest.raises(NotFound):
        await set_webhook(house.pool, *foreign, "https://example.com/")
    for work in (get_webhook, remove_webhook, list_deliveries):
        with pytest.raises(NotFound):
            await work(house.pool, *foreign)  # type: ignore[operator]
    assert await get_webhook(house.pool, visit.assistant.workspace_id, visit.assistant.id) == webhook


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://user:word@example.com/",
        "https://example.com/ a",
        "https://example.com/\0",
        "http://0x7f.1/",
        "https://example.com/" + "a" * 5000,
    ],
)
async def test_what_is_no_plain_web_address_is_not_set(house: House, visit: Visit, url: str) -> None:
    with pytest.raises(Invalid) as refusal:
        await set_webhook(house.pool, visit.assistant.workspace_id, visit.assistant.id, url)
    assert refusal.value.field == "url"


async def test_a_ping_is_signed_like_an_answer(house: House, visit: Visit, receiver: Site) -> None:
    webhook = await hook(house, visit, receiver)
    assert await send_ping(house.outbound, house.signer, webhook) == 200
    [request], [body] = receiver.requests, receiver.bodies
    secret = secret_of(house.signer, webhook.id)
    signed = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert header(request, "X-Lectern-Signature") == signed
    assert UUID(header(request, "X-Lectern-Delivery"))
    assert json.loads(body) == {"event": "ping", "chatbot": str(visit.assistant.id)}

"""An assistant with a webhook, and what happened to its deliveries."""

import asyncio
from uuid import UUID

from app.domain.jobs import PATIENCE, Job, JobKind
from app.domain.webhooks import Delivery, Webhook
from app.services.answer import Ask, answer, fold
from app.services.house import House
from app.services.identify import Visit
from app.services.notify import (
    deliver_answer,
    list_deliveries,
    set_webhook,
)
from app.services.run_jobs import run_job
from app.store import jobs
from tests.unit.loopback import Answer, Site, response

QUESTION = "What is the grace period for returning a book?"
MOST = PATIENCE[JobKind.DELIVER_ANSWER].max_attempts


async def hook(house: House, visit: Visit, server: Site, path: str = "/answers") -> Webhook:
    url = f"http://127.0.0.1:{server.port}{path}"
    return await set_webhook(house.pool, visit.assistant.workspace_id, visit.assistant.id, url)


async def ask(house: House, visit: Visit, text: str = QUESTION) -> UUID:
    """The id of the stored answer."""
    answering = await answer(house, visit, Ask(text))
    await fold(answering)
    await asyncio.gather(*house.running)
    return answering.message_id


async def delivery(house: House, visit: Visit) -> Delivery:
    """The latest one."""
    return (await list_deliveries(house.pool, visit.assistant.workspace_id, visit.assistant.id))[0]


async def look(house: House, job: Job) -> Job:
    async with house.pool.connection() as connection:
        found = await jobs.find_job(connection, job.id)
    assert found is not None
    return found


async def run(house: House, job: Job) -> Job:
    """The job after its next attempt; its pause is over."""
    async with house.pool.connection() as connection:
        await connection.execute("UPDATE jobs SET run_after = now() WHERE id = %s", (job.id,))
    await run_job(house, job.id, deliver_answer)
    return await look(house, job)


def answering(*statuses: str) -> Answer:
    """Answers with these, the last one for good."""
    left = list(statuses)

    async def say(path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"", left.pop(0) if len(left) > 1 else left[0]))

    return say


def header(request: str, name: str) -> str:
    [line] = [line for line in request.splitlines() if line.lower().startswith(name.lower() + ": ")]
    return line.partition(": ")[2]

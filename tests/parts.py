"""What tests of several folders share."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from psycopg import sql

from app.domain.jobs import Job, JobKind
from app.services.house import House
from app.services.notify import deliver_answer
from app.services.run_jobs import Work, run_job
from app.services.score_exchanges import score_exchange
from app.services.sync_source import sync_source
from app.store.embedded import EmbeddedPostgres

WORK: dict[JobKind, Work] = {
    JobKind.SYNC_SOURCE: sync_source,
    JobKind.SCORE_EXCHANGE: score_exchange,
    JobKind.DELIVER_ANSWER: deliver_answer,
}


@contextmanager
def cloned(postgres: EmbeddedPostgres, template: str) -> Iterator[str]:
    """The URL of a fresh copy of the template database."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
        yield postgres.url(name)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


class HeldQueue:
    """A job queue that keeps its jobs until the test has them worked off."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    async def send(self, job: Job) -> bool:
        self.jobs.append(job)
        return True

    def close(self) -> None:
        self.jobs.clear()

    async def work_off(self, house: House) -> None:
        while self.jobs:
            job = self.jobs.pop(0)
            await run_job(house, job.id, WORK[job.kind])

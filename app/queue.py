"""The Dramatiq broker, and `send`: a job's id to the actor that is named after its kind."""

import asyncio
from typing import Protocol

import dramatiq
import structlog
from dramatiq.middleware import AgeLimit, Middleware
from dramatiq_postgres import PostgresBroker

from app.domain.jobs import Job, JobKind
from app.settings import Settings

QUEUE = "default"
# Whoever waits for strangers has a queue of its own: syncs and scores never wait behind dead receivers.
DELIVERIES = "deliveries"
_QUEUES = {JobKind.DELIVER_ANSWER: DELIVERIES}
# A request never waits longer for a broker; the sweeper re-sends what was not taken.
_SEND_WAIT_S = 5.0

log = structlog.get_logger()


def queue_of(kind: JobKind) -> str:
    """The name of the queue that jobs of that kind are announced in."""
    return _QUEUES.get(kind, QUEUE)


class JobQueue(Protocol):
    """Where jobs are announced to the workers."""

    async def send(self, job: Job) -> bool:
        """Whether the broker took the message; if not, the sweeper sends it again."""

    def close(self) -> None:
        """Lets go of the broker's connections."""


def make_broker(settings: Settings, database_url: str) -> dramatiq.Broker:
    """The broker of `LECTERN_BROKER_URL`, or the one inside our own database.

    Retries are not Dramatiq's: attempts, leases and errors are in the job's row.
    """
    middleware: list[Middleware] = [AgeLimit()]
    url = settings.broker_url
    if url.startswith(("redis://", "rediss://")):
        from dramatiq.brokers.redis import RedisBroker

        return RedisBroker(url=url, middleware=middleware)  # type: ignore[no-untyped-call]
    if url.startswith(("amqp://", "amqps://")):
        from dramatiq.brokers.rabbitmq import RabbitmqBroker

        return RabbitmqBroker(url=url, middleware=middleware)
    broker: dramatiq.Broker = PostgresBroker(url=database_url, results=False, middleware=middleware)
    return broker


class DramatiqQueue:
    """Sends through a Dramatiq broker."""

    def __init__(self, broker: dramatiq.Broker) -> None:
        self._broker = broker
        for queue in (QUEUE, DELIVERIES):
            self._broker.declare_queue(queue)

    async def send(self, job: Job) -> bool:
        """Whether the broker took the message."""
        message: dramatiq.Message[None] = dramatiq.Message(
            queue_name=queue_of(job.kind),
            actor_name=job.kind.value,
            args=(str(job.id),),
            kwargs={},
            options={},
        )
        try:
            await asyncio.wait_for(asyncio.to_thread(self._broker.enqueue, message), _SEND_WAIT_S)
        except (TimeoutError, dramatiq.errors.ConnectionError, OSError) as error:
            log.warning(
                "job not announced: the sweeper will send it again", job=str(job.id), cause=str(error)
            )
            return False
        return True

    def close(self) -> None:
        """Lets go of the broker's connections."""
        self._broker.close()

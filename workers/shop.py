"""What the actors of one process share: the open house, the jobs under way, how an actor does a job."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import UUID, uuid4

import dramatiq

from app.domain.jobs import JobKind
from app.queue import queue_of
from app.services.house import House
from app.services.run_jobs import Work, defer_job, run_job


class Shop:
    """The house is opened on the event loop of the actors before the first message is taken."""

    def __init__(self) -> None:
        self.closing = False
        self.worker_id = uuid4()
        self.pulse: asyncio.Task[None] | None = None
        self.follower: asyncio.Task[None] | None = None
        self._house: House | None = None
        self._under_way: set[asyncio.Task[Any]] = set()

    @property
    def house(self) -> House:
        """The open house."""
        assert self._house is not None, "the house is opened before the first message"
        return self._house

    def open(self, house: House) -> None:
        """Takes the house over."""
        self._house = house

    async def track(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs the work so that `hand_back` can stop it."""
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        try:
            await task
        except asyncio.CancelledError:
            # Cancelled by `hand_back`: the job is back in the queue, the message is done with.
            if not task.cancelled():
                raise
        finally:
            self._under_way.discard(task)

    async def hand_back(self) -> None:
        """Stops what is under way; each job goes back to the queue untouched, and no new one is started."""
        self.closing = True
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)


def declare_job(broker: dramatiq.Broker, shop: Shop, kind: JobKind, work: Work) -> None:
    """Registers the actor that does jobs of that kind; it is named after the kind."""

    async def act(job_id: str) -> None:
        if shop.closing:
            await defer_job(shop.house, UUID(job_id))
        else:
            await shop.track(run_job(shop.house, UUID(job_id), work))

    dramatiq.actor(broker=broker, actor_name=kind.value, queue_name=queue_of(kind))(act)

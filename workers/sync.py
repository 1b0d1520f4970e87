"""The actor that syncs sources."""

from uuid import UUID

import dramatiq

from app.domain.jobs import JobKind
from app.queue import QUEUE
from app.services.run_jobs import defer_job, run_job
from app.services.sync_source import sync_source
from workers.shop import Shop


def declare(broker: dramatiq.Broker, shop: Shop) -> None:
    """Registers `sync_source` with the broker."""

    async def act(job_id: str) -> None:
        if shop.closing:
            await defer_job(shop.house, UUID(job_id))
        else:
            await shop.track(run_job(shop.house, UUID(job_id), sync_source))

    declared = dramatiq.actor(broker=broker, actor_name=JobKind.SYNC_SOURCE.value, queue_name=QUEUE)
    declared(act)

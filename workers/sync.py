"""The actor that syncs sources."""

import dramatiq

from app.domain.jobs import JobKind
from app.services.sync_source import sync_source
from workers.shop import Shop, declare_job


def declare(broker: dramatiq.Broker, shop: Shop) -> None:
    """Registers `sync_source` with the broker."""
    declare_job(broker, shop, JobKind.SYNC_SOURCE, sync_source)

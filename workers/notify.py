"""The actor that posts answers to webhooks."""

import dramatiq

from app.domain.jobs import JobKind
from app.services.notify import deliver_answer
from workers.shop import Shop, declare_job

# Its threads do nothing but wait for receivers.
THREADS = 32


def declare(broker: dramatiq.Broker, shop: Shop) -> None:
    """Registers `deliver_answer` with the broker."""
    declare_job(broker, shop, JobKind.DELIVER_ANSWER, deliver_answer)

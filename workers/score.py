"""The actor that scores answers."""

import dramatiq

from app.domain.jobs import JobKind
from app.services.score_exchanges import score_exchange
from workers.shop import Shop, declare_job


def declare(broker: dramatiq.Broker, shop: Shop) -> None:
    """Registers `score_exchange` with the broker."""
    declare_job(broker, shop, JobKind.SCORE_EXCHANGE, score_exchange)

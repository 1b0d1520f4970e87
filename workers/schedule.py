"""The ticking actor: it sweeps lost jobs and starts due syncs."""

import dramatiq

from app.services.run_jobs import sweep
from workers.shop import Shop

TICK_S = 5.0
ACTOR = "tick"
# A queue with a thread of its own: long syncs never keep the schedule waiting.
QUEUE = "schedule"


def declare(broker: dramatiq.Broker, shop: Shop) -> "dramatiq.Actor[..., object]":
    """Registers `tick` with the broker; a tick that waited too long is dropped, the next one follows."""

    async def act() -> None:
        await sweep(shop.house)

    declared = dramatiq.actor(broker=broker, actor_name=ACTOR, queue_name=QUEUE, max_age=int(TICK_S * 2000))
    return declared(act)

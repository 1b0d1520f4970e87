"""Health: whether the database, the workers and the models can do their work."""

from typing import Any, Literal

from msgspec import Struct

from app.services.house import House
from app.store.health import Signs, read_signs

State = Literal["ok", "down", "unknown"]


class Part(Struct, frozen=True, omit_defaults=True):
    """One part of the house; `reason` says what to look at when it is not ok."""

    state: State
    reason: str = ""
    details: dict[str, Any] = {}


class Readiness(Struct, frozen=True):
    """Ready when every part is."""

    ready: bool
    parts: dict[str, Part]


async def check_health(house: House) -> Readiness:
    """The state of each part."""
    signs = await read_signs(house.pool)
    parts = {"database": _database(signs), "workers": _workers(signs), "model": _model(house)}
    return Readiness(all(part.state == "ok" for part in parts.values()), parts)


def _database(signs: Signs | None) -> Part:
    if signs is None:
        return Part("down", "The database does not answer; look at its own log and at LECTERN_DATABASE_URL.")
    return Part("ok")


def _workers(signs: Signs | None) -> Part:
    if signs is None:
        return Part("unknown", "Only the database knows.")
    details = {
        "workers": signs.workers_count,
        "queued_jobs": signs.jobs.queued_count,
        "running_jobs": signs.jobs.running_count,
        "stuck_jobs": signs.jobs.stuck_count,
    }
    if signs.workers_count:
        return Part("ok", details=details)
    return Part("down", "No worker gave a sign of life lately; syncs wait until one starts.", details)


def _model(house: House) -> Part:
    # The models are loaded before the house opens: they are there whenever this is asked.
    names = {"embedder": house.engine.embedder_name, "generator": house.engine.model_name}
    return Part("ok", details=names)

"""Diagnosis: what an installation needs, checked part by part, each with its remedy."""

import asyncio
import os
import shutil
import stat
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct

from app.domain.errors import Unavailable
from app.settings import Settings
from app.store.diagnosis import Facts, KnownModel, Versions, read_facts
from rag.engine import DEFAULT_MODEL, ModelSpec, Serving, load_models, location_of, place_of
from rag.errors import ModelUnavailable

_LEAST_VECTOR = (0, 8)
_LEAST_SERVER = 16
_MB = 1 << 20
_DISK_FAIL_MB, _DISK_WARN_MB = 500, 5000
_BROKER_WAIT_S = 3


class Check(Struct, frozen=True):
    """One finding; `remedy` says what to do unless all is well."""

    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""


async def diagnose(settings: Settings, database_url: str) -> tuple[Check, ...]:
    """All findings about this installation."""
    facts: Facts | Unavailable
    try:
        facts = await read_facts(database_url)
    except Unavailable as error:
        facts = error
    models = () if isinstance(facts, Unavailable) else facts.models
    return (
        check_home(settings.home),
        check_disk(settings.home),
        *_check_database(facts),
        await _check_broker(settings),
        await asyncio.to_thread(_check_embedder, settings, models),
        *_check_reindexes(models),
        await asyncio.to_thread(_check_llm, settings),
    )


def check_home(home: Path) -> Check:
    """Whether the data folder is ours alone to write."""
    if not home.is_dir() or not os.access(home, os.W_OK | os.X_OK):
        return Check(
            "home", "fail", f"{home} can't be written", "Choose another with --home or LECTERN_HOME."
        )
    mode = stat.S_IMODE(home.stat().st_mode)
    if mode & 0o022:
        return Check("home", "warn", f"others may write {home}", f"Run: chmod go-w {home}")
    return Check("home", "ok", str(home))


def check_disk(home: Path) -> Check:
    """Whether there is room left."""
    free_mb = shutil.disk_usage(home if home.exists() else "/").free // _MB
    detail = f"{free_mb:,} MB free"
    if free_mb < _DISK_FAIL_MB:
        return Check("disk", "fail", detail, "Free some space: PostgreSQL stops when the disk is full.")
    if free_mb < _DISK_WARN_MB:
        return Check("disk", "warn", detail, "Free some space soon.")
    return Check("disk", "ok", detail)


def _check_database(facts: Facts | Unavailable) -> tuple[Check, ...]:
    if isinstance(facts, Unavailable):
        return (Check("database", "fail", facts.message, "See that it runs, and at LECTERN_DATABASE_URL."),)
    return (
        _server(facts.versions),
        _vector(facts.versions),
        _schema(facts.pending),
        _worker(facts),
        _jobs(facts),
    )


def _server(versions: Versions) -> Check:
    size = f"{versions.size_bytes // _MB:,} MB"
    detail = f"PostgreSQL {versions.server_version}, {size}"
    if int(versions.server_version.split(".")[0]) < _LEAST_SERVER:
        return Check("database", "fail", detail, f"Use PostgreSQL {_LEAST_SERVER} or newer.")
    return Check("database", "ok", detail)


def _vector(versions: Versions) -> Check:
    found = versions.vector_version or versions.vector_available
    if found is None:
        return Check(
            "extensions", "fail", "pgvector is missing", "Install pgvector 0.8 or newer on the server."
        )
    if tuple(int(part) for part in found.split(".")[:2]) < _LEAST_VECTOR:
        return Check("extensions", "fail", f"pgvector {found}", "Update pgvector to 0.8 or newer.")
    if versions.vector_version is None:
        return Check("extensions", "warn", f"pgvector {found}, not installed yet", "Run: lectern migrate")
    return Check("extensions", "ok", f"pgvector {found}")


def _schema(pending: list[str]) -> Check:
    if pending:
        return Check("migrations", "fail", f"pending: {', '.join(pending)}", "Run: lectern migrate")
    return Check("migrations", "ok", "none pending")


def _worker(facts: Facts) -> Check:
    if facts.signs is None:
        return Check("worker", "warn", "not known before the migrations", "Run: lectern migrate")
    if not facts.signs.workers_count:
        return Check("worker", "warn", "none runs; syncs wait", "Start: lectern serve")
    return Check("worker", "ok", f"{facts.signs.workers_count} alive")


def _jobs(facts: Facts) -> Check:
    if facts.signs is None:
        return Check("jobs", "warn", "not known before the migrations", "Run: lectern migrate")
    jobs = facts.signs.jobs
    detail = f"{jobs.queued_count} queued, {jobs.running_count} running"
    if jobs.stuck_count:
        return Check(
            "jobs",
            "fail",
            f"{detail}, {jobs.stuck_count} stuck",
            "Start a worker (lectern serve): it takes them up again. If one runs, read its log.",
        )
    return Check("jobs", "ok", detail)


async def _check_broker(settings: Settings) -> Check:
    if not settings.broker_url:
        return Check("broker", "ok", "in the database")
    place = urlsplit(settings.broker_url)
    port = place.port or {"redis": 6379, "rediss": 6379, "amqps": 5671, "amqp": 5672}.get(place.scheme, 5432)
    try:
        async with asyncio.timeout(_BROKER_WAIT_S):
            _, writer = await asyncio.open_connection(place.hostname, port)
    except (OSError, TimeoutError) as error:
        reason = str(error) or "no answer"
        return Check(
            "broker", "fail", f"{place.hostname}:{port}: {reason}", "See that LECTERN_BROKER_URL's runs."
        )
    writer.close()
    return Check("broker", "ok", f"{place.scheme} at {place.hostname}:{port}")


def _check_embedder(settings: Settings, models: tuple[KnownModel, ...]) -> Check:
    """Whether the model that serves can be loaded, and whether the setting means the same one."""
    serving = next((Serving(0, model.name, model.location) for model in models if model.serving), None)
    try:
        loaded = load_models(ModelSpec(location_of(serving, settings.embedding_model))).embedder
    except ModelUnavailable as error:
        return Check("model", "fail", "the embedder can't be loaded", str(error))
    checked = ", sha256 as published" if loaded.name == DEFAULT_MODEL else ""
    detail = f"embedder {loaded.name}, {loaded.dimensions} dimensions{checked}"
    if settings.embedding_model and place_of(settings.embedding_model).name != loaded.name:
        remedy = "Unset LECTERN_EMBEDDING_MODEL, or run lectern reindex --model with what it names."
        return Check("model", "warn", f"{detail}; LECTERN_EMBEDDING_MODEL names another", remedy)
    return Check("model", "ok", detail)


def _check_reindexes(models: tuple[KnownModel, ...]) -> tuple[Check, ...]:
    """What lies beside the serving model: an unfinished reindex, or a model before that was not pruned."""
    beside = [model for model in models if not model.serving]
    if not beside:
        return ()
    found = [f"{model.name} {'served before' if model.served else 'is unfinished'}" for model in beside]
    remedy = "Finish with lectern reindex --model PATH, or remove with lectern reindex --prune."
    return (Check("reindex", "warn", f"vectors of {'; '.join(found)}", remedy),)


def _check_llm(settings: Settings) -> Check:
    """Whether a language model that is configured is there; a GGUF is not loaded, that may take gigabytes."""
    if not settings.llm:
        return Check("llm", "ok", "none: answers are sentences of the sources")
    if settings.llm.startswith(("http://", "https://")):
        return Check("llm", "ok", f"remote, at {urlsplit(settings.llm).hostname}")
    path, remedy = Path(settings.llm), "Set LECTERN_LLM to a GGUF file, or unset it."
    try:
        with path.open("rb") as file:
            is_gguf = file.read(4) == b"GGUF"
    except OSError as error:
        return Check(
            "llm", "fail", f"{path}: {error.strerror}", "Set LECTERN_LLM to a GGUF file, or unset it."
        )
    if not is_gguf:
        return Check("llm", "fail", f"{path} is no GGUF file", remedy)
    return Check("llm", "ok", f"{path.name}, {path.stat().st_size // _MB:,} MB")

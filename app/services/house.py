"""What use cases work with: the database, the engine, the queue, the files, the way out."""

import asyncio
from typing import Literal
from uuid import UUID

import structlog
from msgspec import Struct, field

from app.domain.errors import Unavailable
from app.queue import DramatiqQueue, JobQueue, make_broker
from app.security.outbound import Outbound
from app.security.signing import Signer, read_signer
from app.services.receivers import Receivers
from app.settings import Settings
from app.store.files import Files
from app.store.pool import Pool, PoolTimeout, open_pool
from rag.engine import Engine, ModelSpec, place_of
from rag.errors import ModelUnavailable

# How long answers under way may still take when the server goes down.
_LAST_ANSWERS_S = 10.0
_UNHURRIED_AT_ONCE = 2

# A fetched file lies in memory until it is stored; a file that is read has a process of its own.
_FETCHES_AT_ONCE = 4
_READS_AT_ONCE = 4

LlmUse = Literal["answers", "scores", "nothing"]

log = structlog.get_logger()


class Desk(Struct, kw_only=True):
    """The parts that take work in; they need no model, so they are open at once."""

    pool: Pool
    queue: JobQueue
    files: Files
    settings: Settings
    signer: Signer


class House(Desk, kw_only=True):
    """The open parts of one process; `running` holds the answers under way, `owed` those of
    them that nobody waits for, `switching` guards `engine`.

    `fetching` and `reading` bound how many attachments are fetched and read at once; answers that nobody
    waits for take turns by `unhurried`.
    """

    engine: Engine
    outbound: Outbound
    receivers: Receivers = field(default_factory=Receivers)
    switching: asyncio.Lock = field(default_factory=asyncio.Lock)
    fetching: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_FETCHES_AT_ONCE))
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_READS_AT_ONCE))
    running: set[asyncio.Task[None]] = field(default_factory=set)
    owed: set[UUID] = field(default_factory=set)
    unhurried: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_UNHURRIED_AT_ONCE))


async def open_desk(settings: Settings, database_url: str) -> Desk:
    """The parts that take work in, open.

    Raises: Unavailable when the database does not answer.
    """
    pool = await _open_pool(database_url)
    queue = DramatiqQueue(make_broker(settings, database_url))
    return Desk(
        pool=pool,
        queue=queue,
        files=Files(settings.files_location),
        settings=settings,
        signer=read_signer(settings),
    )


async def close_desk(desk: Desk) -> None:
    """Closes every part."""
    await asyncio.to_thread(desk.queue.close)
    await desk.pool.close()


async def open_house(
    settings: Settings,
    database_url: str,
    *,
    engine: Engine | None = None,
    queue: JobQueue | None = None,
    llm: LlmUse = "answers",
) -> House:
    """All parts, open; `llm` says what a language model is loaded for (workers score, they do not answer).

    Raises: Unavailable when the database does not answer or a model can't be loaded.
    """
    pool = await _open_pool(database_url)
    try:
        if engine is None:
            spec = ModelSpec(
                settings.embedding_model,
                settings.llm if llm == "answers" else "",
                settings.llm_context_tokens,
                settings.llm_queue,
                settings.judge if llm == "scores" else "",
            )
            engine = await _load(pool, spec)
        if queue is None:
            queue = DramatiqQueue(make_broker(settings, database_url))
    except BaseException:
        await pool.close()
        raise
    return House(
        pool=pool,
        queue=queue,
        files=Files(settings.files_location),
        settings=settings,
        signer=read_signer(settings),
        engine=engine,
        outbound=Outbound(settings.outbound_allow),
    )


async def close_house(house: House) -> None:
    """Lets answers under way finish for a while, then closes every part."""
    if house.running:
        _, late = await asyncio.wait(house.running, timeout=_LAST_ANSWERS_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
    await house.engine.close()
    await house.outbound.close()
    await close_desk(house)


async def _load(pool: Pool, spec: ModelSpec) -> Engine:
    try:
        engine = await Engine.load(pool, spec)
    except ModelUnavailable as error:
        raise Unavailable(str(error)) from error
    if spec.embedding_model and place_of(spec.embedding_model).name != engine.embedder_name:
        log.warning(
            "LECTERN_EMBEDDING_MODEL names another model than serves: see lectern reindex --help",
            setting=spec.embedding_model,
            serving=engine.embedder_name,
        )
    return engine


async def _open_pool(database_url: str) -> Pool:
    try:
        return await open_pool(database_url)
    except PoolTimeout as error:
        raise Unavailable("The database does not answer: see its log and LECTERN_DATABASE_URL.") from error

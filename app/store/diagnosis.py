"""What a database tells about itself, also one that was never migrated."""

import asyncio

import psycopg
from msgspec import Struct

from app.domain.errors import Unavailable
from app.store.health import WORKER_SILENT_AFTER_S, Signs
from app.store.jobs import count_jobs, count_workers
from app.store.migrate import list_pending
from app.store.rows import fetch, get
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)
_WAIT_S = 5


class Versions(Struct, frozen=True):
    """Versions and size; without `vector_version` pgvector is not installed in this database."""

    server_version: str
    vector_version: str | None
    vector_available: str | None
    size_bytes: int


class KnownModel(Struct, frozen=True):
    """An embedding model with vectors; one that never served is that of an unfinished reindex."""

    name: str
    location: str | None
    serving: bool
    served: bool


class Facts(Struct, frozen=True):
    """All that the database tells; `signs` and `models` only when its schema is current."""

    versions: Versions
    pending: list[str]
    signs: Signs | None
    models: tuple[KnownModel, ...] = ()


async def read_facts(url: str) -> Facts:
    """What the database of that URL tells.

    Raises: Unavailable with the driver's reason.
    """
    try:
        connection = await psycopg.AsyncConnection.connect(url, connect_timeout=_WAIT_S, autocommit=True)
        async with connection:
            versions = await get(connection, Versions, Q["read_versions"], {})
            pending = await asyncio.to_thread(list_pending, url)
            signs, models = None, tuple[KnownModel, ...]()
            if not pending:
                workers = await count_workers(connection, WORKER_SILENT_AFTER_S)
                signs = Signs(workers, await count_jobs(connection))
                models = await fetch(connection, KnownModel, Q["list_models"], {})
        return Facts(versions, pending, signs, models)
    except psycopg.Error as error:
        raise Unavailable((str(error).strip() or type(error).__name__).splitlines()[0]) from error

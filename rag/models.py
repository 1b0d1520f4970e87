"""The embedding models that the database knows: which one serves, what tells it apart, and its calibration.

The database says which model serves. A setting only says where the first one comes from, and where the
serving one lies when it has moved. Lock order of writers: the lexicon, the document's row, `join_writers`.
"""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from pgvector import HalfVector
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from rag.calibrate import calibrate
from rag.embed import DEFAULT_MODEL, Embedder
from rag.errors import ModelSwitched, ModelUnavailable
from rag.relevance import Rule
from rag.sqlfile import queries_beside, with_constants

Q = queries_beside(__file__)
Pool = AsyncConnectionPool[AsyncConnection[Any]]

MAX_DIMENSIONS = 4000  # what pgvector's HNSW takes of half-precision vectors
_PROBE = "The quick brown fox, 42 years old, reads: ¿qué? 你好"
_SAME = 0.999  # cosine of probes: another runtime or precision gives the same vectors, other weights do not
_EDITION = 2  # of the calibration; a higher one has every model calibrated anew when it is next opened


class Serving(Struct, frozen=True):
    """The model that serves; the location is None while nobody noted it."""

    id: int
    name: str
    location: str | None


class Enlisted(Struct, frozen=True):
    """A model that the database knows."""

    id: int
    serving: bool
    rule: Rule


class _Place(Struct, frozen=True):
    """What a setting means: the name that a model gets, and where it is loaded from."""

    name: str
    location: str


class _Known(Struct, frozen=True):
    """A model's row."""

    id: int
    dimensions: int
    serving: bool
    location: str | None
    probe: HalfVector | None
    calibration: dict[str, Any] | None


def place_of(model: str) -> _Place:
    """The name and location of a model folder or hub id; of the bundled model when `model` is empty."""
    if model in ("", DEFAULT_MODEL):
        return _Place(DEFAULT_MODEL, DEFAULT_MODEL)
    folder = Path(model).expanduser()
    if folder.is_dir() or model.startswith(("/", ".", "~")):
        return _Place(folder.resolve().name, str(folder.resolve()))
    return _Place(model, model)


async def find_serving(connection: AsyncConnection[Any]) -> Serving | None:
    """The model that serves; None on a new database."""
    row = await (await connection.execute(Q["find_serving"])).fetchone()
    return None if row is None else Serving(*row)


def location_of(serving: Serving | None, setting: str) -> str:
    """Where the model that is to serve is loaded from.

    The setting counts where none serves yet, and where it names the one that serves (a copy elsewhere).
    Raises: ModelUnavailable when the serving model is nowhere.
    """
    place = place_of(setting)
    if serving is None or place.name == serving.name:
        return place.location
    location = serving.location or (DEFAULT_MODEL if serving.name == DEFAULT_MODEL else "")
    if not location or (location.startswith("/") and not Path(location).is_dir()):
        raise ModelUnavailable(
            f"The embedding model {serving.name} serves, but it is not at {location or 'a known place'}: "
            f"put it back, or set LECTERN_EMBEDDING_MODEL to a folder named {serving.name} that holds it."
        )
    return location


async def enlist(pool: Pool, embedder: Embedder, location: str | None = None) -> Enlisted:
    """The model in the database, added if it is new (the first one serves) and calibrated; without an index.

    No connection is held while the model runs.
    Raises: ModelUnavailable when the name belongs to a model that gives other vectors.
    """
    if embedder.dimensions > MAX_DIMENSIONS:
        raise ModelUnavailable(
            f"The embedding model {embedder.name} has {embedder.dimensions} dimensions; "
            f"at most {MAX_DIMENSIONS} can be indexed."
        )
    probe = (await asyncio.to_thread(embedder.plain.embed, [_PROBE]))[0]
    async with pool.connection() as connection:
        known = await _add(connection, embedder)
    _see_that_it_is_the_same(known, embedder, probe)
    rule = _rule_of(known.calibration)
    if rule is None:
        rule = await asyncio.to_thread(calibrate, embedder)
        calibration = Jsonb({"edition": _EDITION, "rule": msgspec.to_builtins(rule)})
    else:
        calibration = None
    async with pool.connection() as connection:
        described = {"model_id": known.id, "location": location, "calibration": calibration}
        probed = {"probe": HalfVector(probe) if known.probe is None else None}
        await connection.execute(Q["describe_model"], described | probed)
    return Enlisted(known.id, known.serving, rule)


async def ensure_index(connection: AsyncConnection[Any], model_id: int, dimensions: int) -> None:
    """Makes the vector index of a model that has no vectors yet."""
    async with connection.transaction():
        await connection.execute(Q["lock_models"])
        if not await has_index(connection, model_id):
            await connection.execute(
                with_constants(Q["make_vector_index"], model_id=model_id, dimensions=dimensions)
            )


async def has_index(connection: AsyncConnection[Any], model_id: int) -> bool:
    """Whether the model's vector index is complete."""
    row = await (await connection.execute(Q["has_vector_index"], {"model_id": model_id})).fetchone()
    return bool(row and row[0])


async def join_writers(connection: AsyncConnection[Any], model_id: int) -> None:
    """Holds the model in service until the transaction ends, so that no chunk misses a switch.

    Raises: ModelSwitched when another one serves.
    """
    await connection.execute(Q["join_writers"])
    serving = await find_serving(connection)
    if serving is None or serving.id != model_id:
        raise ModelSwitched("Another embedding model serves now; what was prepared has to be prepared again.")


async def serve(connection: AsyncConnection[Any], model_id: int) -> None:
    """Puts the model into service in place of the one before, in one step."""
    async with connection.transaction():
        await connection.execute(Q["retire_model"], {"model_id": model_id})
        await connection.execute(Q["serve_model"], {"model_id": model_id})


async def use(connection: AsyncConnection[Any], model_id: int) -> None:
    """Shows for as long as the session lives that its process answers with the model."""
    await connection.execute(Q["use_model"], {"model_id": model_id})


async def count_users(connection: AsyncConnection[Any], model_id: int) -> int:
    """How many processes answer with the model."""
    row = await (await connection.execute(Q["count_users"], {"model_id": model_id})).fetchone()
    return int(row[0]) if row else 0


async def _add(connection: AsyncConnection[Any], embedder: Embedder) -> _Known:
    async with connection.transaction():
        await connection.execute(Q["lock_models"])
        named = {"name": embedder.name}
        await connection.execute(Q["add_model"], named | {"dimensions": embedder.dimensions})
        row = await (await connection.execute(Q["find_model"], named)).fetchone()
    assert row is not None, "it was added or was there"
    return _Known(*row)


def _see_that_it_is_the_same(known: _Known, embedder: Embedder, probe: NDArray[np.float32]) -> None:
    same = known.dimensions == embedder.dimensions
    if same and known.probe is not None:
        stored = np.asarray(known.probe.to_numpy(), dtype=np.float32)
        same = float(stored @ probe) / max(float(np.linalg.norm(stored)), 1e-12) >= _SAME
    if not same:
        raise ModelUnavailable(
            f"Another embedding model of the name {embedder.name} is known ({known.dimensions} dimensions); "
            "this one gives other vectors. Rename its folder and run 'lectern reindex --model' with it."
        )


def _rule_of(calibration: dict[str, Any] | None) -> Rule | None:
    if not calibration or calibration.get("edition") != _EDITION:
        return None
    try:
        return msgspec.convert(calibration.get("rule"), Rule)
    except msgspec.ValidationError:
        return None

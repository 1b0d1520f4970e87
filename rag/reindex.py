"""The vectors of another embedding model, beside those that serve: made, indexed, put into service.

Chunks stay as they are: citations, postings and offsets name them. A chunk that is longer than the model's
limit is read in windows, each with the headline before it, and its vector is their mean by tokens, of unit
length; nothing is cut off. A run may be killed at any moment: what is stored counts, and a later one goes on.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from pgvector import HalfVector
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from rag import models
from rag.chunk import headed, headline
from rag.embed import Embedder
from rag.errors import RagError
from rag.glossing import load_glossing_embedder
from rag.sqlfile import queries_beside, with_constants

Q = queries_beside(__file__)
Pool = AsyncConnectionPool[AsyncConnection[Any]]
Tell = Callable[[str, int, int], None]

BATCH_CHUNKS = 256
_LOOK_EVERY_S = 0.5
_PATIENCE_S = 60.0
_ROUNDS = 20
_TIDY_WITHIN_S = 10.0


class ReindexRuns(RagError):
    """Another process reindexes or prunes already."""


class ModelInUse(RagError):
    """Processes still answer with a model that is to be removed."""


class Passage(Struct, frozen=True):
    """A stored chunk with what its vector is made from."""

    chunk_id: int
    title: str
    heading_path: tuple[str, ...]
    text: str


class Counted(Struct, frozen=True):
    """All chunks, and those without a vector under the model."""

    chunks: int
    missing: int


class Reindexed(Struct, frozen=True):
    """What a run did; `embedded` counts its own chunks, not those of runs before."""

    model: str
    dimensions: int
    max_tokens: int
    chunks: int
    embedded: int


def embed_passages(embedder: Embedder, passages: Sequence[Passage]) -> NDArray[np.float32]:
    """One vector of unit length per passage, whatever its length.

    Shape: (n, dimensions).
    """
    windows = [_windows(embedder, passage) for passage in passages]
    texts = [text for each in windows for text in each]
    vectors = embedder.embed(texts)
    tokens = np.asarray(embedder.count_tokens(texts), dtype=np.float32)
    means = np.empty((len(passages), embedder.dimensions), dtype=np.float32)
    start = 0
    for place, each in enumerate(windows):
        part = slice(start, start + len(each))
        mean = (vectors[part] * np.maximum(tokens[part], 1.0)[:, None]).sum(axis=0)
        means[place] = mean / max(float(np.linalg.norm(mean)), 1e-12)
        start += len(each)
    return means


def _windows(embedder: Embedder, passage: Passage) -> list[str]:
    """The texts that the passage's vector is made of: one where it fits the model, as it mostly does."""
    head = headline(passage.title, passage.heading_path, embedder)
    whole = headed(head, passage.text)
    counts = embedder.count_tokens([whole, head])
    if counts[0] <= embedder.max_tokens:
        return [whole]
    limit = max(1, embedder.max_tokens - counts[1] - 1)
    parts = _parts(passage.text, limit, embedder)
    return [headed(head, part) for part in parts]


def _parts(text: str, limit: int, embedder: Embedder) -> list[str]:
    """The text in even parts of at most `limit` tokens, cut between words where there are any."""
    offsets = embedder.token_offsets(text)
    count = math.ceil(len(offsets) / limit)
    if count <= 1:
        return [text]
    cuts = {_word_start(text, offsets[len(offsets) * number // count][0]) for number in range(1, count)}
    edges = [0, *sorted(cuts), len(text)]
    pieces = [text[start:end].strip() for start, end in pairwise(edges)]
    pieces = [piece for piece in pieces if piece]
    if len(pieces) <= 1:  # one character of many tokens
        return pieces or [text]
    return [part for piece in pieces for part in _parts(piece, limit, embedder)]


def _word_start(text: str, place: int) -> int:
    """The start of the word at the place, or the place itself where no white space is near."""
    space = max(text.rfind(blank, max(0, place - 40), place) for blank in (" ", "\n"))
    return space + 1 if space >= 0 else place


@asynccontextmanager
async def only_one(pool: Pool) -> AsyncIterator[AsyncConnection[Any]]:
    """A session that alone reindexes or prunes; its connection commits each statement.

    Raises: ReindexRuns.
    """
    async with _autocommitting(pool) as connection:
        row = await (await connection.execute(models.Q["lock_reindex"])).fetchone()
        if not (row and row[0]):
            raise ReindexRuns("Another reindex is running; wait until it ends, or stop it.")
        try:
            yield connection
        finally:
            await connection.execute(models.Q["unlock_reindex"])


class Reindexer:
    """Makes one model's vectors; the session is that of `only_one`."""

    def __init__(
        self, pool: Pool, session: AsyncConnection[Any], embedder: Embedder, model_id: int, tell: Tell
    ) -> None:
        self._pool, self._session = pool, session
        self._embedder, self._model_id, self._tell = embedder, model_id, tell
        self._embedded = 0

    async def run(self) -> Reindexed:
        """Embeds what has no vector yet, builds the index, catches up with syncs, and puts into service."""
        await self._catch_up_nearly()
        await self._build_index()
        await self._catch_up_nearly()
        while not await self._switch():
            await asyncio.sleep(_LOOK_EVERY_S)
            await self._catch_up_nearly()
        counted = await self.count()
        embedder = self._embedder
        return Reindexed(
            embedder.name, embedder.dimensions, embedder.max_tokens, counted.chunks, self._embedded
        )

    async def count(self) -> Counted:
        """How much there is to do."""
        row = await (await self._session.execute(Q["count_missing"], {"model_id": self._model_id})).fetchone()
        return Counted(*row) if row else Counted(0, 0)

    async def _catch_up_nearly(self) -> None:
        """Rounds until little is left; syncs that go on as fast as this are waited out by the switch."""
        for _ in range(_ROUNDS):
            if await self._catch_up() < BATCH_CHUNKS:
                return

    async def _catch_up(self) -> int:
        """One round over the chunks without a vector: how many were found."""
        counted = await self.count()
        done = counted.chunks - counted.missing
        after = found = 0
        while passages := await self._missing_after(after):
            self._tell("embedding", done + found, counted.chunks)
            vectors = await asyncio.to_thread(embed_passages, self._embedder, passages)
            await self._store(passages, vectors)
            after, found = passages[-1].chunk_id, found + len(passages)
        self._tell("embedding", counted.chunks, counted.chunks)
        return found

    async def _missing_after(self, after: int) -> list[Passage]:
        parameters = {"model_id": self._model_id, "after": after, "limit": BATCH_CHUNKS}
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(Q["list_missing"], parameters)).fetchall()
        return [Passage(chunk_id, title, tuple(path), text) for chunk_id, title, path, text in rows]

    async def _store(self, passages: Sequence[Passage], vectors: NDArray[np.float32]) -> None:
        parameters = {
            "model_id": self._model_id,
            "chunk_ids": [passage.chunk_id for passage in passages],
            "embeddings": [HalfVector(vector).to_text() for vector in vectors],
        }
        async with self._pool.connection() as connection:
            added = await connection.execute(Q["add_vectors"], parameters)
        self._embedded += added.rowcount

    async def _build_index(self) -> None:
        """Builds the vector index unless it is there; what an interrupted build left goes first."""
        constants = {"model_id": self._model_id}
        async with _autocommitting(self._pool) as connection:
            if await models.has_index(connection, self._model_id):
                return
            await connection.execute(with_constants(Q["drop_vector_index"], **constants))
            await connection.execute(Q["analyze_vectors"])
            watching = asyncio.create_task(self._watch_index())
            try:
                await connection.execute(Q["set_build"])
                constants["dimensions"] = self._embedder.dimensions
                await connection.execute(with_constants(Q["build_vector_index"], **constants))
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
                await self._leave_no_half_index(connection)
                await connection.close()  # its settings are for the build alone

    async def _leave_no_half_index(self, connection: AsyncConnection[Any]) -> None:
        """An unfinished index answers nothing, but every write would keep it up; a later run drops it too."""
        if not await models.has_index(connection, self._model_id):
            with suppress(TimeoutError):
                async with asyncio.timeout(_TIDY_WITHIN_S):
                    await connection.execute(with_constants(Q["drop_vector_index"], model_id=self._model_id))

    async def _watch_index(self) -> None:
        while True:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(Q["building"], {"model_id": self._model_id})
                row = await cursor.fetchone()
            if row:
                self._tell("building the index", row[0], row[1])
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _switch(self) -> bool:
        """Puts the model into service if every chunk has its vector; writers wait meanwhile.

        While somebody holds a chunk (a deletion) it lets the writers go on: that one may be waiting for them.
        """
        await self._session.execute(models.Q["stop_writers"])
        try:
            await self._catch_up()
            if (await self.count()).missing:
                return False
            await models.serve(self._session, self._model_id)
            return True
        finally:
            await self._session.execute(models.Q["let_writers_go_on"])


async def reindex(pool: Pool, model: str, tell: Tell) -> Reindexed:
    """What was done to put the model of that folder or hub id into service.

    Raises: ReindexRuns, ModelUnavailable.
    """
    async with only_one(pool) as session:
        tell("loading the model", 0, 0)
        location = models.place_of(model).location
        embedder = await asyncio.to_thread(load_glossing_embedder, location)
        tell("calibrating", 0, 0)
        enlisted = await models.enlist(pool, embedder, location)
        return await Reindexer(pool, session, embedder, enlisted.id, tell).run()


async def prune(pool: Pool, patience_s: float = _PATIENCE_S) -> list[str]:
    """The names of the models whose vectors were removed: all but the one that serves.

    Raises: ReindexRuns, ModelInUse when processes answer with one of them even after `patience_s`.
    """
    async with only_one(pool) as session:
        retired = await (await session.execute(Q["list_retired"])).fetchall()
        for model_id, name in retired:
            await _wait_until_unused(session, model_id, name, patience_s)
            await session.execute(with_constants(Q["drop_vector_index"], model_id=model_id))
            async with pool.connection() as connection:
                await connection.execute(Q["remove_vectors"], {"model_id": model_id})
                await connection.execute(Q["remove_model"], {"model_id": model_id})
    return [name for _, name in retired]


async def _wait_until_unused(
    session: AsyncConnection[Any], model_id: int, name: str, patience_s: float
) -> None:
    deadline = time.monotonic() + patience_s
    while users := await models.count_users(session, model_id):
        if time.monotonic() >= deadline:
            raise ModelInUse(
                f"{users} running processes still answer with {name}: they take the serving model up within "
                "seconds unless their log says why not; then stop or restart them, and prune again."
            )
        await asyncio.sleep(_LOOK_EVERY_S)


@asynccontextmanager
async def _autocommitting(pool: Pool) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection without transactions of its own: an open one would keep the index from being built."""
    async with pool.connection() as connection:
        await connection.set_autocommit(True)
        try:
            yield connection
        finally:
            if not connection.closed:
                await connection.set_autocommit(False)

"""Another embedding model beside the serving one: complete, resumable, caught up, switched in one step."""

import asyncio
import threading
from typing import Any

import numpy as np
import pytest

from rag import index, models, reindex
from rag.chunk import split
from rag.errors import ModelSwitched
from rag.passages import Page, Scope, join_pages
from rag.reindex import ModelInUse, Passage, Reindexed, Reindexer, ReindexRuns, embed_passages
from rag.relevance import BY_WORDS
from rag.retrieve import Retriever
from rag.testing import HashEmbedder
from tests.library import Library, Pool, open_library

TOPICS = ["whales sing for hours", "books are lent", "granite forms slowly", "trains cross the bridge"]


class Interrupted(Exception):
    pass


class Held(HashEmbedder):
    """A model of other dimensions and a low limit, which embeds when the test lets it."""

    def __init__(self, fail_after: int | None = None) -> None:
        super().__init__(dimensions=48, max_tokens=24)
        self.go_on = threading.Event()
        self.begun = threading.Event()
        self.embedded = 0
        self._fail_after = fail_after

    def embed(self, texts: Any) -> Any:
        if len(texts) > 1:  # a batch of chunks, not the probe
            if self._fail_after is not None and self.embedded >= self._fail_after:
                raise Interrupted
            self.begun.set()
            assert self.go_on.wait(timeout=30)
            self.embedded += len(texts)
        return super().embed(texts)


def free(embedder: Held) -> Held:
    embedder.go_on.set()
    return embedder


@pytest.fixture
async def library(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> Library:
    monkeypatch.setattr(reindex, "BATCH_CHUNKS", 8)
    opened = await open_library(pool)
    for number in range(40):
        await opened.put(text_of("Room", number), f"Room {number}")
    return opened


def text_of(kind: str, number: int) -> str:
    """Words of its own beside common ones, so that its vector is near to nothing else."""
    return f"{own_words(kind, number)}: {TOPICS[number % 4]}. " * 6


def own_words(kind: str, number: int) -> str:
    return f"{kind} {kind}word{number} {kind}mark{number} {kind}sign{number}"


def tell_nobody(what: str, done: int, total: int) -> None:
    pass


async def run(pool: Pool, embedder: HashEmbedder) -> Reindexed:
    async with reindex.only_one(pool) as session:
        enlisted = await models.enlist(pool, embedder)
        return await Reindexer(pool, session, embedder, enlisted.id, tell_nobody).run()


async def serving(library: Library) -> str:
    return str((await library.run("SELECT name FROM embedding_models WHERE serving"))[0][0])


async def vectors_by_chunk(library: Library, name: str) -> list[int]:
    """How many vectors under the model each chunk has."""
    rows = await library.run(
        "SELECT count(m.id) FROM chunks AS c LEFT JOIN chunk_vectors AS v ON v.chunk_id = c.id "
        "LEFT JOIN embedding_models AS m ON m.id = v.model_id AND m.name = %s GROUP BY c.id",
        name,
    )
    return [row[0] for row in rows]


async def first_title(library: Library, embedder: HashEmbedder, question: str) -> str:
    enlisted = await models.enlist(library.pool, embedder)
    found = await Retriever(embedder, enlisted.id, BY_WORDS).retrieve(
        library.pool, question, Scope((library.knowledge_base_id,)), only="dense"
    )
    return found.hits[0].title


async def test_every_chunk_has_one_vector_of_the_new_model_which_serves(library: Library) -> None:
    chunks = (await library.counts())["chunks"]
    done = await run(library.pool, free(Held()))
    assert done == Reindexed("hash-48", 48, 24, chunks, chunks)
    assert await vectors_by_chunk(library, "hash-48") == [1] * chunks
    assert await vectors_by_chunk(library, "hash-32") == [1] * chunks
    assert await serving(library) == "hash-48"
    usable = "SELECT count(*) FROM pg_index WHERE indexrelid::regclass::text LIKE '%%hnsw%%' AND indisvalid"
    assert await library.run(usable) == [(2,)]
    assert await first_title(library, HashEmbedder(48), own_words("Room", 17)) == "Room 17"


async def test_the_old_vectors_answer_while_the_new_ones_are_made(
    library: Library,
) -> None:
    embedder = Held()
    task = asyncio.create_task(run(library.pool, embedder))
    await asyncio.to_thread(embedder.begun.wait, 30)
    assert await serving(library) == "hash-32"
    assert await first_title(library, library.embedder, own_words("Room", 17)) == "Room 17"
    embedder.go_on.set()
    await task
    assert await first_title(library, library.embedder, own_words("Room", 17)) == "Room 17"


async def test_documents_that_come_and_go_meanwhile_are_caught_up_and_forgotten(library: Library) -> None:
    embedder = Held()
    task = asyncio.create_task(run(library.pool, embedder))
    await asyncio.to_thread(embedder.begun.wait, 30)
    await library.run("DELETE FROM documents WHERE title IN ('Room 0', 'Room 39')")
    for number in range(20):
        await library.put(text_of("Hall", number), f"Hall {number}")
    embedder.go_on.set()
    done = await task
    counts = await library.counts()
    assert done.chunks == counts["chunks"] and counts["chunk_vectors"] == 2 * counts["chunks"]
    assert set(await vectors_by_chunk(library, "hash-48")) == {1}
    assert await first_title(library, HashEmbedder(48), own_words("Hall", 11)) == "Hall 11"


async def test_a_category_given_meanwhile_is_that_of_the_new_vectors(library: Library) -> None:
    category = await library.category()
    embedder = Held()
    task = asyncio.create_task(run(library.pool, embedder))
    await asyncio.to_thread(embedder.begun.wait, 30)
    await library.run("UPDATE documents SET category_id = %s", category)
    embedder.go_on.set()
    await task
    assert await library.run("SELECT DISTINCT category_id FROM chunk_vectors") == [(category,)]


async def test_a_category_given_while_vectors_are_being_stored_reaches_them(library: Library) -> None:
    category = await library.category()
    enlisted = await models.enlist(library.pool, HashEmbedder(48))
    rows = await library.run("SELECT id FROM chunks")
    stored = {
        "model_id": enlisted.id,
        "chunk_ids": [row[0] for row in rows],
        "embeddings": [str([1.0] * 48)] * len(rows),
    }
    async with library.pool.connection() as connection:
        await connection.execute(reindex.Q["add_vectors"], stored)
        moving = asyncio.create_task(library.run("UPDATE documents SET category_id = %s", category))
        await until_there_is(library, "SELECT 1 FROM pg_locks WHERE NOT granted")
    await moving
    assert await library.run("SELECT DISTINCT category_id FROM chunk_vectors") == [(category,)]


async def test_an_interrupted_run_goes_on_where_it_was(library: Library) -> None:
    chunks = (await library.counts())["chunks"]
    await models.enlist(library.pool, HashEmbedder(48))  # calibrated: what fails is the embedding of chunks
    broken = free(Held(fail_after=16))
    with pytest.raises(Interrupted):
        await run(library.pool, broken)
    stored = sum(await vectors_by_chunk(library, "hash-48"))
    assert 0 < stored < chunks and await serving(library) == "hash-32"
    done = await run(library.pool, free(Held()))
    assert done.embedded == chunks - stored
    assert await vectors_by_chunk(library, "hash-48") == [1] * chunks


async def test_what_a_killed_build_left_of_the_index_is_replaced(library: Library) -> None:
    enlisted = await models.enlist(library.pool, HashEmbedder(48))
    async with library.pool.connection() as connection:
        await models.ensure_index(connection, enlisted.id, 48)
        await connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass(%s)",
            (f"chunk_vectors_hnsw_{enlisted.id}",),
        )
    await run(library.pool, free(Held()))
    async with library.pool.connection() as connection:
        assert await models.has_index(connection, enlisted.id)


async def test_an_index_whose_build_is_cancelled_is_gone_and_built_by_the_next_run(library: Library) -> None:
    async with library.pool.connection() as writer:
        await writer.execute("UPDATE chunk_vectors SET category_id = NULL")  # the build waits for its end
        task = asyncio.create_task(run(library.pool, free(Held())))
        await until_there_is(library, "SELECT 1 FROM pg_stat_progress_create_index WHERE lockers_total > 0")
        task.cancel()
        gone = (
            "SELECT 1 WHERE NOT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE command ~ 'CREATE')"
        )
        await until_there_is(library, gone)
    with pytest.raises(asyncio.CancelledError):
        await task
    left = "SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'chunk_vectors_hnsw_%%'"
    assert await library.run(left) == [(1,)] and await serving(library) == "hash-32"
    assert (await run(library.pool, free(Held()))).embedded == 0
    assert await library.run(left) == [(2,)] and await serving(library) == "hash-48"


async def test_a_second_reindex_is_refused_while_one_runs(library: Library) -> None:
    async with reindex.only_one(library.pool):
        with pytest.raises(ReindexRuns, match="Another reindex is running"):
            await run(library.pool, free(Held()))
    await run(library.pool, free(Held()))


async def test_the_switch_waits_for_a_writer_and_its_chunks_are_not_missed(library: Library) -> None:
    key = await library.put("A first text of the late document.", "Late")
    document = join_pages((Page("A second text of the late document, about pelicans. " * 3),), "Late")
    draft = index.Draft(key, document, split(document, library.embedder))
    prepared = await index.prepare(library.pool, draft, library.embedder, library.model_id)
    async with library.pool.connection() as connection:
        await index.lock_knowledge_base(connection, library.knowledge_base_id)
        await models.join_writers(connection, library.model_id)
        task = asyncio.create_task(run(library.pool, free(Held())))
        await until_there_is(library, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        assert not task.done() and await serving(library) == "hash-32"
        await index.replace_document(connection, prepared, library.model_id)
    await task
    assert await serving(library) == "hash-48"
    assert set(await vectors_by_chunk(library, "hash-48")) == {1}


async def until_there_is(library: Library, query: str) -> None:
    async with asyncio.timeout(30):
        while True:
            if await library.run(query):
                return
            await asyncio.sleep(0.02)


async def test_what_was_prepared_with_the_model_before_is_not_written_after_the_switch(
    library: Library,
) -> None:
    await run(library.pool, free(Held()))
    async with library.pool.connection() as connection:
        with pytest.raises(ModelSwitched):
            await models.join_writers(connection, library.model_id)


async def test_a_chunk_has_the_same_vector_whether_a_sync_or_a_reindex_made_it(library: Library) -> None:
    await library.put(f"# Part\n\n## Section\n\n{text_of('Wing', 1)}", "A_title of_the wing")
    query = "SELECT chunk_id, embedding::text FROM chunk_vectors ORDER BY chunk_id"
    by_sync = await library.run(query)
    await library.run("DELETE FROM chunk_vectors")
    assert (await run(library.pool, library.embedder)).embedded == len(by_sync)
    assert await library.run(query) == by_sync


async def test_going_back_embeds_only_what_came_meanwhile(library: Library) -> None:
    await run(library.pool, free(Held()))
    back = await run(library.pool, HashEmbedder(32))
    assert back.embedded == 0 and await serving(library) == "hash-32"


async def test_prune_waits_for_those_who_use_the_model_and_then_removes_it(library: Library) -> None:
    await run(library.pool, free(Held()))
    async with library.pool.connection() as user:
        await models.use(user, library.model_id)
        with pytest.raises(ModelInUse, match="1 running processes still answer with hash-32"):
            await reindex.prune(library.pool, patience_s=0)
        await user.execute("SELECT pg_advisory_unlock_all()")
    counts = await library.counts()
    assert counts["chunk_vectors"] == 2 * counts["chunks"]
    assert await reindex.prune(library.pool) == ["hash-32"]
    assert (await library.counts())["chunk_vectors"] == counts["chunks"]
    assert await library.run("SELECT name FROM embedding_models") == [("hash-48",)]
    assert await reindex.prune(library.pool) == []


async def test_an_empty_database_is_switched_at_once(pool: Pool) -> None:
    library = await open_library(pool)
    assert await run(pool, free(Held())) == Reindexed("hash-48", 48, 24, 0, 0)
    assert await serving(library) == "hash-48"


def test_a_passage_over_the_limit_is_read_to_its_end() -> None:
    embedder = HashEmbedder(48, max_tokens=24)
    words = " ".join(f"word{number}" for number in range(100))
    short, long, other_end = embed_passages(
        embedder,
        [
            Passage(1, "Title", ("Part",), "a short text"),
            Passage(2, "Title", ("Part",), words),
            Passage(3, "Title", ("Part",), words + " pelican albatross heron"),
        ],
    )
    assert np.allclose(np.linalg.norm([short, long, other_end], axis=1), 1.0, atol=1e-5)
    assert np.allclose(short, embedder.embed(["Title > Part\na short text"])[0], atol=1e-5)
    assert float(long @ embedder.embed([words])[0]) < 0.999, "the first window alone is not the whole"
    assert 0.5 < float(long @ other_end) < 0.999


@pytest.mark.parametrize("text", ["x" * 5000, "字" * 500, "\n".join("ab" for _ in range(500)), "é" * 3, ""])
def test_windows_hold_the_whole_text_within_the_limit(text: str) -> None:
    embedder = HashEmbedder(48, max_tokens=24)
    windows = reindex._windows(embedder, Passage(1, "A title " * 40, (), text))
    assert max(embedder.count_tokens(windows)) <= 24
    bodies = [window.partition("\n")[2] for window in windows]
    assert "".join("".join(bodies).split()) == "".join(text.split())

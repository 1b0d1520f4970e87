"""Running processes take up another embedding model: syncs write with it, questions are always answered."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.services import follow_model
from app.services.add_sources import add_path, find_target
from app.services.follow_model import following
from app.services.house import House
from app.services.identify import Visit
from rag import engine, models, reindex
from rag.errors import ModelUnavailable
from rag.passages import Question, Scope
from rag.reindex import Reindexer
from rag.testing import HashEmbedder
from tests.parts import HeldQueue

LOANS = "# Loans\n\nThe grace period for returning a book is fourteen days after the due date."
PARKING = "# Parking\n\nVisitors park their bicycles behind the northern greenhouse."


@pytest.fixture(autouse=True)
def loading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are loaded by their name."""
    monkeypatch.setattr(follow_model, "_LOOK_EVERY_S", 0.02)
    monkeypatch.setattr(follow_model, "_RETRY_AFTER_S", 0.02)
    monkeypatch.setattr(engine, "load_glossing_embedder", lambda name: HashEmbedder(int(name.split("-")[1])))


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


async def add(house: House, visit: Visit, queue: HeldQueue, path: Path) -> None:
    target = await find_target(house, visit.assistant.id, None)
    assert [added async for added in add_path(house, target, path)]
    await queue.work_off(house)


async def switch(house: House, embedder: HashEmbedder) -> None:
    async with reindex.only_one(house.pool) as session:
        enlisted = await models.enlist(house.pool, embedder, embedder.name)
        await Reindexer(house.pool, session, embedder, enlisted.id, lambda *_: None).run()


async def lacking(house: House) -> int:
    """Chunks without a vector under the model that serves."""
    async with house.pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT count(*) FROM chunks AS c WHERE NOT EXISTS (SELECT FROM chunk_vectors AS v "
            "JOIN embedding_models AS m ON m.id = v.model_id WHERE v.chunk_id = c.id AND m.serving)"
        )
        return int((await cursor.fetchall())[0][0])


async def users(house: House, name: str) -> int:
    async with house.pool.connection() as connection:
        cursor = await connection.execute("SELECT id FROM embedding_models WHERE name = %s", (name,))
        return await models.count_users(connection, int((await cursor.fetchall())[0][0]))


async def found(house: House, visit: Visit, text: str) -> list[str]:
    question = Question(text, Scope(tuple(base.id for base in visit.bases)))
    return [hit.text for hit in (await house.engine.retrieve(house.pool, question, only="dense")).hits]


async def until_it_answers_with(house: House, name: str) -> None:
    async with asyncio.timeout(30):
        while True:
            if house.engine.embedder_name == name and await users(house, name):
                return
            await asyncio.sleep(0.02)


async def test_a_sync_by_a_process_that_missed_the_switch_writes_vectors_of_the_new_model(
    house: House, visit: Visit, queue: HeldQueue, tmp_path: Path
) -> None:
    await add(house, visit, queue, written(tmp_path / "loans.md", LOANS))
    await switch(house, HashEmbedder(48))
    assert house.engine.embedder_name == "hash-32"
    await add(house, visit, queue, written(tmp_path / "parking.md", PARKING))
    assert house.engine.embedder_name == "hash-48" and await lacking(house) == 0
    assert "bicycles" in (await found(house, visit, "Visitors park their bicycles"))[0]


async def test_a_running_process_follows_and_shows_what_it_uses(
    house: House, visit: Visit, queue: HeldQueue, tmp_path: Path
) -> None:
    await add(house, visit, queue, written(tmp_path / "loans.md", LOANS))
    async with following(house):
        await until_it_answers_with(house, "hash-32")
        before = house.engine
        await switch(house, HashEmbedder(48))
        assert "fourteen days" in (await found(house, visit, "the grace period for a book"))[0]
        await until_it_answers_with(house, "hash-48")
        assert house.engine is not before and await users(house, "hash-32") == 0
        assert "fourteen days" in (await found(house, visit, "the grace period for a book"))[0]
    assert await reindex.prune(house.pool, patience_s=0) == ["hash-32"]


async def test_a_model_that_cannot_be_loaded_leaves_the_one_before_answering_until_it_can(
    house: House, visit: Visit, queue: HeldQueue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(house, visit, queue, written(tmp_path / "loans.md", LOANS))
    await switch(house, HashEmbedder(48))
    tried = asyncio.Event()

    def refuse(name: str) -> HashEmbedder:
        loop.call_soon_threadsafe(tried.set)
        raise ModelUnavailable(f"The folder of {name} is away.")

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(engine, "load_glossing_embedder", refuse)
    with capture_logs() as logs:
        async with following(house):
            await asyncio.wait_for(tried.wait(), 30)
            assert "fourteen days" in (await found(house, visit, "the grace period for a book"))[0]
            assert await users(house, "hash-32") == 1, "prune keeps what is used"
            monkeypatch.setattr(engine, "load_glossing_embedder", lambda name: HashEmbedder(48))
            await until_it_answers_with(house, "hash-48")
    assert any("The folder of hash-48 is away." in str(line.get("cause")) for line in logs)


async def test_a_model_switched_again_while_it_was_loaded_is_not_taken_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await switch(house, HashEmbedder(48))
    async with house.pool.connection() as connection:
        back = (await models.enlist(house.pool, HashEmbedder(32), "hash-32")).id
        loop = asyncio.get_running_loop()

        def load(name: str) -> HashEmbedder:
            if name == "hash-48":
                asyncio.run_coroutine_threadsafe(models.serve(connection, back), loop).result(30)
                asyncio.run_coroutine_threadsafe(connection.commit(), loop).result(30)
            return HashEmbedder(int(name.split("-")[1]))

        monkeypatch.setattr(engine, "load_glossing_embedder", load)
        renewed = await house.engine.successor(house.pool)
    assert renewed.embedder_name == "hash-32"


async def test_many_that_notice_the_switch_at_once_load_the_model_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await switch(house, HashEmbedder(48))
    loaded: list[str] = []

    def load(name: str) -> HashEmbedder:
        loaded.append(name)
        return HashEmbedder(48)

    monkeypatch.setattr(engine, "load_glossing_embedder", load)
    await asyncio.gather(*(follow_model.take_up_serving_model(house) for _ in range(5)))
    assert loaded == ["hash-48"]

"""Embedding models in the database: registered once, told apart, one serving, found again after a restart."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rag import models
from rag.embed import DEFAULT_MODEL
from rag.engine import Engine, Models
from rag.errors import ModelSwitched, ModelUnavailable
from rag.extract import Extractor
from rag.models import Serving, enlist, ensure_index, location_of
from rag.relevance import BY_WORDS
from rag.testing import HashEmbedder, ScriptedGenerator
from tests.library import Pool


class Reversed(HashEmbedder):
    """Bears the name of a HashEmbedder and gives other vectors."""

    def embed(self, texts: Any) -> Any:
        return np.ascontiguousarray(super().embed(texts)[:, ::-1])


async def column(pool: Pool, query: str) -> list[Any]:
    async with pool.connection() as connection:
        cursor = await connection.execute(query)  # type: ignore[call-overload]
        return [row[0] for row in await cursor.fetchall()]


async def test_a_model_is_registered_once_however_many_start(pool: Pool) -> None:
    async def start() -> int:
        enlisted = await enlist(pool, HashEmbedder())
        async with pool.connection() as connection:
            await ensure_index(connection, enlisted.id, 32)
        return enlisted.id

    assert len(set(await asyncio.gather(*(start() for _ in range(6))))) == 1
    assert await column(pool, "SELECT name FROM embedding_models WHERE serving") == ["hash-32"]
    indexes = "SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'chunk_vectors_hnsw_%'"
    assert await column(pool, indexes) == [1]


async def test_the_first_model_serves_and_the_next_waits_beside_it(pool: Pool) -> None:
    first, second = await enlist(pool, HashEmbedder(16)), await enlist(pool, HashEmbedder(1024))
    assert (first.serving, second.serving) == (True, False) and first.id != second.id


@pytest.mark.parametrize("other", [Reversed(32), HashEmbedder(48)], ids=["vectors", "dimensions"])
async def test_other_weights_under_a_known_name_are_refused(pool: Pool, other: HashEmbedder) -> None:
    await enlist(pool, HashEmbedder(32))
    other.name = "hash-32"
    with pytest.raises(ModelUnavailable, match=r"hash-32 is known .*other vectors"):
        await enlist(pool, other)


async def test_more_dimensions_than_can_be_indexed_are_refused(pool: Pool) -> None:
    with pytest.raises(ModelUnavailable, match="4001 dimensions; at most 4000"):
        await enlist(pool, HashEmbedder(4001))


async def test_the_rule_is_calibrated_once_and_then_read(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = [
        models.Rule(trust=0.5, unrelated=0.1, matching=0.6),
        models.Rule(trust=0.9, unrelated=0.2, matching=0.7),
    ]
    monkeypatch.setattr(models, "calibrate", lambda embedder: rules.pop(0))
    first, again = await enlist(pool, HashEmbedder()), await enlist(pool, HashEmbedder())
    assert first.rule == again.rule == models.Rule(trust=0.5, unrelated=0.1, matching=0.6)
    monkeypatch.setattr(models, "_EDITION", 99)
    assert (await enlist(pool, HashEmbedder())).rule == models.Rule(trust=0.9, unrelated=0.2, matching=0.7)


async def test_a_rule_that_cannot_be_read_is_calibrated_anew(pool: Pool) -> None:
    await enlist(pool, HashEmbedder())
    async with pool.connection() as connection:
        await connection.execute('UPDATE embedding_models SET calibration = \'{"edition": 1, "rule": []}\'')
    assert (await enlist(pool, HashEmbedder())).rule == BY_WORDS


async def test_an_engine_opens_only_with_the_model_that_serves(pool: Pool) -> None:
    await enlist(pool, HashEmbedder(16))
    extractor = Extractor()
    try:
        with pytest.raises(ModelSwitched, match="hash-32 does not serve"):
            await Engine.open(pool, Models(HashEmbedder(32), ScriptedGenerator(), extractor))
    finally:
        await extractor.close()


def test_a_new_database_takes_the_setting_and_a_used_one_what_serves(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    assert location_of(None, "") == DEFAULT_MODEL
    assert location_of(None, str(old)) == str(old)
    assert location_of(Serving(1, "new", str(new)), str(old)) == str(new)
    assert location_of(Serving(1, "new", str(new)), "") == str(new)
    assert location_of(Serving(1, DEFAULT_MODEL, None), str(old)) == DEFAULT_MODEL


def test_a_setting_with_the_name_of_the_serving_model_is_a_copy_of_it(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "new"
    copy.mkdir(parents=True)
    assert location_of(Serving(1, "new", str(tmp_path / "gone" / "new")), str(copy)) == str(copy)


@pytest.mark.parametrize("location", ["/nowhere/new", None])
def test_a_serving_model_that_vanished_is_said_in_one_line(location: str | None) -> None:
    with pytest.raises(
        ModelUnavailable, match=r"new serves, but it is not at .*LECTERN_EMBEDDING_MODEL"
    ) as it:
        location_of(Serving(1, "new", location), "")
    assert "\n" not in str(it.value)

"""Posting lists: what a large lexicon does, the migration that made them, and writers and readers at once."""

import asyncio
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.store import migrate as migration
from app.store.embedded import EmbeddedPostgres
from app.store.migrate import MIGRATIONS, migrate
from app.store.pool import Pool
from rag import index
from rag.passages import Scope
from rag.relevance import BY_WORDS
from rag.retrieve import Retriever
from tests.library import Library, open_library
from tests.parts import cloned

BEFORE = ("0001_house.sql", "0002_rag_tables.sql", "0003_queue.sql")
OWNER = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
async def library(pool: Pool) -> Library:
    return await open_library(pool)


async def entries(library: Library, term: str) -> list[tuple[int, ...]]:
    """The sizes of a term's blocks in order, and of its own list."""
    blocks = await library.run(
        "SELECT cardinality(b.entries) FROM posting_blocks AS b JOIN terms AS t ON t.id = b.term_id "
        "WHERE t.term = %s ORDER BY b.first_chunk_id",
        term,
    )
    return blocks + await library.run("SELECT cardinality(entries) FROM terms WHERE term = %s", term)


async def test_a_full_list_becomes_a_block_and_both_are_read(library: Library) -> None:
    for number in range(index._BLOCK_ENTRIES + 2):
        await library.put(f"Whale {number}.")
    assert await entries(library, "whale") == [(index._BLOCK_ENTRIES,), (2,)]
    scope = Scope((library.knowledge_base_id,))
    found = await Retriever(library.embedder, library.model_id, BY_WORDS).retrieve(
        library.pool, "whale", scope, limit=100, only="lexical"
    )
    assert len(found.hits) == index._BLOCK_ENTRIES + 2


async def test_a_deleted_chunk_leaves_its_block_and_an_empty_block_goes(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_BLOCK_ENTRIES", 2)
    keys = [await library.put(f"Whale {number}.") for number in range(5)]
    assert await entries(library, "whale") == [(2,), (2,), (1,)]
    await library.run("DELETE FROM documents WHERE id = %s", keys[0].document_id)
    assert await entries(library, "whale") == [(1,), (2,), (1,)]
    await library.run("DELETE FROM documents WHERE id = ANY(%s)", [key.document_id for key in keys[2:4]])
    assert await entries(library, "whale") == [(1,), (1,)]
    await library.run("DELETE FROM documents WHERE id = %s", keys[4].document_id)
    assert await entries(library, "whale") == [(1,), (0,)]
    await library.put("Whale again.")
    assert await entries(library, "whale") == [(1,), (1,)]


async def test_a_frequency_beyond_a_byte_is_cut_off(library: Library) -> None:
    await library.put("one", "whale " * 400)
    [(tf, length)] = await library.run(
        "SELECT DISTINCT p.tf, p.terms_count FROM postings AS p JOIN terms AS t ON t.id = p.term_id "
        "WHERE t.term = 'whale'"
    )
    assert tf == 255 and length == 401


async def test_known_terms_keep_their_ids_and_draw_no_new_ones(library: Library) -> None:
    await library.put("Whales sing in winter.")
    for _ in range(20):
        await library.put("Whales sing in winter.")
    await library.put("Whales sing in summer.")
    ids = [row[0] for row in await library.run("SELECT id FROM terms ORDER BY id")]
    assert ids == list(range(ids[0], ids[0] + len(ids)))


async def test_syncs_deletions_moves_and_questions_at_once_do_not_deadlock(library: Library) -> None:
    kept = [await library.put(f"Document {number} about whales and rivers. " * 5) for number in range(6)]
    category = await library.category()
    asking = Retriever(library.embedder, library.model_id, BY_WORDS)

    async def sync(start: int) -> None:
        for number in range(start, start + 6):
            key = await library.put(f"Text {number} about stones and whales. " * 5)
            await library.replace(f"Text {number} about whales, rewritten. " * 5, "A title", key)
            await library.run("DELETE FROM documents WHERE id = %s", key.document_id)

    async def move() -> None:
        for number in range(12):
            wanted = None if number % 2 else category
            await library.run("UPDATE documents SET category_id = %s WHERE name <> ''", wanted)

    async def ask() -> None:
        for _ in range(15):
            scope = Scope((library.knowledge_base_id,))
            found = await asking.retrieve(library.pool, "whales", scope, limit=50)
            assert {key.document_id for key in kept} <= {hit.document_id for hit in found.hits}

    await asyncio.wait_for(asyncio.gather(sync(0), sync(100), move(), ask(), ask()), 60)
    dfs = dict(await library.run("SELECT term, df FROM terms"))
    counted = await library.run(
        "SELECT t.term, count(*) FROM postings AS p JOIN terms AS t ON t.id = p.term_id GROUP BY t.term"
    )
    assert dfs == dict(counted) and dfs["whale"] == 6


def test_an_existing_database_keeps_its_postings(
    postgres: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in BEFORE:
        shutil.copy(MIGRATIONS / name, tmp_path / name)
    with cloned(postgres, "template0") as url, psycopg.connect(url, autocommit=True) as connection:
        with monkeypatch.context() as patched:
            patched.setattr(migration, "MIGRATIONS", tmp_path)
            migrate(url)
        before = fill_as_before(connection)
        migrate(url)
        rows = connection.execute(
            "SELECT p.chunk_id, t.term, p.tf, p.terms_count "
            "FROM postings AS p JOIN terms AS t ON t.id = p.term_id"
        ).fetchall()
        assert Counter(rows) == Counter(before)
        assert fetched(connection, "SELECT cardinality(entries) FROM posting_blocks ORDER BY 1") == [64] * 4
        assert fetched(connection, "SELECT cardinality(entries) FROM terms WHERE term = 'often'") == [2]
        assert fetched(connection, "SELECT df FROM terms ORDER BY term") == [130, 130]
        connection.execute("DELETE FROM documents")
        for table in ("terms", "posting_blocks", "chunk_terms"):
            assert fetched(connection, f"SELECT count(*) FROM {table}") == [0]


def fetched(connection: psycopg.Connection[Any], query: str) -> list[Any]:
    return [row[0] for row in connection.execute(query).fetchall()]  # type: ignore[call-overload]


def fill_as_before(connection: psycopg.Connection[Any]) -> list[tuple[int, str, int, int]]:
    """130 chunks as the version before stored them; returns their postings."""
    connection.execute(f"INSERT INTO workspaces (id, name) VALUES ('{OWNER}', 'w')")
    connection.execute(
        f"INSERT INTO knowledge_bases (id, workspace_id, name) VALUES ('{OWNER}', '{OWNER}', 'k')"
    )
    connection.execute(
        "INSERT INTO sources (id, workspace_id, knowledge_base_id, kind) "
        f"VALUES ('{OWNER}', '{OWNER}', '{OWNER}', 'text')"
    )
    connection.execute(
        "INSERT INTO documents (id, workspace_id, knowledge_base_id, source_id, name) "
        f"VALUES ('{OWNER}', '{OWNER}', '{OWNER}', '{OWNER}', 'd')"
    )
    connection.execute(
        "INSERT INTO chunks (workspace_id, knowledge_base_id, document_id, ordinal, start_chars, end_chars, "
        f"text, text_hash, terms_count) SELECT '{OWNER}', '{OWNER}', '{OWNER}', n, n, n, 'x', '', n + 5 "
        "FROM generate_series(1, 130) AS n"
    )
    connection.execute(
        "INSERT INTO terms (workspace_id, knowledge_base_id, term, df) "
        f"VALUES ('{OWNER}', '{OWNER}', 'often', 130), ('{OWNER}', '{OWNER}', 'once', 130)"
    )
    connection.execute(
        "INSERT INTO postings (term_id, chunk_id, workspace_id, tf, terms_count) "
        f"SELECT t.id, c.id, '{OWNER}', CASE t.term WHEN 'often' THEN c.ordinal ELSE 1 END, c.terms_count "
        "FROM terms AS t CROSS JOIN chunks AS c"
    )
    connection.execute(
        f"INSERT INTO lexicon_statistics SELECT '{OWNER}', '{OWNER}', count(*), sum(terms_count) FROM chunks"
    )
    return connection.execute(
        "SELECT p.chunk_id, t.term, p.tf::integer, p.terms_count::integer "
        "FROM postings AS p JOIN terms AS t ON t.id = p.term_id"
    ).fetchall()

"""Chunks, terms and vectors in the real database: exact after any history, cheap when little changed."""

import asyncio
import random
from collections import Counter
from uuid import UUID

import pytest

from rag import index
from rag.chunk import split
from rag.lexicon import language_of, terms
from rag.passages import Page, join_pages
from tests.library import Library, Pool, open_library

NEW = "Something new stands before all of it. " * 6
WORDS = [
    "river",
    "stone",
    "cats",
    "running",
    "houses",
    "naciones",
    "café",
    "学校",
    "library",
    "book",
    "the",
    "of",
    "and",
]


@pytest.fixture
async def library(pool: Pool) -> Library:
    return await open_library(pool)


async def assert_statistics_are_exact(library: Library, texts: dict[UUID, tuple[str, str]]) -> None:
    """Stored statistics equal those counted anew from the postings, and the postings those of the texts."""
    chunks = await library.run("SELECT id, document_id, heading_path, text, terms_count FROM chunks")
    expected: dict[int, Counter[str]] = {}
    for chunk_id, document_id, path, text, _ in chunks:
        title, whole = texts[document_id]
        content = "\n".join((title, *path, text))
        expected[chunk_id] = Counter(terms(content, language_of(whole)))
    stored: dict[int, Counter[str]] = {chunk_id: Counter() for chunk_id in expected}
    by_chunk: dict[int, Counter[str]] = {chunk_id: Counter() for chunk_id in expected}
    postings = await library.run(
        "SELECT p.chunk_id, t.term, p.tf, p.terms_count "
        "FROM postings AS p LEFT JOIN terms AS t ON t.id = p.term_id"
    )
    for chunk_id, term, tf, length in postings:
        stored[chunk_id][term] = tf
        assert length == expected[chunk_id].total()
    held = await library.run(
        "SELECT c.chunk_id, t.term, get_byte(c.tfs, held.place::integer - 1), c.terms_count "
        "FROM chunk_terms AS c CROSS JOIN unnest(c.term_ids) WITH ORDINALITY AS held (term_id, place) "
        "JOIN terms AS t ON t.id = held.term_id ORDER BY c.chunk_id, t.id"
    )
    for chunk_id, term, tf, length in held:
        by_chunk[chunk_id][term] = tf
        assert length == expected[chunk_id].total()
    assert stored == by_chunk == expected
    assert await library.run("SELECT term_id FROM posting_blocks WHERE entries = '{}'") == []
    dfs = Counter(term for counts in expected.values() for term in counts)
    assert dict(await library.run("SELECT term, df FROM terms")) == dict(dfs)
    totals = await library.run("SELECT chunks_count, terms_count FROM lexicon_statistics")
    assert totals[0] == (len(expected), sum(counts.total() for counts in expected.values()))
    assert sum(row[4] for row in chunks) == totals[0][1]


def some_text(chance: random.Random) -> str:
    paragraphs = [
        " ".join(chance.choices(WORDS, k=chance.randint(1, 60))) + "." for _ in range(chance.randint(0, 6))
    ]
    return "\n\n".join(f"# {chance.choice(WORDS)}\n\n{p}" if chance.random() < 0.3 else p for p in paragraphs)


@pytest.mark.parametrize("seed", range(6))
async def test_statistics_are_exact_after_any_history(
    library: Library, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(index, "_BLOCK_ENTRIES", (1, 2, 5)[seed % 3])
    chance = random.Random(seed)
    texts: dict[UUID, tuple[str, str]] = {}
    keys: dict[UUID, index.DocumentKey] = {}
    for _ in range(25):
        action = chance.random()
        if not keys or action < 0.4:
            text = some_text(chance)
            key = await library.put(text, "A title")
            keys[key.document_id], texts[key.document_id] = key, ("A title", text)
            continue
        document_id = chance.choice(list(keys))
        if action < 0.75:
            old_title, old = texts[document_id]
            text = old + "\n\n" + some_text(chance) if action < 0.6 else some_text(chance)
            # A document whose language is judged anew keeps the stems of its unchanged chunks.
            title = old_title if language_of(text) == language_of(old) else old_title + "."
            await library.replace(text, title, keys[document_id])
            texts[document_id] = (title, text)
        else:
            if action < 0.9:
                async with library.pool.connection() as connection:
                    await index.remove_documents(connection, [document_id])
            await library.run("DELETE FROM documents WHERE id = %s", document_id)
            del keys[document_id], texts[document_id]
    await assert_statistics_are_exact(library, texts)


async def test_unchanged_chunks_keep_their_rows_and_are_not_embedded_again(library: Library) -> None:
    paragraphs = [f"Paragraph {n} speaks of river {n} and stone {n}. " * 8 for n in range(12)]
    key = await library.put("\n\n".join(paragraphs))
    before = dict(await library.run("SELECT text_hash, id FROM chunks"))
    embedded = library.embedder.embedded
    paragraphs[5] = "This one was rewritten and speaks of cats. " * 8
    changed = await library.replace(f"{NEW}\n\n" + "\n\n".join(paragraphs), "A title", key)
    after = dict(await library.run("SELECT text_hash, id FROM chunks"))
    assert {
        text_hash: before[text_hash] for text_hash in before.keys() & after.keys()
    }.items() <= after.items()
    assert len(before.keys() & after.keys()) == changed.kept == 11
    assert library.embedder.embedded - embedded == changed.added == 2
    places = await library.run("SELECT start_chars, end_chars, text FROM chunks ORDER BY ordinal")
    whole = join_pages((Page(f"{NEW}\n\n" + "\n\n".join(paragraphs)),), "A title").text
    assert all(whole[start:end] == text for start, end, text in places)


async def test_another_title_or_heading_makes_other_chunks(library: Library) -> None:
    key = await library.put("# One\n\nText.")
    assert await library.replace("# One\n\nText.", "A title", key) == index.Changed(1, 0, 0)
    assert await library.replace("# One\n\nText.", "Another", key) == index.Changed(0, 1, 1)


async def test_a_text_that_occurs_twice_is_embedded_once(library: Library) -> None:
    same = "The same words stand in this paragraph of the river. " * 8
    key = await library.put(f"{same}\n\nOther words stand between the two of them. " + "Stone. " * 60)
    embedded = library.embedder.embedded
    changed = await library.replace(
        f"{same}\n\nOther words stand between the two of them. " + "Stone. " * 60 + f"\n\n{same}",
        "A title",
        key,
    )
    assert changed.added == 1 and library.embedder.embedded == embedded
    counts = await library.counts()
    assert counts["chunks"] == counts["chunk_vectors"]


async def test_a_document_that_changed_meanwhile_has_to_be_indexed_again(library: Library) -> None:
    key = await library.put("A text that is known.")
    document = join_pages((Page("A text that is known."),), "A title")
    draft = index.Draft(key, document, split(document, library.embedder))
    prepared = await index.prepare(library.pool, draft, library.embedder, library.model_id)
    await library.replace("Another text.", "A title", key)
    with pytest.raises(index.IndexChanged):
        async with library.pool.connection() as connection:
            await index.replace_document(connection, prepared, library.model_id)
    assert await library.run("SELECT text FROM chunks") == [("Another text.",)]


@pytest.mark.parametrize("table", ["documents", "sources", "knowledge_bases", "workspaces"])
async def test_deleted_means_gone_on_every_way(
    library: Library, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    monkeypatch.setattr(index, "_BLOCK_ENTRIES", 1)
    for number in range(3):
        await library.put(f"Document {number} about cats. " * 20)
    await library.run(f"DELETE FROM {table}")
    assert set((await library.counts()).values()) == {0}


async def test_a_knowledge_base_is_emptied(library: Library) -> None:
    await library.put("Some words.")
    async with library.pool.connection() as connection:
        await index.remove_knowledge_base(connection, library.knowledge_base_id)
    assert set((await library.counts()).values()) == {0}
    assert await library.run("SELECT chunks_count, terms_count FROM lexicon_statistics") == [(0, 0)]


async def test_what_is_rolled_back_leaves_nothing(library: Library) -> None:
    key = await library.put("The first text.")
    document = join_pages((Page("The second text."),), "A title")
    draft = index.Draft(key, document, split(document, library.embedder))
    prepared = await index.prepare(library.pool, draft, library.embedder, library.model_id)
    with pytest.raises(ZeroDivisionError):
        async with library.pool.connection() as connection:
            await index.replace_document(connection, prepared, library.model_id)
            raise ZeroDivisionError
    assert await library.run("SELECT text FROM chunks") == [("The first text.",)]


async def test_the_category_follows_the_document(library: Library) -> None:
    key = await library.put("Some words about cats.")
    category = await library.category()

    async def stored() -> set[UUID | None]:
        rows = await library.run(
            "SELECT category_id FROM chunks UNION SELECT category_id FROM chunk_vectors "
            "UNION SELECT category_id FROM chunk_terms UNION SELECT category_id FROM postings"
        )
        return {row[0] for row in rows}

    await library.run("UPDATE documents SET category_id = %s", category)
    assert await stored() == {category}
    await library.run("DELETE FROM categories")
    assert await stored() == {None}
    other = await library.category("other")
    async with library.pool.connection() as connection:
        await index.set_category(connection, key.document_id, other)
    assert await stored() == {other}


async def test_many_writers_of_one_knowledge_base_do_not_deadlock(library: Library) -> None:
    texts = [" ".join(random.Random(n).sample(WORDS * 6, 60)) for n in range(12)]
    keys = await asyncio.gather(*(library.put(text) for text in texts))
    await asyncio.gather(
        *(
            library.replace(text, "A title", key)
            for text, key in zip(reversed(texts), keys[:6], strict=False)
        ),
        *(library.run("DELETE FROM documents WHERE id = %s", key.document_id) for key in keys[6:]),
    )
    kept = {key.document_id: ("A title", text) for text, key in zip(reversed(texts), keys[:6], strict=False)}
    await assert_statistics_are_exact(library, kept)


async def test_a_long_document_is_stored_in_one_go(library: Library) -> None:
    text = "\n\n".join(f"Page {n} of the book about {WORDS[n % 9]} number {n}. " * 5 for n in range(1_000))
    key = await library.put(text)
    counts = await library.counts()
    assert counts["chunks"] == counts["chunk_vectors"] >= 500
    assert await library.replace(text, "A title", key) == index.Changed(counts["chunks"], 0, 0)

"""A changed line costs its own chunk: the others keep their rows and vectors, wherever the line stands."""

import random
from collections.abc import Callable
from uuid import UUID

import pytest

from tests.library import Library, Pool, open_library

_WORDS = ("budget", "leave", "ferry", "archive", "north", "river", "office", "travel")
_PAGES = 500
Edit = Callable[[list[str], int], None]


@pytest.fixture
async def library(pool: Pool) -> Library:
    return await open_library(pool)


def paragraphs() -> list[str]:
    """Lines of one long section: paragraphs of the same length, with empty lines between."""
    chance = random.Random(3)
    return [f"{' '.join(chance.choices(_WORDS, k=60))} {number}.\n" for number in range(_PAGES)]


def rows() -> list[str]:
    """Lines of one long table, all rows of the same length."""
    chance = random.Random(4)
    body = [f"| {number} | {' | '.join(chance.choices(_WORDS, k=4))} |" for number in range(4 * _PAGES)]
    return ["| Number | A | B | C | D |", "|---|---|---|---|---|", *body]


def pages() -> list[str]:
    """Lines of a document with a heading on every page."""
    return [f"## Page {number}\n\n{line}" for number, line in enumerate(paragraphs())]


def change(lines: list[str], at: int) -> None:
    lines[at] = lines[at].replace("a", "zebra ", 1)


def insert(lines: list[str], at: int) -> None:
    lines.insert(at, lines[at].replace("a", "zebra ", 1))


def delete(lines: list[str], at: int) -> None:
    del lines[at]


@pytest.mark.parametrize("edit", [change, insert, delete])
@pytest.mark.parametrize("make", [paragraphs, rows, pages])
async def test_a_changed_line_of_a_long_document_embeds_what_is_near_it(
    library: Library, make: Callable[[], list[str]], edit: Edit
) -> None:
    lines = make()
    key = await library.put("\n".join(lines))
    embedded = library.embedder.embedded
    ids = await chunk_ids(library, key.document_id)
    edit(lines, len(lines) // 3)
    changed = await library.replace("\n".join(lines), "A title", key)
    assert library.embedder.embedded - embedded == changed.added
    assert changed.kept + changed.removed == len(ids) > 100
    assert changed.added <= len(ids) // 10
    assert len(ids & await chunk_ids(library, key.document_id)) == changed.kept


async def chunk_ids(library: Library, document_id: UUID) -> set[int]:
    found = await library.run("SELECT id FROM chunks WHERE document_id = %s", document_id)
    return {row[0] for row in found}

"""A document's text to chunks: nothing lost, every chunk within the limit, structure kept."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.chunk import headline, split
from rag.passages import Chunk, DocumentText, Page, join_pages
from rag.testing import HashEmbedder

EMBEDDER = HashEmbedder(max_tokens=64)
BLOCKS = st.sampled_from(
    [
        "# Head one",
        "## Head *two*",
        "### Head [three](http://x.test/a)",
        "A sentence of several words. Another one follows it here! And a third?",
        "word " * 90,
        "x" * 2_500,
        "字" * 150 + "。" + "句子。" * 30,
        "| name | age |\n| --- | --- |\n" + "\n".join(f"| person {n} | {n} |" for n in range(30)),
        "- one\n- two\n- three items of a list",
        "```\ncode {\n}\n\nmore\n```",
        "key: value\nother: thing",
        "   \t ",
        "",
        "\u2028\u00a0é",
    ]
)
DOCUMENTS = st.lists(
    st.tuples(st.lists(BLOCKS | st.text(max_size=80), max_size=6), st.integers(1, 9) | st.none()), max_size=4
).map(
    lambda pages: join_pages(
        tuple(Page("\n\n".join(blocks), number) for blocks, number in pages), "The Title"
    )
)


def markdown(text: str, title: str = "T") -> DocumentText:
    return join_pages((Page(text),), title)


@given(DOCUMENTS)
@settings(max_examples=150, deadline=None)
def test_no_text_is_lost_and_every_chunk_fits(document: DocumentText) -> None:
    chunks = split(document, EMBEDDER)
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    covered = bytearray(len(document.text))
    for chunk in chunks:
        assert document.text[chunk.start : chunk.end] == chunk.text
        assert chunk.text == chunk.text.strip() != ""
        whole = f"{headline(document.title, chunk.heading_path, EMBEDDER)}\n{chunk.text}"
        assert EMBEDDER.count_tokens([whole])[0] <= EMBEDDER.max_tokens
        assert not any(covered[chunk.start : chunk.end]), "chunks do not overlap"
        covered[chunk.start : chunk.end] = b"\1" * (chunk.end - chunk.start)
    lost = [character for character, seen in zip(document.text, covered, strict=True) if not seen]
    assert not "".join(lost).strip()


@given(DOCUMENTS)
@settings(max_examples=25, deadline=None)
def test_splitting_again_gives_the_same_chunks(document: DocumentText) -> None:
    assert split(document, EMBEDDER) == split(document, EMBEDDER)


def paths(chunks: tuple[Chunk, ...]) -> list[tuple[str, ...]]:
    return [chunk.heading_path for chunk in chunks]


def test_chunks_know_their_headings() -> None:
    chunks = split(
        markdown("Intro.\n\n# One\n\nText.\n\n## *Sub*\n\nText.\n\n# [Two](http://x.test)\n\nText."), EMBEDDER
    )
    assert paths(chunks) == [(), ("One",), ("One", "Sub"), ("Two",)]


def test_a_heading_without_text_goes_with_what_follows() -> None:
    chunks = split(markdown("# One\n\n## Sub\n\nText."), EMBEDDER)
    assert [(chunk.text, chunk.heading_path) for chunk in chunks] == [
        ("# One\n\n## Sub\n\nText.", ("One", "Sub"))
    ]


def test_a_paragraph_that_fits_is_not_cut() -> None:
    paragraphs = [" ".join([f"word{n}"] * 40) + "." for n in range(6)]
    assert [chunk.text for chunk in split(markdown("\n\n".join(paragraphs)), EMBEDDER)] == paragraphs


def test_a_sentence_that_fits_is_not_cut() -> None:
    text = " ".join(f"This is sentence number {n} of a long paragraph." for n in range(40))
    chunks = split(markdown(text), EMBEDDER)
    assert len(chunks) > 3
    assert all(chunk.text.startswith("This is") and chunk.text.endswith("paragraph.") for chunk in chunks)


def test_rows_stay_whole_and_later_parts_of_a_table_name_its_header() -> None:
    rows = "\n".join(f"| person number {n} | {n} |" for n in range(40))
    chunks = split(markdown(f"# People\n\n| name | age |\n| --- | --- |\n{rows}"), EMBEDDER)
    assert chunks[0].heading_path == ("People",)
    assert set(paths(chunks[1:])) == {("People", "name | age")}
    assert all(
        line.startswith("| ") and line.endswith(" |") for c in chunks[1:] for line in c.text.splitlines()
    )


def test_the_header_of_later_parts_of_a_table_keeps_its_empty_cells() -> None:
    rows = "\n".join(f"| person number {n} | {n} |  |" for n in range(40))
    chunks = split(markdown(f"|  | age |  |\n| --- | --- | --- |\n{rows}"), EMBEDDER)
    assert set(paths(chunks[1:])) == {(" | age | ",)}
    bare = split(markdown(f"|  |  |  |\n| --- | --- | --- |\n{rows}"), EMBEDDER)
    assert set(paths(bare)) == {()}


def test_the_header_of_a_wide_table_keeps_all_columns_by_the_beginnings_of_their_names() -> None:
    names = [f"{'ABCDEFGHIJKLMNO'[n]} is what was spent on repairs of this harbour" for n in range(15)]
    header, rule = f"| {' | '.join(names)} |", "| --- " * 15 + "|"
    rows = "\n".join(f"| {' | '.join(str(1000 * n + cell) for cell in range(15))} |" for n in range(40))
    chunks = split(markdown(f"{header}\n{rule}\n{rows}"), EMBEDDER)
    shown = [chunk.heading_path[-1].split(" | ") for chunk in chunks if chunk.text[2:3].isdigit()]
    assert len(shown) > 2 and all(each == [name[:26].strip() for name in names] for each in shown)


def test_a_chunk_has_one_page_and_headings_reach_over_pages() -> None:
    document = join_pages((Page("# One\n\nFirst.", 1), Page("Second.", 2), Page("Third.", 3, "Sheet")), "T")
    chunks = split(document, EMBEDDER)
    assert [chunk.page for chunk in chunks] == [1, 2, 3]
    assert paths(chunks) == [("One",), ("One",), ("Sheet", "One")]


def test_a_hash_in_code_is_no_heading() -> None:
    assert paths(split(markdown("```\n# not a heading\n```"), EMBEDDER)) == [()]


def test_an_empty_document_has_no_chunks() -> None:
    assert split(DocumentText("", (), "T"), EMBEDDER) == ()
    assert split(DocumentText(" \n\n ", (), "T"), EMBEDDER) == ()


def test_the_headline_takes_at_most_a_quarter_and_says_nothing_twice() -> None:
    assert headline("A_title", ("a title", "Head"), EMBEDDER) == "A title > Head"
    assert EMBEDDER.count_tokens([headline("long " * 500, ("more " * 500,), EMBEDDER)])[0] <= 16


@pytest.mark.parametrize(
    "piece", ["a", "word ", ".", "字", "The cat sat here. ", "| a | b |\n", "# h\n", "a\n\n", "- x\n"]
)
def test_huge_texts_take_linear_time(piece: str) -> None:
    def seconds(chars: int) -> float:
        start = time.process_time()
        split(markdown(piece * (chars // len(piece))), EMBEDDER)
        return time.process_time() - start

    # Quadratic work would take a hundred times as long; the bound only tells the two apart.
    assert seconds(200_000) < 40 * seconds(20_000) + 1.0

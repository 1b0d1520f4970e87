"""Neighbouring hits of one section become one source."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rag.chunk import split
from rag.merge import merged, placed
from rag.passages import Citation, DocumentText, Hit, Page, Span, join_pages
from rag.testing import HashEmbedder

SMALL = HashEmbedder(max_tokens=24)


def hits_of(document: DocumentText, ranking: list[int] | None = None) -> tuple[Hit, ...]:
    """The document's chunks as hits, in the order given, or as they stand."""
    chunks = split(document, SMALL)
    ranking = list(range(len(chunks))) if ranking is None else ranking
    found = [
        Hit(
            place + 1, UUID(int=1), document.title, None, chunks[place].text, chunks[place].start,
            chunks[place].end, chunks[place].page, chunks[place].heading_path, 1.0 - rank / 100,
        )
        for rank, place in enumerate(ranking)
    ]  # fmt: skip
    starts = {place: chunks[place].start for place in ranking}
    return tuple(
        replace(hit, space_after=document.text[hit.end : starts[hit.chunk_id]])
        if hit.chunk_id in starts
        else hit
        for hit in found
    )


def document_of(*texts: str) -> DocumentText:
    return join_pages(tuple(Page(text, number) for number, text in enumerate(texts, 1)), "Handbook")


LONG = "\n\n".join(f"Rule {number} says that staff of room {number} leave at five." for number in range(6))


def test_neighbours_are_one_source_with_the_text_between_them() -> None:
    document = document_of(f"## Rules\n\n{LONG}")
    hits = hits_of(document)
    assert len(hits) > 2
    (source,) = merged(hits)
    assert source.text == document.text
    assert (source.start, source.end) == (0, len(document.text))


def test_the_source_stands_where_its_best_hit_stood() -> None:
    document = document_of(f"## Rules\n\n{LONG}")
    other = Hit(99, UUID(int=2), "Other", None, "Else.", 0, 5, None, (), 0.995)
    last, first = hits_of(document, [2, 1])
    sources = merged((last, other, first))
    assert [source.chunk_id for source in sources] == [last.chunk_id, 99]
    assert sources[0].score == last.score
    assert sources[0].text == document.text[first.start : last.end]


def test_pages_sections_and_gaps_are_not_bridged() -> None:
    pages = hits_of(document_of("One rule.", "Another rule."))
    assert len(merged(pages)) == 2
    sections = hits_of(document_of(f"## A\n\n{LONG}\n\n## B\n\nMore.\n\n### C\n\nStill more."))
    assert [source.heading_path for source in merged(sections)] == [("A",), ("B",), ("B", "C")]
    with_gap = hits_of(document_of(LONG), [0, 2])
    assert merged(with_gap) == with_gap


def test_the_same_heading_twice_opens_two_sections() -> None:
    notes = hits_of(document_of("# Notes\n\nFirst note.\n\n# Notes\n\nSecond note."))
    assert [source.text for source in merged(notes)] == ["# Notes\n\nFirst note.", "# Notes\n\nSecond note."]


def test_the_parts_of_a_table_are_one_source_under_its_section() -> None:
    rows = "\n".join(f"| room {number} | {number} seats |" for number in range(12))
    document = document_of(f"## Rooms\n\n| Room | Seats |\n| --- | --- |\n{rows}")
    hits = hits_of(document)
    assert len({hit.heading_path for hit in hits}) == 2, "later parts name the columns"
    (source,) = merged(hits)
    assert source.text == document.text
    assert source.heading_path == ("Rooms",)


def test_a_citation_names_the_chunk_that_it_starts_in() -> None:
    hits = hits_of(document_of(LONG))
    (source,) = merged(hits)
    second = hits[1]
    cited = Citation(
        1, second.document_id, source.chunk_id, "", None, 1, second.start + 3, second.end, "…", 1.0
    )
    assert (placed(cited, hits).chunk_id, placed(cited, hits).score) == (second.chunk_id, second.score)
    foreign = replace(cited, document_id=UUID(int=7))
    assert placed(foreign, hits) == foreign


_LINES = st.sampled_from(
    ["", "# One", "## Two", "| a | b |", "| --- | --- |", "- item", "Staff leave at five.", "薪水每月發放。"]
)


@given(st.lists(st.lists(_LINES, max_size=14).map("\n".join), min_size=1, max_size=3), st.randoms())
def test_every_source_is_a_piece_of_its_document(texts: list[str], random: object) -> None:
    document = document_of(*texts)
    places = list(range(len(split(document, SMALL))))
    random.shuffle(places)  # type: ignore[attr-defined]
    hits = hits_of(document, places[:5])
    sources = merged(hits)
    for source in sources:
        assert document.text[source.start : source.end] == source.text
        assert any(hit.chunk_id == source.chunk_id and hit.page == source.page for hit in hits)
    assert sum(len(source.text) for source in sources) >= sum(len(hit.text) for hit in hits)
    assert all(isinstance(span, Span) for span in document.spans)

"""Tables of office files, through the extractor: the row that answers is quoted and its mark verifies."""

from uuid import UUID

import docx
import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from rag.cite import Citer
from rag.events import Token
from rag.generate.extractive import ExtractiveGenerator
from rag.passages import Citation, Hit
from rag.support import Passage, Statement
from rag.testing import HashEmbedder
from tests.unit.reading import saved, text_of

ROWS = (("Year", "Leave days"), ("2023", "170"), ("2024", "180"), ("2025", "190"))


def sheet_of(rows: tuple[tuple[str, str], ...]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    return saved(book)


def letter_of(rows: tuple[tuple[str, str], ...]) -> bytes:
    document = docx.Document()
    document.add_heading("Leave", 1)
    table = document.add_table(len(rows), 2)
    for cells, row in zip(table.rows, rows, strict=True):
        for cell, text in zip(cells.cells, row, strict=True):
            cell.text = text
    return saved(document)


def hit(text: str) -> Hit:
    return Hit(1, UUID(int=1), "Leave", None, text, 0, len(text), None, (), 1.0)


def answered(question: str, text: str) -> tuple[str, list[Citation]]:
    source = hit(text)
    citer = Citer((source,), question)
    events = citer.feed(ExtractiveGenerator(HashEmbedder(256)).answer(question, (source,))) + citer.finish()
    return "".join(event.text for event in events if isinstance(event, Token)), citer.citations


@pytest.mark.parametrize(("name", "content"), [("a.xlsx", sheet_of(ROWS)), ("a.docx", letter_of(ROWS))])
def test_a_row_of_two_short_cells_is_quoted_with_its_header_and_cited(name: str, content: bytes) -> None:
    text, (citation,) = answered(
        "How much paid vacation may staff of an agency take in 2024?", text_of(content, name)
    )
    assert text == "| Year | Leave days |\n| --- | --- |\n| 2024 | 180 |\n\n[1]"
    assert citation.excerpt == "| 2024 | 180 |"


def test_a_code_of_a_letter_and_a_digit_picks_its_row() -> None:
    plots = (("Plot", "Tenant"), ("A1", "Marta Quill"), ("B1", "Jon Ferris"), ("B2", "Ada Moss"))
    text, (citation,) = answered("Who is the tenant of plot B1?", text_of(sheet_of(plots), "a.xlsx"))
    assert citation.excerpt == "| B1 | Jon Ferris |" and "Quill" not in text


REPORT = (
    ("In millions", "", "", "2023"),
    ("", "Sales", "Profit", "Staff"),
    ("", "", "", ""),
    ("Harbour", "12553", "-27", "310"),
    ("Airport", "9467", "1570", "250"),
    ("Railway", "6082", "120", "90"),
)
NOTES = (
    "(a) Sales between these are not significant and left out.",
    "(b) Profit before taxes and interest paid.",
)


def report() -> bytes:
    book = openpyxl.Workbook()
    for row in REPORT:
        book.active.append([int(cell) if cell.lstrip("-").isdigit() else cell or None for cell in row])
    book.active.append([])
    for note in (*NOTES, "(c) Staff counted as full posts at the end of the year."):
        book.active.append([note])
    return saved(book)


@pytest.mark.parametrize(
    ("question", "row"),
    [("What were the sales of the harbour?", "Harbour"), ("How many staff has the railway?", "Railway")],
)
def test_figures_are_quoted_below_names_of_columns_that_an_empty_row_parts_from_them(
    question: str, row: str
) -> None:
    text, citations = answered(question, text_of(report(), "a.xlsx"))
    header, _, first, *_ = text.split("\n")
    assert header == "| In millions | Sales | Profit | 2023 / Staff |"
    assert first.startswith(f"| {row} |") and citations[0].excerpt.endswith(first)


def test_notes_below_a_sheet_are_no_table() -> None:
    assert "\n".join(NOTES) in text_of(report(), "a.xlsx")


def test_names_of_columns_in_a_second_row_are_quoted_with_the_header_and_never_alone() -> None:
    header = "| Year | Sales |  |\n| --- | --- | --- |\n|  | Ferries | Tugs |\n"
    source = f"{header}| 2023 | 120 | 80 |\n| 2024 | 130 | 95 |"
    text, (citation,) = answered("What were the sales of ferries and tugs in 2024?", source)
    assert text == f"{header}| 2024 | 130 | 95 |\n\n[1]"
    assert citation.excerpt == "| 2024 | 130 | 95 |"


@pytest.mark.parametrize(
    ("source", "question", "row"),
    [
        (
            "| Rent | 1,200 | 1,100 |\n| --- | --- | --- |\n| Heating | 90 | 85 |",
            "What is the rent?",
            "| Rent | 1,200 | 1,100 |",
        ),
        ("| Order: | Geese |\n| --- | --- |\n| Class: | Birds |", "What is the order?", "| Order: | Geese |"),
    ],
)
def test_a_first_row_of_data_is_quoted_and_heads_nothing(source: str, question: str, row: str) -> None:
    text, (citation,) = answered(question, source)
    assert citation.excerpt == row and text.endswith(f"{row}\n\n[1]")
    assert "Rent" not in answered("How much is heating?", source)[0]


def test_a_row_of_years_is_a_header() -> None:
    source = "| Port | 2023 | 2024 |\n| --- | --- | --- |\n| Ferries | 12 | 14 |"
    assert answered("How many ferries were there?", source)[0].startswith("| Port | 2023 | 2024 |\n")


@pytest.mark.parametrize("names", ["1 | 2 | 3", "0 | 1 | Notes", "17 | 18 | 19"])
def test_a_row_of_numbers_that_count_up_is_a_header(names: str) -> None:
    source = f"| Grade | {names} |\n| --- | --- | --- | --- |\n| GS-13 | 88,000 | 90,000 | 92,000 |"
    text, (citation,) = answered("What is the pay of grade GS-13 at step 2?", source)
    assert text.startswith(f"| Grade | {names} |\n") and citation.excerpt.endswith("| 92,000 |")


@pytest.mark.parametrize("figures", ["14 | 15", "1 | 3", "1.0 | 2.0", "3 | 2 | 1"])
def test_a_row_of_other_numbers_heads_nothing(figures: str) -> None:
    source = f"| Ferries | {figures} |\n| --- | --- | --- |\n| Tugs | 14 | 15 |"
    assert "Ferries" not in answered("How many tugs?", source)[0]


def test_the_footnotes_of_a_header_are_no_marks_of_ours() -> None:
    source = "| Year[1] | People[2] |\n| --- | --- |\n| 2020 | 5,000 people |\n| 2021 | 5,100 people |"
    text, (citation,) = answered("How many people were there in 2020?", source)
    assert text == "| Year | People |\n| --- | --- |\n| 2020 | 5,000 people |\n\n[1]"
    assert citation.number == 1


def test_a_long_row_of_dashes_takes_no_longer_than_other_rows() -> None:
    source = f"| Tugs |\n|{'-' * 20_000}x|\n| {'|-' * 20_000}x |\n| 14 tugs |"
    assert "| 14 tugs |" in answered("How many tugs?", source)[0]


def test_the_title_of_a_part_of_a_table_is_no_answer() -> None:
    source = "| Item | Euro |\n| --- | --- |\n| Current assets |  |\n| Cash among current assets | 40 |"
    text, _ = answered("How much are the current assets?", source)
    assert "| Cash among current assets | 40 |" in text and "| Current assets |  |" not in text


def test_a_caption_tells_what_its_table_is_about_and_is_no_answer() -> None:
    table = "| State | All |\n| --- | --- |\n| Alaska | 7,095 |\n| Ohio | 50 |"
    text, _ = answered(
        "How many background checks had Alaska in 2015?", f"Background checks in 2015\n\n{table}"
    )
    assert text.startswith("| State | All |\n| --- | --- |\n| Alaska | 7,095 |\n\n[1]")
    contact = f"Phone: 555-0100\n\n{table}"
    assert answered("What is the phone number?", contact)[0] == "Phone: 555-0100 [1]"


def test_a_later_part_of_a_table_is_quoted_with_the_header_of_its_path() -> None:
    text = "| Ferries | 12 |\n| Tugs | 14 |"
    part = replace(hit(text), heading_path=("Harbour", "Ship | Count"))
    assert ExtractiveGenerator().answer("How many tugs?", (part,)) == (
        "| Ship | Count |\n| --- | --- |\n| Tugs | 14 |\n\n[1]"
    )


def test_a_later_part_of_a_table_has_no_data_for_its_header() -> None:
    text = "| Heating | 90 | 85 |\n| Water | 12 | 14 |"
    part = replace(hit(text), heading_path=("Flat", "Rent | 1,200 | 1,100"))
    assert "Rent" not in ExtractiveGenerator().answer("How much is heating?", (part,))


def test_few_words_are_supported_only_where_they_are_a_whole_line() -> None:
    passage = Passage(hit("| Store | Year | Days |\n| 7 | 2024 | 180 |\n| 2024 | 180 |\n"))
    place = passage.support(Statement("| 2024 | 180"))
    assert place is not None and passage.hit.text[slice(*place)] == "| 2024 | 180 |"
    assert passage.support(Statement("| 2024 | 190")) is None


_CELLS = st.sampled_from(
    ("", "Tugs", "14", "2024", "Tugs paid:", "due \\| paid", "- paid", "All tugs are paid.", "---")
)
_TABLES = st.lists(
    st.lists(_CELLS, min_size=1, max_size=3).map(lambda cells: f"| {' | '.join(cells)} |")
    | st.sampled_from(("", "Tugs:", "# Tugs")),
    max_size=10,
).map("\n".join)


@settings(max_examples=200, deadline=None)
@given(_TABLES)
def test_rows_are_quoted_as_they_are_and_cited_to_the_character(source: str) -> None:
    text, citations = answered("How many tugs are paid in 2024?", source)
    for citation in citations:
        assert source[citation.start : citation.end] == citation.excerpt
    rows = [line for line in text.split("\n") if line.startswith("|") and line.strip("|- ")]
    assert all(row in source.split("\n") for row in rows)

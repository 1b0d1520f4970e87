"""Tables of office files, through the extractor: the row that answers is quoted and its mark verifies."""

from uuid import UUID

import docx
import openpyxl
import pytest

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
    assert text == "| Year | Leave days |\n| --- | --- |\n| 2024 | 180 [1] |"
    assert citation.excerpt == "| 2024 | 180 |"


def test_few_words_are_supported_only_where_they_are_a_whole_line() -> None:
    passage = Passage(hit("| Store | Year | Days |\n| 7 | 2024 | 180 |\n| 2024 | 180 |\n"))
    place = passage.support(Statement("| 2024 | 180"))
    assert place is not None and passage.hit.text[slice(*place)] == "| 2024 | 180 |"
    assert passage.support(Statement("| 2024 | 190")) is None

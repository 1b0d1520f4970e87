"""Ruled tables of PDFs: a row of the page is a row of the text, also where no rule parts it from the next."""

import pytest

from rag.extract.mupdf import load_pymupdf
from rag.extract.tables import unstacked
from tests.unit.reading import text_of

LINE = 14


def ruled(*rows: tuple[str, ...]) -> bytes:
    """A page with a table; a cell may have several lines."""
    document = load_pymupdf().open()
    page = document.new_page()
    top = 100
    for row in rows:
        height = 8 + LINE * max(cell.count("\n") + 1 for cell in row)
        for column, cell in enumerate(row):
            left = 72 + 120 * column
            page.draw_rect((left, top, left + 120, top + height))
            for number, line in enumerate(cell.split("\n")):
                page.insert_text((left + 5, top + LINE * (number + 1)), line, fontsize=10)
        top += height
    data: bytes = document.tobytes()
    return data


def test_rows_that_no_rule_parts_are_rows_of_their_own() -> None:
    page = ruled(
        ("State", "Permits", "All"), ("Alaska\nNew Mexico", "209\n1 829", "7,095\n10,500"), ("Ohio", "3", "5")
    )
    assert text_of(page, "a.pdf").splitlines()[2:] == [
        "| Alaska | 209 | 7,095 |",
        "| New Mexico | 1 829 | 10,500 |",
        "| Ohio | 3 | 5 |",
    ]


@pytest.mark.parametrize(
    "cells",
    [
        (["Ships that carry", "passengers"], ["run all", "summer"], ["12"]),
        (["Ships that carry", "passengers"], ["from May", "to June"], ["12", "14"]),
        (["Ships that carry", "many passengers"], ["12"], ["14"]),
        (["North", "South"], ["12", "14"], ["3", "5"], ["both"]),
        ([], []),
    ],
)
def test_wrapped_text_stays_one_row(cells: tuple[list[str], ...]) -> None:
    assert unstacked(cells) == [[" ".join(lines) for lines in cells]]

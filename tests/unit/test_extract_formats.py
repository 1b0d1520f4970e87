"""Every file type -> pages: structure is kept, and what can't be read says why."""

from typing import Any

import docx
import openpyxl
import pptx
import pytest
from docx.oxml import parse_xml
from openpyxl.chart import BarChart, Reference
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from rag.extract import Limits
from rag.extract.mupdf import load_pymupdf
from rag.extract.numbering import written_number
from tests.unit.reading import read, reason, rewritten, saved, text_of, zipped

# PDF


def pdf(*pages: list[tuple[float, str]], **options: Any) -> bytes:
    """A PDF whose pages hold lines as (size, text)."""
    document = load_pymupdf().open()
    for lines in pages:
        page, y = document.new_page(), 60.0
        for size, text in lines:
            y += 3 * size
            page.insert_text((72, y), text, fontsize=size)
    return bytes(document.tobytes(**options))


def test_pdf_pages_keep_their_numbers_and_large_lines_are_headings() -> None:
    body = [(11.0, f"A sentence of ordinary body text, number {n}.") for n in range(6)]
    found = read(pdf([(24.0, "Annual leave"), *body], [], [(11.0, "Last page.")]), "leave.pdf")
    assert [page.number for page in found.pages] == [1, 2, 3]
    assert found.pages[0].text.startswith("# Annual leave\n\nA sentence")
    assert (found.pages[1].text, found.pages[2].text) == ("", "Last page.")


def test_a_ruled_pdf_table_becomes_rows_in_its_place() -> None:
    document = load_pymupdf().open()
    page = document.new_page()
    page.insert_text((72, 80), "Above the table.")
    for row, cells in enumerate((("Year", "Rate"), ("2023", "0.965"), ("2024", "0.970"))):
        for column, cell in enumerate(cells):
            box = (72 + 100 * column, 100 + 20 * row, 172 + 100 * column, 120 + 20 * row)
            page.draw_rect(box)
            page.insert_text((box[0] + 5, box[3] - 5), cell, fontsize=10)
    page.insert_text((72, 200), "Below the table.")
    text = text_of(document.tobytes(), "rates.pdf")
    table = "| Year | Rate |\n| --- | --- |\n| 2023 | 0.965 |\n| 2024 | 0.970 |"
    assert text == f"Above the table.\n\n{table}\n\nBelow the table."


def test_a_word_broken_at_the_end_of_a_line_is_whole_again() -> None:
    document = load_pymupdf().open()
    document.new_page().insert_textbox((72, 72, 400, 200), "The regu-\nlation applies to all\npeople.")
    assert "The regulation applies" in text_of(document.tobytes(), "a.pdf")


def test_a_pdf_with_a_password_asks_for_it_to_be_removed() -> None:
    locked = pdf([(11.0, "secret")], encryption=load_pymupdf().PDF_ENCRYPT_AES_256, user_pw="x", owner_pw="y")
    assert "password" in reason(locked, "locked.pdf")


def test_a_broken_pdf_says_so() -> None:
    assert "damaged" in reason(b"%PDF-1.7\nnothing of a PDF follows", "broken.pdf")


def test_a_pdf_longer_than_allowed_is_refused() -> None:
    assert "over 5 characters" in reason(pdf([(11.0, "Far too long.")]), "a.pdf", Limits(max_text_chars=5))


# DOCX


def handbook() -> Any:
    document = docx.Document()
    document.core_properties.title = "Handbook"
    document.sections[0].header.paragraphs[0].text = "Internal use"
    document.add_heading("Leave", 1)
    document.add_paragraph("You earn six hours.")
    document.add_paragraph("Annual", style="List Bullet")
    document.add_heading("Sick leave", 2)
    table = document.add_table(3, 2)
    for row, cells in zip(table.rows, (("Years", "Hours"), ("0-3", "4"), ("3-15", "6|7")), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    return document


def test_docx_keeps_headings_lists_tables_and_headers() -> None:
    found = read(saved(handbook()), "handbook.docx")
    assert found.title == "Handbook"
    assert found.pages[0].number is None
    assert found.pages[0].text == "\n\n".join(
        [
            "Internal use",
            "# Leave",
            "You earn six hours.",
            "- Annual",
            "## Sick leave",
            "| Years | Hours |\n| --- | --- |\n| 0-3 | 4 |\n| 3-15 | 6\\|7 |",
        ]
    )


def test_a_merged_docx_cell_is_repeated_in_every_row_it_spans() -> None:
    document = docx.Document()
    table = document.add_table(3, 2)
    for row in range(3):
        for column in range(2):
            table.cell(row, column).text = f"{row}{column}"
    table.cell(1, 0).merge(table.cell(2, 0)).text = "both"
    assert text_of(saved(document), "a.docx").splitlines()[2:] == ["| both | 11 |", "| both | 21 |"]


def test_the_text_of_a_text_box_is_read_once() -> None:
    document = docx.Document()
    document.add_paragraph("Outside.")
    namespace = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    compatible = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    box = "<w:txbxContent><w:p><w:r><w:t>Inside.</w:t></w:r></w:p></w:txbxContent>"
    copies = f"<mc:Choice>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>"
    run = f"<w:r {namespace} {compatible}><mc:AlternateContent>{copies}</mc:AlternateContent></w:r>"
    document.paragraphs[0]._p.append(parse_xml(run))
    assert text_of(saved(document), "a.docx") == "Outside.\n\nInside."


def test_the_strict_form_of_docx_reads_like_the_usual_one() -> None:
    usual = b"http://schemas.openxmlformats.org/"
    strict = b"http://purl.oclc.org/ooxml/"
    data = saved(handbook())
    assert text_of(rewritten(data, lambda _, part: part.replace(usual, strict)), "a.docx") == text_of(
        data, "a.docx"
    )


@pytest.mark.parametrize(("kind", "third", "thirtieth"), [("decimal", "3", "30"), ("lowerLetter", "c", "dd")])
def test_numbers_are_written_as_the_list_writes_them(kind: str, third: str, thirtieth: str) -> None:
    assert (written_number(3, kind), written_number(30, kind)) == (third, thirtieth)


@pytest.mark.parametrize(("count", "roman"), [(4, "IV"), (9, "IX"), (14, "XIV"), (1994, "MCMXCIV")])
def test_roman_numbers_are_written_by_the_rules(count: int, roman: str) -> None:
    assert written_number(count, "upperRoman") == roman


@pytest.mark.parametrize("name", ["a.docx", "a.xlsx"])
def test_xml_entities_in_an_office_file_are_refused(name: str) -> None:
    folder = "word/document.xml" if name == "a.docx" else "xl/workbook.xml"
    bomb = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'
    assert "entities" in reason(zipped({"[Content_Types].xml": "<Types/>", folder: bomb}), name)


def test_an_office_file_cut_off_in_the_middle_is_damaged() -> None:
    data = saved(handbook())
    assert "damaged" in reason(data[: len(data) // 2], "a.docx")


# PPTX


def test_slides_become_pages_with_title_table_chart_and_notes() -> None:
    show = pptx.Presentation()
    slide = show.slides.add_slide(show.slide_layouts[5])
    slide.shapes.title.text = "Ducks"
    table = slide.shapes.add_table(2, 2, 0, 0, Inches(4), Inches(1)).table
    for place, text in enumerate(("Year", "Count", "2024", "7")):
        table.cell(place // 2, place % 2).text = text
    chart = CategoryChartData()
    chart.categories = ["2023", "2024"]
    chart.add_series("Geese", (3, 4))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(4), Inches(2), chart)
    slide.notes_slide.notes_text_frame.text = "Mention geese."
    show.slides.add_slide(show.slide_layouts[5]).shapes.title.text = "End"
    found = read(saved(show), "ducks.pptx")
    assert [(page.number, page.label) for page in found.pages] == [(1, "Ducks"), (2, "End")]
    first = found.pages[0].text
    assert first.startswith("# Ducks\n\n| Year | Count |\n| --- | --- |\n| 2024 | 7 |")
    assert "|  | Geese |\n| --- | --- |\n| 2023 | 3 |\n| 2024 | 4 |" in first
    assert first.endswith("Notes: Mention geese.")
    assert found.title == "Ducks"


# Sheets


def test_sheets_become_pages_with_rows_under_their_header() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Rates"
    for row in (
        ["Rates of 2024"],
        ["Name", "Rate", "Total"],
        ["Ana", 0.125, 3.0],
        [],
        ["Other", "Table"],
        ["a", 1],
    ):
        sheet.append(row)
    sheet["B3"].number_format = "0.0%"
    book.create_sheet("Secret").sheet_state = "hidden"
    book["Secret"].append(["nobody sees this"])
    found = read(saved(book), "rates.xlsx")
    assert [(page.number, page.label) for page in found.pages] == [(1, "Rates")]
    assert found.pages[0].text == (
        "# Rates\n\nRates of 2024\n\n| Name | Rate | Total |\n| --- | --- | --- |\n| Ana | 12.5% | 3 |\n\n"
        "| Other | Table |\n| --- | --- |\n| a | 1 |"
    )


def test_a_sheet_that_claims_a_million_rows_is_read_for_what_it_holds() -> None:
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    book.active.append(["1", "2"])
    book.active["XFD1048576"] = "far"
    text = text_of(saved(book), "trap.xlsx")
    assert text.startswith("# Sheet\n\n| a | b |\n| --- | --- |\n| 1 | 2 |") and "far" in text


def test_merged_cells_of_a_sheet_are_repeated_where_they_reach() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["Title"], ["Year", "Rates", None], [None, "low", "high"], [2024, 1, 2]):
        sheet.append(row)
    for merged in ("A1:C1", "A2:A3", "B2:C2"):
        sheet.merge_cells(merged)
    assert text_of(saved(book), "a.xlsx").splitlines()[2:] == [
        "Title",
        "",
        "| Year | Rates | Rates |",
        "| --- | --- | --- |",
        "| Year | low | high |",
        "| 2024 | 1 | 2 |",
    ]


def test_tables_beside_each_other_are_apart_and_columns_with_a_gap_are_not() -> None:
    book = openpyxl.Workbook()
    for row, cells in enumerate((("a", "b"), ("1", "2"), ("3", "4"), ("5", "6")), 1):
        for column, cell in enumerate(cells, 1):
            book.active.cell(row, column, cell)
            book.active.cell(row + 2, column + 3, cell)
    gap = book.create_sheet("Gap")
    for row in (["Name", None, "Low", "High"], ["x", None, 1, 2]):
        gap.append(row)
    beside, spaced = (page.text for page in read(saved(book), "a.xlsx").pages)
    assert beside.count("| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |\n| 5 | 6 |") == 2
    assert "| Name | Low | High |" in spaced


def test_the_values_of_a_chart_in_a_sheet_are_read() -> None:
    book = openpyxl.Workbook()
    for row in (["Year", "Geese"], ["2023", 3], ["2024", 4]):
        book.active.append(row)
    chart = BarChart()
    chart.title = "Geese counted"
    chart.add_data(Reference(book.active, min_col=2, min_row=1, max_row=3), titles_from_data=True)
    book.active.add_chart(chart, "E2")
    assert "Geese counted" in text_of(saved(book), "a.xlsx")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_csv_is_read_in_any_delimiter_and_encoding(delimiter: str, encoding: str) -> None:
    lines = [["name", "place"], ["Begoña", "Málaga, Spain; x"], ["Zoë", "Köln"]]
    data = "\r\n".join(delimiter.join(f'"{cell}"' for cell in line) for line in lines)
    assert text_of(data.encode(encoding), "a.csv").splitlines() == [
        "| name | place |",
        "| --- | --- |",
        "| Begoña | Málaga, Spain; x |",
        "| Zoë | Köln |",
    ]


def test_a_csv_cell_of_megabytes_is_read() -> None:
    assert len(text_of(b"a,b\n1," + b"x" * 2_000_000, "a.csv")) > 2_000_000


# HTML

STORY = (
    "The council met on Monday and agreed on a plan for the old harbour, which had been closed for years. "
    * 6
)


def test_html_keeps_the_main_text_its_headings_and_tables_and_drops_the_rest() -> None:
    costs = "<tr><td>2024</td><td><ul><li>7</li><li>8</li></ul></td></tr>"
    table = f"<table><tr><th>Year</th><th>Cost</th></tr>{costs}</table>"
    page = (
        "<html><head><title>Harbour</title></head><body><nav><a href='/'>Home</a></nav>"
        f"<article><h1>Harbour</h1><p>{STORY}</p><h2>Costs</h2><p>{STORY}</p>{table}</article>"
        "<script>alert('no')</script></body></html>"
    )
    found = read(page.encode(), "page.html")
    text = found.pages[0].text
    assert found.title == "Harbour" and "## Costs" in text
    assert "| Year | Cost |\n| --- | --- |\n| 2024 | 7 8 |" in text
    assert "alert" not in text and "Home" not in text


def test_a_cell_that_spans_others_is_repeated_in_each_but_not_in_a_row_of_its_own() -> None:
    rows = (
        "<tr><td colspan='2'>All of it</td></tr>"
        "<tr><th rowspan='2'>Year</th><th colspan='2'>Rate</th></tr><tr><td>low</td><td>high</td></tr>"
    )
    text = text_of(f"<html><body><p>{STORY}</p><table>{rows}</table></body></html>".encode(), "a.html")
    assert "| Year | Rate | Rate |" in text and "| Year | low | high |" in text
    assert text.count("All of it") == 1


def test_html_without_a_main_text_gives_all_of_its_text() -> None:
    page = (
        b"<html><body><div>Opening hours</div><ul><li>Monday 9-17</li><li>Friday 9-12</li></ul></body></html>"
    )
    assert all(
        words in text_of(page, "hours.html") for words in ("Opening hours", "Monday 9-17", "Friday 9-12")
    )


def test_html_in_a_declared_encoding_is_read_in_it() -> None:
    page = '<html><head><meta charset="shift_jis"></head><body><p>東京都の人口</p></body></html>'
    assert "東京都の人口" in text_of(page.encode("shift_jis"), "a.html")


def test_html_nested_very_deeply_is_read() -> None:
    page = "<html><body>" + "<div>" * 1_000 + "deep" + "</div>" * 1_000 + "<p>flat</p></body></html>"
    assert "flat" in text_of(page.encode(), "deep.html")

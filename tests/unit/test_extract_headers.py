"""Tables whose header has several rows: each column has its full name in one."""

import pytest

from rag.extract.tables import one_header
from tests.unit.making import opendocument
from tests.unit.reading import text_of, zipped

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
READ = ["| Region | 2023 / Q1 | 2023 / Q2 |", "| --- | --- | --- |", "| North | 10 | 20 |"]


def cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>"


def docx() -> bytes:
    above = cell("Region", '<w:vMerge w:val="restart"/>') + cell("2023", '<w:gridSpan w:val="2"/>')
    below = cell("", "<w:vMerge/>") + cell("Q1") + cell("Q2")
    header = "".join(f"<w:tr><w:trPr><w:tblHeader/></w:trPr>{cells}</w:tr>" for cells in (above, below))
    table = f"<w:tbl>{header}<w:tr>{cell('North')}{cell('10')}{cell('20')}</w:tr></w:tbl>"
    return zipped({"word/document.xml": f"<w:document {WORD}><w:body>{table}</w:body></w:document>"})


def odt() -> bytes:
    def one(text: str, span: str = "") -> str:
        return f"<table:table-cell {span}><text:p>{text}</text:p></table:table-cell>"

    above = one("Region") + one("2023", 'table:number-columns-spanned="2"') + "<table:covered-table-cell/>"
    rows = [f"<table:table-row>{each}</table:table-row>" for each in (above, one("") + one("Q1") + one("Q2"))]
    data = f"<table:table-row>{one('North')}{one('10')}{one('20')}</table:table-row>"
    header = f"<table:table-header-rows>{''.join(rows)}</table:table-header-rows>"
    return opendocument("text", f"<table:table>{header}{data}</table:table>")


HTML = b"""<p>Sales of the year by region and quarter.</p><table>
<tr><th rowspan=2>Region</th><th colspan=2>2023</th></tr><tr><th>Q1</th><th>Q2</th></tr>
<tr><td>North</td><td>10</td><td>20</td></tr></table>"""


@pytest.mark.parametrize(("name", "data"), [("a.docx", docx()), ("a.odt", odt()), ("a.html", HTML)])
def test_header_rows_are_joined_to_full_names(name: str, data: bytes) -> None:
    lines = text_of(data, name).split("\n")
    assert [line for line in lines if line.startswith("|")] == READ


def test_a_caption_above_stays_and_a_single_header_too() -> None:
    rows = [["Sales", ""], ["a", "b"], ["c", "b"], ["1", "2"]]
    assert one_header(rows, 3) == [["Sales", ""], ["a / c", "b"], ["1", "2"]]
    assert one_header(rows, 2) == rows
    assert one_header(rows, 4) == rows, "a table of headers alone has no data to name"

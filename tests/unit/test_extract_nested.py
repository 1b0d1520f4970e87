"""Nesting without end: what takes no longer for one level more, and comes out once."""

import pytest

from tests.unit.making import opendocument
from tests.unit.reading import text_of, zipped

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
LEVELS = 40


def docx(before: str, after: str) -> bytes:
    inner = "<w:p><w:r><w:t>innermost</w:t></w:r></w:p>"
    body = before * LEVELS + inner + after * LEVELS
    return zipped({"word/document.xml": f"<w:document {WORD}><w:body>{body}</w:body></w:document>"})


def odt(before: str, after: str) -> bytes:
    return opendocument("text", before * LEVELS + "<text:p>innermost</text:p>" + after * LEVELS)


# Each of these doubled the work with every level: forty would never have ended.
NESTED = {
    "frames.docx": docx("<w:tbl><w:tr><w:tc>", "</w:tc></w:tr></w:tbl>"),
    "boxes.docx": docx("<w:p><w:r><w:pict><w:txbxContent>", "</w:txbxContent></w:pict></w:r></w:p>"),
    "boxes.odt": odt("<text:p><draw:frame><draw:text-box>", "</draw:text-box></draw:frame></text:p>"),
    "notes.odt": odt("<text:p><text:note><text:note-body>", "</text:note-body></text:note></text:p>"),
}


@pytest.mark.parametrize("name", NESTED)
def test_what_lies_deep_inside_comes_out_once(name: str) -> None:
    assert text_of(NESTED[name], name).count("innermost") == 1


def test_cells_that_span_everything_do_not_multiply() -> None:
    row = "<tr>" + '<td colspan="50" rowspan="500">x</td>' * 50 + "<td>last</td></tr>"
    text = text_of(f"<table>{row * 20}</table>".encode(), "a.html")
    assert "last" in text and len(text) < 50_000

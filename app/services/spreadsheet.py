"""Workbooks (.xlsx) that leave while their rows come: a header, and below it as many rows as there are.

Source: ECMA-376 part 1, chapter 18 (SpreadsheetML); "Excel specifications and limits".
"""

import asyncio
import math
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile

from msgspec import Struct

Cell = str | int | float | datetime | None
Row = Sequence[Cell]

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LONGEST_CELL_UNITS = 32_767

_SHEET_ROWS = 1_048_576
# A part above 2 GiB would need ZIP64 fields that Excel takes for damage.
_SHEET_BYTES = 1 << 30
# So much is made of rows before it is compressed, and is compressed before it leaves.
_SLICE_CHARS = 1 << 16
_PIECE_BYTES = 1 << 16
# Level 6 makes a file a fifth smaller in seven times the time.
_COMPRESSION = 1

_DAY = timedelta(days=1)
_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
# Excel counts a 29 February 1900 that there was not, so its earlier days are off by one.
_FIRST_TIME = datetime(1900, 3, 1, tzinfo=UTC)

# Of `cellXfs` below.
_HEADER, _INTEGER, _DECIMAL, _TIME, _QUOTED = 1, 2, 3, 4, 5

_FORBIDDEN = "\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff"
_SURROGATES = "\ud800-\udfff"
_UNFIT = re.compile(f"[\r{_FORBIDDEN}{_SURROGATES}]")
_SURROGATE = re.compile(f"[{_SURROGATES}]")
# What is read as an escape where it stands, or would be once the character behind it is one.
_ESCAPED = re.compile(f"_(?=x[0-9A-Fa-f]{{4}}[_{_FORBIDDEN}])|[{_FORBIDDEN}]")
# What a program may take for the beginning of a formula, the full-width forms included.
_FORMULA_SIGNS = frozenset("=+-@＝＋－＠")

_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"

_ROOT = (
    f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
)
_STYLES = (
    f'{_XML}<styleSheet xmlns="{_MAIN}">'
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss"/></numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="6"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
    '<xf numFmtId="1" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="2" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0" quotePrefix="1"/></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


class Column(Struct, frozen=True):
    """A column's header and width. Units: width in digits of the standard font."""

    title: str
    width: float = 12


class Sheet(Struct, frozen=True):
    """What a workbook holds; the title has at most 28 characters, none of []:*?/\\."""

    title: str
    columns: tuple[Column, ...]


async def write_workbook(sheet: Sheet, batches: AsyncIterator[Iterable[Row]]) -> AsyncGenerator[bytes, None]:
    """The file piece by piece, the first one before any row; without the last it is no workbook.

    The rows of a batch are iterated in a thread. What does not fit on a sheet goes on to a further one.
    Texts are never formulas. One that is longer than a cell may be ends with "…"; line ends become line
    feeds, other characters that XML forbids are escaped as Excel does (`_x0007_`), lone surrogates U+FFFD.
    """
    book = _Book(sheet)
    yield book.take()
    async for rows in batches:
        waiting = iter(rows)
        while piece := await asyncio.to_thread(book.fill, waiting):
            yield piece
    yield await asyncio.to_thread(book.finish)


class _Sink:
    """Where the archive is written to; it can't seek, so the archive is written in one go."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def write(self, data: bytes, /) -> int:
        self._pieces.append(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Asked for by an archive; nothing is kept back."""

    def close(self) -> None:
        """Asked for by an archive; nothing is open."""

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        self.size = 0
        return taken


class _Book:
    """The archive so far, of which only what nobody has taken is held."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._letters = tuple(_letters(place) for place in range(len(sheet.columns)))
        self._sink = _Sink()
        self._zip = ZipFile(self._sink, "w", ZIP_DEFLATED, compresslevel=_COMPRESSION)
        self._put("_rels/.rels", _ROOT)
        self._put("xl/styles.xml", _STYLES)
        self._sheets = 0
        self._begin_sheet()

    def take(self) -> bytes:
        return self._sink.take()

    def fill(self, rows: Iterator[Row]) -> bytes:
        """The next piece; empty when there is none and the rows are used up."""
        for row in rows:
            if self._rows >= _SHEET_ROWS or self._bytes >= _SHEET_BYTES:
                self._end_sheet()
                self._begin_sheet()
            self._add(row)
            if self._sink.size >= _PIECE_BYTES:
                return self.take()
        self._compress()
        return self.take()

    def finish(self) -> bytes:
        """The last piece: what makes the archive a workbook."""
        self._end_sheet()
        self._put("xl/workbook.xml", _workbook(self._sheet.title, self._sheets))
        self._put("xl/_rels/workbook.xml.rels", _relations(self._sheets))
        self._put("[Content_Types].xml", _content_types(self._sheets))
        self._zip.close()
        return self.take()

    def _begin_sheet(self) -> None:
        self._sheets += 1
        self._part: IO[bytes] = self._zip.open(f"xl/worksheets/sheet{self._sheets}.xml", "w")
        self._rows = self._bytes = self._slice_chars = 0
        self._slice: list[str] = [_sheet_head(self._sheet.columns)]
        self._add([column.title for column in self._sheet.columns], _HEADER)
        self._compress()

    def _end_sheet(self) -> None:
        self._slice.append("</sheetData></worksheet>")
        self._compress()
        self._part.close()

    def _add(self, row: Row, style: int = 0) -> None:
        self._rows += 1
        number = self._rows
        cells = [
            f'<c r="{letters}{number}"{_content(cell, style)}'
            for letters, cell in zip(self._letters, row, strict=True)
            if cell is not None and cell != ""
        ]
        xml = f'<row r="{number}">{"".join(cells)}</row>'
        self._slice.append(xml)
        self._slice_chars += len(xml)
        if self._slice_chars >= _SLICE_CHARS:
            self._compress()

    def _compress(self) -> None:
        # Compressing lets other threads run, so between two rows of one slice is all that they wait.
        data = "".join(self._slice).encode()
        self._slice.clear()
        self._slice_chars = 0
        self._bytes += self._part.write(data)

    def _put(self, name: str, text: str) -> None:
        with self._zip.open(name, "w") as part:
            part.write(text.encode())


def _content(cell: str | float | datetime, style: int) -> str:
    """The attributes and the inside of a cell, its end tag included."""
    if isinstance(cell, str):
        return _text(cell, style)
    return _time(cell, style) if isinstance(cell, datetime) else _number(cell, style)


def _text(text: str, style: int) -> str:
    if text.lstrip()[:1] in _FORMULA_SIGNS:
        # Excel would take it for a formula once somebody edits it.
        style = style or _QUOTED
    if _UNFIT.search(text) or "_x" in text or len(text) > LONGEST_CELL_UNITS // 2:
        text = _fitted(text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f' s="{style}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _fitted(text: str) -> str:
    """The text as a cell can hold it, escaped."""
    text = _SURROGATE.sub("\ufffd", text).replace("\r\n", "\n").replace("\r", "\n")
    return _ESCAPED.sub(lambda match: f"_x{ord(match[0]):04X}_", _cut(text))


def _cut(text: str) -> str:
    units = text.encode("utf-16-le")
    if len(units) <= 2 * LONGEST_CELL_UNITS:
        return text
    # Half a pair at the end is left away.
    return units[: 2 * (LONGEST_CELL_UNITS - 1)].decode("utf-16-le", "ignore") + "…"


def _number(value: float, style: int) -> str:
    if not math.isfinite(value):
        return "/>"
    if isinstance(value, int):
        return f' s="{style or _INTEGER}"><v>{value:d}</v></c>'
    return f' s="{style or _DECIMAL}"><v>{value!r}</v></c>'


def _time(at: datetime, style: int) -> str:
    if at < _FIRST_TIME:
        return _text(at.astimezone(UTC).isoformat(), style)
    return f' s="{style or _TIME}"><v>{(at - _EPOCH) / _DAY!r}</v></c>'


def _letters(place: int) -> str:
    """The name of the column at that place, from 0: A, B, …, Z, AA."""
    rest, last = divmod(place, 26)
    return (_letters(rest - 1) if rest else "") + chr(ord("A") + last)


def _sheet_head(columns: tuple[Column, ...]) -> str:
    widths = "".join(
        f'<col min="{number}" max="{number}" width="{column.width}" customWidth="1"/>'
        for number, column in enumerate(columns, start=1)
    )
    return (
        f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
        '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
        f'<sheetFormatPr defaultRowHeight="15"/><cols>{widths}</cols><sheetData>'
    )


def _workbook(title: str, sheets: int) -> str:
    title = title.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    named = "".join(
        f'<sheet name="{title}{f" {number}" if number > 1 else ""}" sheetId="{number}" r:id="rId{number}"/>'
        for number in range(1, sheets + 1)
    )
    return (
        f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><bookViews><workbookView/></bookViews>'
        f"<sheets>{named}</sheets></workbook>"
    )


def _relations(sheets: int) -> str:
    parts = "".join(
        f'<Relationship Id="rId{number}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        for number in range(1, sheets + 1)
    )
    styles = f'<Relationship Id="rId{sheets + 1}" Type="{_OFFICE}/styles" Target="styles.xml"/>'
    return f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{parts}{styles}</Relationships>'


def _content_types(sheets: int) -> str:
    parts = "".join(
        f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="{_KIND}.worksheet+xml"/>'
        for number in range(1, sheets + 1)
    )
    return (
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>{parts}</Types>'
    )

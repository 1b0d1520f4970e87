"""XLSX and CSV -> one page per sheet, every row one line of a table."""

import csv
import datetime
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from rag.errors import Unreadable
from rag.extract.encoding import clean, decode
from rag.extract.limits import Limits
from rag.extract.package import Package
from rag.extract.tables import table_text
from rag.passages import Extracted, Page

_DAMAGED = "The workbook is damaged; open and save it again in its program, then add it anew."
_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_ROWS = 100

Row = list[str]


def read_xlsx(data: bytes, media_type: str, limits: Limits) -> Extracted:
    """The shown sheets with their names as labels.

    Raises: Unreadable when the workbook is broken or declares XML entities.
    """
    package = Package(data, limits)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        pages = [
            Page(clean(_blocks_text(_sheet_rows(sheet))), number, sheet.title)
            for number, sheet in enumerate(shown or book.worksheets, 1)
        ]
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, OSError, SyntaxError) as error:
        raise Unreadable(_DAMAGED) from error
    except (zipfile.BadZipFile, InvalidFileException) as error:
        raise Unreadable(_DAMAGED) from error
    return Extracted(tuple(pages), media_type, package.title())


def read_csv(data: bytes, media_type: str) -> Extracted:
    """The rows as one table, whatever their delimiter."""
    text = decode(data)
    csv.field_size_limit(max(len(text), 131_072))
    reader = csv.reader(io.StringIO(text), delimiter=_delimiter(text))
    return Extracted((Page(table_text([[*row] for row in reader])),), media_type)


def _delimiter(text: str) -> str:
    """The delimiter whose columns are the most regular; the more columns the better."""
    sample = text[:100_000].splitlines()[:_SAMPLE_ROWS]
    return max(_DELIMITERS, key=lambda delimiter: _regularity(sample, delimiter))


def _regularity(lines: Sequence[str], delimiter: str) -> float:
    widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
    if not widths or max(widths) < 2:
        return 0.0
    usual = max(set(widths), key=widths.count)
    return widths.count(usual) / len(widths) if usual > 1 else 0.1


def _sheet_rows(sheet: Any) -> Iterator[Row]:
    # The declared dimension may be a million empty rows or too small: only cells that exist count.
    sheet.reset_dimensions()
    for cells in sheet.iter_rows():
        row = [_cell_text(cell) for cell in cells]
        while row and not row[-1]:
            row.pop()
        yield row


def _cell_text(cell: Any) -> str:
    value = cell.value
    if value is None or isinstance(value, str):
        return (value or "").strip()
    if isinstance(value, datetime.datetime):
        return (
            value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ", "minutes")
        )
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number_text(value, str(cell.number_format or ""))
    return str(value)


def _number_text(value: float, number_format: str) -> str:
    """The number as the sheet shows it: percent as percent, no digits that only binary fractions have."""
    if "%" in number_format:
        return f"{value * 100:.10g}%"
    return str(value) if isinstance(value, int) else f"{value:.15g}"


def _blocks_text(rows: Iterable[Row]) -> str:
    """The tables of a sheet, which empty rows part."""
    return "\n\n".join(text for block in _blocks(rows) if (text := _block_text(block)))


def _blocks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    block: list[Row] = []
    for row in rows:
        if row:
            block.append(row)
        elif block:
            yield block
            block = []
    yield block


def _block_text(rows: list[Row]) -> str:
    is_text = len(rows) < 3 and all(_filled(row) < 2 for row in rows)
    return "\n".join(_line(row) for row in rows) if is_text else table_text(rows)


def _filled(row: Row) -> int:
    return sum(1 for cell in row if cell)


def _line(row: Row) -> str:
    return " ".join(cell for cell in row if cell)

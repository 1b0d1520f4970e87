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
from rag.extract.charts import chart_text
from rag.extract.encoding import clean, decode
from rag.extract.limits import Limits
from rag.extract.merged import filled_ranges, merged_ranges
from rag.extract.package import Package, attribute, descendants, relation_id
from rag.extract.tables import one_header, table_text
from rag.figures import is_figure, is_year
from rag.passages import Extracted, Page

_DAMAGED = "The workbook is damaged; open and save it again in its program, then add it anew."
_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_ROWS = 100
_MOST_HEADER_ROWS = 3
_SHORT_CELL = 40  # characters; a column of longer ones is text

Row = list[str]


def read_xlsx(data: bytes, media_type: str, limits: Limits) -> Extracted:
    """The shown sheets with their names as labels.

    Raises: Unreadable when the workbook is broken or declares XML entities.
    """
    package = Package(data, limits)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        parts = _sheet_parts(package)
        pages = [
            Page(clean(_sheet_text(sheet, package, parts.get(sheet.title, ""))), number, sheet.title)
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


def _sheet_parts(package: Package) -> dict[str, str]:
    """The part of each sheet, by its name."""
    main = package.main_part("xl/workbook.xml")
    relations = package.relations(main)
    listed = {attribute(each, "name"): relation_id(each) for each in descendants(package.xml(main), "sheet")}
    return {name: relations[key][1] for name, key in listed.items() if name and key in relations}


def _sheet_text(sheet: Any, package: Package, part: str) -> str:
    """The sheet under its name: tables, then the values of its charts."""
    rows = filled_ranges(_sheet_rows(sheet), merged_ranges(package.read(part)))
    drawings = package.related(part, "drawing")
    charts = (chart for drawing in drawings for chart in package.related(drawing, "chart"))
    blocks = [_blocks_text(rows), *(chart_text(package.xml(chart)) for chart in charts)]
    text = "\n\n".join(block for block in blocks if block)
    return f"# {sheet.title}\n\n{text}" if text else ""


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
    """The tables of a sheet, which empty rows part, or empty columns where the rows show it too."""
    tables = (table for block in _with_headers(_blocks(rows)) for table in _beside(block))
    return "\n\n".join(text for table in tables if (text := _block_text(table)))


def _blocks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    block: list[Row] = []
    for row in rows:
        if any(row):
            block.append(row)
        elif block:
            yield block
            block = []
    yield block


def _with_headers(blocks: Iterable[list[Row]]) -> Iterator[list[Row]]:
    """The blocks, with the names of columns that stand above an empty row put back above their figures."""
    names: list[Row] = []
    for block in blocks:
        if _heads(names, block):
            yield [[*row] for row in one_header([*names, *block], len(names))]
            names = []
            continue
        if names:
            yield names
        names = block if len(block) <= _MOST_HEADER_ROWS else []
        if not names:
            yield block
    if names:
        yield names


def _heads(names: list[Row], block: list[Row]) -> bool:
    """Whether the first row of a block is of figures and each has a name above it, which is none."""
    if not names or len(block) < 2:
        return False
    named = {column for row in names for column, cell in enumerate(row) if cell}
    figures = {column for column, cell in enumerate(block[0]) if is_figure(cell)}
    held = any(is_figure(cell) and not is_year(cell) for row in names for cell in row)
    return len(figures) > 1 and figures <= named and not held


def _beside(block: list[Row]) -> Iterator[list[Row]]:
    """The tables that stand beside each other: an empty column between them, and not the same first row."""
    groups = list(_column_groups(block))
    tables = [[row[start:end] for row in block] for start, end in groups]
    firsts = [next(place for place, row in enumerate(table) if any(row)) for table in tables]
    is_wide = all(end - start > 1 for start, end in groups)
    if len(groups) > 1 and is_wide and max(firsts) - min(firsts) > 1:
        yield from ([row for row in table if any(row)] for table in tables)
    else:
        yield block


def _column_groups(block: list[Row]) -> Iterator[tuple[int, int]]:
    """The runs of columns that hold anything."""
    used = {column for row in block for column, cell in enumerate(row) if cell}
    start = None
    for column in range(max(used, default=-1) + 2):
        if column in used and start is None:
            start = column
        elif column not in used and start is not None:
            yield start, column
            start = None


def _block_text(rows: list[Row]) -> str:
    are_notes = sum(len(_line(row)) for row in rows) > _SHORT_CELL * len(rows)
    is_text = (len(rows) < 3 or are_notes) and all(_filled(row) < 2 for row in rows)
    return "\n".join(_line(row) for row in rows) if is_text else table_text(rows)


def _filled(row: Row) -> int:
    return sum(1 for cell in row if cell)


def _line(row: Row) -> str:
    return " ".join(cell for cell in row if cell)

"""Rows of cells -> Markdown table lines."""

from collections.abc import Sequence
from itertools import zip_longest

from rag.extract.encoding import folded
from rag.figures import is_figure


def row_line(cells: Sequence[str]) -> str:
    """One row as one line `| a | b |`; white space is folded, a bar inside a cell is escaped."""
    return "| " + " | ".join(folded(cell).replace("|", "\\|") for cell in cells) + " |"


def table_text(rows: Sequence[Sequence[str]]) -> str:
    """The rows as a Markdown table with the first as its header; empty rows and columns are left out.

    Rows above the header that fill only their first cell are captions: plain lines before the table.
    """
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    captions = _caption_count(filled)
    table = _without_empty_columns(filled[captions:])
    lines = [row_line(row) for row in table]
    rule = [row_line(["---"] * len(table[0]))] if table else []
    above = [folded(" ".join(row)) for row in filled[:captions]]
    return "\n".join([*above, *([""] if above else []), *lines[:1], *rule, *lines[1:]])


def _caption_count(rows: Sequence[Sequence[str]]) -> int:
    for count, row in enumerate(rows):
        if not row[0].strip() or any(cell.strip() for cell in row[1:]):
            return count
    # A list in one column is a table, not a row of captions.
    return 0


def _without_empty_columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    width = max((len(row) for row in rows), default=0)
    padded = [[*row, *[""] * (width - len(row))] for row in rows]
    keep = [column for column in range(width) if any(row[column].strip() for row in padded)]
    return [[row[column] for column in keep] for row in padded]


def one_header(rows: Sequence[Sequence[str]], header_rows: int) -> list[Sequence[str]]:
    """The rows with the first ones made one: `2023` above `Q1` is `2023 / Q1`, the full name of a column.

    Rows of one cell at the top are captions and stay.
    """
    captions = 0
    while captions < header_rows and sum(map(bool, rows[captions])) < 2:
        captions += 1
    if header_rows - captions < 2 or header_rows == len(rows):
        return list(rows)
    columns = zip_longest(*rows[captions:header_rows], fillvalue="")
    header = [" / ".join(dict.fromkeys(text for text in column if text)) for column in columns]
    return [*rows[:captions], header, *rows[header_rows:]]


def fill_merged(rows: Sequence[list[tuple[str, bool]]]) -> list[list[str]]:
    """The rows' texts; a cell that continues the one above repeats it, so that each row can be read alone."""
    filled: list[list[str]] = []
    for row in rows:
        above = filled[-1] if filled else []
        filled.append(
            [
                above[column] if continues and not text and column < len(above) else text
                for column, (text, continues) in enumerate(row)
            ]
        )
    return filled


def spanned(text: str, *, cells: int, is_whole_row: bool) -> list[str]:
    """A wide cell as several: repeated under each column it heads, but a row of its own is written once."""
    return [text, *[""] * (cells - 1)] if is_whole_row else [text] * cells


def unstacked(cells: Sequence[Sequence[str]]) -> list[list[str]]:
    """The rows of one ruled row, given the lines of its cells: several where figures stand line by line.

    Text that was only wrapped stays one row, and so does what stands beside a cell of fewer lines.
    """
    height = max(map(len, cells), default=0)
    figures = [lines for lines in cells if lines and all(map(is_figure, lines))]
    if len(figures) < 2 or any(len(lines) not in (0, height) for lines in cells):
        return [[" ".join(lines) for lines in cells]]
    return [[lines[place] if lines else "" for lines in cells] for place in range(height)]

"""Merged cells of a sheet -> their text in every cell that they cover, so that each row can be read alone."""

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct
from openpyxl.utils import column_index_from_string

_RANGE = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=\"([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})\"")
_MOST_RANGES = 20_000
_MOST_COLUMNS = 200
_MOST_ROWS = 2_000

Row = list[str]


class Range(Struct, frozen=True):
    """A merged range; columns from 0, rows from 1, the last of each included."""

    left: int
    top: int
    right: int
    bottom: int


def merged_ranges(sheet: bytes) -> dict[int, list[Range]]:
    """The merged ranges in the XML of a sheet by their first row; huge ones are decoration and left out."""
    found: dict[int, list[Range]] = {}
    for count, match in enumerate(_RANGE.finditer(sheet)):
        if count == _MOST_RANGES:
            break
        left, right = (column_index_from_string(match.group(at).decode()) - 1 for at in (1, 3))
        top, bottom = int(match.group(2)), int(match.group(4))
        if right - left < _MOST_COLUMNS and bottom - top < _MOST_ROWS:
            found.setdefault(top, []).append(Range(left, top, right, bottom))
    return found


def filled_ranges(rows: Iterable[Row], ranges: dict[int, list[Range]]) -> Iterator[Row]:
    """The rows with merged text repeated; a text that has its row for itself, as a title has, is not."""
    open_ranges: list[tuple[Range, str]] = []
    for number, row in enumerate(rows, 1):
        for each in ranges.get(number, ()):
            if each.left < len(row) and row[each.left]:
                open_ranges.append((each, row[each.left]))
        open_ranges = [(each, text) for each, text in open_ranges if each.bottom >= number]
        if (
            len(open_ranges) > 1
            or sum(map(bool, row)) > 1
            or any(each.top < number for each, _ in open_ranges)
        ):
            for each, text in open_ranges:
                row += [""] * (each.right + 1 - len(row))
                row[each.left : each.right + 1] = [text] * (each.right + 1 - each.left)
        yield row

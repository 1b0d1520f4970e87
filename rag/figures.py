"""What in a table is a figure, the name of a column although it is a number, or the rule below its header."""

import re
from collections.abc import Sequence

_FIGURE = re.compile(r"[-+−–(]?[$€£¥]?\s?\d[\d.,'’ ]*\s?[%)€]*")
_YEAR = re.compile(r"(?:19|20)\d\d")
_OF_RULES = frozenset(" \t:|-")
_COUNT = re.compile(r"\d{1,3}")


def is_figure(cell: str) -> bool:
    """Whether the cell is a number with its sign, currency and percent, and nothing else; so is a year."""
    return _FIGURE.fullmatch(cell) is not None


def is_year(cell: str) -> bool:
    """Whether the cell is a year of the last century or this one."""
    return _YEAR.fullmatch(cell) is not None


def count_up(cells: Sequence[str]) -> bool:
    """Whether the cells are whole numbers that rise by one, as steps, grades and days head columns do.

    Two numbers alone do so by chance, unless they begin at 0 or 1.
    """
    if len(cells) < 2 or not all(map(_COUNT.fullmatch, cells)):
        return False
    numbers = [int(cell) for cell in cells]
    rises = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    return rises and (len(numbers) > 2 or numbers[0] < 2)


def is_rule(row: str) -> bool:
    """Whether the row is the rule that Markdown wants below a header; in linear time."""
    return "-" in row and set(row) <= _OF_RULES

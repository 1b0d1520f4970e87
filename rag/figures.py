"""What in a cell of a table is a figure, and what is the name of a column although it is a number."""

import re
from collections.abc import Sequence

_FIGURE = re.compile(r"[-+−–(]?[$€£¥]?\s?\d[\d.,'’ ]*\s?[%)€]*")
_YEAR = re.compile(r"(?:19|20)\d\d")
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

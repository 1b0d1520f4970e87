"""The rows of tables: which are data, and what stands above them."""

import re
from collections.abc import Sequence

from rag.figures import count_up, is_figure, is_rule, is_year
from rag.generate.lists import KEY
from rag.passages import Hit

_CELL_END = re.compile(r"(?<!\\)\|")
_FINISHED = re.compile(r"[.!?。！？]$")


def headers_of(hit: Hit, spans: Sequence[tuple[int, int]]) -> list[str | None]:
    """For each sentence what stands above it in its table, empty outside of tables; None for what is no data.

    That is the header, the rule below it, names of columns that go on in a second row, and rows that only
    begin a part of the table. A first row of figures, or of a key and its value, is data: extraction takes
    the first row of every table for its header. A later part of a table finds its in the heading path.
    """
    texts = [hit.text[start:end] for start, end in spans]
    found: list[str | None] = []
    header = _header_of_part(hit, texts)
    for place, text in enumerate(texts):
        if not text.startswith("|"):
            header = ""
            found.append("")
            continue
        if _is_above_rule(texts, place):
            header = "" if _is_data(text) else text
            found.append(None if header else "")
        elif header and found and found[-1] is None and _goes_on(texts, place):
            header = f"{header}\n{text}"
            found.append(None)
        else:
            is_data = not is_rule(text) and _says_something(text)
            found.append(header if is_data else None)
    return found


def heads_table(text: str, spans: Sequence[tuple[int, int]], place: int) -> bool:
    """Whether a sentence is the caption of the table below it: unfinished, and no key with a value."""
    start, end = spans[place]
    below = text[spans[place + 1][0]] if place + 1 < len(spans) else ""
    is_row = text.startswith("|", start)
    return below == "|" and not (is_row or _FINISHED.search(text[start:end]) or KEY.match(text, start, end))


def with_header(row: str, header: str) -> str:
    """The row as a table of its own below its header, an empty one where it has none."""
    cells = len(cells_of(row))
    names, *more = (header or f"|{'  |' * cells}").split("\n")
    return "\n".join((names, f"|{' --- |' * max(len(cells_of(names)), 1)}", *more, row))


def cells_of(row: str) -> list[str]:
    """The cells of a table row."""
    return [cell.strip() for cell in _CELL_END.split(row.strip().removeprefix("|").removesuffix("|"))]


def _is_above_rule(texts: Sequence[str], place: int) -> bool:
    return place + 1 < len(texts) and is_rule(texts[place + 1])


def _goes_on(texts: Sequence[str], place: int) -> bool:
    """Whether the row right below a header names columns too: nothing in its first cell, figures follow."""
    below = next(iter(texts[place + 1 : place + 2]), "")
    names_more = not cells_of(texts[place])[0] and not _is_data(texts[place])
    return names_more and below.startswith("|") and _holds_figures(below)


def _is_data(row: str) -> bool:
    """Whether a row that stands where a header does is none: it holds figures, or a key before a value."""
    first, *others = cells_of(row)
    names_columns = count_up([cell for cell in others if is_figure(cell)])
    return (_holds_figures(row) and not names_columns) or first.endswith((":", "："))


def _holds_figures(row: str) -> bool:
    """Whether most of its cells but the first are figures; years are names of columns."""
    cells = [cell for cell in cells_of(row)[1:] if cell]
    figures = sum(is_figure(cell) and not is_year(cell) for cell in cells)
    return 2 * figures > len(cells)


def _says_something(row: str) -> bool:
    """Whether it is more than the title of a part of its table: two cells, or a sentence."""
    cells = cells_of(row)
    filled = [cell for cell in cells if cell]
    return len(filled) > 1 or len(cells) == 1 or any(_FINISHED.search(cell) for cell in filled)


def _header_of_part(hit: Hit, texts: Sequence[str]) -> str:
    """The header of a table that began in an earlier part, if it names each column."""
    if not texts or not texts[0].startswith("|") or not hit.heading_path or _is_above_rule(texts, 0):
        return ""
    names = hit.heading_path[-1].split(" | ")
    header = f"| {' | '.join(names)} |"
    return header if len(names) == len(cells_of(texts[0])) and not _is_data(header) else ""

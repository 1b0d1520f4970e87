"""A parsed HTML tree -> all of its visible text as Markdown."""

import copy
import re
from collections.abc import Sequence
from itertools import islice, takewhile

from lxml import etree

from rag.extract.htmllists import BREAK, DEEPEST, in_items, indentation, nest_lists
from rag.extract.package import Element
from rag.extract.tables import one_header, table_text

# What a page never shows as text, and what of a web page is beside its text.
UNSEEN = ("script", "style", "noscript", "template", "svg", "head", "iframe", "object")
BEYOND_TEXT = (*UNSEEN, "nav", "footer", "button")
_BLOCKS = {
    *("address", "article", "aside", "blockquote", "center", "details", "div", "dl", "fieldset"),
    *("figcaption", "figure", "form", "header", "hr", "main", "ol", "p", "pre", "section", "summary"),
    *("table", "tbody", "td", "th", "thead", "tr", "ul"),
}
_HEADINGS = {f"h{level}": "#" * level + " " for level in range(1, 7)}
# More is a mistake or an attack.
_MOST_COLUMNS = 50
_MOST_ROWS = 500
# Cells in a row; what spans beyond them stands once.
_MOST_PLACED = 200
_SPACE = re.compile(r"\s+")
# Text between elements is folded to blanks, so a tab at the start of a line is a level of a list or <pre>.
_BLANK_LINES = re.compile(r"[ \t]*\n(?:[ \t]*\n)+ *")
_LINE_EDGES = re.compile(r"[ \t]*\n *")
_LEVELS = re.compile(r"^(\t+) *", re.MULTILINE)
_ITEM_GAP = re.compile(r"^((?:\t+|- )[^\n]*\n)\n(?=\t|- )", re.MULTILINE)


def whole_text(tree: Element, dropped: Sequence[str]) -> str:
    """The text of a tree without comments, but for the `dropped` elements; it is changed on the way."""
    etree.strip_elements(tree, *dropped, with_tail=False)
    for element in tree.iter():
        _fold(element)
    for table in list(tree.iter("table")):
        _set_table(table)
    nest_lists(tree)
    for element in reversed(list(tree.iter())):
        _mark(element)
    joined = "".join(str(part) for part in tree.itertext())
    lines = _BLANK_LINES.sub("\n\n", _LINE_EDGES.sub("\n", joined)).strip()
    close = _ITEM_GAP.sub(r"\1", lines)
    return _LEVELS.sub(lambda tabs: indentation(len(tabs.group(1))), close)


def _fold(element: Element) -> None:
    preformatted = element.tag == "pre" or any(parent.tag == "pre" for parent in element.iterancestors("pre"))
    if element.text and not preformatted:
        element.text = _SPACE.sub(" ", element.text)
    if element.tail:
        element.tail = _SPACE.sub(" ", element.tail)


def simplify_tables(tree: Element) -> None:
    """Turns the content of each cell of a data table into plain text, lists and inner tables included.

    A cell that spans several is repeated in all of them, unless it has a row for itself.
    """
    for table in [table for table in tree.iter("table") if _is_data(table)]:
        for cell in [*table.iter("td", "th")]:
            text = _cell_text(cell)
            for part in list(cell):
                cell.remove(part)
            cell.text = text
        _spread(table)
        _join_headers(table)


def _join_headers(table: Element) -> None:
    """Makes the rows at the top that hold header cells alone one row."""
    rows = list(table.iter("tr"))
    headers = list(takewhile(lambda row: len(row) and all(cell.tag == "th" for cell in row), rows))
    texts = [[cell.text or "" for cell in row] for row in rows]
    joined = one_header(texts, len(headers))
    place = len(headers) - 1 - (len(rows) - len(joined))
    if len(joined) == len(rows):
        return
    for cell, text in zip(headers[place], joined[place], strict=False):
        cell.text = text
    for row in headers[place + 1 :]:
        row.getparent().remove(row)


def _spread(table: Element) -> None:
    below: dict[int, tuple[int, Element]] = {}
    for row in table.iter("tr"):
        cells = list(row.iterchildren("td", "th"))
        placed: list[Element] = []
        for cell in cells:
            _take_over(placed, below)
            width = 1 if len(cells) == 1 else _span(cell, "colspan", _MOST_COLUMNS)
            width = max(1, min(width, _MOST_PLACED - len(placed)))
            height = _span(cell, "rowspan", _MOST_ROWS)
            for _ in range(width):
                below[len(placed)] = (height - 1, cell)
                placed.append(copy.copy(cell))
        _take_over(placed, below)
        row[:] = placed


def _take_over(placed: list[Element], below: dict[int, tuple[int, Element]]) -> None:
    """Adds the cells of rows above that reach down to the next places."""
    while len(placed) < _MOST_PLACED and (above := below.get(len(placed), (0, None)))[0] > 0:
        below[len(placed)] = (above[0] - 1, above[1])
        placed.append(copy.copy(above[1]))


def _span(cell: Element, name: str, most: int) -> int:
    """How far a cell reaches; the attribute goes, since what it says is done."""
    text = cell.attrib.pop(name, "1").strip()
    return min(max(int(text), 1), most) if text.isdecimal() and len(text) < 6 else 1


def has_data_table(tree: Element) -> bool:
    """Whether a table of data is in the tree."""
    return any(_is_data(table) for table in tree.iter("table"))


def _is_data(table: Element) -> bool:
    """Whether a table holds data, not the layout of a page."""
    if next(table.iterdescendants("h1", "h2", "h3", "form", "script"), None) is not None:
        return False
    if next(table.iterancestors("table"), None) is not None:
        return False
    return max((len(list(row.iterchildren("td", "th"))) for row in table.iter("tr")), default=0) > 1


def _set_table(table: Element) -> None:
    if not _is_data(table):
        return
    text = _table_text(table)
    table[:] = []
    table.text = text


def set_item_tables(tree: Element) -> None:
    """Makes the data tables in items of lists lines of text, whose cells trafilatura would join."""
    for table in filter(_is_data, in_items(tree, "table")):
        lines = _table_text(table).split("\n")
        table.clear(keep_tail=True)
        table.tag = "span"
        table.text = "".join(BREAK + line for line in (*lines, ""))


def _table_text(table: Element) -> str:
    rows = [[_cell_text(cell) for cell in row.iterchildren("td", "th")] for row in table.iter("tr")]
    caption = " ".join(_cell_text(found) for found in table.iterchildren("caption"))
    return "\n\n".join(part for part in (caption, table_text(rows)) if part)


def _cell_text(cell: Element) -> str:
    return _SPACE.sub(" ", " ".join(str(part).strip() for part in cell.itertext())).strip()


def _mark(element: Element) -> None:
    """Writes around an element what shows its kind in Markdown; its own elements are written already."""
    tag = element.tag
    if tag == "br":
        _surround(element, "", "\n")
    elif tag == "li":
        _surround(element, f"\n{_levels(element)}- ", "\n")
    elif tag == "dt":
        _write_term(element)
    elif tag == "dd":
        term = element.getprevious()
        before = "" if term is not None and term.tag == "dt" else "\n"
        _surround(element, before, "\n" if (element.tail or "").strip() else "")
    elif tag in _HEADINGS:
        _surround(element, f"\n\n{_HEADINGS[tag]}", "\n\n")
    elif tag in _BLOCKS:
        edge = f"\n{levels}" if (levels := _levels(element)) and tag != "table" else "\n\n"
        _surround(element, "" if _opens(element) else edge, edge)


def _levels(element: Element) -> str:
    """A tab for each item or definition that it stands in."""
    return "\t" * sum(1 for _ in islice(element.iterancestors("li", "dd"), DEEPEST))


def _opens(element: Element) -> bool:
    """Whether nothing stands before it in its item or definition."""
    for _ in range(DEEPEST):
        parent = element.getparent()
        if parent is None or element.getprevious() is not None or (parent.text or "").strip():
            return False
        if parent.tag in ("li", "dd"):
            return True
        element = parent
    return False


def _write_term(term: Element) -> None:
    """Puts a term on one line with its definition."""
    words = _cell_text(term)
    term[:] = []
    after = term.getnext()
    follows = after is not None and after.tag == "dd" and not (term.tail or "").strip()
    is_defined = bool(words) and follows
    term.text = "\n" + (words.rstrip(":： ") if is_defined else words)
    term.tail = ": " if is_defined else f"\n{term.tail}" if (term.tail or "").strip() else ""


def _surround(element: Element, before: str, after: str) -> None:
    element.text = before + (element.text or "").lstrip(" ")
    element.tail = after + (element.tail or "")

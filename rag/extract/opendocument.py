"""ODT, ODS and ODP -> pages of Markdown: headings, lists, tables, notes; a page for each sheet or slide."""

from collections.abc import Iterator

from rag.errors import Unreadable
from rag.extract.encoding import clean
from rag.extract.limits import Limits
from rag.extract.media import PROTECTED, REFUSED
from rag.extract.package import Element, Package, attribute, child, descendants, holder, local, words_of
from rag.extract.streamed import Streamed
from rag.extract.tables import one_header, table_text
from rag.passages import Page

_DAMAGED = "The file is damaged; open and save it again in its program, then add it anew."
_SKIPPED = {
    "tracked-changes",
    "annotation",
    "annotation-end",
    "ruby-text",
    "forms",
    "change",
    "desc",
    "title",
}
_TRANSPARENT = {
    "section",
    "index-body",
    "table-of-content",
    "g",
    "frame",
    "text-box",
    "list-header",
    "page",
    "bibliography",
    "custom-shape",
    "rect",
    "ellipse",
}
_MAX_DEPTH = 60
_MAX_LIST_DEPTH = 10
# A sheet repeats its last cell to the edge of the grid: what is repeated without end is empty.
_MAX_REPEATS = 200


def read_opendocument(data: bytes, media_type: str, limits: Limits) -> Streamed:
    """The text as one page, or each sheet or slide as one; the title from the properties.

    Source: OpenDocument 1.3, part 3.
    Raises: Unreadable when it is damaged or encrypted.
    """
    package = Package(data, limits)
    if next(descendants(package.xml("META-INF/manifest.xml"), "encryption-data"), None) is not None:
        raise Unreadable(REFUSED[PROTECTED])
    content = package.xml("content.xml")
    body = child(content, "body")
    if body is None or not len(body):
        raise Unreadable(_DAMAGED)
    title = next((words_of(each) for each in descendants(package.xml("meta.xml"), "title")), None)
    return Streamed(_pages(body[0], _Lists(content, package.xml("styles.xml"))), media_type, title or None)


class _Lists:
    """Which list styles count their items."""

    def __init__(self, *roots: Element | None) -> None:
        self._kinds = {
            attribute(style, "name"): [local(level) for level in style]
            for root in roots
            for style in descendants(root, "list-style")
        }

    def is_numbered(self, style: str | None, depth: int) -> bool:
        levels = self._kinds.get(style, [])
        return depth < len(levels) and levels[depth] == "list-level-style-number"


def _pages(document: Element, lists: _Lists) -> Iterator[Page]:
    kind = local(document)
    if kind == "spreadsheet":
        for number, sheet in enumerate(descendants(document, "table"), 1):
            yield Page(_text([_rows_text(sheet, lists)]), number, attribute(sheet, "name"))
    elif kind in ("presentation", "drawing"):
        for number, slide in enumerate(descendants(document, "page"), 1):
            yield _slide(slide, number, lists)
    else:
        yield Page(_text(_blocks(document, lists)))


def _slide(slide: Element, number: int, lists: _Lists) -> Page:
    frames = [each for each in slide if local(each) != "notes"]
    titles = [each for each in frames if attribute(each, "class") in ("title", "subtitle")]
    title = " ".join(words_of(each) for each in titles[:1]) or None
    blocks = [f"# {title}"] if title else []
    for frame in frames:
        if frame not in titles[:1]:
            blocks += _blocks([frame], lists)
    notes = [words_of(box) for box in descendants(child(slide, "notes"), "text-box")]
    return Page(_text([*blocks, *(f"Notes: {words}" for words in notes if words)]), number, title)


def _text(blocks: Iterator[str] | list[str]) -> str:
    return clean("\n\n".join(block for block in blocks if block.strip()))


def _blocks(parent: Element | list[Element], lists: _Lists, depth: int = 0) -> Iterator[str]:
    for element in parent if depth < _MAX_DEPTH else ():
        name = local(element)
        if name in ("p", "h"):
            yield from _paragraph(element, lists, depth)
        elif name == "list":
            yield "\n".join(_items(element, lists, attribute(element, "style-name"), 0))
        elif name == "table":
            yield _rows_text(element, lists)
        elif name in _TRANSPARENT or name.endswith("-index"):
            yield from _blocks(element, lists, depth + 1)


def _paragraph(element: Element, lists: _Lists, depth: int) -> Iterator[str]:
    text = "".join(_words(element)).strip()
    level = attribute(element, "outline-level") or "1"
    if text and local(element) == "h":
        yield f"{'#' * min(int(level) if level.isdecimal() else 1, 6)} {' '.join(text.split())}"
    elif text:
        yield text
    for inner in (*descendants(element, "text-box"), *descendants(element, "note-body")):
        # What is in a paragraph of a box comes with the box.
        if holder(inner, "p", "h") is element:
            yield from _blocks(inner, lists, depth + 1)


def _items(parent: Element, lists: _Lists, style: str | None, depth: int) -> Iterator[str]:
    for count, item in enumerate(parent if depth < _MAX_LIST_DEPTH else (), 1):
        mark = f"{count}. " if lists.is_numbered(style, depth) else "- "
        for element in item:
            if local(element) == "list":
                own = attribute(element, "style-name") or style
                yield from _items(element, lists, own, depth + 1)
            elif words := " ".join(" ".join(_blocks([element], lists)).split()):
                yield "  " * depth + mark + words.lstrip("# ")
                mark = "  "


def _words(element: Element, depth: int = 0) -> Iterator[str]:
    yield element.text or ""
    for part in element if depth < _MAX_DEPTH else ():
        name = local(part)
        if name == "s":
            yield " " * min(_count(part, "c"), 100)
        elif name in ("tab", "line-break"):
            yield " " if name == "tab" else "\n"
        elif name not in _SKIPPED and name not in ("note", "frame", "text-box"):
            yield from _words(part, depth + 1)
        yield part.tail or ""


def _rows_text(table: Element, lists: _Lists) -> str:
    rows: list[list[str]] = []
    header_rows = 0
    for row in _within(table, "table-row"):
        cells = [text for cell in row for text in _cell(cell, lists)]
        if any(cells):
            rows += [cells] * min(_count(row, "number-rows-repeated"), _MAX_REPEATS)
            header_rows += local(row.getparent()) == "table-header-rows"
    return table_text(one_header(rows, header_rows))


def _within(parent: Element, name: str) -> Iterator[Element]:
    """The rows of a table, also those of its header and of groups, but not those of tables in its cells."""
    for element in parent:
        if local(element) == name:
            yield element
        elif local(element) in ("table-header-rows", "table-rows", "table-row-group"):
            yield from _within(element, name)


def _cell(cell: Element, lists: _Lists) -> Iterator[str]:
    """The text of a cell as often as it is repeated, and under each column that it spans."""
    if local(cell) == "covered-table-cell":
        return
    if local(cell) == "table-cell":
        text = " ".join(" ".join(_blocks(cell, lists)).replace("| --- ", "").split())
        repeats = _count(cell, "number-columns-repeated")
        yield from [text] * min(max(repeats, _count(cell, "number-columns-spanned")), _MAX_REPEATS)


def _count(element: Element, name: str) -> int:
    text = attribute(element, name) or "1"
    return int(text) if text.isdecimal() and len(text) < 9 else 1

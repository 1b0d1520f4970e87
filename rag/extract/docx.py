"""DOCX -> one page of Markdown: headings, numbered lists, tables, text boxes, notes, headers and footers."""

import re
from collections.abc import Iterator
from itertools import takewhile

from rag.extract.encoding import clean
from rag.extract.limits import Limits
from rag.extract.numbering import Numbering
from rag.extract.package import Element, Package, attribute, child, descendants, holder, local, value
from rag.extract.tables import fill_merged, one_header, spanned, table_text
from rag.passages import Extracted, Page

# Wrappers whose content belongs to the running text; deleted and moved-away text does not.
_TRANSPARENT = {
    "sdt",
    "sdtContent",
    "customXml",
    "smartTag",
    "ins",
    "moveTo",
    "hyperlink",
    "fldSimple",
    "dir",
    "bdo",
}
_SKIPPED = {"del", "moveFrom", "delText", "instrText", "pPr", "rPr", "sdtPr", "tblPr", "Fallback", "rt"}
_BREAKS = {"tab": " ", "ptab": " ", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_MAX_DEPTH = 60
_LIST_STYLE = re.compile(r"list (?:bullet|number|continue) ([2-5])", re.IGNORECASE)


def read_docx(data: bytes, media_type: str, limits: Limits) -> Extracted:
    """The document as one page; the title from its properties, else from its title paragraph."""
    package = Package(data, limits)
    document = _Document(package)
    text = clean("\n\n".join(block for block in document.blocks() if block.strip()))
    return Extracted((Page(text),), media_type, package.title() or document.title)


class _Document:
    def __init__(self, package: Package) -> None:
        self._package = package
        self._main = package.main_part("word/document.xml")
        self._styles = _Styles(self._first("styles"))
        self._numbering = Numbering(self._first("numbering"))
        self.title: str | None = None

    def blocks(self) -> Iterator[str]:
        yield from self._margins("header")
        body = child(self._package.xml(self._main), "body")
        if body is not None:
            yield from self._flow(body)
        yield from self._notes()
        yield from self._margins("footer")

    def _flow(self, parent: Element, depth: int = 0) -> Iterator[str]:
        for element in parent if depth < _MAX_DEPTH else ():
            name = local(element)
            if name == "p":
                yield from self._paragraph(element, depth)
            elif name == "tbl":
                yield from self._table(element, depth)
            elif name in _TRANSPARENT:
                yield from self._flow(element, depth + 1)

    def _paragraph(self, paragraph: Element, depth: int) -> Iterator[str]:
        text = "".join(_words(paragraph)).strip()
        if text:
            yield self._marked(paragraph, text)
        for box in _boxes(paragraph):
            yield from self._flow(box, depth + 1)

    def _marked(self, paragraph: Element, text: str) -> str:
        """The paragraph with `#` for a heading, or its list mark."""
        style = value(paragraph, "pPr", "pStyle") or ""
        level = self._styles.heading_level(style, paragraph)
        level_of_style = self._styles.list_level(style)
        mark = self._numbering.mark(child(paragraph, "pPr"), self._styles.numbering(style), level_of_style)
        if self._styles.is_title(style) and self.title is None:
            self.title = text
        if level is not None:
            number = f"{mark.strip()} " if mark.strip() not in ("", "-") else ""
            return f"{'#' * level} {number}{' '.join(text.split())}"
        return mark + text

    def _table(self, table: Element, depth: int) -> Iterator[str]:
        rows = list(descendants_within(table, "tr"))
        cells = list(descendants_within(rows[0], "tc")) if len(rows) == 1 else []
        if len(cells) == 1:
            # A table of one cell is a frame around ordinary text. It is read once, not as a row too: frames
            # in frames would double the work with each level.
            yield from self._flow(cells[0], depth + 1)
            return
        is_header = [child(row, "trPr", "tblHeader") is not None for row in rows]
        header_rows = len(list(takewhile(bool, is_header)))
        filled = fill_merged([list(self._row(row, depth)) for row in rows])
        yield table_text(one_header(filled, header_rows))

    def _row(self, row: Element, depth: int) -> Iterator[tuple[str, bool]]:
        """The cells' text, each with whether it continues the cell above."""
        cells = list(descendants_within(row, "tc"))
        for _ in range(_span(value(row, "trPr", "gridBefore"), 0)):
            yield "", False
        for cell in cells:
            merge = child(cell, "tcPr", "vMerge")
            continues = merge is not None and attribute(merge, "val") != "restart"
            text = " ".join(_as_cell(block) for block in self._flow(cell, depth + 1))
            width = _span(value(cell, "tcPr", "gridSpan"), 1)
            for part in spanned(text, cells=width, is_whole_row=len(cells) == 1):
                yield part, continues

    def _notes(self) -> Iterator[str]:
        for kind, entry in (("footnotes", "footnote"), ("endnotes", "endnote")):
            for note in descendants(self._first(kind), entry):
                if attribute(note, "type") in (None, "normal"):
                    yield from self._flow(note)

    def _margins(self, kind: str) -> Iterator[str]:
        """Each different header or footer once; bare page numbers are left out."""
        seen: set[str] = set()
        for part in self._package.related(self._main, kind):
            root = self._package.xml(part)
            text = "\n".join(self._flow(root)) if root is not None else ""
            if any(character.isalpha() for character in text) and text not in seen:
                seen.add(text)
                yield text

    def _first(self, kind: str) -> Element | None:
        part = next(iter(self._package.related(self._main, kind)), f"word/{kind}.xml")
        return self._package.xml(part)


class _Styles:
    def __init__(self, root: Element | None) -> None:
        self._by_id = {attribute(style, "styleId") or "": style for style in descendants(root, "style")}

    def heading_level(self, style: str, paragraph: Element) -> int | None:
        """1 to 6 for a heading."""
        own = value(paragraph, "pPr", "outlineLvl")
        levels = [own, *(value(element, "pPr", "outlineLvl") for element in self._chain(style))]
        outline = next((_whole(level, 9) for level in levels if level is not None), 9)
        if outline < 9:
            return min(outline + 1, 6)
        names = [style, *(value(element, "name") or "" for element in self._chain(style))]
        return next((level for name in names if (level := _level_in(name)) is not None), None)

    def is_title(self, style: str) -> bool:
        return any((value(element, "name") or "").lower() == "title" for element in self._chain(style))

    def numbering(self, style: str) -> Element | None:
        """The `numPr` that the style brings along."""
        found = (child(element, "pPr", "numPr") for element in self._chain(style))
        return next((element for element in found if element is not None), None)

    def list_level(self, style: str) -> int:
        """From 0; styles such as "List Bullet 2", so named in every language, are levels of their own."""
        names = (value(element, "name") or "" for element in self._chain(style))
        return next((int(found.group(1)) - 1 for name in names if (found := _LIST_STYLE.fullmatch(name))), 0)

    def _chain(self, style: str) -> Iterator[Element]:
        for _ in range(12):
            element = self._by_id.get(style)
            if element is None:
                return
            yield element
            style = value(element, "basedOn") or ""


def _level_in(name: str) -> int | None:
    words = name.lower().replace("heading", "heading ").split()
    if words == ["title"]:
        return 1
    if len(words) == 2 and words[0] == "heading" and words[1].isdecimal():
        return min(max(int(words[1]), 1), 6)
    return None


def descendants_within(parent: Element, name: str) -> Iterator[Element]:
    """Children of one name, also those inside wrappers."""
    for element in parent:
        if local(element) == name:
            yield element
        elif local(element) in _TRANSPARENT:
            yield from descendants_within(element, name)


def _words(element: Element, depth: int = 0) -> Iterator[str]:
    for part in element if depth < _MAX_DEPTH else ():
        name = local(part)
        if name == "t":
            yield part.text or ""
        elif name in _BREAKS:
            yield _BREAKS[name]
        elif name not in _SKIPPED and name not in ("txbxContent", "textbox"):
            yield from _words(part, depth + 1)


def _boxes(paragraph: Element) -> Iterator[Element]:
    """The text boxes of a paragraph, not those in its boxes; of the two copies of a box the newer one."""
    for box in descendants(paragraph, "txbxContent"):
        nearest = takewhile(lambda element: local(element) not in ("p", "txbxContent"), box.iterancestors())
        inside = [local(element) for element in nearest]
        if "Fallback" not in inside and holder(box, "p", "txbxContent") is paragraph:
            yield box


def _as_cell(block: str) -> str:
    return block.lstrip("# ").replace("| --- ", "").replace("\n", " ")


def _span(text: str | None, default: int) -> int:
    return min(_whole(text, default), 100)


def _whole(text: str | None, default: int) -> int:
    return int(text) if text is not None and text.isdecimal() else default

"""PPTX -> one page per slide: title as heading, text, tables, charts, diagrams, notes."""

import re
from collections.abc import Iterator

from rag.extract.charts import chart_text
from rag.extract.encoding import clean
from rag.extract.limits import Limits
from rag.extract.package import Element, Package, attribute, child, descendants, local, relation_id
from rag.extract.tables import fill_merged, table_text
from rag.passages import Extracted, Page

_TITLES = {"title", "ctrTitle"}
_REPEATED = {"ftr", "dt", "sldNum", "hdr", "sldImg"}
_NUMBER = re.compile(r"(\d+)\.xml$")
_MAX_DEPTH = 60


def read_pptx(data: bytes, media_type: str, limits: Limits) -> Extracted:
    """The slides in the order of the show; the title is that of the first slide that has one."""
    package = Package(data, limits)
    slides = [_Slide(package, part) for part in _slide_parts(package)]
    pages = tuple(Page(slide.text(), number, slide.title) for number, slide in enumerate(slides, 1))
    title = next((slide.title for slide in slides if slide.title), None)
    return Extracted(pages, media_type, title)


def _slide_parts(package: Package) -> list[str]:
    main = package.main_part("ppt/presentation.xml")
    relations = package.relations(main)
    listed = [relation_id(entry) for entry in descendants(package.xml(main), "sldId")]
    parts = [relations[key][1] for key in listed if key in relations]
    # A broken presentation still has its slides, named by number.
    return parts or sorted(package.names(".xml", "ppt/slides/slide"), key=_number_of)


def _number_of(part: str) -> int:
    match = _NUMBER.search(part)
    return int(match.group(1)) if match else 0


class _Slide:
    def __init__(self, package: Package, part: str) -> None:
        self._package = package
        self._part = part
        self._relations = package.relations(part)
        self._tree = child(package.xml(part), "cSld", "spTree")
        self.title = self._find_title()

    def text(self) -> str:
        heading = [f"# {self.title}"] if self.title else []
        shapes = self._shapes(self._tree) if self._tree is not None else ()
        blocks = [*heading, *shapes, *self._notes()]
        return clean("\n\n".join(block for block in blocks if block.strip()))

    def _find_title(self) -> str | None:
        for shape in descendants(self._tree, "sp"):
            if _placeholder(shape) in _TITLES:
                return clean(" ".join(" ".join(_paragraphs(child(shape, "txBody"))).split())) or None
        return None

    def _shapes(self, parent: Element, depth: int = 0) -> Iterator[str]:
        for shape in parent if depth < _MAX_DEPTH else ():
            name = local(shape)
            if name == "sp" and _placeholder(shape) not in _TITLES | _REPEATED:
                yield "\n".join(_paragraphs(child(shape, "txBody")))
            elif name == "graphicFrame":
                yield from self._graphic(shape)
            elif name in ("grpSp", "AlternateContent", "Choice"):
                yield from self._shapes(shape, depth + 1)

    def _graphic(self, frame: Element) -> Iterator[str]:
        for table in descendants(frame, "tbl"):
            yield table_text(fill_merged([list(_row(row)) for row in descendants(table, "tr")]))
        for chart in descendants(frame, "chart"):
            yield chart_text(self._package.xml(self._target(relation_id(chart))))
        for diagram in descendants(frame, "relIds"):
            root = self._package.xml(self._target(attribute(diagram, "dm") or ""))
            yield "\n".join(
                text for point in descendants(root, "pt") for text in _paragraphs(child(point, "t"))
            )

    def _notes(self) -> Iterator[str]:
        for kind, part in self._relations.values():
            if kind != "notesSlide":
                continue
            for shape in descendants(self._package.xml(part), "sp"):
                words = "\n".join(_paragraphs(child(shape, "txBody")))
                if _placeholder(shape) not in _REPEATED and words.strip():
                    yield f"Notes: {words}"

    def _target(self, relation: str) -> str:
        return self._relations.get(relation, ("", ""))[1]


def _placeholder(shape: Element) -> str | None:
    """The kind of placeholder that a shape fills."""
    return next((attribute(e, "type") or "body" for e in descendants(shape, "ph")), None)


def _paragraphs(body: Element | None) -> Iterator[str]:
    count = 0
    for paragraph in body if body is not None else ():
        if local(paragraph) != "p":
            continue
        words = "".join(_run_text(part) for part in descendants(paragraph, "t", "br", "tab")).strip()
        properties = child(paragraph, "pPr")
        if words and child(properties, "buAutoNum") is not None:
            count += 1
            yield f"{_indent(properties)}{count}. {words}"
        elif words:
            count = 0
            yield _list_mark(properties) + words


def _run_text(part: Element) -> str:
    return (part.text or "") if local(part) == "t" else " "


def _indent(properties: Element | None) -> str:
    level = attribute(properties, "lvl") or "0"
    return "  " * min(int(level) if level.isdecimal() else 0, 8)


def _list_mark(properties: Element | None) -> str:
    indent = _indent(properties)
    return f"{indent}- " if indent or child(properties, "buChar") is not None else ""


def _row(row: Element) -> Iterator[tuple[str, bool]]:
    """The cells' text, each with whether it continues the cell above; merged cells are all present."""
    text = ""
    for cell in descendants(row, "tc"):
        if attribute(cell, "hMerge") not in ("1", "true"):
            text = " ".join(_paragraphs(child(cell, "txBody")))
        yield text, attribute(cell, "vMerge") in ("1", "true")

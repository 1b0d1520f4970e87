"""PPTX -> one page per slide: title as heading, text, tables, charts, diagrams, notes."""

import re
from collections.abc import Iterator

from rag.extract.encoding import clean
from rag.extract.limits import Limits
from rag.extract.package import Element, Package, attribute, child, descendants, local
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
    listed = [attribute_of_relation(entry) for entry in descendants(package.xml(main), "sldId")]
    parts = [relations[key][1] for key in listed if key in relations]
    # A broken presentation still has its slides, named by number.
    return parts or sorted(package.names(".xml", "ppt/slides/slide"), key=_number_of)


def attribute_of_relation(element: Element) -> str:
    """The relation id of an element; `id` without a namespace is another thing."""
    found = (v for k, v in element.attrib.items() if str(k).startswith("{") and str(k).endswith("}id"))
    return str(next(found, ""))


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
            yield _chart_text(self._package.xml(self._target(attribute_of_relation(chart))))
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
    for paragraph in body if body is not None else ():
        if local(paragraph) != "p":
            continue
        words = "".join(_run_text(part) for part in descendants(paragraph, "t", "br", "tab")).strip()
        if words:
            yield _list_mark(child(paragraph, "pPr")) + words


def _run_text(part: Element) -> str:
    return (part.text or "") if local(part) == "t" else " "


def _list_mark(properties: Element | None) -> str:
    level = attribute(properties, "lvl") or "0"
    depth = int(level) if level.isdecimal() else 0
    bulleted = child(properties, "buChar") is not None or child(properties, "buAutoNum") is not None
    return "  " * min(depth, 8) + "- " if depth or bulleted else ""


def _row(row: Element) -> Iterator[tuple[str, bool]]:
    """The cells' text, each with whether it continues the cell above; merged cells are all present."""
    text = ""
    for cell in descendants(row, "tc"):
        if attribute(cell, "hMerge") not in ("1", "true"):
            text = " ".join(_paragraphs(child(cell, "txBody")))
        yield text, attribute(cell, "vMerge") in ("1", "true")


def _chart_text(root: Element | None) -> str:
    """The chart as its title and a table: categories down, series across."""
    title = "".join(part.text or "" for part in descendants(child(root, "chart", "title"), "t"))
    columns = [_series(series) for series in descendants(root, "ser")]
    categories = max((points for _, points, _ in columns), key=len, default={})
    header = ["", *(name for name, _, _ in columns)]
    places = sorted(set(categories).union(*(values for _, _, values in columns)))
    rows = [[categories.get(place, ""), *(v.get(place, "") for _, _, v in columns)] for place in places]
    return "\n\n".join(part for part in (title, table_text([header, *rows]) if columns else "") if part)


def _series(series: Element) -> tuple[str, dict[int, str], dict[int, str]]:
    name = next(iter(_points(child(series, "tx")).values()), "")
    categories = _points(child(series, "cat"), child(series, "xVal"))
    return name, categories, _points(child(series, "val"), child(series, "yVal"))


def _points(*sources: Element | None) -> dict[int, str]:
    found: dict[int, str] = {}
    for source in sources:
        for point in descendants(source, "pt"):
            place = attribute(point, "idx") or ""
            found[int(place) if place.isdecimal() else len(found)] = "".join(
                v.text or "" for v in descendants(point, "v")
            )
    return found

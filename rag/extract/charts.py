"""Charts of office files -> their title and a table of their values."""

from rag.extract.package import Element, attribute, child, descendants
from rag.extract.tables import table_text


def chart_text(root: Element | None) -> str:
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

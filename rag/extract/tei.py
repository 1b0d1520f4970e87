"""trafilatura's tree, which uses the names of TEI -> blocks of Markdown."""

from collections.abc import Iterator

from rag.extract.encoding import folded
from rag.extract.htmllists import BREAK, indentation
from rag.extract.package import Element
from rag.extract.tables import table_text

_MAX_DEPTH = 200
_BLOCKS = ("p", "div", "section", "quote", "head", "table", "th", "td", "lb")


def blocks_of(parent: Element, depth: int = 0) -> Iterator[str]:
    """The blocks below an element, some of them empty."""
    for element in parent if depth < _MAX_DEPTH else ():
        name = element.tag
        if name == "head":
            level = (element.get("rend") or "h2")[-1]
            yield f"{'#' * (int(level) if level in '123456' else 2)} {folded(_text(element))}"
        elif name == "list":
            yield "\n".join(_list_lines(element))
        elif name == "table":
            yield table_text([[_text(cell) for cell in row.iter("cell")] for row in element.iter("row")])
        elif name == "code":
            yield f"```\n{_text(element)}\n```"
        elif name in ("div", "quote") and len(element):
            yield folded(element.text or "")
            yield from blocks_of(element, depth + 1)
        else:
            yield _lines(_text(element))
        yield folded(element.tail or "")


def _list_lines(parent: Element, depth: int = 0) -> Iterator[str]:
    """The lines of a list, the list of an item below the item; what is nested too deep is one line."""
    terms: list[str] = []
    for item in parent.iterchildren("item"):
        kind = (item.get("rend") or "")[:3]
        if kind == "dt-":
            terms += filter(None, [folded(_text(item))])
            continue
        runs = list(_runs(item)) if depth < _MAX_DEPTH else [_all_words(item)]
        is_led = runs and isinstance(runs[0], str) and not runs[0].startswith("|")
        own = runs.pop(0) if is_led else ""
        if kind == "dd-" and terms:
            yield indentation(depth) + f"{', '.join(terms).rstrip(':： ')}: {own}".rstrip()
            terms.clear()
        elif own:
            yield f"{indentation(depth)}- {own}"
        for run in runs:
            if isinstance(run, str):
                yield indentation(depth + 1) + run
            else:
                yield from _list_lines(run, depth + 1)
    yield from (f"{indentation(depth)}- {term}" for term in terms)


def _all_words(item: Element) -> str:
    return folded(" ".join(item.itertext()).replace(BREAK, " "))


def _runs(item: Element) -> Iterator[str | Element]:
    """What an item holds, in order: its text, a paragraph each, and its lists."""
    text = item.text or ""
    for part in item:
        if part.tag == "list" or part.tag in _BLOCKS:
            yield from _worded(text)
            yield from [part] if part.tag == "list" else _worded(_marked(part))
            text = part.tail or ""
        else:
            # trafilatura drops the blank before some code.
            gap = " " if part.tag == "code" and (text[-1:].isalnum() or text.endswith(":")) else ""
            text += gap + _marked(part) + (part.tail or "")
    yield from _worded(text)


def _worded(text: str) -> Iterator[str]:
    yield from filter(None, map(folded, text.split(BREAK)))


def _text(element: Element) -> str:
    return _marked(element).replace(BREAK, "\n")


def _marked(element: Element) -> str:
    """All text of an element, with the marks of breaks."""
    parts = [element.text or ""]
    for part in element:
        parts += ["\n" if part.tag == "lb" else _marked(part), part.tail or ""]
    return "".join(parts)


def _lines(text: str) -> str:
    return "\n".join(folded(line) for line in text.split("\n") if line.strip())

"""The lists of a web page as lines: nested items indented, terms on one line with what they mean."""

import re
from collections.abc import Iterator

from rag.extract.package import Element

_SPACE = re.compile(r"\s+")
_BLOCKS = ("p", "div", "quote", "head", "code", "table", "lb")
_DEEPEST = 10  # levels; what is deeper is indented no further
_MOST_LEVELS = 200


def nest_lists(tree: Element) -> None:
    """Moves a list that stands between the items of another into the item before it, where it belongs."""
    for nested in [*tree.iter("ul", "ol")]:
        parent, item = nested.getparent(), nested.getprevious()
        if parent is not None and parent.tag in ("ul", "ol") and item is not None and item.tag == "li":
            item.append(nested)


def list_lines(parent: Element, depth: int = 0) -> Iterator[str]:
    """The lines of a list in trafilatura's tree, the list of an item below the item."""
    terms: list[str] = []
    for item in parent.iterchildren("item") if depth < _MOST_LEVELS else ():
        runs = list(_runs(item))
        own = runs.pop(0) if runs and isinstance(runs[0], str) else ""
        kind = (item.get("rend") or "")[:3]
        if kind == "dt-":
            terms.append(str(own))
            continue
        if kind == "dd-" and terms:
            yield indentation(depth) + f"{', '.join(terms).rstrip(':： ')}: {own}".rstrip()
            terms.clear()
        elif own:
            yield f"{indentation(depth)}- {own}"
        for run in runs:
            if isinstance(run, str):
                yield indentation(depth + 1) + run
            else:
                yield from list_lines(run, depth + 1)
    yield from (f"{indentation(depth)}- {term}" for term in terms)


def indentation(depth: int) -> str:
    """What stands before an item that is nested so deep."""
    return "  " * min(depth, _DEEPEST)


def folded(text: str) -> str:
    """The text with one blank for all white space."""
    return _SPACE.sub(" ", text).strip()


def element_text(element: Element) -> str:
    """All text of an element of trafilatura's tree."""
    parts = [element.text or ""]
    for part in element:
        parts += ["\n" if part.tag == "lb" else element_text(part), part.tail or ""]
    return "".join(parts)


def _runs(item: Element) -> Iterator[str | Element]:
    """What an item holds, in order: its text, a paragraph each, and its lists."""
    text = item.text or ""
    for part in item:
        if part.tag == "list" or part.tag in _BLOCKS:
            yield from _worded(text)
            yield from [part] if part.tag == "list" else _worded(element_text(part))
            text = part.tail or ""
        else:
            text += element_text(part) + (part.tail or "")
    yield from _worded(text)


def _worded(text: str) -> Iterator[str]:
    if words := folded(text):
        yield words

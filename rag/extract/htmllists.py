"""The lists of a web page: nested where they belong, and what an item holds kept apart."""

from lxml import etree

from rag.extract.package import Element

DEEPEST = 10  # levels; what is deeper is indented no further
BREAK = "\ufdd0"  # no character: Unicode leaves it to the inside of programs
_ITEMS = ("li", "dt", "dd")
_PARTS = ("address", "article", "div", "p", "pre", "section")


def nest_lists(tree: Element) -> None:
    """Moves a list that stands between the items of another into the item before it, where it belongs."""
    for nested in [*tree.iter("ul", "ol")]:
        parent, item = nested.getparent(), nested.getprevious()
        if parent is not None and parent.tag in ("ul", "ol") and item is not None and item.tag == "li":
            item.append(nested)


def part_items(tree: Element) -> None:
    """Marks where the parts of an item begin and end, since trafilatura would join their words."""
    for part in in_items(tree, *_PARTS):
        if part.getprevious() is not None or (part.getparent().text or "").strip():
            part.text = BREAK + (part.text or "")
        if (part.tail or "").strip():
            part.tail = BREAK + part.tail


def in_items(tree: Element, *names: str) -> list[Element]:
    """The elements of these names that stand in items of lists, found in one walk however deep they are."""
    found: list[Element] = []
    depth = 0
    for event, element in etree.iterwalk(tree, ("start", "end"), (*_ITEMS, *names)):
        if element.tag in _ITEMS:
            depth += 1 if event == "start" else -1
        elif depth and event == "start":
            found.append(element)
    return found


def indentation(depth: int) -> str:
    """What stands before an item that is nested so deep."""
    return "  " * min(depth, DEEPEST)

"""EPUB -> one page of Markdown for each document of its spine, in reading order."""

import posixpath
from collections.abc import Iterator
from urllib.parse import unquote

from rag.errors import Unreadable
from rag.extract.encoding import clean
from rag.extract.html import parsed_html
from rag.extract.htmltext import UNSEEN, whole_text
from rag.extract.limits import Limits
from rag.extract.media import PROTECTED, REFUSED
from rag.extract.package import Package, attribute, descendants, words_of
from rag.extract.streamed import Streamed
from rag.passages import Page

_DAMAGED = "The EPUB is damaged or holds no chapters; get it anew or convert it to PDF, then add it."
_TEXT = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")


def read_epub(data: bytes, media_type: str, limits: Limits) -> Streamed:
    """The chapters without the table of contents; the title from the metadata.

    Source: EPUB 3.3, "Package document" and "OCF".
    Raises: Unreadable when it is damaged, or its chapters are encrypted.
    """
    package = Package(data, limits, checked=(".opf", "container.xml", "encryption.xml"))
    rootfile = next(descendants(package.xml("META-INF/container.xml"), "rootfile"), None)
    main = attribute(rootfile, "full-path") or next(iter(package.names(".opf")), "")
    spine = list(_spine(package, main))
    if not spine:
        raise Unreadable(_DAMAGED)
    if not set(spine).isdisjoint(_encrypted(package)):
        raise Unreadable(REFUSED[PROTECTED])
    title = next((words_of(each) for each in descendants(package.xml(main), "title")), None)
    return Streamed(_pages(package, spine), media_type, title or None)


def _spine(package: Package, main: str) -> Iterator[str]:
    """The names of the chapters."""
    root = package.xml(main)
    items = {attribute(item, "id"): item for item in descendants(root, "item")}
    for reference in descendants(root, "itemref"):
        item = items.get(attribute(reference, "idref"))
        is_contents = "nav" in (attribute(item, "properties") or "").split()
        if item is not None and attribute(item, "media-type") in _TEXT and not is_contents:
            href = unquote((attribute(item, "href") or "").partition("#")[0])
            yield posixpath.normpath(posixpath.join(posixpath.dirname(main), href))


def _encrypted(package: Package) -> set[str]:
    found = descendants(package.xml("META-INF/encryption.xml"), "CipherReference")
    return {unquote(attribute(reference, "URI") or "") for reference in found}


def _pages(package: Package, spine: list[str]) -> Iterator[Page]:
    for name in spine:
        if data := package.read(name):
            # A book has no menus and no advertisements to be left out.
            yield Page(clean(whole_text(parsed_html(data), UNSEEN)))

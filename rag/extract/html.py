"""HTML -> one page of Markdown: the main text with headings, lists and tables."""

import copy
import re
from collections.abc import Iterator

import trafilatura
from lxml import etree
from lxml import html as lxml_html

from rag.errors import Unreadable
from rag.extract.encoding import clean, decode, folded
from rag.extract.htmllists import BREAK, nest_lists, part_items
from rag.extract.htmltext import BEYOND_TEXT, set_item_tables, simplify_tables, whole_text
from rag.extract.package import Element
from rag.extract.tei import blocks_of
from rag.passages import Extracted, Page

_CHARSET = re.compile(rb"<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:-]+)", re.I)
# Less than this share of a page's text: the main part was missed, as in a form or a list of links.
_TOO_LITTLE = 0.25
_SHORT_CHARS = 2_000


def read_html(data: bytes, media_type: str) -> Extracted:
    """The main text of the page; all of its text when hardly any of it counts as main text."""
    tree = parsed_html(data)
    title = _title(tree)
    simplify_tables(tree)
    nest_lists(tree)
    main = _main_text(tree)
    whole = whole_text(tree, BEYOND_TEXT)
    chosen = whole if _is_too_little(main, whole) else main
    return Extracted((Page(clean(chosen)),), media_type, title)


def parsed_html(data: bytes, declared: str | None = None) -> Element:
    """The tree of a page without its comments, in the encoding declared in it or beside it, or detected.

    Raises: Unreadable when there is nothing in it.
    """
    named = _CHARSET.search(data[:4096].replace(b"\0", b""))
    text = decode(data, declared or (named.group(1).decode("ascii", "replace") if named else None))
    parser = lxml_html.HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True)
    # A declared encoding in a decoded text is an error to lxml.
    bare = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    try:
        return lxml_html.document_fromstring(bare, parser=parser)
    except (etree.ParserError, ValueError) as error:
        raise Unreadable("The page has no content; check the original and add it again.") from error


def _title(tree: Element) -> str | None:
    for path in ("//head/title", "//title", "//h1"):
        found = tree.xpath(path)
        for element in found if isinstance(found, list) else ():
            words = clean(folded("".join(element.itertext())))
            if words:
                return words
    return None


def _is_too_little(main: str, whole: str) -> bool:
    return len(main) < _TOO_LITTLE * min(len(whole), _SHORT_CHARS)


def _main_text(tree: Element) -> str:
    try:
        return "\n\n".join(block for block in _main_blocks(tree) if block).replace(BREAK, "\n")
    except RecursionError:
        # Elements nested by the hundred have no structure worth keeping.
        return ""


def _main_blocks(tree: Element) -> Iterator[str]:
    own = copy.deepcopy(tree)
    set_item_tables(own)
    part_items(own)
    found = trafilatura.bare_extraction(
        own,
        include_tables=True,
        include_formatting=True,
        include_comments=False,
        # Measured on news pages and manuals: more recall for hardly any noise.
        favor_recall=True,
        with_metadata=False,
    )
    body = getattr(found, "body", None)
    if body is not None:
        yield from blocks_of(body)

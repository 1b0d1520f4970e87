"""A document whose pages come one by one, so that a long one is never held whole."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from rag.errors import Unreadable
from rag.extract.limits import Limits
from rag.passages import Page


class CutShort(Exception):
    """Says why no further pages come; those that came are kept."""


class Streamed(Struct, frozen=True):
    """What a reader makes of a file; `pages` can be gone through once.

    Going through them raises Unreadable where the file turns out to be broken, too long or empty, and
    CutShort at the end where something is missing.
    """

    pages: Iterable[Page]
    media_type: str
    title: str | None = None


def within_limits(pages: Iterable[Page], limits: Limits) -> Iterator[Page]:
    """The pages.

    Raises: Unreadable when they are longer than allowed, or none of them holds text; CutShort after as many
    pages as are allowed.
    """
    length, is_empty = 0, True
    try:
        for count, page in enumerate(pages):
            length += len(page.text)
            if length > limits.max_text_chars:
                raise Unreadable(limits.too_long)
            if count == limits.max_pages:
                raise CutShort(limits.too_many_pages)
            is_empty = is_empty and not page.text.strip()
            yield page
    except CutShort as cut:
        if is_empty:
            raise Unreadable(str(cut)) from cut
        raise
    if is_empty:
        raise Unreadable("The file holds no text; check that the right file was chosen.")

"""A document whose pages come one by one, so that a long one is never held whole."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from rag.errors import Unreadable
from rag.extract.limits import Limits
from rag.passages import Page


class Streamed(Struct, frozen=True):
    """What a reader makes of a file; `pages` can be gone through once.

    Going through them raises Unreadable where the file turns out to be broken, too long or empty.
    """

    pages: Iterable[Page]
    media_type: str
    title: str | None = None


def within_limits(pages: Iterable[Page], limits: Limits) -> Iterator[Page]:
    """The pages.

    Raises: Unreadable when they are longer than allowed, or none of them holds text.
    """
    length, is_empty = 0, True
    for page in pages:
        length += len(page.text)
        if length > limits.max_text_chars:
            raise Unreadable(limits.too_long)
        is_empty = is_empty and not page.text.strip()
        yield page
    if is_empty:
        raise Unreadable("The file holds no text; check that the right file was chosen.")

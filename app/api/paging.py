"""Pages on the wire: ids as cursors (channel); signed cursors and page numbers (REST framework)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Request

from app.domain.errors import NoSuchPage
from app.domain.paging import PageNumber, Span, Stretch, Window
from app.security.signing import Signer

DEFAULT_LIMIT = 10
MAX_LIMIT = 100
DEFAULT_SIZE = 20
_MOST_OFFSET = 2**31 - 1
T = TypeVar("T")


class Identified(Protocol):
    """What a cursor can point to."""

    @property
    def id(self) -> UUID:
        """The id that the client hands back as its cursor."""


def last_id(items: Sequence[Identified]) -> UUID | None:
    """The cursor to the page after `items`; None when this page is empty."""
    return items[-1].id if items else None


def page_size(query: Mapping[str, str]) -> int:
    """How many items are wanted; a bad figure is ignored, one above the most taken for the most."""
    return _figure(query.get("pageSize") or query.get("page_size"), MAX_LIMIT) or DEFAULT_SIZE


def page_number(query: Mapping[str, str]) -> PageNumber:
    """The page that is wanted by its number, or `last`.

    Raises: NoSuchPage.
    """
    raw = query.get("page") or "1"
    if raw == "last":
        return PageNumber(page_size(query), None)
    if not (raw.isascii() and raw.isdecimal()) or len(raw) > 12 or int(raw) < 1:
        raise NoSuchPage("Invalid page.")
    return PageNumber(page_size(query), int(raw))


class Link:
    """Addresses of the same list with another page; `base` is the server's own address."""

    def __init__(self, request: Request[Any, Any, Any], base: str) -> None:
        self._path = base + request.url.path
        self._query = [(name, value) for name, value in request.query_params.multi_items() if value]

    def to(self, **changes: str | None) -> str:
        """The address with these parameters in place of its own; None leaves one out."""
        kept = [(name, value) for name, value in self._query if name not in changes]
        added = [(name, value) for name, value in changes.items() if value is not None]
        query = urlencode(kept + added)
        return f"{self._path}?{query}" if query else self._path


def numbered_links(link: Link, page: PageNumber, total: int) -> tuple[str | None, str | None]:
    """The addresses of the next and the previous page."""
    number = page.within(total)
    following = link.to(page=str(number + 1)) if number * page.size < total else None
    before = None if number == 1 else link.to(page=None if number == 2 else str(number - 1))
    return following, before


def offset_span(query: Mapping[str, str]) -> Span:
    """The rows that `limit` and `offset` ask for; bad figures are ignored."""
    limit, offset = _figure(query.get("limit"), MAX_LIMIT), _figure(query.get("offset"), _MOST_OFFSET)
    return Span(offset or 0, limit or DEFAULT_SIZE)


def offset_links(link: Link, span: Span, total: int) -> tuple[str | None, str | None]:
    """The addresses of the next and the previous rows."""
    end, start = span.offset + span.limit, span.offset - span.limit
    following = link.to(limit=str(span.limit), offset=str(end)) if end < total else None
    if span.offset == 0:
        return following, None
    return following, link.to(limit=str(span.limit), offset=str(start) if start > 0 else None)


def _figure(raw: str | None, most: int) -> int | None:
    """The number, at most `most`; None for what is none."""
    if not raw or not (raw.isascii() and raw.isdecimal()):
        return None
    digits = raw.lstrip("0") or "0"
    return most if len(digits) > len(str(most)) else min(int(digits), most)


class Cursors:
    """Opaque cursors of one list, signed: one of another list or of a client's own making is refused."""

    def __init__(self, signer: Signer, of: str) -> None:
        self._signer = signer
        self._purpose = f"cursor:{of}"

    def window(self, query: Mapping[str, str]) -> Window:
        """What the query asks for.

        Raises: NoSuchPage (a cursor that was not made for this list).
        """
        size, text = page_size(query), query.get("cursor")
        if not text:
            return Window(size)
        data = self._signer.open_token(self._purpose, text)
        if data is None:
            raise NoSuchPage("Invalid cursor")
        newer, *position = msgspec.msgpack.decode(data, type=list[int])
        return Window(size, tuple(position), bool(newer))

    def links(
        self, link: Link, found: Stretch[T], position: Callable[[T], tuple[int, ...]]
    ) -> tuple[str | None, str | None]:
        """The addresses of the next (older) and the previous (newer) page."""
        if not found.items:
            return None, None
        following = link.to(cursor=self._text(False, position(found.items[-1]))) if found.has_older else None
        before = link.to(cursor=self._text(True, position(found.items[0]))) if found.has_newer else None
        return following, before

    def _text(self, newer: bool, position: tuple[int, ...]) -> str:
        return self._signer.token(self._purpose, msgspec.msgpack.encode([int(newer), *position]))

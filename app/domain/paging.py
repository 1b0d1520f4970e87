"""Pages of a list that grows: by position where rows are added, by number where a client asks for it."""

from typing import Generic, TypeVar
from uuid import UUID

from msgspec import Struct

from app.domain.errors import NoSuchPage

T = TypeVar("T")


class PageRequest(Struct, frozen=True):
    """Which page is wanted; `after` is the id of the last item of the page before."""

    limit: int = 10
    after: UUID | None = None


class Span(Struct, frozen=True):
    """Which rows of a short list are wanted."""

    offset: int = 0
    limit: int = 2**31 - 1


ALL = Span()


class PageOf(Struct, Generic[T], frozen=True):
    """One page; `total` counts all items of the list."""

    items: tuple[T, ...]
    total: int


class Window(Struct, frozen=True):
    """Which part of a list is wanted: up to `size` items beyond `position` (sort keys), older or newer."""

    size: int
    position: tuple[int, ...] | None = None
    newer: bool = False


class Stretch(Struct, Generic[T], frozen=True):
    """Part of a list, newest first, and whether there is more on either side."""

    items: tuple[T, ...]
    has_older: bool
    has_newer: bool


def stretch(found: tuple[T, ...], window: Window) -> Stretch[T]:
    """The part that `window` asks for, of up to `size + 1` items next to its position, newest first."""
    more = len(found) > window.size
    if window.newer:
        return Stretch(found[-window.size :], True, more)
    return Stretch(found[: window.size], more, window.position is not None)


class PageNumber(Struct, frozen=True):
    """A page by its number, from 1; None is the last one."""

    size: int
    number: int | None = 1

    def span(self, total: int) -> Span:
        """Where the page lies in a list of `total` items.

        Raises: NoSuchPage.
        """
        return Span((self.within(total) - 1) * self.size, self.size)

    def within(self, total: int) -> int:
        """The page's number in a list of `total` items; the first page of an empty list exists.

        Raises: NoSuchPage.
        """
        last = max(1, -(-total // self.size))
        number = last if self.number is None else self.number
        if not 1 <= number <= last:
            raise NoSuchPage("Invalid page.")
        return number

"""Pages of a list that grows: keyset cursors, never offsets."""

from typing import Generic, TypeVar
from uuid import UUID

from msgspec import Struct

T = TypeVar("T")


class PageRequest(Struct, frozen=True):
    """Which page is wanted; `after` is the id of the last item of the page before."""

    limit: int = 10
    after: UUID | None = None


class PageOf(Struct, Generic[T], frozen=True):
    """One page; `total` counts all items of the list."""

    items: tuple[T, ...]
    total: int

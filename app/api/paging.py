"""Pages on the wire: the limits of a page's size and the cursor that leads to the next page."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

DEFAULT_LIMIT = 10
MAX_LIMIT = 100


class Identified(Protocol):
    """What a cursor can point to."""

    @property
    def id(self) -> UUID:
        """The id that the client hands back as its cursor."""


def last_id(items: Sequence[Identified]) -> UUID | None:
    """The cursor to the page after `items`; None when this page is empty."""
    return items[-1].id if items else None

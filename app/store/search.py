"""Searching a long list for a text in two ways in turn, with budgets that grow.

Walking through the list in its order is soon done when many items hold the text; gathering them from the
index of all texts is when few do. What is spent is thus a small multiple of what the better way would take.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

from msgspec import Struct

# A walk that has found this share of a page (one in so many) is worth going on with.
_PROMISING = 8
# After one that has found nothing the next is not, so the index may take so many times as long.
_HOPELESS = 10


class Gathered(Struct, frozen=True):
    """What the index gave; not `complete` when more texts matched than were to be looked at."""

    complete: bool
    total: int
    ids: list[UUID]


class Ways(Struct, frozen=True):
    """How to walk through so much of the list (None: all of it), and how to gather so many texts."""

    walk: Callable[[int | None], Awaitable[list[UUID]]]
    gather: Callable[[int], Awaitable[Gathered]]


async def search(ways: Ways, limit: int, budgets: tuple[tuple[int, int], ...]) -> list[UUID]:
    """The first `limit` items that hold the text; budgets: how much to walk through, and to gather."""
    for turn, (near, texts) in enumerate(budgets):
        found = await ways.walk(near)
        if len(found) == limit:
            return found
        if turn == 0 and len(found) * _PROMISING > limit:
            continue
        gathered = await ways.gather(texts if found else texts * _HOPELESS)
        if gathered.complete:
            return gathered.ids
    return await ways.walk(None)

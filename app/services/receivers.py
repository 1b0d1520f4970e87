"""Receivers of webhooks as this process meets them: how many posts each has under way, and who is silent."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from app.domain.errors import Busy, Unavailable

# A slow receiver must leave room for the others; one that has answered nothing yet has one at a time.
AT_ONCE = 4
_NEXT_TURN_S = 5
# What fails sooner holds nobody up.
_SILENCE_S = 1.0
_NEVER = (0.0, "")


class Receivers:
    """Gives turns to post, a few at once to who answers, and none for a while to who kept silent."""

    def __init__(self) -> None:
        self._under_way: Counter[UUID] = Counter()
        self._answering: set[UUID] = set()
        self._silent: dict[UUID, tuple[float, str]] = {}

    @contextmanager
    def turn(self, webhook_id: UUID, rest_s: float) -> Iterator[None]:
        """A turn to post; where that ends in silence, there is no other for `rest_s`.

        Raises: Busy while there are enough posts under way, Unavailable while the receiver is left alone.
        """
        begun = time.monotonic()
        until, reason = self._silent.get(webhook_id, _NEVER)
        if begun < until:
            raise Unavailable(reason)
        if self._under_way[webhook_id] >= (AT_ONCE if webhook_id in self._answering else 1):
            raise Busy("The receiver has enough posts under way.", _NEXT_TURN_S)
        self._under_way[webhook_id] += 1
        try:
            yield
            self._answering.add(webhook_id)
            self._silent.pop(webhook_id, None)
        except Unavailable as error:
            now = time.monotonic()
            self._answering.discard(webhook_id)
            if now - begun > _SILENCE_S:
                until, _ = self._silent.get(webhook_id, _NEVER)
                self._silent[webhook_id] = (max(until, now + rest_s), error.message)
            raise
        finally:
            self._under_way[webhook_id] -= 1
            if not self._under_way[webhook_id]:
                del self._under_way[webhook_id]

"""What one key may ask for in a minute, and how large a body may be."""

import time
from collections import OrderedDict
from collections.abc import Callable

JSON_BODY_BYTES = 2 * 1024 * 1024
"""A JSON body: the longest message or row with its metadata."""

MULTIPART_OVERHEAD_BYTES = 1024 * 1024
"""What the form fields and boundaries of an upload may add to its file."""

SOCKET_MESSAGE_BYTES = 256 * 1024
"""One message over a WebSocket."""

_MOST_KEYS = 50_000


def upload_body_bytes(max_upload_mb: int) -> int:
    """The largest body of an upload request, form fields included."""
    return max_upload_mb * 1024 * 1024 + MULTIPART_OVERHEAD_BYTES


class RateLimiter:
    """A token bucket for each key, within one process.

    The least recently used bucket is dropped at `most_keys`, so memory is bounded. Count known keys (a key's
    id), not what a stranger sends: strangers could otherwise push out the buckets of others.
    """

    def __init__(
        self,
        per_minute: int,
        burst: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        most_keys: int = _MOST_KEYS,
    ) -> None:
        self._per_second = per_minute / 60
        self._burst = float(max(1, per_minute if burst is None else burst))
        self._clock = clock
        self._most_keys = most_keys
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """0 when the request may pass, else the seconds until the next one may; a refusal costs nothing.

        Units: seconds.
        """
        now = self._clock()
        tokens, filled_at = self._buckets.pop(key, (self._burst, now))
        tokens = min(self._burst, tokens + max(0.0, now - filled_at) * self._per_second)
        # The bucket fills in floating point; a hair under one token is one.
        passes = tokens >= 1 - 1e-9
        self._buckets[key] = (max(0.0, tokens - 1) if passes else tokens, now)
        if len(self._buckets) > self._most_keys:
            self._buckets.popitem(last=False)
        return 0.0 if passes else (1 - tokens) / self._per_second

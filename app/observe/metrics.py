"""What is counted, in the format of Prometheus."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST
# An answer of a language model on a small machine takes minutes.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180)


class Metrics:
    """The figures of one process, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self.requests = Counter(
            "lectern_http_requests", "Requests", ("method", "route", "status"), registry=self._registry
        )
        self.seconds = Histogram(
            "lectern_http_request_seconds",
            "Time from the request to the end of its reply, streams included",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.first_byte_seconds = Histogram(
            "lectern_http_first_byte_seconds",
            "Time from the request to the start of its reply",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.in_progress = Gauge(
            "lectern_http_requests_in_progress", "Requests being answered now", registry=self._registry
        )

    def render(self) -> bytes:
        """All figures as text."""
        return generate_latest(self._registry)

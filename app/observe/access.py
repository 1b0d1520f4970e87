"""Around every request: an id that names it in the logs, one access line, its figures."""

import re
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from uuid import uuid4

import structlog

from app.domain.errors import DomainError, Unavailable
from app.observe.metrics import Metrics
from app.observe.redact import redact_text

# The door's shape of an ASGI application, without the framework's own types.
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

REQUEST_ID_HEADER = "X-Request-ID"
_USABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
# Asked every few seconds by machines: worth a line only when someone debugs.
_ROUTINE = ("/health/", "/metrics")

log = structlog.get_logger()


class Observed:
    """An ASGI application whose requests are counted and logged."""

    def __init__(self, application: Application, metrics: Metrics) -> None:
        self._application = application
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        request_id = _request_id(scope["headers"])
        seen = _Seen(send, request_id)
        bound = structlog.contextvars.bound_contextvars(request_id=request_id)
        with bound, self._metrics.in_progress.track_inprogress():
            try:
                await self._application(scope, receive, seen.send)
            finally:
                self._report(scope, seen)

    def _report(self, scope: Scope, seen: "_Seen") -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        # The template, never the path itself: ids would make a series each.
        route = scope.get("path_template") or "unknown"
        total_s = time.perf_counter() - seen.started_at
        self._metrics.requests.labels(method, route, str(seen.status)).inc()
        self._metrics.seconds.labels(method, route).observe(total_s)
        if seen.first_byte_s is not None:
            self._metrics.first_byte_seconds.labels(method, route).observe(seen.first_byte_s)
        write = log.debug if scope["path"].startswith(_ROUTINE) else log.info
        write(
            "request",
            method=method,
            path=redact_text(scope["path"]),
            query=redact_text(scope.get("query_string", b"").decode("latin-1")),
            status=seen.status,
            duration_ms=round(total_s * 1000, 1),
            reply_bytes=seen.reply_bytes,
            client=(scope.get("client") or ("",))[0],
        )


class _Seen:
    """What passed through `send`; status 499 while nothing did, as when the client left first."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.started_at = time.perf_counter()
        self.status = 499
        self.first_byte_s: float | None = None
        self.reply_bytes = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.first_byte_s = time.perf_counter() - self.started_at
            header = (REQUEST_ID_HEADER.lower().encode(), self._request_id.encode())
            message["headers"] = [*message.get("headers", ()), header]
        self.reply_bytes += len(message.get("body", b""))
        await self._send(message)


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    name = REQUEST_ID_HEADER.lower().encode()
    sent = next((value.decode("latin-1") for key, value in headers if key == name), "")
    # Only a harmless id is taken over: it goes into logs and back into a header.
    return sent if _USABLE_ID.fullmatch(sent) else uuid4().hex


async def log_failure(error: Exception, scope: Any) -> None:
    """Litestar's `after_exception` hook: our own faults go to the log with their traceback."""
    if getattr(error, "status_code", 500) >= 500 and not _is_expected(error):
        log.error("request failed", path=redact_text(scope["path"]), exc_info=error)


def _is_expected(error: Exception) -> bool:
    told = isinstance(error, DomainError) and not isinstance(error, Unavailable)
    return told or "client disconnected" in str(error)

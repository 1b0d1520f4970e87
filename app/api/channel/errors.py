"""What went wrong, in the channel API's shape and with its documented status codes.

Source: seed 003, every heading's "Status codes"; the body's shape and 405 and 413 are chosen.
"""

from collections.abc import Mapping
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException

from app.api.channel import wire
from app.domain import errors

_OUR_FAULT = "An error occurred on the server; its log names the cause."
_CONFLICT_RETRY_AFTER_S = 10

DOCUMENTED = (400, 403, 404, 429, 500)
# What the document does not foresee takes the nearest of its codes.
STATUS: Mapping[type[errors.DomainError], int] = {
    errors.NotFound: 404,
    errors.NoSuchPage: 404,
    errors.Unauthorized: 403,
    errors.Forbidden: 403,
    errors.Invalid: 400,
    errors.Conflict: 429,
    errors.Busy: 429,
    errors.Exhausted: 429,
    errors.TooLarge: 413,
    errors.Unavailable: 500,
}
_HTTP_MESSAGES: Mapping[int, str] = {
    404: "There is nothing at this address.",
    405: "This address does not take this method; the Allow header names those it takes.",
    413: "The body is too large.",
}


def render(_request: Request[Any, Any, Any], error: Exception) -> Response[wire.Failure]:
    """The reply to a request that failed."""
    if isinstance(error, errors.DomainError):
        return _reply(_status(error), message_of(error), _retry_after(error))
    if isinstance(error, HTTPException) and error.status_code < 500:
        message = _HTTP_MESSAGES.get(error.status_code, error.detail)
        return _reply(error.status_code, message, dict(error.headers or {}))
    return _reply(500, _OUR_FAULT, {})


def message_of(error: errors.DomainError) -> str:
    """One sentence, which starts with the field's name when the error is about one."""
    if isinstance(error, errors.Invalid) and error.field and not error.message.startswith(error.field):
        return f"{error.field}: {error.message}"
    return error.message


def _status(error: errors.DomainError) -> int:
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def _retry_after(error: errors.DomainError) -> dict[str, str]:
    if isinstance(error, errors.Busy | errors.Exhausted):
        return {"Retry-After": str(max(1, error.retry_after_s))}
    if isinstance(error, errors.Conflict):
        return {"Retry-After": str(_CONFLICT_RETRY_AFTER_S)}
    return {}


def _reply(status: int, message: str, headers: dict[str, str]) -> Response[wire.Failure]:
    return Response(
        wire.Failure(message=message), status_code=status, headers=headers, media_type="application/json"
    )

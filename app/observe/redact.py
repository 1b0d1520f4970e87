"""Taking secrets out of what is logged: headers, query strings, paths, and whatever looks like a key."""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

MASK = "***"

_SECRET_NAMES = frozenset(
    {
        "access-token",
        "api-key",
        "apikey",
        "authorization",
        "cookie",
        "key",
        "password",
        "proxy-authorization",
        "secret",
        "secret-key",
        "set-cookie",
        "token",
        "x-api-key",
        "x-api-secret-key",
    }
)
_OWN_KEY = re.compile(r"\b(?:l[cmpga]_|sk-)[A-Za-z0-9_-]{20,}")
_BEARER = re.compile(r"\b(Bearer|Api-Key|Token)\s+[^\s,;\"']+", re.IGNORECASE)
_QUERY_PAIR = re.compile(r"(?P<lead>^|[?&;])(?P<name>[^=&;?\s]+)=(?P<value>[^&;\s#]*)")
_URL_PASSWORD = re.compile(r"(://[^:/@\s]*:)[^@/\s]+@")
# Some doors carry the key as a segment of the path; a file's link is its own key.
_KEY_SEGMENT = re.compile(r"(/ws/chat/|/api/(?:v1/)?files/)[^/?\s]+")


def is_secret_name(name: str) -> bool:
    """Whether a header, parameter or field of that name carries a secret."""
    plain = name.lower().replace("_", "-")
    return plain in _SECRET_NAMES or plain.endswith(("-key", "-secret", "-token", "-password"))


def redact_text(text: str) -> str:
    """The text without keys, bearer tokens, passwords in URLs and secret query values."""
    text = _OWN_KEY.sub(lambda match: match.group()[:9] + MASK, text)
    text = _KEY_SEGMENT.sub(rf"\1{MASK}", text)
    text = _URL_PASSWORD.sub(rf"\1{MASK}@", text)
    text = _QUERY_PAIR.sub(_mask_pair, text)
    return _BEARER.sub(rf"\1 {MASK}", text)


def redact_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers, the secret ones masked."""
    return {name: MASK if is_secret_name(name) else redact_text(value) for name, value in headers.items()}


def redact_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: the event with every value redacted, however deep."""
    return {name: _redact(name, value) for name, value in event.items()}


def _redact(name: str, value: Any) -> Any:
    if is_secret_name(name) and isinstance(value, str | bytes):
        return MASK
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes):
        return redact_text(value.decode("utf-8", "replace"))
    if isinstance(value, Mapping):
        return {inner: _redact(str(inner), item) for inner, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redact("", item) for item in value]
    return value


def _mask_pair(match: re.Match[str]) -> str:
    value = MASK if is_secret_name(match["name"]) else match["value"]
    return f"{match['lead']}{match['name']}={value}"

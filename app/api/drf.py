"""Django REST Framework's forms: bodies read field by field, and what is answered when something is wrong.

Source: contracts/README.md, "Django REST Framework forms"; three doors follow them.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from msgspec import inspect

from app.domain import errors
from app.security.limits import JSON_BODY_BYTES

T = TypeVar("T", bound=msgspec.Struct)
Wrong = list[str] | dict[str, Any] | list[Any]

REQUIRED = "This field is required."
NOT_FOUND = "Not found."
_NOT_NULL = "This field may not be null."
_NO_NUL = "Null characters are not allowed."
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s/?#\x00-\x1f]+(?:[/?#]\S*)?", re.IGNORECASE)
# PostgreSQL keeps no NUL, in JSON either; an escaped backslash before "u0000" is something else.
_NUL_IN_JSON = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_SHOWN_CHARS = 100
_MOST_JSON_BYTES = 65_536
# What is taken is written and read again, by code whose stack is finite and at times nearly full.
_MOST_LEVELS = 100
_CONFLICT_RETRY_AFTER_S = 10

KEY = {"form": "key"}
"""`Meta(extra=KEY)`: an id that points to another object; malformed and absent have words of their own."""
URL = {"form": "url"}
"""`Meta(extra=URL)`: a web address."""
FILLED = {"form": "filled"}
"""`Meta(extra=FILLED)`: a text that says something."""


class WrongFields(Exception):
    """A body or query that can't be taken; `fields` says why, by the names on the wire."""

    status_code = 400

    def __init__(self, fields: Mapping[str, Any]) -> None:
        super().__init__(str(fields))
        self.fields = fields


class Unsupported(Exception):
    """A body of another media type than JSON."""

    status_code = 415


# --- what is answered when something is wrong


def render(request: Request[Any, Any, Any], error: Exception, challenge: str) -> Response[Any]:
    """The reply to a request that failed; `challenge` names the scheme of the door's credentials."""
    if isinstance(error, WrongFields):
        return _reply(400, error.fields)
    if isinstance(error, errors.Invalid):
        return _reply(400, nested(error.field, error.message))
    if isinstance(error, errors.DomainError):
        return _reply(*_of_domain(error, challenge))
    if isinstance(error, Unsupported):
        return _detail(415, f'Unsupported media type "{error}" in request.')
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _of_http(request, error)
    return _detail(500, "A server error occurred.")


def nested(field: str, message: str) -> dict[str, Any]:
    """The body that refuses one field; `a.b` is field b of object a, no field the body as a whole."""
    *outer, last = (field or "non_field_errors").split(".")
    body: dict[str, Any] = {last: [message]}
    for name in reversed(outer):
        body = {name: body}
    return body


_STATUS: Mapping[type[errors.DomainError], int] = {
    errors.NotFound: 404,
    errors.NoSuchPage: 404,
    errors.Unauthorized: 401,
    errors.Forbidden: 403,
    errors.Conflict: 409,
    errors.Busy: 429,
    errors.Exhausted: 429,
    errors.TooLarge: 413,
    errors.Unavailable: 503,
}
_TOLD: Mapping[type[errors.DomainError], str] = {
    errors.NotFound: NOT_FOUND,
    errors.Forbidden: "You do not have permission to perform this action.",
}


def _of_domain(error: errors.DomainError, challenge: str) -> tuple[int, Any, dict[str, str]]:
    kind = next((kind for kind in type(error).__mro__ if kind in _STATUS), None)
    if kind is None:
        return 500, {"detail": "A server error occurred."}, {}
    if isinstance(error, errors.Busy | errors.Exhausted):
        seconds = max(1, error.retry_after_s)
        words = f"Expected available in {seconds} second{'' if seconds == 1 else 's'}."
        return 429, {"detail": f"Request was throttled. {words}"}, {"Retry-After": str(seconds)}
    headers = {"WWW-Authenticate": challenge} if kind is errors.Unauthorized else {}
    return _STATUS[kind], {"detail": _TOLD.get(kind, error.message)}, headers


def _of_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    headers = dict(error.headers or {})
    told = {
        404: NOT_FOUND,
        405: f'Method "{request.method}" not allowed.',
        413: "The body is too large.",
    }
    return _reply(error.status_code, {"detail": told.get(error.status_code, error.detail)}, headers)


def _detail(status: int, words: str) -> Response[Any]:
    return _reply(status, {"detail": words})


def _reply(status: int, body: Any, headers: dict[str, str] | None = None) -> Response[Any]:
    return Response(body, status_code=status, headers=headers, media_type="application/json")


# --- how bodies and queries are read


async def read_body(request: Request[Any, Any, Any], kind: type[T], most_bytes: int = JSON_BODY_BYTES) -> T:
    """The JSON body as `kind`; fields come in camelCase or snake_case, unknown ones are ignored.

    Raises: WrongFields (all wrong fields at once), Unsupported, Invalid (no JSON object),
    RequestEntityTooLarge.
    """
    raw = bytearray()
    # Where files are taken too, the route's own limit is theirs.
    async for piece in request.stream():
        raw += piece
        if len(raw) > most_bytes:
            raise RequestEntityTooLarge
    return convert(_decoded(request, bytes(raw)), kind)


def read_query(request: Request[Any, Any, Any], kind: type[T]) -> T:
    """The query's parameters as `kind`; an empty one counts as absent.

    Raises: WrongFields.
    """
    return convert({name: value for name, value in request.query_params.items() if value}, kind)


def convert(body: Any, kind: type[T]) -> T:
    """The object as `kind`.

    Raises: WrongFields.
    """
    values, wrong = _object(_known(kind), body)
    if wrong:
        raise WrongFields(wrong)
    return kind(**values)


@contextmanager
def within(field: str) -> Iterator[None]:
    """What is refused inside the block is refused as a part of that field."""
    try:
        yield
    except errors.Invalid as error:
        raise errors.Invalid(error.message, f"{field}.{error.field}") from error


def no_such(field: str, value: object) -> WrongFields:
    """What to raise for a foreign key that points to nothing."""
    return WrongFields(nested(field, f'Invalid pk "{value}" - object does not exist.'))


def _decoded(request: Request[Any, Any, Any], raw: bytes) -> Any:
    if not raw.strip():
        return {}
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type and media_type != "application/json" and not media_type.endswith("+json"):
        raise Unsupported(request.headers["content-type"][:_SHOWN_CHARS])
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise errors_of_json(raw, error) from None
    if _levels(body) > _MOST_LEVELS:
        raise errors_of_json(raw, RecursionError())
    return body


def _levels(value: Any) -> int:
    """How deep lists and objects lie in each other."""
    levels, layer = 0, [value]
    while layer := [one for one in layer if isinstance(one, dict | list)]:
        levels += 1
        layer = [inner for one in layer for inner in (one.values() if isinstance(one, dict) else one)]
    return levels


def errors_of_json(raw: bytes, error: Exception) -> Exception:
    """What to raise for a body that is no JSON, in the words of Python's own parser where it objects too."""
    words = "nested too deeply" if isinstance(error, RecursionError) else str(error)
    try:
        json.loads(raw)
    except json.JSONDecodeError as found:
        words = str(found)
    except (ValueError, RecursionError):
        # Not UTF-8, or a number of more digits than Python reads.
        pass
    return HTTPException(status_code=400, detail=f"JSON parse error - {words}")


_KINDS: dict[type, inspect.StructType] = {}


def _known(kind: type[msgspec.Struct]) -> inspect.StructType:
    if kind not in _KINDS:
        _KINDS[kind] = inspect.type_info(kind)  # type: ignore[assignment]
    return _KINDS[kind]


def _object(kind: inspect.StructType, body: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values of the fields that are right, and what is wrong with the others."""
    if not isinstance(body, dict):
        words = f"Invalid data. Expected a dictionary, but got {type(body).__name__}."
        return {}, {"non_field_errors": [words]}
    values: dict[str, Any] = {}
    wrong: dict[str, Any] = {}
    for field in kind.fields:
        name = field.encode_name if field.encode_name in body else field.name
        if name not in body:
            if field.required:
                wrong[field.encode_name] = [REQUIRED]
            continue
        try:
            values[field.name] = _value(field.type, body[name])
        except _Refused as refused:
            wrong[field.encode_name] = refused.wrong
    return values, wrong


class _Refused(Exception):
    def __init__(self, wrong: Wrong | str) -> None:
        super().__init__()
        self.wrong: Wrong = [wrong] if isinstance(wrong, str) else wrong


def _value(kind: inspect.Type, value: Any) -> Any:
    form = None
    if isinstance(kind, inspect.Metadata):
        form, kind = (kind.extra or {}).get("form"), kind.type
    if isinstance(kind, inspect.UnionType):
        if value is None or (value == "" and _points(kind)):
            return None
        (kind,) = (one for one in kind.types if not isinstance(one, inspect.NoneType))
        return _value(kind, value)
    if value is None and not isinstance(kind, inspect.AnyType):
        raise _Refused(_NOT_NULL)
    return _READERS[type(kind)](kind, value, form)


def _points(kind: inspect.UnionType) -> bool:
    return any(isinstance(one, inspect.Metadata) and one.extra == KEY for one in kind.types)


def _text(kind: Any, value: Any, form: str | None) -> str:
    if not isinstance(value, str):
        raise _Refused("Not a valid string.")
    if "\0" in value:
        raise _Refused(_NO_NUL)
    if form == "filled" and not value.strip():
        raise _Refused("This field may not be blank.")
    if kind.max_length is not None and len(value) > kind.max_length:
        raise _Refused(f"Ensure this field has no more than {kind.max_length} characters.")
    if form == "url" and not _URL.fullmatch(value):
        raise _Refused("Enter a valid URL.")
    return value


def _truth(_kind: Any, value: Any, _form: str | None) -> bool:
    if not isinstance(value, bool):
        raise _Refused("Must be a valid boolean.")
    return value


def _whole(kind: Any, value: Any, _form: str | None) -> int:
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Refused("A valid integer is required.")
    if kind.le is not None and value > kind.le:
        raise _Refused(f"Ensure this value is less than or equal to {kind.le}.")
    if kind.ge is not None and value < kind.ge:
        raise _Refused(f"Ensure this value is greater than or equal to {kind.ge}.")
    return value


def _uuid(_kind: Any, value: Any, form: str | None) -> UUID:
    if isinstance(value, str) and _UUID.fullmatch(value):
        return UUID(value)
    if form == "key":
        shown = value if isinstance(value, str) else json.dumps(value)
        raise _Refused(f"“{shown[:_SHOWN_CHARS]}” is not a valid UUID.")
    raise _Refused("Must be a valid UUID.")


def _choice(kind: Any, value: Any, _form: str | None) -> Any:
    values = [one.value for one in kind.cls] if isinstance(kind, inspect.EnumType) else kind.values
    if not isinstance(value, str) or value not in values:
        shown = value if isinstance(value, str) else json.dumps(value)
        raise _Refused(f'"{shown[:_SHOWN_CHARS]}" is not a valid choice.')
    return kind.cls(value) if isinstance(kind, inspect.EnumType) else value


def _day(_kind: Any, value: Any, _form: str | None) -> date:
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{1,2}-\d{1,2}", value, re.ASCII):
            return date(*map(int, value.split("-")))
    except ValueError:
        pass
    raise _Refused("Date has wrong format. Use one of these formats instead: YYYY-MM-DD.")


def _dictionary(_kind: Any, value: Any, _form: str | None) -> Any:
    if not isinstance(value, dict):
        raise _Refused(f'Expected a dictionary of items but got type "{type(value).__name__}".')
    # Lists show it again with every message.
    if len(msgspec.json.encode(value)) > _MOST_JSON_BYTES:
        raise _Refused(f"Ensure this field has no more than {_MOST_JSON_BYTES} bytes.")
    return _anything(_kind, value, _form)


def _list(kind: Any, value: Any, _form: str | None) -> list[Any]:
    if not isinstance(value, list):
        raise _Refused(f'Expected a list of items but got type "{type(value).__name__}".')
    if kind.max_length is not None and len(value) > kind.max_length:
        raise _Refused(f"Ensure this field has no more than {kind.max_length} elements.")
    items: list[Any] = []
    wrong: list[Any] = []
    for item in value:
        try:
            items.append(_value(kind.item_type, item))
            wrong.append({})
        except _Refused as refused:
            wrong.append(refused.wrong)
    if any(wrong):
        raise _Refused(wrong)
    return items


def _struct(kind: Any, value: Any, _form: str | None) -> Any:
    values, wrong = _object(kind, value)
    if wrong:
        raise _Refused(wrong)
    return kind.cls(**values)


def _anything(_kind: Any, value: Any, _form: str | None) -> Any:
    if _NUL_IN_JSON.search(msgspec.json.encode(value)):
        raise _Refused(_NO_NUL)
    return value


_READERS: Mapping[type, Callable[[Any, Any, str | None], Any]] = {
    inspect.StrType: _text,
    inspect.BoolType: _truth,
    inspect.IntType: _whole,
    inspect.UUIDType: _uuid,
    inspect.LiteralType: _choice,
    inspect.EnumType: _choice,
    inspect.DateType: _day,
    inspect.DictType: _dictionary,
    inspect.ListType: _list,
    inspect.StructType: _struct,
    inspect.AnyType: _anything,
}

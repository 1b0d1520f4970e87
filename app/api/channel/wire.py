"""The channel API's bodies as they stand on the wire, and how a request is read into them.

Source: seed 003 (every heading's parameters and example response).
"""

import re
from typing import Annotated, Any, Literal, TypeVar, get_args
from uuid import UUID

import msgspec
from litestar import Request
from msgspec import UNSET, Meta, Struct, UnsetType

from app.api.paging import DEFAULT_LIMIT, MAX_LIMIT
from app.domain.errors import Invalid

MAX_MESSAGE_CHARS = 32_000
MAX_NAME_CHARS = 500
MAX_ROWS = 10_000

# PostgreSQL keeps no NUL characters, and a blank question or name says nothing.
_ANY_TEXT = r"\A[^\x00]*\Z"
_SAYS_SOMETHING = r"\A(?=\s*\S)[^\x00]*\Z"

MessageText = Annotated[str, Meta(max_length=MAX_MESSAGE_CHARS, pattern=_SAYS_SOMETHING)]
RowName = Annotated[str, Meta(max_length=MAX_NAME_CHARS, pattern=_SAYS_SOMETHING)]
RowContent = Annotated[str, Meta(pattern=_ANY_TEXT)]
Limit = Annotated[int, Meta(ge=1, le=MAX_LIMIT)]
Interval = Literal["day", "week", "month"]
State = Literal["not_synced", "syncing", "synced", "sync_error"]


class _Body(Struct, frozen=True, rename="camel"):
    pass


class SendMessage(_Body, frozen=True):
    """`response` is what the document's one-off heading calls the message."""

    message: MessageText | None = None
    response: MessageText | None = None
    conversation_id: UUID | None = None
    stream: bool | None = None


class ListItems(_Body, frozen=True):
    """Which page is wanted."""

    limit: Limit | None = DEFAULT_LIMIT
    cursor: UUID | None = None


class ListMessages(_Body, frozen=True):
    """Which page of which conversation is wanted."""

    conversation_id: UUID
    limit: Limit | None = DEFAULT_LIMIT
    cursor: UUID | None = None


class ListRows(_Body, frozen=True):
    """Which page of which data source is wanted."""

    data_source_id: UUID
    limit: Limit | None = DEFAULT_LIMIT
    cursor: UUID | None = None


class SourceId(_Body, frozen=True):
    """A data source by its id."""

    data_source_id: UUID


class ChangeSource(_Body, frozen=True):
    """How often a data source is synced by itself; None is never."""

    data_source_id: UUID
    sync_interval: Interval | None = None


class RowId(_Body, frozen=True):
    """A row by its id and that of its data source."""

    data_source_id: UUID
    data_source_row_id: UUID


class NewRow(_Body, frozen=True):
    """A row to create."""

    name: RowName
    content: RowContent


class ChangedRow(_Body, frozen=True):
    """A row to change; what is left out stays."""

    id: UUID
    name: RowName | None = None
    content: RowContent | None = None


class RowReference(_Body, frozen=True):
    """A row to delete."""

    id: UUID


class CreateRows(_Body, frozen=True):
    """Rows to create in a data source."""

    data_source_id: UUID
    data_source_rows: Annotated[list[NewRow], Meta(max_length=MAX_ROWS)]


class ChangeRows(_Body, frozen=True):
    """Rows to change in a data source."""

    data_source_id: UUID
    data_source_rows: Annotated[list[ChangedRow], Meta(max_length=MAX_ROWS)]


class DeleteRows(_Body, frozen=True):
    """Rows to delete from a data source; `dataSourceRowId` names a single one."""

    data_source_id: UUID
    data_source_rows: Annotated[list[RowReference], Meta(max_length=MAX_ROWS)] | None = None
    data_source_row_id: UUID | None = None


class Failure(_Body, frozen=True, kw_only=True):
    """Every error."""

    success: Literal[False] = False
    message: str


class Success(_Body, frozen=True, kw_only=True):
    """A call that returns nothing else."""

    success: Literal[True] = True


class StartedConversation(_Body, frozen=True, kw_only=True):
    """A new conversation with its greeting."""

    success: Literal[True] = True
    conversation_id: UUID
    response: str


class Citation(_Body, frozen=True):
    """A verified mark of an answer: the document's text from `start` to `end` is the excerpt."""

    number: int
    title: str
    url: str | None
    page: int | None
    start: int
    end: int
    excerpt: str
    score: float


class Answer(_Body, frozen=True, kw_only=True):
    """A whole answer."""

    success: Literal[True] = True
    conversation_id: UUID
    response: str
    citations: list[Citation]


class Pagination(_Body, frozen=True):
    """How many items there are, and the cursor to the next page."""

    total: int
    last: UUID | None


class ConversationItem(_Body, frozen=True):
    """One conversation of a list."""

    id: UUID
    created_at: str
    initial_message: str


class Conversations(_Body, frozen=True, kw_only=True):
    """A page of conversations."""

    success: Literal[True] = True
    conversations: list[ConversationItem]
    pagination: Pagination


class MessageItem(_Body, frozen=True):
    """One message of a conversation."""

    id: UUID
    message: str
    role: str
    created_at: str
    citations: list[Citation]


class Messages(_Body, frozen=True, kw_only=True):
    """A page of messages."""

    success: Literal[True] = True
    messages: list[MessageItem]
    pagination: Pagination


class DataSource(_Body, frozen=True):
    """One data source; `error` is there when its last sync failed."""

    id: UUID
    state: State
    last_sync: str | None
    sync_interval: Interval | None
    created_at: str
    type: Literal["MANUAL"] = "MANUAL"
    error: str | UnsetType = UNSET


class OneDataSource(_Body, frozen=True, kw_only=True):
    """One data source."""

    success: Literal[True] = True
    data_source: DataSource


class DataSources(_Body, frozen=True, kw_only=True):
    """A page of data sources."""

    success: Literal[True] = True
    data_sources: list[DataSource]
    pagination: Pagination


class RowItem(_Body, frozen=True):
    """One row of a list."""

    id: UUID
    name: str


class Rows(_Body, frozen=True, kw_only=True):
    """A page of rows."""

    success: Literal[True] = True
    data_source_rows: list[RowItem]
    pagination: Pagination


class DataSourceRow(_Body, frozen=True):
    """One row with its content; `error` is there when its last sync failed."""

    id: UUID
    name: str
    state: State
    last_sync: str | None
    created_at: str
    content: str
    type: Literal["MANUAL"] = "MANUAL"
    error: str | UnsetType = UNSET


class OneRow(_Body, frozen=True, kw_only=True):
    """One row."""

    success: Literal[True] = True
    data_source_row: DataSourceRow


class Delta(Struct, frozen=True, omit_defaults=True):
    """What a chunk adds to the answer."""

    role: str | None = None
    content: str | None = None


class Choice(Struct, frozen=True):
    """The only choice of a chunk."""

    delta: Delta
    index: int = 0
    finish_reason: str | None = None


class Chunk(_Body, frozen=True, kw_only=True):
    """One piece of a streamed answer; the last one carries the citations and the conversation."""

    id: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int
    model: str
    choices: list[Choice]
    citations: list[Citation] | UnsetType = UNSET
    conversation_id: UUID | UnsetType = UNSET


class Broken(Struct, frozen=True):
    """Why a stream ends early."""

    message: str


class BrokenStream(Struct, frozen=True):
    """The last event of a stream that ends early."""

    error: Broken


T = TypeVar("T")


async def read_request(request: Request[Any, Any, Any], kind: type[T]) -> T:
    """The JSON body of a request; GET and DELETE may give their ids in the query as well.

    An absent or empty body counts as an empty object, whatever the content type says.

    Raises: Invalid that names the field.
    """
    body = _decode_object(await request.body())
    if request.method in ("GET", "DELETE"):
        body = {**dict(request.query_params), **body}
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise explain(str(error)) from None


def _decode_object(raw: bytes) -> dict[str, Any]:
    if not raw.strip():
        return {}
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Invalid("The body is not valid JSON in UTF-8.") from None
    except RecursionError:
        raise Invalid("The body is nested too deeply.") from None
    if not isinstance(body, dict):
        raise Invalid("The body must be a JSON object.")
    return body


_PLACE = re.compile(r" - at `\$\.?(.*)`$")
_MISSING = re.compile(r"^Object missing required field `(.+)`$")
_NAMES = {
    "array": "a list",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "null": "null",
    "object": "an object",
    "str": "a string",
    "uuid": "an id (a UUID)",
}


def explain(error: str) -> Invalid:
    """What msgspec found wrong, in words for a person, with the field's name on the wire."""
    place = _PLACE.search(error)
    field = place.group(1) if place else ""
    text = _PLACE.sub("", error)
    if missing := _MISSING.match(text):
        name = missing.group(1)
        return Invalid("This field is required.", f"{field}.{name}" if field else name)
    return Invalid(_in_words(text), field)


def _in_words(text: str) -> str:
    if text == "Invalid UUID":
        return "This is not an id (a UUID)."
    if text.startswith("Expected `str` matching regex"):
        return "This must hold text and no NUL characters."
    if text.startswith("Invalid enum value"):
        # The only choice that a body of this door holds.
        return f"This must be {', '.join(get_args(Interval))} or null."
    if length := re.search(r"of length <= (\d+)", text):
        return f"This is too long: {length.group(1)} is the most."
    if bound := re.search(r"([<>])= (\d+)$", text):
        return f"This must be {'at least' if bound.group(1) == '>' else 'at most'} {bound.group(2)}."
    return re.sub(r"`([^`]+)`", _name_types, text) + "."


def _name_types(match: re.Match[str]) -> str:
    return " or ".join(_NAMES.get(name, name) for name in match.group(1).split(" | "))

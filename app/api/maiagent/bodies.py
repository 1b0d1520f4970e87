"""What clients of the MaiAgent API send: bodies and queries.

Source: seeds 001 and 004 (every heading's request), contracts/maiagent.md.
"""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from app.api.drf import FILLED, KEY, URL
from app.domain.feedback import FeedbackKind

MAX_MESSAGE_CHARS = 32_000
MAX_NAME_CHARS = 255
MAX_ATTACHMENTS = 10
MAX_URL_CHARS = 2048

Key = Annotated[UUID, Meta(extra=KEY)]
Text = Annotated[str, Meta(max_length=MAX_MESSAGE_CHARS)]
FilledText = Annotated[str, Meta(max_length=MAX_MESSAGE_CHARS, extra=FILLED)]
Name = Annotated[str, Meta(max_length=MAX_NAME_CHARS)]
FilledName = Annotated[str, Meta(max_length=MAX_NAME_CHARS, extra=FILLED)]
Address = Annotated[str, Meta(max_length=MAX_URL_CHARS, extra=URL)]
# A link, or the key of a presigned upload.
FilePlace = Annotated[str, Meta(max_length=MAX_URL_CHARS, extra=FILLED)]


class _Body(Struct, frozen=True, rename="camel"):
    pass


class OfferedAttachment(_Body, frozen=True):
    """A file that comes with a message; a type that can't be read counts as `other`."""

    filename: FilledName
    file: FilePlace
    id: Any = None
    type: Any = None


class AskedMessage(_Body, frozen=True):
    """What is asked, and by whom."""

    content: FilledText
    content_payload: dict[str, Any] | None = None
    query_metadata: dict[str, Any] | None = None
    attachments: Annotated[list[OfferedAttachment], Meta(max_length=MAX_ATTACHMENTS)] | None = None
    sender: Key | None = None


class Completion(_Body, frozen=True):
    """A question to a chatbot."""

    message: AskedMessage
    conversation: Key | None = None
    is_streaming: bool | None = None


class NewCanvas(_Body, frozen=True):
    """A drawing that comes with a message."""

    name: FilledName
    canvas_type: Any
    title: Name
    content: Text


class NewMessage(_Body, frozen=True):
    """A message to store, and to answer unless it is outgoing."""

    conversation: Key
    type: Annotated[str, Meta(max_length=50)] | None = None
    content: Text | None = None
    content_payload: dict[str, Any] | None = None
    attachments: Annotated[list[OfferedAttachment], Meta(max_length=MAX_ATTACHMENTS)] | None = None
    canvas: NewCanvas | None = None
    query_metadata: dict[str, Any] | None = None


class NewConversation(_Body, frozen=True):
    """Where to start a conversation."""

    web_chat: Key


class NewContact(_Body, frozen=True):
    """Someone who will talk."""

    name: FilledName
    avatar: Address | None = None
    email: Annotated[str, Meta(max_length=254)] | None = None
    phone_number: Annotated[str, Meta(max_length=50)] | None = None
    source_id: Name | None = None
    inbox: Key | None = None


class NewFeedback(_Body, frozen=True):
    """What a person thinks of an answer."""

    type: FeedbackKind
    suggestion: Annotated[str, Meta(max_length=10_000)] | None = None


class NewWebhook(_Body, frozen=True):
    """Where answers are posted."""

    url: Address


class NewAttachment(_Body, frozen=True):
    """A file to store; in JSON `file` is the key of a presigned upload."""

    file: Any = None
    filename: Name | None = None
    type: Any = None


class NewUpload(_Body, frozen=True):
    """A file that will be sent; which model and field it is for makes no difference here."""

    filename: FilledName
    file_size: Annotated[int, Meta(ge=1)]
    model_name: Name | None = None
    field_name: Name | None = None


class ConversationsQuery(_Body, frozen=True):
    """Which conversations are wanted."""

    inbox: Key
    keyword: Annotated[str, Meta(max_length=MAX_NAME_CHARS)] | None = None


class MessagesQuery(_Body, frozen=True):
    """Whose messages are wanted."""

    conversation: Key


class RecordsQuery(_Body, frozen=True):
    """Which records are wanted: whole days, UTC."""

    start_date: date
    end_date: date
    user_message: Annotated[str, Meta(max_length=MAX_NAME_CHARS)] | None = None
    bot_message: Annotated[str, Meta(max_length=MAX_NAME_CHARS)] | None = None

"""What clients of the MaiAgent API get.

Source: seeds 001 and 004 (every heading's response schema), contracts/maiagent.md.
"""

from typing import Any, Generic, TypeVar
from uuid import UUID

from msgspec import Struct

T = TypeVar("T")


class _Body(Struct, frozen=True, rename="camel"):
    pass


class Named(_Body, frozen=True):
    """An object by its id and name."""

    id: UUID
    name: str


class Parser(_Body, frozen=True):
    """What read a file."""

    id: UUID
    name: str
    provider: str
    order: int


class CitedFile(_Body, frozen=True):
    """A document that an answer cites."""

    id: UUID
    filename: str
    file: str
    file_type: str
    knowledge_base: Named | None
    size: int
    status: str
    parser: Parser
    labels: list[Named]
    raw_user_define_metadata: dict[str, Any] | None
    created_at: str


class TextNode(_Body, frozen=True):
    """A passage that an answer cites."""

    id: UUID
    characters_count: int
    hits_count: int
    text: str
    updated_at: str
    filename: str
    chatbot_file: UUID
    page_number: int


class CitationNode(_Body, frozen=True):
    """What one mark `[number]` of an answer points to: a passage, and the words of it that are quoted."""

    chatbot_text_node: TextNode
    score: float
    display_score: int
    number: int
    excerpt: str
    start: int
    end: int


class Attachment(_Body, frozen=True):
    """A stored file; `unreadReason` says why it was not read for an answer."""

    id: UUID
    type: str
    filename: str
    file: str
    conversation: UUID | None
    unread_reason: str | None


class Answer(_Body, frozen=True):
    """A whole answer."""

    conversation_id: UUID
    content: str
    done: bool
    citations: list[CitedFile]
    citation_nodes: list[CitationNode]
    attachments: list[Attachment]


class Delta(Struct, frozen=True):
    """A piece of a streamed answer; both spellings of the id are sent."""

    conversationId: UUID
    conversation_id: UUID
    content: str
    done: bool


class LastDelta(Delta, frozen=True):
    """The end of a streamed answer."""

    citations: list[CitedFile]
    citationNodes: list[CitationNode]
    attachments: list[Attachment]


class BrokenDelta(Delta, frozen=True):
    """The end of an answer that broke off."""

    error: str


class Presigned(_Body, frozen=True):
    """Where to send a file, and the form's fields that go before it."""

    url: str
    fields: dict[str, str]


class Feedback(_Body, frozen=True):
    """What a person thinks of an answer."""

    id: UUID
    type: str
    suggestion: str | None
    updated_at: str


class Canvas(_Body, frozen=True):
    """A drawing that came with a message."""

    id: UUID
    name: str
    canvas_type: Any
    title: str
    content: str
    created_at: str


class Speaker(_Body, frozen=True):
    """Who said a message."""

    id: UUID
    name: str
    avatar: str
    email: str | None
    phone_number: str | None


class Message(_Body, frozen=True):
    """One message with all that belongs to it."""

    id: UUID
    conversation: UUID
    sender: Speaker
    type: str
    content: str
    content_payload: dict[str, Any] | None
    feedback: Feedback | None
    created_at: str
    attachments: list[Attachment]
    citations: list[CitedFile]
    citation_nodes: list[CitationNode]
    canvas: Canvas | None
    query_metadata: dict[str, Any] | None


class Page(_Body, Generic[T], frozen=True):
    """A page of a list that counts."""

    count: int
    next: str | None
    previous: str | None
    results: list[T]


class CursorPage(_Body, Generic[T], frozen=True):
    """A page of a list by cursors."""

    next: str | None
    previous: str | None
    results: list[T]


class LightContact(_Body, frozen=True):
    """Who a conversation is with."""

    id: UUID
    name: str
    avatar: str
    source_id: str


class LightInbox(_Body, frozen=True):
    """Where a conversation takes place."""

    id: UUID
    name: str
    channel_type: str
    unread_conversations_count: int
    sign_auth: dict[str, Any] | None


class LastMessage(_Body, frozen=True):
    """The last message of a conversation."""

    id: UUID
    type: str
    content: str
    content_payload: dict[str, Any] | None
    feedback: Feedback | None
    created_at: str
    query_metadata: dict[str, Any] | None


class Conversation(_Body, frozen=True):
    """One conversation."""

    id: UUID
    contact: LightContact
    inbox: LightInbox
    title: str
    last_message: LastMessage | None
    last_message_created_at: str
    unread_messages_count: int
    auto_reply_enabled: bool
    is_auto_reply_now: bool
    last_read_at: str | None
    created_at: str
    is_group_chat: bool
    enable_group_mention: bool
    enable_loading_animation: bool
    query_metadata: dict[str, Any] | None
    tool_mask: dict[str, Any]
    llm: UUID
    ip_address: str
    ip_recorded_at: str


class RecordNode(_Body, frozen=True):
    """A cited passage of a record."""

    id: str
    text: str


class Record(_Body, frozen=True):
    """A question with its answer and all that is known of how it came about."""

    id: UUID
    sender_name: str
    feedback: Feedback | None
    input_message: str
    condense_message: str
    output_message: str
    faithfulness_score: float | None
    display_faithfulness_score: int | None
    answer_relevancy_score: float | None
    display_answer_relevancy_score: int | None
    context_precision_score: float | None
    display_context_precision_score: int | None
    answer_correctness_score: float | None
    display_answer_correctness_score: int | None
    answer_similarity_score: float | None
    display_answer_similarity_score: int | None
    context_recall_score: float | None
    display_context_recall_score: int | None
    reply_time: str
    created_at: str
    error: str
    processing_time: dict[str, int]
    usage: dict[str, int]
    citation_nodes: list[RecordNode]
    context: str


class Chatbot(_Body, frozen=True):
    """An assistant."""

    id: UUID
    name: str
    instructions: str
    greeting: str
    knowledge_bases: list[Named]
    created_at: str


class Inbox(_Body, frozen=True):
    """A way in to a chatbot; its channel is the web chat of the same id."""

    id: UUID
    name: str
    channel_type: str
    unread_conversations_count: int
    sign_auth: dict[str, Any] | None
    channel: Named
    chatbot: Named


class WebChat(_Body, frozen=True):
    """An inbox of type web."""

    id: UUID
    name: str
    chatbot: Named
    created_at: str


class Contact(_Body, frozen=True):
    """Someone who talks."""

    id: UUID
    name: str
    avatar: str
    email: str | None
    phone_number: str | None
    source_id: str
    created_at: str


class Webhook(_Body, frozen=True):
    """Where a chatbot's answers are posted; `secret` verifies their signatures."""

    id: UUID
    url: str
    secret: str
    created_at: str


class Failure(Struct, frozen=True):
    """An error; a wrong field is named by a key of its own instead."""

    detail: str

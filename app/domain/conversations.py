"""Conversations: threads of messages."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from msgspec import Struct

from app.domain.contacts import Sender
from rag.passages import Citation


class Role(StrEnum):
    """Who speaks."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    TOOL = "tool"


class Conversation(Struct, frozen=True):
    """One thread; `initial_message` is the first thing the user said, or the greeting while there is none."""

    id: UUID
    seq: int
    workspace_id: UUID
    assistant_id: UUID
    channel_id: UUID | None
    title: str
    messages_count: int
    initial_message: str
    last_message_at: datetime | None
    created_at: datetime


TEXT = "text"
"""The kind of a message that has no other."""


class Message(Struct, frozen=True):
    """One utterance; `number` counts from 1 in its conversation, `citations` is what its marks point to.

    `sender` is the contact who said it, None where that is the assistant or nobody we know. What a client
    sent along stays with it: `payload`, `metadata`, `canvas`, and a `kind` of its own.
    """

    id: UUID
    seq: int
    conversation_id: UUID
    role: Role
    number: int
    content: str
    created_at: datetime
    citations: tuple[Citation, ...] = ()
    kind: str = TEXT
    payload: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    canvas: dict[str, Any] | None = None
    sender: Sender | None = None

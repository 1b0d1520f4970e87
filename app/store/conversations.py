"""Rows of conversations and messages."""

from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg.types.json import Jsonb

from app.domain.channels import Channel
from app.domain.conversations import TEXT, Conversation, Message, Role
from app.domain.paging import PageOf
from app.store.rows import Connection, change, fetch, find, get, value
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)

_TITLE_CHARS = 80
_TITLE_READ_CHARS = 400


async def insert_conversation(
    connection: Connection, channel: Channel, contact_id: UUID | None = None, ip_address: str | None = None
) -> Conversation:
    """The new thread of that channel."""
    parameters = {**_keys(channel), "contact_id": contact_id, "ip_address": ip_address}
    return await get(connection, Conversation, Q["insert_conversation"], parameters)


async def find_conversation(
    connection: Connection, channel: Channel, conversation_id: UUID
) -> Conversation | None:
    """The channel's thread, or None when it has no such one."""
    parameters = {**_keys(channel), "conversation_id": conversation_id}
    return await find(connection, Conversation, Q["find_conversation"], parameters)


async def list_conversations(
    connection: Connection, channel: Channel, after_seq: int | None, limit: int
) -> PageOf[Conversation]:
    """A page of the channel's threads, newest first."""
    parameters = {**_keys(channel), "after_seq": after_seq, "limit": limit}
    items = await fetch(connection, Conversation, Q["list_conversations"], parameters)
    return PageOf(items, await value(connection, Q["count_conversations"], parameters))


class NewMessage(Struct, frozen=True):
    """An utterance about to be stored, under an id of our own making."""

    id: UUID
    role: Role
    content: str
    kind: str = TEXT
    payload: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    canvas: dict[str, Any] | None = None
    sender_id: UUID | None = None


async def insert_message(
    connection: Connection, conversation_id: UUID, message: NewMessage
) -> Message | None:
    """The thread's next message, or None when the thread is gone."""
    parameters = {
        "conversation_id": conversation_id,
        "message_id": message.id,
        "role": message.role,
        "content": message.content,
        "kind": message.kind,
        "sender_id": message.sender_id,
        "title": " ".join(message.content[:_TITLE_READ_CHARS].split())[:_TITLE_CHARS],
    } | {name: _json(getattr(message, name)) for name in ("payload", "metadata", "canvas")}
    return await find(connection, Message, Q["insert_message"], parameters)


async def mark_read(connection: Connection, workspace_id: UUID, conversation_id: UUID) -> bool:
    """Whether the workspace has that thread, which is read now."""
    parameters = {"workspace_id": workspace_id, "conversation_id": conversation_id}
    return await change(connection, Q["mark_read"], parameters) > 0


async def find_message_seq(connection: Connection, conversation_id: UUID, message_id: UUID) -> int | None:
    """The place of that message, or None when the thread has no such one."""
    parameters = {"conversation_id": conversation_id, "message_id": message_id}
    seq: int | None = await value(connection, Q["find_message_seq"], parameters)
    return seq


async def list_messages(
    connection: Connection, conversation_id: UUID, after_seq: int | None, limit: int
) -> PageOf[Message]:
    """A page of the thread's messages, oldest first."""
    parameters = {"conversation_id": conversation_id, "after_seq": after_seq, "limit": limit}
    items = await fetch(connection, Message, Q["list_messages"], parameters)
    return PageOf(items, await value(connection, Q["count_messages"], parameters))


async def list_recent_messages(
    connection: Connection, conversation_id: UUID, limit: int
) -> tuple[Message, ...]:
    """The thread's last messages, newest first."""
    parameters = {"conversation_id": conversation_id, "limit": limit}
    return await fetch(connection, Message, Q["list_recent_messages"], parameters)


def _json(value: dict[str, Any] | None) -> Jsonb | None:
    return None if value is None else Jsonb(value)


def _keys(channel: Channel) -> dict[str, object]:
    return {
        "workspace_id": channel.workspace_id,
        "assistant_id": channel.assistant_id,
        "channel_id": channel.id,
    }

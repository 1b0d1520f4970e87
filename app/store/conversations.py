"""Rows of conversations and messages."""

from uuid import UUID

from msgspec import Struct

from app.domain.channels import Channel
from app.domain.conversations import Conversation, Message, Role
from app.domain.paging import PageOf
from app.store.rows import Connection, fetch, find, get, value
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)


async def insert_conversation(connection: Connection, channel: Channel) -> Conversation:
    """The new thread of that channel."""
    return await get(connection, Conversation, Q["insert_conversation"], _keys(channel))


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


async def insert_message(
    connection: Connection, conversation_id: UUID, message: NewMessage
) -> Message | None:
    """The thread's next message, or None when the thread is gone."""
    parameters = {
        "conversation_id": conversation_id,
        "message_id": message.id,
        "role": message.role,
        "content": message.content,
    }
    return await find(connection, Message, Q["insert_message"], parameters)


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


def _keys(channel: Channel) -> dict[str, object]:
    return {
        "workspace_id": channel.workspace_id,
        "assistant_id": channel.assistant_id,
        "channel_id": channel.id,
    }

"""Threads: start one, list them, read one."""

from uuid import UUID, uuid4

from msgspec.structs import replace

from app.domain.conversations import Conversation, Message, Role
from app.domain.errors import Invalid, NotFound
from app.domain.paging import PageOf, PageRequest
from app.services.house import House
from app.services.identify import Visit
from app.store import conversations, exchanges
from app.store.conversations import NewMessage
from rag.passages import Citation


async def start_conversation(house: House, visit: Visit) -> tuple[Conversation, Message]:
    """A new thread that holds the assistant's greeting, and that greeting."""
    greeting = NewMessage(uuid4(), Role.ASSISTANT, visit.assistant.greeting)
    async with house.pool.connection() as connection:
        conversation = await conversations.insert_conversation(connection, visit.channel)
        message = await conversations.insert_message(connection, conversation.id, greeting)
        assert message is not None, "the thread was made in this transaction"
        return conversation, message


async def list_conversations(house: House, visit: Visit, page: PageRequest) -> PageOf[Conversation]:
    """A page of the channel's threads, newest first.

    Raises: Invalid when the cursor is no thread of this channel.
    """
    async with house.pool.connection() as connection:
        after_seq = None
        if page.after is not None:
            last = await conversations.find_conversation(connection, visit.channel, page.after)
            if last is None:
                raise Invalid("cursor is not the id of a conversation.", "cursor")
            after_seq = last.seq
        return await conversations.list_conversations(connection, visit.channel, after_seq, page.limit)


async def list_messages(
    house: House, visit: Visit, conversation_id: UUID, page: PageRequest
) -> PageOf[Message]:
    """A page of a thread with its citations, oldest first.

    Raises: NotFound (conversation), Invalid (cursor).
    """
    async with house.pool.connection() as connection:
        if await conversations.find_conversation(connection, visit.channel, conversation_id) is None:
            raise NotFound("Conversation not found.")
        after_seq = None
        if page.after is not None:
            after_seq = await conversations.find_message_seq(connection, conversation_id, page.after)
            if after_seq is None:
                raise Invalid("cursor is not the id of a message of this conversation.", "cursor")
        found = await conversations.list_messages(connection, conversation_id, after_seq, page.limit)
        cited = await exchanges.list_citations(connection, [message.id for message in found.items])
    return PageOf(tuple(_with_citations(message, cited) for message in found.items), found.total)


def _with_citations(message: Message, cited: dict[UUID, list[Citation]]) -> Message:
    return replace(message, citations=tuple(cited.get(message.id, ())))

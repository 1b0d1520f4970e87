"""The inbox: start, list and read conversations and their messages, with all that is shown beside them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from msgspec import Struct

from app.domain.assistants import Assistant
from app.domain.attachments import Attachment
from app.domain.channels import Channel
from app.domain.contacts import VISITOR, NewContact
from app.domain.conversations import Message, Role
from app.domain.errors import NotFound
from app.domain.feedback import Feedback
from app.domain.inbox import InboxFilter, InboxItem, InboxPosition
from app.domain.paging import PageNumber, Span, Stretch, Window, stretch
from app.domain.quotes import Quotes
from app.services.accept_question import Ask, store_message
from app.services.answer import Answering
from app.services.house import House
from app.services.identify import Visit
from app.services.quote import look_up, quotes
from app.store import (
    attachments,
    contacts,
    conversations,
    exchanges,
    feedback,
    inbox,
    messages,
)
from app.store.rows import Connection
from rag.passages import Citation

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Entry(Struct, frozen=True):
    """A conversation as the inbox shows it, with its channel and the word on its last message."""

    item: InboxItem
    channel: Channel
    feedback: Feedback | None

    @property
    def position(self) -> tuple[int, ...]:
        """Where it stands in the inbox."""
        # Not by the timestamp, a float that may be a microsecond off.
        since = self.item.active_at - _EPOCH
        return since // timedelta(microseconds=1), self.item.seq


class Shown(Struct, frozen=True):
    """A message with all that is shown beside it; `assistant` is who answers in its conversation."""

    message: Message
    assistant: Assistant
    feedback: Feedback | None = None
    attachments: tuple[Attachment, ...] = ()
    quotes: Quotes = Quotes()


class Thread(Struct, frozen=True):
    """Part of a conversation, newest first, and how many messages it has."""

    shown: Stretch[Shown]
    total: int


async def start_conversation(house: House, visit: Visit, ip_address: str | None) -> tuple[Entry, int]:
    """A new conversation with a new visitor, and how many of the inbox hold something unread."""
    channel = visit.channel
    async with house.pool.connection() as connection:
        visitor = NewContact(channel.workspace_id, VISITOR, channel.id)
        contact = await contacts.insert_contact(connection, visitor)
        assert contact is not None, "only an external id can be taken"
        started = await conversations.insert_conversation(connection, channel, contact.id, ip_address)
        item = await inbox.find_inbox_item(connection, channel.workspace_id, started.id)
        assert item is not None, "it was made in this transaction"
        return Entry(item, channel, None), await inbox.count_unread_conversations(connection, channel.id)


async def get_conversation(house: House, visit: Visit, conversation_id: UUID) -> tuple[Entry, int]:
    """A conversation of the inbox, and how many of the inbox hold something unread.

    Raises: NotFound.
    """
    async with house.pool.connection() as connection:
        item = await inbox.find_inbox_item(connection, visit.channel.workspace_id, conversation_id)
        if item is None:
            raise NotFound("Conversation not found.")
        (entry,) = await _entries(connection, visit.channel, [item])
        return entry, await inbox.count_unread_conversations(connection, item.channel_id)


async def list_conversations(
    house: House, visit: Visit, keyword: str | None, window: Window
) -> tuple[Stretch[Entry], int]:
    """Part of the inbox, last active first, and how many of its conversations hold something unread."""
    async with house.pool.connection() as connection:
        sought = InboxFilter(visit.channel.workspace_id, visit.channel.id, keyword)
        found = await _list(connection, sought, window)
        unread = await inbox.count_unread_conversations(connection, visit.channel.id)
        return stretch(await _entries(connection, visit.channel, found), window), unread


async def mark_read(house: House, workspace_id: UUID, conversation_id: UUID) -> None:
    """Notes that what contacts said so far was read.

    Raises: NotFound.
    """
    async with house.pool.connection() as connection:
        if not await conversations.mark_read(connection, workspace_id, conversation_id):
            raise NotFound("Conversation not found.")


async def list_messages(house: House, visit: Visit, conversation_id: UUID, window: Window) -> Thread:
    """Part of the conversation, newest first; listing it reads it."""
    async with house.pool.connection() as connection:
        # First: what is said from here on waits for the thread's row, and is unread afterwards.
        await conversations.mark_read(connection, visit.channel.workspace_id, conversation_id)
        found = await messages.list_messages(connection, conversation_id, window)
        total = await messages.count_messages(connection, conversation_id)
    part = stretch(found, window)
    shown = await show_messages(house, visit, part.items)
    return Thread(Stretch(shown, part.has_older, part.has_newer), total)


async def list_numbered_messages(
    house: House, visit: Visit, conversation_id: UUID, page: PageNumber
) -> Thread:
    """A page of the conversation by its number, newest first; listing it reads it.

    Raises: NoSuchPage.
    """
    async with house.pool.connection() as connection:
        await conversations.mark_read(connection, visit.channel.workspace_id, conversation_id)
        total = await messages.count_messages(connection, conversation_id)
        span: Span = page.span(total)
        window = Window(page.size)
        found = await messages.list_messages(connection, conversation_id, window, span.offset)
    shown = await show_messages(house, visit, found[: page.size])
    return Thread(Stretch(shown, len(found) > page.size, span.offset > 0), total)


async def get_message(house: House, visit: Visit, conversation_id: UUID, message_id: UUID) -> Shown:
    """One message of the conversation.

    Raises: NotFound.
    """
    workspace_id = visit.channel.workspace_id
    async with house.pool.connection() as connection:
        message = await messages.find_message(connection, workspace_id, message_id, conversation_id)
    if message is None:
        raise NotFound("Message not found.")
    return (await show_messages(house, visit, [message]))[0]


async def store(house: House, visit: Visit, ask: Ask, role: Role) -> Message:
    """A message that nobody answers: a person of the house says it, or it holds no words; stored.

    Raises: NotFound when the conversation is gone.
    """
    assert ask.conversation_id is not None, "it is said in a conversation"
    async with house.pool.connection() as connection:
        message, _ = await store_message(connection, ask.conversation_id, ask, role)
        return message


async def show_answer(
    house: House, visit: Visit, answering: Answering, citations: Sequence[Citation]
) -> tuple[tuple[Attachment, ...], Quotes]:
    """The attachments of a question that was just answered, and what its answer cites."""
    async with house.pool.connection() as connection:
        attached = await attachments.list_attachments(connection, [answering.question_id])
    known = await look_up(house, visit.channel.workspace_id, citations)
    return tuple(attached.get(answering.question_id, ())), quotes(citations, known, answering.created_at)


async def show_messages(house: House, visit: Visit, listed: Sequence[Message]) -> tuple[Shown, ...]:
    """The messages with all that is shown beside them."""
    ids = [message.id for message in listed]
    workspace_id = visit.channel.workspace_id
    async with house.pool.connection() as connection:
        cited = await exchanges.list_citations(connection, ids)
        said = await feedback.list_feedback(connection, ids)
        attached = await attachments.list_attachments(connection, ids)
    known = await look_up(house, workspace_id, _all(cited))
    return tuple(
        Shown(
            message,
            visit.assistant,
            said.get(message.id),
            tuple(attached.get(message.id, ())),
            quotes(cited.get(message.id, ()), known, message.created_at),
        )
        for message in listed
    )


def _all(cited: dict[UUID, list[Citation]]) -> list[Citation]:
    return [citation for marks in cited.values() for citation in marks]


async def _list(connection: Connection, sought: InboxFilter, window: Window) -> tuple[InboxItem, ...]:
    if window.position is None:
        return await inbox.list_inbox(connection, sought, None, window.size + 1)
    since, seq = window.position
    position = InboxPosition(_EPOCH + timedelta(microseconds=since), seq)
    look = inbox.list_inbox_after if window.newer else inbox.list_inbox
    return await look(connection, sought, position, window.size + 1)


async def _entries(connection: Connection, channel: Channel, items: Sequence[InboxItem]) -> tuple[Entry, ...]:
    last = {item.id: item.last_message.id for item in items if item.last_message}
    said = await feedback.list_feedback(connection, list(last.values()))
    return tuple(Entry(item, channel, said.get(last[item.id]) if item.id in last else None) for item in items)

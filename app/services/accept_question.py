"""Questions: stored in their conversation, with all that their answers need."""

from typing import Any
from uuid import UUID, uuid4

from msgspec import Struct

from app.domain.attachments import Attachment
from app.domain.channels import QuotaKind
from app.domain.conversations import TEXT, Message, Role
from app.domain.errors import Exhausted, NotFound
from app.domain.exchanges import Exchange
from app.services.house import House
from app.services.identify import Visit, visit_exchange
from app.store import assistants, attachments, conversations, exchanges, messages, owed
from app.store.conversations import NewMessage
from app.store.owed import OwedExchange
from app.store.rows import Connection
from rag.passages import Question, Scope
from rag.passages import Turn as Said

# How much of the thread a follow-up question may lean on.
_HISTORY_MESSAGES = 10
# Among so many last ones those before a question are looked for, when it is taken up again.
_SEARCHED_MESSAGES = 60


class Ask(Struct, frozen=True):
    """What a caller asks, in a conversation or in a new one, and what it sends along."""

    text: str
    conversation_id: UUID | None = None
    sender_id: UUID | None = None
    kind: str = TEXT
    payload: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    canvas: dict[str, Any] | None = None
    ip_address: str | None = None
    attachments: tuple[Attachment, ...] = ()


class Turn(Struct, frozen=True):
    """One accepted question with all that its answer needs; `attempt` counts from 1 where it is owed."""

    visit: Visit
    message: Message
    exchange: Exchange
    question: Question
    answer_id: UUID
    attachments: tuple[Attachment, ...] = ()
    attempt: int = 0


async def accept_question(house: House, visit: Visit, ask: Ask, *, owed_answer: bool = False) -> Turn:
    """The question, stored; with `owed_answer` its answer is owed until it is there.

    Raises: NotFound (conversation), Exhausted (message quota).
    """
    async with house.pool.connection() as connection:
        conversation_id = await _conversation(connection, visit, ask)
        wait_s = await assistants.spend(connection, visit.channel, QuotaKind.MESSAGES, 1)
        if wait_s is not None:
            raise Exhausted("The message quota is spent.", wait_s)
        recent = await conversations.list_recent_messages(connection, conversation_id, _HISTORY_MESSAGES)
        message, attached = await store_message(connection, conversation_id, ask, Role.USER)
        keys = (visit.assistant.workspace_id, visit.assistant.id)
        exchange = await exchanges.insert_exchange(connection, message, keys)
        if owed_answer:
            await owed.insert_owed(connection, exchange)
    question = _question(visit, ask.text, recent)
    return Turn(visit, message, exchange, question, uuid4(), attached, attempt=int(owed_answer))


async def take_up(house: House, exchange: OwedExchange) -> Turn | None:
    """A question that was accepted before, for another attempt at its answer; None when its inbox is shut."""
    visit = await visit_exchange(house, exchange)
    if visit is None:
        return None
    async with house.pool.connection() as connection:
        message = await messages.find_message(
            connection, exchange.workspace_id, exchange.question_message_id, exchange.conversation_id
        )
        assert message is not None, "an exchange goes with its question"
        said = await conversations.list_recent_messages(
            connection, exchange.conversation_id, _SEARCHED_MESSAGES
        )
        attached = await attachments.list_attachments(connection, [message.id])
    before = tuple(each for each in said if each.number < message.number)[:_HISTORY_MESSAGES]
    question = _question(visit, message.content, before)
    files = tuple(attached.get(message.id, ()))
    return Turn(visit, message, exchange, question, uuid4(), files, attempt=exchange.attempts)


async def store_message(
    connection: Connection, conversation_id: UUID, ask: Ask, role: Role
) -> tuple[Message, tuple[Attachment, ...]]:
    """The conversation's next message with its attachments.

    Raises: NotFound when the conversation is gone.
    """
    new = NewMessage(uuid4(), role, ask.text, ask.kind, ask.payload, ask.metadata, ask.canvas, ask.sender_id)
    message = await conversations.insert_message(connection, conversation_id, new)
    if message is None:
        raise NotFound("Conversation not found.")
    if not ask.attachments:
        return message, ()
    bound = await attachments.bind_attachments(connection, ask.attachments, message.id, conversation_id)
    return message, bound


async def _conversation(connection: Connection, visit: Visit, ask: Ask) -> UUID:
    if ask.conversation_id is None:
        return (
            await conversations.insert_conversation(connection, visit.channel, ask.sender_id, ask.ip_address)
        ).id
    found = await conversations.find_conversation(connection, visit.channel, ask.conversation_id)
    if found is None:
        raise NotFound("Conversation not found.")
    return found.id


def _question(visit: Visit, text: str, recent: tuple[Message, ...]) -> Question:
    assistant = visit.assistant
    return Question(
        text,
        Scope(tuple(base.id for base in visit.bases)),
        tuple(Said(message.role.value, message.content) for message in reversed(recent)),
        assistant.instructions,
        assistant.not_found_message,
        assistant.max_answer_tokens,
        assistant.temperature,
    )

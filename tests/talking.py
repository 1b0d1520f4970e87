"""Conversations of a known time and wording, put straight into the database."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from msgspec import Struct

from app.services.manage_assistants import create_assistant
from app.store.pool import Pool
from app.store.rows import Connection, value

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Place(Struct, frozen=True):
    """Where is talked."""

    workspace_id: UUID
    assistant_id: UUID
    channel_id: UUID


async def open_place(pool: Pool) -> Place:
    """A new workspace with an assistant that has a web chat."""
    created = await create_assistant(pool, "Library")
    return Place(created.workspace_id, created.assistant_id, created.maiagent.inbox_id)


class Talk(Struct, frozen=True):
    """One conversation to put there; `answers` go with the texts in turn, as exchanges."""

    texts: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    title: str = ""
    name: str | None = None
    at: datetime = NOON
    unread: int = 0
    visible: bool = True


async def talk(connection: Connection, place: Place, said: Talk) -> UUID:
    """The id of the stored conversation."""
    keys = {"workspace": place.workspace_id, "assistant": place.assistant_id, "channel": place.channel_id}
    contact_id = None
    if said.name is not None:
        contact_id = await value(
            connection,
            "INSERT INTO contacts (workspace_id, channel_id, name) "
            "VALUES (%(workspace)s, %(channel)s, %(name)s) RETURNING id",
            keys | {"name": said.name},
        )
    conversation_id: UUID = await value(
        connection,
        "INSERT INTO conversations (workspace_id, assistant_id, channel_id, contact_id, title, active_at, "
        "unread_count) VALUES (%(workspace)s, %(assistant)s, %(channel)s, %(contact)s, %(title)s, %(at)s, "
        "%(unread)s) RETURNING id",
        keys | {"contact": contact_id, "title": said.title, "at": said.at, "unread": said.unread},
    )
    for number, text in enumerate(said.texts):
        question = await _say(connection, place, conversation_id, (2 * number + 1, "user", text), said)
        if number < len(said.answers):
            answer = (2 * number + 2, "assistant", said.answers[number])
            answer_id = await _say(connection, place, conversation_id, answer, said)
            await exchange(
                connection,
                place,
                (conversation_id, question, answer_id),
                said.at + number * timedelta(seconds=1),
            )
    return conversation_id


async def exchange(
    connection: Connection, place: Place, ids: tuple[UUID, UUID, UUID | None], at: datetime
) -> UUID:
    """The id of the stored exchange; `ids` are of its conversation, question and answer."""
    cursor = await connection.execute(
        "INSERT INTO exchanges (workspace_id, assistant_id, conversation_id, question_message_id, "
        "answer_message_id, state, created_at) VALUES (%s, %s, %s, %s, %s, 'answered', %s) RETURNING id",
        (place.workspace_id, place.assistant_id, *ids, at),
    )
    [exchange_id] = await cursor.fetchall()
    return UUID(str(exchange_id[0]))


async def _say(
    connection: Connection, place: Place, conversation_id: UUID, line: tuple[int, str, str], said: Talk
) -> UUID:
    message_id = uuid4()
    await connection.execute(
        "INSERT INTO messages (id, workspace_id, conversation_id, number, role, content, visible, "
        "created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (message_id, place.workspace_id, conversation_id, *line, said.visible, said.at),
    )
    return message_id

"""Rows of attachments."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct, to_builtins
from msgspec.structs import asdict
from psycopg.types.json import Jsonb

from app.domain.attachments import Attachment, AttachmentKind, AttachmentText
from app.store.rows import Connection, change, fetch, find, get, value
from rag.passages import DocumentText
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)


class StoredAttachment(Struct, frozen=True):
    """A file that lies in the store, about to get its row."""

    workspace_id: UUID
    kind: AttachmentKind
    name: str
    file_key: str
    file_bytes: int
    url: str | None = None
    conversation_id: UUID | None = None


async def insert_attachment(connection: Connection, stored: StoredAttachment) -> Attachment:
    """The attachment, of no message yet."""
    return await get(connection, Attachment, Q["insert_attachment"], asdict(stored))


async def delete_unsent_attachments(connection: Connection, older_than_s: int, limit: int) -> list[str]:
    """Where the files lie of attachments that were removed because no message brought them in time."""
    parameters = {"older_than_s": older_than_s, "limit": limit}
    cursor = await connection.execute(Q["delete_unsent_attachments"], parameters)
    return [row[0] for row in await cursor.fetchall()]


async def find_attachment(
    connection: Connection, workspace_id: UUID, attachment_id: UUID
) -> Attachment | None:
    """The workspace's attachment, or None when it has no such one."""
    parameters = {"workspace_id": workspace_id, "attachment_id": attachment_id}
    return await find(connection, Attachment, Q["find_attachment"], parameters)


async def find_linked_attachment(connection: Connection, attachment_id: UUID) -> Attachment | None:
    """The attachment of a link whose signature was checked, or None when it is gone."""
    return await find(connection, Attachment, Q["find_linked_attachment"], {"attachment_id": attachment_id})


async def has_conversation(connection: Connection, workspace_id: UUID, conversation_id: UUID) -> bool:
    """Whether the workspace has that conversation."""
    parameters = {"workspace_id": workspace_id, "conversation_id": conversation_id}
    return bool(await value(connection, Q["has_conversation"], parameters))


async def bind_attachments(
    connection: Connection, attachments: Sequence[Attachment], message_id: UUID, conversation_id: UUID
) -> tuple[Attachment, ...]:
    """The message's attachments in the order given; it is stored in the same transaction.

    One that belongs to another message already is bound as a row of its own that shares the stored file.
    """
    parameters = {
        "attachment_ids": [attachment.id for attachment in attachments],
        "message_id": message_id,
        "conversation_id": conversation_id,
    }
    return await fetch(connection, Attachment, Q["bind_attachments"], parameters)


async def list_attachments(connection: Connection, message_ids: list[UUID]) -> dict[UUID, list[Attachment]]:
    """The attachments of those messages that have any, in their order."""
    found: dict[UUID, list[Attachment]] = {}
    for attachment in await fetch(
        connection, Attachment, Q["list_attachments"], {"message_ids": message_ids}
    ):
        assert attachment.message_id is not None, "they are found by their message"
        found.setdefault(attachment.message_id, []).append(attachment)
    return found


async def list_texts(connection: Connection, attachment_ids: list[UUID]) -> dict[UUID, AttachmentText]:
    """What was read of these attachments so far, from any row of the same stored file."""
    rows = await fetch(connection, AttachmentText, Q["list_texts"], {"attachment_ids": attachment_ids})
    return {row.id: row for row in rows}


async def keep_text(connection: Connection, attachment_id: UUID, document: DocumentText) -> None:
    """Keeps what was read of an attachment."""
    parameters = {
        "attachment_id": attachment_id,
        "text": document.text,
        "pages": Jsonb(to_builtins(document.spans)),
        "error": None,
    }
    await change(connection, Q["keep_text"], parameters)


async def keep_error(connection: Connection, attachment_id: UUID, error: str) -> None:
    """Keeps why nothing was read of an attachment."""
    parameters = {"attachment_id": attachment_id, "text": None, "pages": None, "error": error}
    await change(connection, Q["keep_text"], parameters)

"""What tests of attachments share: files to send, messages to send them with, a look into the store."""

import io
from pathlib import Path
from uuid import UUID, uuid4

from app.domain.attachments import Attachment, NewAttachment
from app.domain.conversations import Role
from app.services.attach import keep_attachment
from app.services.converse import start_conversation
from app.services.house import House
from app.services.identify import Visit, visit_assistant
from app.services.manage_assistants import create_assistant
from app.store import attachments, conversations
from app.store.conversations import NewMessage

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
PAGE = b"%PDF-1.4\n" + b"1 0 obj << >> endobj\n" * 8
TEXT = b"The grace period for returning a book is fourteen days."


async def elsewhere(house: House) -> Visit:
    """A caller of another workspace in the same house."""
    created = await create_assistant(house.pool, "Elsewhere")
    return await visit_assistant(house, created.assistant_id)


async def keep(
    house: House, visit: Visit, data: bytes = TEXT, name: str = "notes.txt", kind: str | None = None
) -> Attachment:
    new = NewAttachment(name, kind)  # type: ignore[arg-type]
    return await keep_attachment(house, visit.assistant.workspace_id, io.BytesIO(data), new)


async def send(house: House, visit: Visit, *sent: Attachment) -> tuple[Attachment, ...]:
    """The attachments as they are bound to a new message of a new conversation."""
    conversation, _ = await start_conversation(house, visit)
    message = NewMessage(uuid4(), Role.USER, "See the file.")
    async with house.pool.connection() as connection:
        assert await conversations.insert_message(connection, conversation.id, message)
        return await attachments.bind_attachments(connection, sent, message.id, conversation.id)


async def sent_with(house: House, message_id: UUID | None) -> list[Attachment]:
    assert message_id is not None
    async with house.pool.connection() as connection:
        return (await attachments.list_attachments(connection, [message_id])).get(message_id, [])


def stored(house: House) -> list[bytes]:
    """The contents of all stored files."""
    root = Path(house.settings.files_location)
    return sorted(path.read_bytes() for path in root.rglob("*") if path.is_file())

"""Rows of presigned uploads."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from app.domain.attachments import Attachment, AttachmentKind, NewAttachment
from app.store.rows import Connection, change, fetch, find, get
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)


class Upload(Struct, frozen=True):
    """A presigned upload; `file_key` is where its file lies once it came."""

    id: UUID
    workspace_id: UUID
    name: str
    announced_bytes: int
    file_key: str | None
    expires_at: datetime


class NewUpload(Struct, frozen=True):
    """An upload about to be announced."""

    workspace_id: UUID
    name: str
    announced_bytes: int
    lasts_s: int


class Received(Struct, frozen=True):
    """The file of an upload, stored; `kept_s` is how long it waits to be claimed."""

    upload_id: UUID
    file_key: str
    kind: AttachmentKind
    kept_s: int


async def insert_upload(connection: Connection, new: NewUpload) -> Upload:
    """The announced upload."""
    return await get(connection, Upload, Q["insert_upload"], asdict(new))


async def find_open_upload(connection: Connection, upload_id: UUID) -> Upload | None:
    """The upload, or None when it is unknown, has its file already or has expired."""
    return await find(connection, Upload, Q["find_open_upload"], {"upload_id": upload_id})


async def receive_upload(connection: Connection, received: Received) -> bool:
    """Whether this file is the upload's; another may have come before, or its time is over."""
    return await change(connection, Q["receive_upload"], asdict(received)) == 1


async def claim_upload(
    connection: Connection, workspace_id: UUID, upload_id: UUID, new: NewAttachment
) -> Attachment | None:
    """The upload's file as an attachment of no message; None without such an upload that has its file."""
    parameters = {
        "workspace_id": workspace_id,
        "upload_id": upload_id,
        "name": new.name or None,
        "kind": new.kind,
        "conversation_id": new.conversation_id,
    }
    return await find(connection, Attachment, Q["claim_upload"], parameters)


class _FileKey(Struct, frozen=True):
    file_key: str


async def delete_expired_uploads(connection: Connection, limit: int) -> list[str]:
    """Where the files of the uploads lie that were removed because nobody claimed them in time."""
    rows = await fetch(connection, _FileKey, Q["delete_expired_uploads"], {"limit": limit})
    return [row.file_key for row in rows if row.file_key]

"""Presigned uploads: announced with a key, sent to an address that needs none, claimed as an attachment.

The form is that of Amazon S3's "POST Policy", so that clients written for it need no change: they copy the
fields that they were given, and the file comes last.
"""

import asyncio
import base64
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO
from uuid import UUID

from msgspec import Struct, json, structs

from app.domain.attachments import HEAD_BYTES, Attachment, NewAttachment, tell_kind
from app.domain.errors import Forbidden, Invalid, NotFound
from app.security.uploads import display_name
from app.services.house import House
from app.store import attachments, uploads
from app.store.rows import Connection
from app.store.uploads import NewUpload, Received, Upload

UPLOAD_PATH = "/api/uploads/"

_LASTS_S = 15 * 60
_KEPT_S = 60 * 60
_PURPOSE = "upload"
_ALGORITHM = "HMAC-SHA256"
_KEY = re.compile(r"media/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/")
_NOT_ALLOWED = "This address does not take this upload: it is unknown, used or expired; ask for a new one."
_NO_FILE = "No file was uploaded under this key; upload it first."


class Presigned(Struct, frozen=True):
    """Where a file is to be sent, and the form fields that go before it."""

    path: str
    fields: dict[str, str]


async def announce_upload(house: House, workspace_id: UUID, name: str, file_bytes: int) -> Presigned:
    """What lets a client send one file of exactly that size within a quarter of an hour.

    Raises: Invalid for a size that no file has, or that is over the limit.
    """
    most_bytes = house.settings.max_upload_mb * 1024 * 1024
    if file_bytes < 1:
        raise Invalid("Ensure this value is greater than or equal to 1.", "fileSize")
    if file_bytes > most_bytes:
        raise Invalid(f"Ensure this value is less than or equal to {most_bytes}.", "fileSize")
    new = NewUpload(workspace_id, display_name(name), file_bytes, _LASTS_S)
    async with house.pool.connection() as connection:
        upload = await uploads.insert_upload(connection, new)
    policy = _policy(upload)
    now = datetime.now(UTC)
    return Presigned(
        UPLOAD_PATH,
        {
            "key": _key(upload),
            "x-amz-algorithm": _ALGORITHM,
            "x-amz-credential": f"lectern/{now:%Y%m%d}/upload",
            "x-amz-date": f"{now:%Y%m%dT%H%M%SZ}",
            "policy": policy,
            "x-amz-signature": house.signer.sign(_PURPOSE, policy.encode()),
        },
    )


async def find_announced(house: House, fields: Mapping[str, str]) -> Upload:
    """The upload that these fields were handed out for, while its file is awaited.

    Raises: Forbidden.
    """
    policy, signature = fields.get("policy", ""), fields.get("x-amz-signature", "")
    expected = house.signer.sign(_PURPOSE, policy.encode("utf-8", "surrogatepass"))
    signed = hmac.compare_digest(signature.encode("utf-8", "surrogatepass"), expected.encode())
    upload_id = upload_id_of(fields.get("key", ""))
    if not signed or upload_id is None:
        raise Forbidden(_NOT_ALLOWED)
    async with house.pool.connection() as connection:
        upload = await uploads.find_open_upload(connection, upload_id)
    if upload is None or fields["key"] != _key(upload) or policy != _policy(upload):
        raise Forbidden(_NOT_ALLOWED)
    return upload


async def receive_upload(house: House, upload: Upload, file: IO[bytes]) -> None:
    """Stores the file of an upload that `find_announced` found; of several that come at once one is taken.

    Raises: Invalid for another size than announced, Forbidden when another file came first.
    """
    head = await asyncio.to_thread(_head, file)
    stored = await house.files.keep(file, most_bytes=upload.announced_bytes + 1)
    try:
        if stored.file_bytes != upload.announced_bytes:
            raise _other_size(stored.file_bytes, upload.announced_bytes)
        received = Received(upload.id, stored.key, tell_kind(head), _KEPT_S)
        async with house.pool.connection() as connection:
            if not await uploads.receive_upload(connection, received):
                raise Forbidden(_NOT_ALLOWED)
    except BaseException:
        await house.files.delete([stored.key])
        raise


async def claim_upload(house: House, workspace_id: UUID, key: str, new: NewAttachment) -> Attachment:
    """The attachment that an uploaded file becomes; claiming it again gives the same one.

    Raises: Invalid when no file came under that key, NotFound for a conversation of nobody here.
    """
    async with house.pool.connection() as connection:
        await check_conversation(connection, workspace_id, new.conversation_id)
        claimed = await claim(connection, workspace_id, key, new)
    if claimed is None:
        raise Invalid(_NO_FILE, "file")
    return claimed


async def claim(
    connection: Connection, workspace_id: UUID, key: str, new: NewAttachment
) -> Attachment | None:
    """The attachment that an uploaded file is or becomes; None when no file came under that key."""
    upload_id = upload_id_of(key)
    if upload_id is None:
        return None
    shown = structs.replace(new, name=display_name(new.name) if new.name else "")
    claimed = await uploads.claim_upload(connection, workspace_id, upload_id, shown)
    return claimed or await attachments.find_attachment(connection, workspace_id, upload_id)


async def check_conversation(
    connection: Connection, workspace_id: UUID, conversation_id: UUID | None
) -> None:
    """Nothing, when the workspace has that conversation, or none is named.

    Raises: NotFound.
    """
    if conversation_id is not None and not await attachments.has_conversation(
        connection, workspace_id, conversation_id
    ):
        raise NotFound("Conversation not found.")


def upload_id_of(key: str) -> UUID | None:
    """The id of the upload that a key was handed out for, or None for what is no such key."""
    found = _KEY.match(key)
    return UUID(found.group(1)) if found else None


def _key(upload: Upload) -> str:
    return f"media/{upload.id}/{upload.name}"


def _policy(upload: Upload) -> str:
    size = upload.announced_bytes
    conditions = [{"key": _key(upload)}, ["content-length-range", size, size]]
    expiration = upload.expires_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return base64.b64encode(json.encode({"expiration": expiration, "conditions": conditions})).decode()


def _other_size(received: int, announced: int) -> Invalid:
    more = received > announced
    said = f"The file has more than the {announced} bytes that were announced."
    return Invalid(
        said if more else f"The file has {received} bytes, but {announced} were announced.", "file"
    )


def _head(file: IO[bytes]) -> bytes:
    head = file.read(HEAD_BYTES)
    file.seek(0)
    return head

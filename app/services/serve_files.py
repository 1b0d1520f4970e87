"""Serving: links to stored files, and the files behind them; a link's signature is its only key."""

import mimetypes
import re
from collections.abc import AsyncIterator
from urllib.parse import quote
from uuid import UUID

from msgspec import Struct

from app.domain.attachments import Attachment
from app.domain.errors import NotFound
from app.domain.quotes import CitedFile, CitedKind
from app.security.uploads import display_name
from app.services.house import House
from app.store import attachments, documents
from app.store.documents import Original

FILES_PATH = "/api/files"

_ATTACHMENT = "attachment"
_DOCUMENT = "document"
_TEXT = "text/plain; charset=utf-8"
_TEXT_SUFFIXES = (".txt", ".md", ".markdown")
_UNKNOWN_TYPE = "application/octet-stream"
# A token is 32 bytes: an id and its signature. Whatever else has such an address is another site's.
_LINK = re.compile(r"(?:https?://[^?#]*)?/api/(?:v1/)?files/([A-Za-z0-9_-]{43})(?:[/?#].*)?\Z", re.DOTALL)


class Linked(Struct, frozen=True):
    """What an address leads to; `id` is that of an attachment, where the link was handed out for one."""

    is_ours: bool
    id: UUID | None = None


class ServedFile(Struct, frozen=True):
    """A file on its way to a client."""

    name: str
    media_type: str
    file_bytes: int
    blocks: AsyncIterator[bytes]


def attachment_link(house: House, base_url: str, attachment: Attachment) -> str:
    """The address under which anybody who knows it gets the attachment."""
    return _link(house, base_url, (_ATTACHMENT, attachment.id), attachment.name)


def cited_link(house: House, base_url: str, file: CitedFile) -> str:
    """The address under which anybody who knows it gets a text that is cited."""
    purpose = _ATTACHMENT if file.kind is CitedKind.ATTACHMENT else _DOCUMENT
    return _link(house, base_url, (purpose, file.id), file.name)


def attachment_id_of(house: House, address: str) -> Linked:
    """Whether an address is one of our links, on whatever host, and to which attachment."""
    found = _LINK.match(address)
    if found is None:
        return Linked(False)
    opened = house.signer.open_token(_ATTACHMENT, found.group(1))
    return Linked(True, UUID(bytes=opened) if opened is not None else None)


async def open_file(house: House, token: str) -> ServedFile:
    """The file behind a link.

    Raises: NotFound for a token that was not handed out, and for what is gone.
    """
    for purpose, open_one in ((_ATTACHMENT, _open_attachment), (_DOCUMENT, _open_document)):
        opened = house.signer.open_token(purpose, token)
        if opened is not None:
            return await open_one(house, UUID(bytes=opened))
    raise _gone()


async def _open_attachment(house: House, attachment_id: UUID) -> ServedFile:
    async with house.pool.connection() as connection:
        attachment = await attachments.find_linked_attachment(connection, attachment_id)
    if attachment is None:
        raise _gone()
    return await _stored(house, attachment.file_key, attachment.name, None)


async def _open_document(house: House, document_id: UUID) -> ServedFile:
    async with house.pool.connection() as connection:
        original = await documents.find_original(connection, document_id)
        if original is None:
            raise _gone()
        if original.file_key is None:
            text = await documents.get_text(connection, document_id)
            return _written(original, text or await documents.get_content(connection, document_id))
    return await _stored(house, original.file_key, display_name(original.name), original.media_type)


async def _stored(house: House, key: str, name: str, media_type: str | None) -> ServedFile:
    try:
        size = await house.files.size(key)
    except FileNotFoundError:
        raise _gone() from None
    guessed = media_type or mimetypes.guess_type(name)[0] or _UNKNOWN_TYPE
    return ServedFile(name, guessed, size, house.files.blocks(key))


def _written(original: Original, text: str) -> ServedFile:
    data = text.encode()

    async def whole() -> AsyncIterator[bytes]:
        yield data

    name = display_name(original.name)
    return ServedFile(name if name.endswith(_TEXT_SUFFIXES) else f"{name}.txt", _TEXT, len(data), whole())


def _link(house: House, base_url: str, what: tuple[str, UUID], name: str) -> str:
    purpose, thing_id = what
    token = house.signer.token(purpose, thing_id.bytes)
    return f"{base_url.rstrip('/')}{FILES_PATH}/{token}/{quote(display_name(name), safe='')}"


def _gone() -> NotFound:
    return NotFound("File not found.")

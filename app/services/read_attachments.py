"""Reading attachments: their texts for the engine, read once for each stored file."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import msgspec

from app.domain.attachments import HEAD_BYTES, Attachment, AttachmentKind, AttachmentText, tell_kind
from app.services.house import House
from app.store import attachments
from rag.errors import Unreadable
from rag.passages import DocumentText, Span, join_pages

# An answer waits for this.
_READ_S = 60
_UNREAD = {
    AttachmentKind.IMAGE: "Pictures are stored but not read.",
    AttachmentKind.VIDEO: "Videos are stored but not read.",
    AttachmentKind.AUDIO: "Recordings are stored but not read.",
}
_TOO_SLOW = f"The file was not read within {_READ_S} seconds; send a shorter part of it."
_MISSING = "The stored file is missing; send it again."


async def read_attachments(
    house: House, wanted: Sequence[Attachment]
) -> tuple[tuple[UUID, DocumentText], ...]:
    """The texts of those attachments that can be read, under their names, in the order given.

    What can't be read keeps the reason in its row, and the others are read all the same.
    """
    if not wanted:
        return ()
    async with house.pool.connection() as connection:
        known = await attachments.list_texts(connection, [attachment.id for attachment in wanted])
    read = await asyncio.gather(*(_text(house, item, known.get(item.id)) for item in wanted))
    return tuple((item.id, text) for item, text in zip(wanted, read, strict=True) if text is not None)


async def _text(house: House, attachment: Attachment, known: AttachmentText | None) -> DocumentText | None:
    if known is not None and known.text is not None:
        spans = msgspec.convert(known.pages or [], tuple[Span, ...])
        return DocumentText(known.text, spans, attachment.name)
    # What took too long may have waited behind others; what can't be read stays so.
    if known is None or known.error not in (None, _TOO_SLOW):
        return None
    try:
        document = await _read(house, attachment)
    except Unreadable as error:
        async with house.pool.connection() as connection:
            await attachments.keep_error(connection, attachment.id, str(error))
        return None
    async with house.pool.connection() as connection:
        await attachments.keep_text(connection, attachment.id, document)
    return document


async def _read(house: House, attachment: Attachment) -> DocumentText:
    """Raises: Unreadable."""
    try:
        async with house.reading, house.files.local(attachment.file_key) as path:
            # By the content: what a client calls a file decides nothing.
            kind = tell_kind(await asyncio.to_thread(_head, path))
            if kind in _UNREAD:
                raise Unreadable(_UNREAD[kind])
            async with asyncio.timeout(_READ_S):
                extracted = await house.engine.extract(path, attachment.name)
            return join_pages(extracted.pages, attachment.name)
    except TimeoutError:
        raise Unreadable(_TOO_SLOW) from None
    except FileNotFoundError:
        raise Unreadable(_MISSING) from None


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)

"""Attaching: files that come along with a message are stored, wherever they are handed in."""

import asyncio
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import IO
from urllib.parse import unquote
from uuid import UUID

from msgspec import Struct

from app.domain.attachments import (
    HEAD_BYTES,
    Attachment,
    AttachmentKind,
    NewAttachment,
    Offered,
    tell_kind,
)
from app.domain.errors import DomainError, Invalid
from app.security.uploads import check_size, display_name
from app.services.house import House
from app.services.receive_uploads import check_conversation, claim, upload_id_of
from app.services.serve_files import attachment_id_of
from app.store import attachments
from app.store.attachments import StoredAttachment
from app.store.files import StoredFile
from app.store.rows import Connection

MOST_ATTACHMENTS = 10
FIELD = "attachments"

_FETCH_S = 20
# A fetched file lies in memory until it is stored, so the limit of uploads, which do not, may be too high.
_MOST_FETCHED_BYTES = 64 * 1024 * 1024
_SUFFIX_CHARS = 16
_WEB = re.compile(r"https?://", re.IGNORECASE)
_UNKNOWN = "there is no such file here; send it again."


async def keep_attachment(
    house: House, workspace_id: UUID, file: IO[bytes], new: NewAttachment
) -> Attachment:
    """The stored file, of no message yet; without a kind its content tells it.

    Raises: Invalid for an empty file, TooLarge, NotFound for a conversation of nobody here.
    """
    async with house.pool.connection() as connection:
        await check_conversation(connection, workspace_id, new.conversation_id)
    size, kind = await asyncio.to_thread(_look_at, file)
    if size == 0:
        raise Invalid("The submitted file is empty.", "file")
    check_size(size, house.settings.max_upload_mb)
    name = display_name(new.name)
    stored = await house.files.keep(file, _suffix(name))
    row = StoredAttachment(
        workspace_id,
        new.kind or kind,
        name,
        stored.key,
        stored.file_bytes,
        conversation_id=new.conversation_id,
    )
    try:
        async with house.pool.connection() as connection:
            return await attachments.insert_attachment(connection, row)
    except BaseException:
        await house.files.delete([stored.key])
        raise


async def take_in(house: House, workspace_id: UUID, offered: Sequence[Offered]) -> tuple[Attachment, ...]:
    """The attachments that a message is sent with, in their order; what lies elsewhere is fetched.

    Of a message that can't be taken nothing stays behind: either all of its files are stored, or none.

    Raises: Invalid that names the file and the reason.
    """
    if len(offered) > MOST_ATTACHMENTS:
        raise Invalid(f"A message takes at most {MOST_ATTACHMENTS} attachments.", FIELD)
    async with house.pool.connection() as connection:
        known = [await _find(connection, house, workspace_id, item) for item in offered]
    outside = [place for place, item in enumerate(offered) if known[place] is None and _is_web(item)]
    files = await _fetch_all(house, [offered[place] for place in outside])
    fetched = dict(zip(outside, files, strict=True))
    try:
        async with house.pool.connection() as connection:
            taken = [
                known[place] or await _put(connection, workspace_id, item, fetched.get(place))
                for place, item in enumerate(offered)
            ]
            return tuple(taken)
    except BaseException:
        await house.files.delete([file.stored.key for file in files])
        raise


async def _find(connection: Connection, house: House, workspace_id: UUID, item: Offered) -> Attachment | None:
    """What is stored here already; None for what has to be fetched or claimed."""
    linked = attachment_id_of(house, item.file)
    for attachment_id in (linked.id, item.id):
        if attachment_id is not None:
            found = await attachments.find_attachment(connection, workspace_id, attachment_id)
            if found is not None:
                return found
    if linked.is_ours or not (_is_web(item) or upload_id_of(item.file)):
        raise _refusal(item, _UNKNOWN)
    return None


class _FetchedFile(Struct, frozen=True):
    """A file from elsewhere, stored."""

    stored: StoredFile
    kind: AttachmentKind
    url: str


async def _fetch_all(house: House, items: Sequence[Offered]) -> list[_FetchedFile]:
    """The files from elsewhere, or none of them."""
    deadline = asyncio.get_running_loop().time() + _FETCH_S
    outcomes = await asyncio.gather(
        *(_fetch(house, item, deadline) for item in items), return_exceptions=True
    )
    fetched = [outcome for outcome in outcomes if isinstance(outcome, _FetchedFile)]
    failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    if failed:
        await house.files.delete([file.stored.key for file in fetched])
        raise failed[0]
    return fetched


async def _fetch(house: House, item: Offered, deadline: float) -> _FetchedFile:
    most_bytes = min(house.settings.max_upload_mb * 1024 * 1024, _MOST_FETCHED_BYTES)
    try:
        async with asyncio.timeout_at(deadline), house.fetching:
            answer = await house.outbound.get(item.file, max_bytes=most_bytes, timeout_s=_FETCH_S)
    except TimeoutError:
        raise _refusal(item, f"it was not fetched within {_FETCH_S} seconds; try again later.") from None
    except DomainError as error:
        raise _refusal(item, error.message) from error
    if not 200 <= answer.status < 300:
        raise _refusal(item, f"the other server answered {answer.status} instead of the file.")
    if not answer.body:
        raise _refusal(item, "the file is empty.")
    stored = await house.files.keep(io.BytesIO(answer.body), _suffix(_name(item)))
    return _FetchedFile(stored, tell_kind(answer.body[:HEAD_BYTES]), item.file)


async def _put(
    connection: Connection, workspace_id: UUID, item: Offered, fetched: _FetchedFile | None
) -> Attachment:
    if fetched is not None:
        row = StoredAttachment(
            workspace_id,
            item.kind or fetched.kind,
            _name(item),
            fetched.stored.key,
            fetched.stored.file_bytes,
            fetched.url,
        )
        return await attachments.insert_attachment(connection, row)
    claimed = await claim(connection, workspace_id, item.file, NewAttachment(item.name, item.kind))
    if claimed is None:
        raise _refusal(item, _UNKNOWN)
    return claimed


def _is_web(item: Offered) -> bool:
    return _WEB.match(item.file) is not None


def _name(item: Offered) -> str:
    """What the file is called: by the client, else by the last part of its address."""
    return display_name(item.name or unquote(item.file.partition("?")[0].partition("#")[0]))


def _refusal(item: Offered, reason: str) -> Invalid:
    return Invalid(f"{_name(item)}: {reason}", FIELD)


def _look_at(file: IO[bytes]) -> tuple[int, AttachmentKind]:
    """How large an open file is, and what it is; it is left at its start."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    return size, tell_kind(head)


def _suffix(name: str) -> str:
    return Path(name).suffix[:_SUFFIX_CHARS].lower()

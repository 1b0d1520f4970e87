"""Adding: files, folders, archives and websites become sources with a sync under way."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import IO
from uuid import UUID

from msgspec import Struct

from app.domain.errors import DomainError, NotFound
from app.domain.jobs import Job, JobState
from app.domain.knowledge import FailedItem, KnowledgeBase, Source, SourceKind
from app.security.uploads import check_size, display_name
from app.services.house import Desk
from app.services.run_jobs import announce, open_sync_job
from app.store import documents, jobs, knowledge, sources
from app.store.documents import NewContent, NewDocument
from app.store.files import StoredFile
from app.store.rows import Connection
from app.store.sources import NewSource
from rag.errors import RagError
from rag.extract import Limits, is_archive, unpack

_WATCH_EVERY_S = 0.3
# An index of names takes no more than this in the longest characters.
_MOST_NAME_CHARS = 600
_SHOWN_CHARS = 80
_LONG_NAME = (
    f"The name with its folders has over {_MOST_NAME_CHARS} characters; shorten it and add the file again."
)


class Added(Struct, frozen=True):
    """What became of one item: `error` says why it was not taken, `renewed` that it took another's place."""

    name: str
    source_id: UUID | None = None
    error: str | None = None
    renewed: bool = False


class Target(Struct, frozen=True):
    """Where new sources go."""

    base: KnowledgeBase
    category_id: UUID | None = None


class Progress(Struct, frozen=True):
    """How far the syncs of some sources are; `incomplete` are indexed but for a part of them."""

    done: int
    total: int
    failed: tuple[FailedItem, ...] = ()
    incomplete: tuple[FailedItem, ...] = ()


async def find_target(desk: Desk, assistant_id: UUID, category: str | None) -> Target:
    """The assistant's knowledge base, and the category of that name, made when missing.

    Raises: NotFound.
    """
    async with desk.pool.connection() as connection:
        bases = await knowledge.list_knowledge_bases(connection, assistant_id)
        if not bases:
            raise NotFound(f"There is no assistant {assistant_id}.")
        if category is None:
            return Target(bases[0])
        return Target(bases[0], (await knowledge.ensure_category(connection, bases[0], category)).id)


async def add_path(desk: Desk, target: Target, path: Path) -> AsyncIterator[Added]:
    """One item per file of a file, folder (recursive, no hidden files) or ZIP, each with its sync under way.

    Adding a file again under the same name renews it. Names in a folder begin with the folder's own, so that
    two folders with files of one name keep both.
    """
    for name, file in await asyncio.to_thread(_walk, path):
        if await asyncio.to_thread(_is_archive, file):
            async for added in _add_archive(desk, target, file):
                yield added
        else:
            yield await _add_file(desk, target, name, file)


async def add_website(desk: Desk, target: Target, url: str) -> Added:
    """The website as a source, its crawl under way; adding it again crawls it again."""
    async with desk.pool.connection() as connection:
        source = await _source(connection, target, NewSource(SourceKind.WEBSITE, url, {"url": url}))
        job = await open_sync_job(connection, source)
    if job is not None:
        await announce(desk, job)
    return Added(url, source.id)


async def watch(desk: Desk, source_ids: list[UUID]) -> AsyncIterator[Progress]:
    """How far the latest syncs of these sources are, until all have ended."""
    while True:
        progress, ended = await _look(desk, source_ids)
        yield progress
        if ended:
            return
        await asyncio.sleep(_WATCH_EVERY_S)


def _walk(path: Path) -> list[tuple[str, Path]]:
    """Names and paths of the files below `path`, sorted; links are not followed."""
    if not path.is_dir():
        return [(path.name, path)]
    found = [file for file in path.rglob("*") if file.is_file() and not file.is_symlink()]
    inside = [(file.relative_to(path), file) for file in sorted(found)]
    return [
        ((Path(path.resolve().name) / name).as_posix(), file)
        for name, file in inside
        if not any(part.startswith(".") for part in name.parts)
    ]


def _is_archive(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_archive(file, path.name)
    except OSError:
        return False


async def _add_file(desk: Desk, target: Target, name: str, path: Path) -> Added:
    try:
        with await asyncio.to_thread(path.open, "rb") as file:
            return await _add(desk, target, name, file)
    except OSError as error:
        return Added(name, error=f"The file can't be read: {error.strerror}.")


async def _add_archive(desk: Desk, target: Target, path: Path) -> AsyncIterator[Added]:
    try:
        async with aclosing(unpack(path, Limits())) as members:
            async for member in members:
                yield await _add(desk, target, member.name, member.file)
    except RagError as error:
        yield Added(path.name, error=str(error))


async def _add(desk: Desk, target: Target, name: str, file: IO[bytes]) -> Added:
    """Stores one file with its source and starts its sync; one that is too large is kept as an error."""
    shown = "/".join(display_name(part) for part in name.split("/"))
    if len(shown) > _MOST_NAME_CHARS:
        return Added(f"{shown[:_SHOWN_CHARS]}…", error=_LONG_NAME)
    refusal = _too_large(file, desk.settings.max_upload_mb)
    stored = None if refusal else await desk.files.keep(file, Path(shown).suffix[:16].lower())
    superseded, job = None, None
    async with desk.pool.connection() as connection:
        source = await _source(connection, target, NewSource(SourceKind.FILE, shown))
        superseded = await _put_document(connection, source, shown, stored)
        if refusal:
            await _refuse(connection, source, refusal)
        else:
            job = await open_sync_job(connection, source)
    await desk.files.delete([superseded] if superseded else [])
    if job is not None:
        await announce(desk, job)
    renewed = superseded is not None and stored is not None and superseded != stored.key
    return Added(shown, source.id, refusal, renewed)


def _too_large(file: IO[bytes], max_upload_mb: int) -> str | None:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    try:
        check_size(size, max_upload_mb)
    except DomainError as error:
        return error.message
    return None


async def _source(connection: Connection, target: Target, new: NewSource) -> Source:
    known = await sources.find_source_named(connection, target.base, new.kind, new.name)
    if known is None:
        new = NewSource(new.kind, new.name, new.options, target.category_id)
        return await sources.insert_source(connection, target.base, new)
    return known


async def _put_document(
    connection: Connection, source: Source, name: str, stored: StoredFile | None
) -> str | None:
    """The key of a stored file that nobody needs any more, if there is one."""
    digest, key, size = (stored.digest, stored.key, stored.file_bytes) if stored else (None, None, 0)
    known = await documents.find_document_named(connection, source.id, name)
    if known is None:
        await documents.insert_document(
            connection, source, NewDocument(name, digest, file_key=key, file_bytes=size)
        )
        return None
    if stored is None or known.content_hash == digest:
        return key
    content = NewContent(known.id, file_key=key, file_bytes=size, content_hash=digest)
    await documents.replace_content(connection, content)
    return known.file_key


async def _refuse(connection: Connection, source: Source, reason: str) -> None:
    for document_id in await documents.list_document_ids(connection, source.id):
        await documents.mark_failed(connection, document_id, None, reason)
    await sources.mark_failed(connection, source.id, reason)


async def _look(desk: Desk, source_ids: list[UUID]) -> tuple[Progress, bool]:
    async with desk.pool.connection() as connection:
        latest = await jobs.list_latest_jobs(connection, source_ids)
        failed = await documents.list_failed_documents(connection, source_ids)
        incomplete = await documents.list_incomplete_documents(connection, source_ids)
    ended = [job for job in latest if job.state in (JobState.DONE, JobState.FAILED)]
    refused = tuple(FailedItem(str(job.subject_id), job.error or "") for job in ended if _broke(job))
    if len(latest) == 1:
        job = latest[0]
        return Progress(job.progress_done, job.progress_total, failed + refused, incomplete), bool(ended)
    return Progress(len(ended), len(source_ids), failed + refused, incomplete), len(ended) == len(latest)


def _broke(job: Job) -> bool:
    return job.state is JobState.FAILED

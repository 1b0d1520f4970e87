"""Sync: bring a source's index up to date with what it says now.

What is unchanged is left alone; what can't be read keeps its reason and does not stop the rest; what was
indexed before keeps answering until its replacement is written.
"""

import time
from uuid import UUID

from msgspec import Struct

from app.domain.channels import QuotaKind
from app.domain.errors import Conflict, DomainError, Exhausted
from app.domain.jobs import Job
from app.domain.knowledge import Document, Source, SourceKind
from app.services.fetch_pages import fetch_pages
from app.services.follow_model import take_up_serving_model
from app.services.house import House
from app.services.identify import Visit
from app.services.manage_sources import get_manual_source
from app.services.run_jobs import announce, open_sync_job
from app.store import assistants, documents, jobs, sources
from app.store.documents import Reading
from rag.engine import DocumentKey
from rag.errors import ModelSwitched, Unreadable
from rag.passages import DocumentText, Extracted, Span, join_pages

_PROGRESS_EVERY_S = 0.5


async def request_sync(house: House, visit: Visit, source_id: UUID) -> Job:
    """The sync of a manual source, announced to the workers.

    Raises: NotFound, Conflict while one runs, Exhausted when the storage quota is spent.
    """
    async with house.pool.connection() as connection:
        source = await get_manual_source(connection, visit, source_id)
        quota = await assistants.find_quota(connection, visit.channel, QuotaKind.STORAGE_BYTES)
        if quota and await documents.count_stored_bytes(connection, source.workspace_id) > quota.limit_units:
            raise Exhausted("The storage quota is spent: delete rows or sources first.")
        job = await open_sync_job(connection, source)
        if job is None:
            raise Conflict("A sync of this data source is in progress.")
    await announce(house, job)
    return job


async def sync_source(house: House, job: Job) -> dict[str, object]:
    """What a sync did: documents looked at, failed, and left as they were."""
    async with house.pool.connection() as connection:
        source = await sources.find_workspace_source(connection, job.workspace_id, job.subject_id)
        if source is None:
            return {"gone": True}
        # Most syncs find nothing to do, and then their time is that of their transactions.
        if source.kind is not SourceKind.WEBSITE:
            waiting = await documents.mark_syncing(connection, source.id)
    if source.kind is SourceKind.WEBSITE:
        await fetch_pages(house, source)
        async with house.pool.connection() as connection:
            waiting = await documents.mark_syncing(connection, source.id)
    sync = _Sync(house, job, source)
    for done, document_id in enumerate(waiting):
        await sync.tell(done, len(waiting))
        await sync.document(document_id)
    return await sync.settle(len(waiting))


class _Read(Struct, frozen=True):
    document: DocumentText
    media_type: str | None
    shortfall: str | None = None


class _Sync:
    """One run over one source."""

    def __init__(self, house: House, job: Job, source: Source) -> None:
        self._house, self._job, self._source = house, job, source
        self._indexed = self._failed = 0
        self._told_at = 0.0

    async def tell(self, done: int, total: int) -> None:
        """Notes the progress, a few times a second at most."""
        now = time.monotonic()
        if now - self._told_at > _PROGRESS_EVERY_S:
            self._told_at = now
            async with self._house.pool.connection() as connection:
                await jobs.set_progress(connection, self._job, done, total)

    async def document(self, document_id: UUID) -> None:
        """Brings one document up to date, or keeps the reason why not."""
        async with self._house.pool.connection() as connection:
            document = await documents.find_document(connection, self._source.id, document_id)
        if document is None:
            return
        try:
            read = await self._read(document)
        except (Unreadable, DomainError) as error:
            self._failed += 1
            async with self._house.pool.connection() as connection:
                await documents.mark_failed(connection, document.id, document.content_hash, str(error))
            return
        try:
            await self._write(document, read)
        except ModelSwitched:
            await take_up_serving_model(self._house)
            await self._write(document, read)
        self._indexed += 1

    async def settle(self, total: int) -> dict[str, object]:
        """Ends the run: the source's state follows from its documents."""
        async with self._house.pool.connection() as connection:
            await jobs.set_progress(connection, self._job, total, total)
            failed = await documents.list_failed_documents(connection, [self._source.id])
            reason = None
            if failed:
                more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
                reason = f"{failed[0].name}: {failed[0].error}{more}"
            await sources.mark_ended(connection, self._source.id, reason)
        return {"indexed": self._indexed, "failed": self._failed}

    async def _read(self, document: Document) -> _Read:
        if self._source.kind in (SourceKind.MANUAL, SourceKind.TEXT):
            async with self._house.pool.connection() as connection:
                content = await documents.get_content(connection, document.id)
            # The row's name is the operator's handle, not knowledge: it is cited, not indexed.
            return _Read(DocumentText(content, (Span(0, len(content)),), ""), "text/markdown")
        if document.file_key is None:
            raise Unreadable(document.error or "The file was not kept. Add it again.")
        try:
            async with self._house.files.local(document.file_key) as path:
                return _joined(await self._house.engine.extract(path, document.name), document)
        except FileNotFoundError:
            raise Unreadable("The stored file is missing. Add it again.") from None

    async def _write(self, document: Document, read: _Read) -> None:
        engine, pool = self._house.engine, self._house.pool
        key = DocumentKey(
            document.id, document.workspace_id, document.knowledge_base_id, document.category_id
        )
        prepared = await engine.prepare(pool, key, read.document)
        async with pool.connection() as connection:
            # The same order of locks as in a deletion: knowledge base, then document.
            await engine.lock(connection, document.knowledge_base_id)
            if await documents.find_document(connection, self._source.id, document.id) is None:
                return
            await documents.mark_synced(
                connection,
                Reading(document.id, document.content_hash, read.document, read.media_type, read.shortfall),
            )
            await engine.write(connection, prepared)


def _joined(extracted: Extracted, document: Document) -> _Read:
    """The document text of an extraction; without a title of its own the file is called by its name."""
    title = extracted.title or document.title or document.name
    return _Read(join_pages(extracted.pages, title), extracted.media_type, extracted.shortfall)

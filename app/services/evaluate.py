"""Evaluation: question sets put to the real engine over a temporary workspace."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import structlog
from msgspec import Struct

from app.domain.knowledge import KnowledgeBase, Source, SourceKind
from app.services.house import House
from app.services.manage_assistants import create_assistant
from app.store import documents, evaluations, knowledge, sources, workspaces
from app.store.documents import NewDocument, Reading
from app.store.rows import Connection
from app.store.sources import NewSource
from rag.engine import DocumentKey, Only
from rag.errors import Unreadable
from rag.events import Finished
from rag.passages import DocumentText, Question, Scope, join_pages

# The name by which leftovers of a killed run are known.
_WORKSPACE = "lectern evaluation (temporary)"
_NOT_FOUND = "I could not find an answer to that in the documents I have."

log = structlog.get_logger()


class Found(Struct, frozen=True):
    """One retrieved or cited span."""

    document_id: UUID
    start: int
    end: int
    text: str = ""
    page: int | None = None


class Answered(Struct, frozen=True):
    """What the engine said; `refused` when it abstained."""

    text: str
    refused: bool
    citations: tuple[Found, ...]


class Bench:
    """A temporary knowledge base over the real engine."""

    def __init__(self, house: House, base: KnowledgeBase, source: Source) -> None:
        self._house, self._base, self._source = house, base, source
        self._scope = Scope((base.id,))

    async def add(self, name: str, document: DocumentText) -> UUID:
        """The id of the document, now in the index."""
        digest = hashlib.sha256(document.text.encode()).digest()
        async with self._house.pool.connection() as connection:
            stored = await documents.insert_document(
                connection, self._source, NewDocument(name, digest, content="")
            )
        assert stored is not None, "names are unique within a set"
        key = DocumentKey(stored.id, self._base.workspace_id, self._base.id, None)
        prepared = await self._house.engine.prepare(self._house.pool, key, document)
        async with self._house.pool.connection() as connection:
            await self._house.engine.lock(connection, self._base.id)
            await documents.mark_synced(connection, Reading(stored.id, digest, document, None))
            await self._house.engine.write(connection, prepared)
        return stored.id

    async def add_file(self, name: str, path: Path) -> UUID | None:
        """The id of the document, now in the index, or None when the file can't be read."""
        try:
            extracted = await self._house.engine.extract(path, name)
        except Unreadable as error:
            log.warning("file left out", name=name, cause=str(error))
            return None
        return await self.add(name, join_pages(extracted.pages, extracted.title or name))

    async def retrieve(self, question: str, *, limit: int, only: Only) -> tuple[Found, ...]:
        """What was found, best first."""
        asked = Question(question, self._scope)
        found = await self._house.engine.retrieve(self._house.pool, asked, limit=limit, only=only)
        return tuple(Found(hit.document_id, hit.start, hit.end) for hit in found.hits)

    async def answer(self, question: str) -> Answered:
        """The answer with its citations."""
        asked = Question(question, self._scope, not_found_message=_NOT_FOUND)
        async for event in self._house.engine.answer(self._house.pool, asked):
            last = event
        if not isinstance(last, Finished):
            raise Unreadable(getattr(last, "message", "The answer broke off."))
        cited = tuple(
            Found(citation.document_id, citation.start, citation.end, citation.excerpt, citation.page)
            for citation in last.citations
        )
        return Answered(last.text, last.text == _NOT_FOUND, cited)


@asynccontextmanager
async def open_bench(house: House) -> AsyncIterator[Bench]:
    """A bench that is removed at the end, also when cancelled; so are leftovers of killed runs."""
    async with house.pool.connection() as session, _announced(session):
        created = await create_assistant(house.pool, _WORKSPACE)
        try:
            yield await _furnish(house, created.assistant_id)
        finally:
            await asyncio.shield(_remove(house, created.workspace_id))


@asynccontextmanager
async def _announced(session: Connection) -> AsyncIterator[None]:
    """Removes leftovers when no other evaluation runs, and says that this one does until the block ends."""
    if await evaluations.try_lock_alone(session):
        removed = await workspaces.delete_workspaces_named(session, _WORKSPACE, 0)
        if removed:
            log.info("leftovers of a killed evaluation removed", workspaces=removed)
        await session.commit()
        await evaluations.unlock_alone(session)
    await evaluations.lock_shared(session)
    # The lock outlives the transaction, which must not stay open while models run.
    await session.commit()
    try:
        yield
    finally:
        await evaluations.unlock_shared(session)


async def _furnish(house: House, assistant_id: UUID) -> Bench:
    async with house.pool.connection() as connection:
        base = (await knowledge.list_knowledge_bases(connection, assistant_id))[0]
        source = await sources.insert_source(connection, base, NewSource(SourceKind.TEXT, "evaluation"))
    return Bench(house, base, source)


async def _remove(house: House, workspace_id: UUID) -> None:
    async with house.pool.connection() as connection:
        await workspaces.delete_workspace(connection, workspace_id)

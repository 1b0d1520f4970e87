"""The stages composed: a document into the index, a question into a stream of answer events."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from msgspec import Struct, structs
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from rag import index, models
from rag.attached import AttachedTexts, first_attached
from rag.candidates import Retrieval, settled
from rag.chunk import split
from rag.cite import Citer
from rag.condense import standalone
from rag.embed import DEFAULT_MODEL as DEFAULT_MODEL
from rag.embed import Embedder
from rag.errors import ModelBusy, ModelSwitched, ModelUnavailable
from rag.events import AnswerEvent, Cited, Failed, Finished, Retrieved, Started, Token, Usage
from rag.extract import Extractor
from rag.generate import Generator
from rag.generate.extractive import ExtractiveGenerator
from rag.generate.llama import LlamaGenerator
from rag.glossing import load_glossing_embedder
from rag.index import DocumentKey as DocumentKey
from rag.index import Draft, Prepared
from rag.judge import ModelJudge, WordJudge
from rag.links import LinkCleaner, Sources
from rag.merge import merged, placed
from rag.models import Serving as Serving
from rag.models import location_of as location_of
from rag.models import place_of as place_of
from rag.overview import asks_for_overview, points_back
from rag.passages import Citation, DocumentText, Extracted, Hit, Question
from rag.reindex import Reindexed as Reindexed
from rag.reindex import prune as prune
from rag.reindex import reindex as reindex
from rag.retrieve import Only as Only
from rag.retrieve import Retriever, read_hits
from rag.score import Answered as Answered
from rag.score import Judge, Scores, score

Connection = AsyncConnection[Any]
Pool = AsyncConnectionPool[Connection]

_LOADS = 3


class Models(Struct, frozen=True):
    """The parts that an engine is made of; without a `judge` answers are scored by words."""

    embedder: Embedder
    generator: Generator
    extractor: Extractor
    judge: Generator | None = None


class ModelSpec(Struct, frozen=True):
    """Which models to load; `llm` is empty (extractive), a GGUF path or an `http(s)://…/v1` address.

    The embedding model is that of a new database; later the database says which one serves. `judge` is like
    `llm`, for the model that scores answers; empty for none.
    """

    embedding_model: str = ""
    llm: str = ""
    llm_context_tokens: int = 4096
    llm_queue: int = 8
    judge: str = ""


def load_models(spec: ModelSpec) -> Models:
    """The parts that `spec` names; takes seconds, so call it in a thread.

    Raises: ModelUnavailable when one can't be loaded.
    """
    embedder = load_glossing_embedder(spec.embedding_model)
    generator = _load_model(spec, spec.llm) if spec.llm else ExtractiveGenerator(embedder)
    return Models(embedder, generator, Extractor(), _load_model(spec, spec.judge) if spec.judge else None)


def _load_model(spec: ModelSpec, llm: str) -> Generator:
    if llm.startswith(("http://", "https://")):
        # Its client library costs half a second of every start.
        from rag.generate.remote import RemoteGenerator

        return RemoteGenerator(llm, spec.llm_context_tokens, spec.llm_queue)
    return LlamaGenerator(Path(llm), spec.llm_context_tokens, spec.llm_queue)


class Engine:
    """Documents in, cited answers out, over one embedding model."""

    def __init__(self, parts: Models, enlisted: models.Enlisted) -> None:
        self._models = parts
        self._model_id = enlisted.id
        self._retriever = Retriever(parts.embedder, enlisted.id, enlisted.rule)
        words = WordJudge(parts.embedder)
        self._judge: Judge = ModelJudge(parts.judge, words) if parts.judge else words

    @classmethod
    async def load(cls, pool: Pool, spec: ModelSpec) -> "Engine":
        """An engine of the embedding model that serves.

        Raises: ModelUnavailable when a model can't be loaded.
        """
        location = await _serving_location(pool, spec.embedding_model)
        parts = await asyncio.to_thread(load_models, structs.replace(spec, embedding_model=location))
        try:
            return await cls.open(pool, parts, location)
        except ModelSwitched:
            return await _open_serving(pool, parts, spec.embedding_model)

    @classmethod
    async def open(cls, pool: Pool, parts: Models, location: str | None = None) -> "Engine":
        """An engine of these parts; its embedding model is added to a new database, and serves there.

        Raises: ModelSwitched when another one serves, ModelUnavailable when other vectors bear the name.
        """
        embedder = parts.embedder
        enlisted = await models.enlist(pool, embedder, location)
        if not enlisted.serving:
            raise ModelSwitched(
                f"The embedding model {embedder.name} does not serve; run 'lectern reindex --model' with it."
            )
        async with pool.connection() as connection:
            await models.ensure_index(connection, enlisted.id, embedder.dimensions)
        return cls(parts, enlisted)

    async def is_current(self, connection: Connection) -> bool:
        """Whether the model of this engine still serves."""
        serving = await models.find_serving(connection)
        return serving is not None and serving.id == self._model_id

    async def successor(self, pool: Pool, setting: str = "") -> "Engine":
        """An engine of the embedding model that serves now, with the other parts of this one.

        Answers under way go on with this one; only the successor is to be closed.
        Raises: ModelUnavailable when it can't be loaded.
        """
        return await _open_serving(pool, self._models, setting)

    async def show_use(self, connection: Connection) -> None:
        """Shows for as long as the connection's session lives that this engine's vectors are used."""
        await models.use(connection, self._model_id)

    @property
    def model_name(self) -> str:
        """The generator's name."""
        return self._models.generator.name

    @property
    def embedder_name(self) -> str:
        """The embedding model's name."""
        return self._models.embedder.name

    async def extract(self, path: Path, name: str) -> Extracted:
        """The pages of a file.

        Raises: Unreadable with a reason for a person.
        """
        return await self._models.extractor.extract(path, name)

    async def prepare(self, pool: Pool, key: DocumentKey, document: DocumentText) -> Prepared:
        """The document chunked, with vectors for the chunks that have none yet; nothing is written."""
        chunks = await asyncio.to_thread(split, document, self._models.embedder)
        draft = Draft(key, document, chunks)
        return await index.prepare(pool, draft, self._models.embedder, self._model_id)

    async def write(self, connection: Connection, prepared: Prepared) -> None:
        """Puts a prepared document into the index in place of what it had there.

        Raises: ModelSwitched when another embedding model serves by now; prepare again with `successor`.
        """
        await models.join_writers(connection, self._model_id)
        await index.replace_document(connection, prepared, self._model_id)

    async def lock(self, connection: Connection, knowledge_base_id: UUID) -> None:
        """Holds the index of a knowledge base until the transaction ends; comes before any document's row."""
        await index.lock_knowledge_base(connection, knowledge_base_id)

    async def remove(self, connection: Connection, document_ids: Sequence[UUID]) -> None:
        """Takes documents out of the index, with all their terms and vectors."""
        await index.remove_documents(connection, document_ids)

    async def retrieve(
        self, pool: Pool, question: Question, *, limit: int = 8, only: Only = "fused"
    ) -> Retrieval:
        """What was found for the question as it stands; `only` ranks by one half alone, for measuring."""
        return await self._retriever.retrieve(pool, question.text, question.scope, limit=limit, only=only)

    @property
    def judge_name(self) -> str:
        """Who scores answers."""
        return self._judge.name

    async def passages(self, pool: Pool, chunk_ids: Sequence[int]) -> tuple[Hit, ...]:
        """Those of the chunks that still exist, in the order asked for."""
        async with pool.connection() as connection:
            return await read_hits(connection, chunk_ids)

    async def score(self, answered: Answered) -> Scores:
        """How good the answer was, by the judge at hand."""
        return await score(self._judge, answered)

    async def answer(self, pool: Pool, question: Question) -> AsyncGenerator[AnswerEvent, None]:
        """The answer as it comes about; the last event is Finished or Failed."""
        clock = _Clock()
        try:
            async for event in self._answer(pool, question, clock):
                yield event
        except ModelBusy as error:
            yield Failed(str(error), busy=True)
        except ModelUnavailable as error:
            yield Failed(str(error))

    async def _answer(
        self, pool: Pool, question: Question, clock: "_Clock"
    ) -> AsyncGenerator[AnswerEvent, None]:
        generator = self._models.generator
        asked = await self._standalone(question)
        clock.lap("condense")
        yield Started(asked, generator.name)
        found = await self._looked_up(pool, structs.replace(question, text=asked), clock)
        yield Retrieved(found.hits, found.relevance, found.relevant)
        sources = merged(found.hits)
        # What is quoted word for word comes from the sources as it is.
        quotes = isinstance(generator, ExtractiveGenerator)
        draft = _Draft(Citer(sources, asked), found.hits, None if quotes else LinkCleaner(Sources(sources)))
        if found.relevant:
            async for piece in generator.generate(question, asked, sources):
                draft.count(piece.prompt_tokens, piece.answer_tokens, piece.finish_reason)
                # PostgreSQL stores no NUL, and no reader misses one.
                for event in draft.feed(piece.text.replace("\0", "")):
                    yield event
            for event in draft.finish():
                yield event
        if not draft.text.strip():
            for event in draft.take([Token(question.not_found_message)]):
                yield event
        clock.lap("generate")
        yield draft.finished(question, found, clock.laps)

    async def _standalone(self, question: Question) -> str:
        if asks_for_overview(question):
            return question.text
        rewritten = await self._models.generator.condense(question)
        return rewritten or (standalone(question) if points_back(question) else question.text.strip())

    async def _looked_up(self, pool: Pool, question: Question, clock: "_Clock") -> Retrieval:
        """What the stand-alone question is answered from."""
        texts = AttachedTexts(question.attached, self._models.embedder)
        if asks_for_overview(question):
            found = await texts.overview()
            clock.lap("attachments")
            return found
        found = await settled(await self._retriever.retrieve(pool, question.text, question.scope))
        clock.lap("retrieve")
        if question.attached:
            attached = await settled(await self._retriever.search(texts, question.text))
            found = first_attached(attached, found)
            clock.lap("attachments")
        return found

    async def close(self) -> None:
        """Frees the models and ends the parsers."""
        await self._models.extractor.close()
        await self._models.generator.close()
        if self._models.judge is not None:
            await self._models.judge.close()


async def _serving_location(pool: Pool, setting: str) -> str:
    async with pool.connection() as connection:
        return models.location_of(await models.find_serving(connection), setting)


async def _open_serving(pool: Pool, parts: Models, setting: str) -> Engine:
    """An engine of the embedding model that serves, the other parts as they are.

    It looks again when the model was switched once more while it was loaded.
    """
    reason = ""
    for _ in range(_LOADS):
        location = await _serving_location(pool, setting)
        embedder = await asyncio.to_thread(load_glossing_embedder, location)
        generator = parts.generator
        if isinstance(generator, ExtractiveGenerator):
            generator = ExtractiveGenerator(embedder)
        try:
            renewed = structs.replace(parts, embedder=embedder, generator=generator)
            return await Engine.open(pool, renewed, location)
        except ModelSwitched as error:
            reason = str(error)
    raise ModelUnavailable(reason)


class _Clock:
    """Milliseconds per stage."""

    def __init__(self) -> None:
        self.laps: dict[str, int] = {}
        self._last = time.monotonic()

    def lap(self, stage: str) -> None:
        now = time.monotonic()
        self.laps[stage] = round((now - self._last) * 1000)
        self._last = now


class _Draft:
    """The answer so far."""

    def __init__(self, citer: Citer, hits: Sequence[Hit], links: LinkCleaner | None) -> None:
        self._citer = citer
        self._links = links
        self._hits = hits
        self.text = ""
        self._citations: list[Citation] = []
        self._prompt_tokens = 0
        self._answer_tokens = 0
        self._finish_reason = "stop"

    def feed(self, text: str) -> Sequence[Token | Cited]:
        """What can be sent after the next piece of raw text."""
        events = self._citer.feed(text)
        return self.take(self._links.feed(events) if self._links else events)

    def finish(self) -> Sequence[Token | Cited]:
        """What was held back until the end."""
        events = self._citer.finish()
        return self.take([*self._links.feed(events), *self._links.finish()] if self._links else events)

    def take(self, events: Sequence[Token | Cited]) -> Sequence[Token | Cited]:
        taken = [
            event if isinstance(event, Token) else Cited(placed(event.citation, self._hits))
            for event in events
        ]
        self.text += "".join(event.text for event in taken if isinstance(event, Token))
        self._citations += [event.citation for event in taken if isinstance(event, Cited)]
        return taken

    def count(self, prompt_tokens: int, answer_tokens: int, finish_reason: str | None) -> None:
        self._prompt_tokens = max(self._prompt_tokens, prompt_tokens)
        self._answer_tokens = max(self._answer_tokens, answer_tokens)
        self._finish_reason = finish_reason or self._finish_reason

    def finished(self, question: Question, found: Retrieval, timings_ms: dict[str, int]) -> Finished:
        prompt_chars = len(question.text) + sum(len(hit.text) for hit in found.hits)
        usage = Usage(prompt_chars, len(self.text), self._prompt_tokens, self._answer_tokens)
        return Finished(self.text, tuple(self._citations), usage, timings_ms, self._finish_reason)

"""A knowledge base in the real database, with what indexes into it."""

from typing import Any
from uuid import UUID, uuid4

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from rag import index, models
from rag.chunk import split
from rag.passages import Page, join_pages
from rag.testing import HashEmbedder

Pool = AsyncConnectionPool[AsyncConnection[Any]]


class Counting(HashEmbedder):
    """Counts the texts that it embeds."""

    def __init__(self) -> None:
        super().__init__()
        self.embedded = 0

    def embed(self, texts: Any) -> Any:
        self.embedded += len(texts)
        return super().embed(texts)


class Library(Struct):
    """A knowledge base with what indexes into it."""

    pool: Pool
    embedder: Counting
    model_id: int
    workspace_id: UUID
    knowledge_base_id: UUID
    source_id: UUID

    async def put(
        self, text: str, title: str = "A title", key: index.DocumentKey | None = None
    ) -> index.DocumentKey:
        if key is None:
            key = index.DocumentKey(uuid4(), self.workspace_id, self.knowledge_base_id)
            await self.run(
                "INSERT INTO documents (id, workspace_id, knowledge_base_id, source_id, name, title) "
                "VALUES (%s, %s, %s, %s, %s, %s)",
                key.document_id, key.workspace_id, key.knowledge_base_id, self.source_id, str(uuid4()), title,
            )  # fmt: skip
        await self.replace(text, title, key)
        return key

    async def replace(self, text: str, title: str, key: index.DocumentKey) -> index.Changed:
        document = join_pages((Page(text),), title)
        draft = index.Draft(key, document, split(document, self.embedder))
        prepared = await index.prepare(self.pool, draft, self.embedder, self.model_id)
        async with self.pool.connection() as connection:
            return await index.replace_document(connection, prepared, self.model_id)

    async def run(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        async with self.pool.connection() as connection:
            cursor = await connection.execute(query, values)  # type: ignore[call-overload]
            return await cursor.fetchall() if cursor.description else []

    async def category(self, name: str = "laws") -> UUID:
        rows = await self.run(
            "INSERT INTO categories (workspace_id, knowledge_base_id, name) VALUES (%s, %s, %s) RETURNING id",
            self.workspace_id, self.knowledge_base_id, name,
        )  # fmt: skip
        return UUID(str(rows[0][0]))

    async def counts(self) -> dict[str, int]:
        tables = ("chunks", "chunk_vectors", "chunk_terms", "posting_blocks", "postings", "terms")
        return {table: (await self.run(f"SELECT count(*) FROM {table}"))[0][0] for table in tables}


async def open_library(pool: Pool) -> Library:
    """A new workspace with one knowledge base and one source."""
    embedder = Counting()
    workspace, base, source = uuid4(), uuid4(), uuid4()
    model_id = (await models.enlist(pool, embedder)).id
    async with pool.connection() as connection:
        await models.ensure_index(connection, model_id, embedder.dimensions)
        await connection.execute("INSERT INTO workspaces (id, name) VALUES (%s, 'w')", (workspace,))
        await connection.execute(
            "INSERT INTO knowledge_bases (id, workspace_id, name) VALUES (%s, %s, 'k')", (base, workspace)
        )
        await connection.execute(
            "INSERT INTO sources (id, workspace_id, knowledge_base_id, kind) VALUES (%s, %s, %s, 'text')",
            (source, workspace, base),
        )
    return Library(pool, embedder, model_id, workspace, base, source)

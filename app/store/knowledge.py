"""Rows of knowledge_bases, assistant_knowledge_bases and categories."""

from uuid import UUID

from app.domain.assistants import Assistant
from app.domain.knowledge import Category, KnowledgeBase
from app.store.rows import Connection, fetch, get
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)


async def insert_knowledge_base(connection: Connection, assistant: Assistant) -> KnowledgeBase:
    """The new, empty knowledge base of that assistant, named like it."""
    parameters = {
        "workspace_id": assistant.workspace_id,
        "assistant_id": assistant.id,
        "name": assistant.name,
    }
    return await get(connection, KnowledgeBase, Q["insert_knowledge_base"], parameters)


async def list_knowledge_bases(connection: Connection, assistant_id: UUID) -> tuple[KnowledgeBase, ...]:
    """What the assistant may cite, oldest first."""
    return await fetch(connection, KnowledgeBase, Q["list_knowledge_bases"], {"assistant_id": assistant_id})


async def ensure_category(connection: Connection, base: KnowledgeBase, name: str) -> Category:
    """The base's category of that name, made when missing."""
    parameters = {"workspace_id": base.workspace_id, "knowledge_base_id": base.id, "name": name}
    return await get(connection, Category, Q["ensure_category"], parameters)

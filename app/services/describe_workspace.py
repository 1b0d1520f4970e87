"""What a workspace has: its assistants with what they may cite, and its inboxes."""

from uuid import UUID

from app.domain.assistants import Assistant
from app.domain.channels import ChannelKind, Inbox
from app.domain.errors import NotFound
from app.domain.knowledge import KnowledgeBase
from app.domain.paging import PageNumber, PageOf
from app.services.house import House
from app.store import assistants, knowledge

Described = tuple[Assistant, tuple[KnowledgeBase, ...]]


async def list_assistants(house: House, workspace_id: UUID, page: PageNumber) -> PageOf[Described]:
    """A page of the workspace's assistants, oldest first.

    Raises: NoSuchPage.
    """
    async with house.pool.connection() as connection:
        total = await assistants.count_workspace_assistants(connection, workspace_id)
        found = await assistants.list_workspace_assistants(connection, workspace_id, page.span(total))
        described = [
            (assistant, await knowledge.list_knowledge_bases(connection, assistant.id)) for assistant in found
        ]
        return PageOf(tuple(described), total)


async def get_assistant(house: House, workspace_id: UUID, assistant_id: UUID) -> Described:
    """One assistant of the workspace.

    Raises: NotFound.
    """
    async with house.pool.connection() as connection:
        assistant = await assistants.find_assistant(connection, assistant_id)
        if assistant is None or assistant.workspace_id != workspace_id:
            raise NotFound("Assistant not found.")
        return assistant, await knowledge.list_knowledge_bases(connection, assistant.id)


async def list_inboxes(house: House, workspace_id: UUID, page: PageNumber) -> PageOf[Inbox]:
    """A page of the workspace's open inboxes, oldest first.

    Raises: NoSuchPage.
    """
    async with house.pool.connection() as connection:
        total = await assistants.count_inboxes(connection, workspace_id)
        return PageOf(await assistants.list_inboxes(connection, workspace_id, None, page.span(total)), total)


async def list_web_chats(house: House, workspace_id: UUID) -> tuple[Inbox, ...]:
    """All open inboxes of the web, oldest first."""
    async with house.pool.connection() as connection:
        return await assistants.list_inboxes(connection, workspace_id, ChannelKind.WEB)

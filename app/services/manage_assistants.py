"""Assistants: a new one with its knowledge base, its channels, and a key for every door."""

from uuid import UUID

from msgspec import Struct

from app.domain.assistants import Assistant, AssistantLine
from app.domain.channels import Channel, ChannelKind
from app.domain.errors import NotFound
from app.domain.workspaces import KeyKind, NewKey, Workspace
from app.security.keys import make_key
from app.store import assistants, knowledge, workspaces
from app.store.pool import Pool
from app.store.rows import Connection


class ChannelAccess(Struct, frozen=True):
    """What a client of the channel door needs."""

    channel_id: UUID
    secret_key: str


class MaiagentAccess(Struct, frozen=True):
    """What a client of the MaiAgent door needs."""

    api_key: str
    chatbot_id: UUID
    web_chat_id: UUID
    inbox_id: UUID


class CopiantoAccess(Struct, frozen=True):
    """What a client of the Copianto door needs."""

    api_key: str


class CognitiveAccess(Struct, frozen=True):
    """What a client of the Cognitive door needs."""

    api_key: str
    assistant_id: int


class Created(Struct, frozen=True):
    """A new assistant with its keys, which are shown this once."""

    workspace_id: UUID
    assistant_id: UUID
    assistant_seq: int
    knowledge_base_id: UUID
    knowledge_base_seq: int
    channel: ChannelAccess
    maiagent: MaiagentAccess
    copianto: CopiantoAccess
    cognitive: CognitiveAccess


async def create_assistant(pool: Pool, name: str, workspace_id: UUID | None = None) -> Created:
    """The new assistant, in a workspace of its own unless one is given.

    Raises: NotFound when the given workspace does not exist.
    """
    async with pool.connection() as connection:
        workspace = await _workspace(connection, name, workspace_id)
        assistant = await assistants.insert_assistant(connection, workspace.id, name)
        base = await knowledge.insert_knowledge_base(connection, assistant)
        api = await assistants.insert_channel(connection, assistant, ChannelKind.API, "API")
        web = await assistants.insert_channel(connection, assistant, ChannelKind.WEB, "Web chat")
        return Created(
            workspace.id,
            assistant.id,
            assistant.seq,
            base.id,
            base.seq,
            ChannelAccess(api.id, await _key(connection, assistant, KeyKind.CHANNEL, api)),
            # A web chat is the inbox of kind web: one thing under two names.
            MaiagentAccess(await _key(connection, assistant, KeyKind.MAIAGENT), assistant.id, web.id, web.id),
            CopiantoAccess(await _key(connection, assistant, KeyKind.COPIANTO)),
            CognitiveAccess(await _key(connection, assistant, KeyKind.COGNITIVE), assistant.seq),
        )


async def list_assistants(pool: Pool, workspace_id: UUID | None = None) -> tuple[AssistantLine, ...]:
    """All assistants, oldest first."""
    async with pool.connection() as connection:
        return await assistants.list_assistants(connection, workspace_id)


async def get_assistant(pool: Pool, assistant_id: UUID) -> Assistant:
    """The assistant.

    Raises: NotFound.
    """
    async with pool.connection() as connection:
        assistant = await assistants.find_assistant(connection, assistant_id)
    if assistant is None:
        raise NotFound(f"There is no assistant {assistant_id}.")
    return assistant


async def _workspace(connection: Connection, name: str, workspace_id: UUID | None) -> Workspace:
    if workspace_id is None:
        return await workspaces.insert_workspace(connection, name)
    workspace = await workspaces.find_workspace(connection, workspace_id)
    if workspace is None:
        raise NotFound(f"There is no workspace {workspace_id}.")
    return workspace


async def _key(
    connection: Connection, assistant: Assistant, kind: KeyKind, channel: Channel | None = None
) -> str:
    made = make_key(kind)
    channel_id = channel.id if channel else None
    await workspaces.insert_key(
        connection,
        NewKey(assistant.workspace_id, assistant.id, channel_id, kind, made.prefix, made.hash),
    )
    return made.secret

"""Who is calling: from a door's credentials to the channel, assistant and knowledge behind them."""

from uuid import UUID

from msgspec import Struct

from app.domain.assistants import Assistant
from app.domain.channels import Channel, ChannelKind
from app.domain.errors import Forbidden, NotFound
from app.domain.exchanges import Exchange
from app.domain.knowledge import KnowledgeBase
from app.domain.workspaces import KeyKind
from app.security.keys import hash_key
from app.services.house import House
from app.store import assistants, knowledge, workspaces
from app.store.rows import Connection


class Caller(Struct, frozen=True):
    """A program that was let in to a workspace, and to nothing beyond it."""

    workspace_id: UUID
    key_prefix: str


class Visit(Struct, frozen=True):
    """A caller who was let in: everything that happens stays within these."""

    channel: Channel
    assistant: Assistant
    bases: tuple[KnowledgeBase, ...]
    key_prefix: str = ""

    @property
    def base(self) -> KnowledgeBase:
        """The knowledge base that this visitor's sources go to."""
        return self.bases[0]


async def open_channel(house: House, channel_id: str, secret: str | None) -> Visit:
    """The visit that this secret opens on that channel.

    Raises: NotFound (unknown, malformed or disabled channel), Forbidden (wrong or missing key).
    """
    async with house.pool.connection() as connection:
        channel = await _open_api_channel(connection, channel_id)
        if not secret:
            raise Forbidden("The API secret key is missing: send it in the header X-API-Secret-Key.")
        key = await workspaces.find_key(connection, hash_key(secret), KeyKind.CHANNEL)
        if key is None or key.channel_id != channel.id:
            raise Forbidden("The API secret key does not match this channel.")
        await workspaces.touch_key(connection, key.id)
        return await _visit(connection, channel, key.prefix)


async def open_workspace(house: House, secret: str, kind: KeyKind) -> Caller | None:
    """The workspace that this secret opens at the door of that kind, or None."""
    async with house.pool.connection() as connection:
        key = await workspaces.find_key(connection, hash_key(secret), kind)
        if key is None:
            return None
        await workspaces.touch_key(connection, key.id)
        return Caller(key.workspace_id, key.prefix)


async def visit_inbox(house: House, caller: Caller, inbox_id: UUID) -> Visit | None:
    """The caller's visit to one of its workspace's open inboxes, or None."""
    async with house.pool.connection() as connection:
        channel = await assistants.find_channel(connection, inbox_id)
        is_open = channel is not None and channel.enabled and channel.kind is not ChannelKind.API
        if channel is None or not is_open or channel.workspace_id != caller.workspace_id:
            return None
        return await _visit(connection, channel, caller.key_prefix)


async def visit_chatbot(
    house: House, caller: Caller, assistant_id: UUID, conversation_id: UUID | None = None
) -> Visit | None:
    """The caller's visit to an assistant, where that conversation takes place or by its first open inbox.

    None when the workspace has no such assistant, or the assistant no such conversation.
    """
    async with house.pool.connection() as connection:
        channel = await assistants.find_inbox_of(
            connection, caller.workspace_id, assistant_id, conversation_id
        )
        return None if channel is None else await _visit(connection, channel, caller.key_prefix)


async def visit_conversation(house: House, caller: Caller, conversation_id: UUID) -> Visit | None:
    """The caller's visit to the inbox of a conversation, or None when the workspace has no such one."""
    async with house.pool.connection() as connection:
        channel = await assistants.find_inbox_of(connection, caller.workspace_id, None, conversation_id)
        return None if channel is None else await _visit(connection, channel, caller.key_prefix)


async def visit_exchange(house: House, exchange: Exchange) -> Visit | None:
    """A visit to the inbox of an exchange, or None when it was shut."""
    async with house.pool.connection() as connection:
        channel = await assistants.find_inbox_of(
            connection, exchange.workspace_id, exchange.assistant_id, exchange.conversation_id
        )
        return None if channel is None else await _visit(connection, channel, "")


async def visit_assistant(house: House, assistant_id: UUID) -> Visit:
    """A visit by the operator, through the assistant's own API channel.

    Raises: NotFound.
    """
    async with house.pool.connection() as connection:
        channel = await assistants.find_assistant_channel(connection, assistant_id, ChannelKind.API)
        if channel is None:
            raise NotFound(f"There is no assistant {assistant_id}.")
        return await _visit(connection, channel, "")


async def _open_api_channel(connection: Connection, channel_id: str) -> Channel:
    try:
        wanted = UUID(channel_id)
    except ValueError:
        raise NotFound("Channel not found.") from None
    channel = await assistants.find_channel(connection, wanted)
    if channel is None or channel.kind is not ChannelKind.API or not channel.enabled:
        raise NotFound("Channel not found.")
    return channel


async def _visit(connection: Connection, channel: Channel, key_prefix: str) -> Visit:
    assistant = await assistants.find_assistant(connection, channel.assistant_id)
    assert assistant is not None, "a channel has an assistant by its foreign key"
    bases = await knowledge.list_knowledge_bases(connection, assistant.id)
    return Visit(channel, assistant, bases, key_prefix)

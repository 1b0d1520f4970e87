"""Starting and listing conversations."""

from typing import Any

from litestar import Request, post

from app.api.channel import translate, wire
from app.api.channel.auth import InHouse, Visiting
from app.services import converse


@post("/conversation", status_code=200, summary="Start a conversation")
async def start_conversation(house: InHouse, visit: Visiting) -> wire.StartedConversation:
    """Starts a conversation; `response` is the assistant's greeting, stored as its first message."""
    conversation, greeting = await converse.start_conversation(house, visit)
    return wire.StartedConversation(conversation_id=conversation.id, response=greeting.content)


@post("/conversations", status_code=200, summary="Retrieve a list of conversations", takes=wire.ListItems)
async def list_conversations(
    request: Request[Any, Any, Any], house: InHouse, visit: Visiting
) -> wire.Conversations:
    """Lists the channel's conversations, newest first."""
    body = await wire.read_request(request, wire.ListItems)
    wanted = translate.page_request(body.limit, body.cursor)
    return translate.conversations(await converse.list_conversations(house, visit, wanted))

"""Where a chatbot's answers are posted."""

from typing import Any
from uuid import UUID

from litestar import Request, delete, get, put
from litestar.params import FromPath

from app.api import drf
from app.api.maiagent import bodies, translate, wire
from app.api.maiagent.auth import Calling, InHouse, id_in_path
from app.services import describe_workspace, notify
from app.services.house import House
from app.services.identify import Caller

_WEBHOOK = "/chatbots/{chatbot_id:str}/webhook"


@get(_WEBHOOK, summary="Get a chatbot's webhook")
async def get_webhook(house: InHouse, caller: Calling, chatbot_id: FromPath[str]) -> wire.Webhook:
    """Reads where the chatbot's answers are posted, and the secret that their signatures are made with."""
    assistant_id = await _chatbot(house, caller, chatbot_id)
    found = await notify.get_webhook(house.pool, caller.workspace_id, assistant_id)
    return translate.webhook(found, notify.secret_of(house.signer, found.id))


@put(_WEBHOOK, summary="Set a chatbot's webhook", takes=bodies.NewWebhook)
async def set_webhook(
    request: Request[Any, Any, Any], house: InHouse, caller: Calling, chatbot_id: FromPath[str]
) -> wire.Webhook:
    """Has every answer of the chatbot posted to an address from now on."""
    assistant_id = await _chatbot(house, caller, chatbot_id)
    body = await drf.read_body(request, bodies.NewWebhook)
    made = await notify.set_webhook(house.pool, caller.workspace_id, assistant_id, body.url)
    return translate.webhook(made, notify.secret_of(house.signer, made.id))


@delete(_WEBHOOK, summary="Remove a chatbot's webhook")
async def remove_webhook(house: InHouse, caller: Calling, chatbot_id: FromPath[str]) -> None:
    """Posts nothing more; what waits is dropped."""
    assistant_id = await _chatbot(house, caller, chatbot_id)
    await notify.remove_webhook(house.pool, caller.workspace_id, assistant_id)


async def _chatbot(house: House, caller: Caller, chatbot_id: str) -> UUID:
    """Raises: NotFound."""
    found, _ = await describe_workspace.get_assistant(house, caller.workspace_id, id_in_path(chatbot_id))
    return found.id

"""The MaiAgent door: chatbots, conversations, messages, records (seeds 001 and 004)."""

from litestar import Router
from litestar.di import Provide
from litestar.openapi.spec import SecurityScheme

from app.api.maiagent import (
    attachments,
    chatbots,
    contacts,
    conversations,
    files,
    inboxes,
    messages,
    pictures,
    records,
    uploads,
    webhooks,
)
from app.api.maiagent.auth import identify
from app.api.maiagent.errors import CHALLENGE, render
from app.api.maiagent.wire import Failure
from app.security.limits import JSON_BODY_BYTES

PREFIXES = ("/api", "/api/v1")

__all__ = ["PREFIXES", "maiagent_routers", "render", "security_schemes"]

_DOCUMENTED = (400, 401, 404, 429)


def maiagent_routers(upload_body_bytes: int) -> list[Router]:
    """The routes of the door, under each of its prefixes; the description shows them under the first.

    Files come in bodies of up to `upload_body_bytes`.
    """
    return [_router(prefix, upload_body_bytes) for prefix in PREFIXES]


def _router(prefix: str, upload_body_bytes: int) -> Router:
    with_files = Router(
        "/",
        route_handlers=[
            attachments.create_attachment,
            attachments.create_conversation_attachment,
            uploads.receive_upload,
        ],
        request_max_body_size=upload_body_bytes,
    )
    return Router(
        prefix,
        route_handlers=[
            chatbots.list_chatbots,
            chatbots.get_chatbot,
            chatbots.complete,
            conversations.start_conversation,
            conversations.list_conversations,
            conversations.get_conversation,
            conversations.read_conversation,
            messages.send_message,
            messages.list_messages,
            messages.get_message,
            messages.post_feedback,
            messages.put_feedback,
            messages.delete_feedback,
            records.list_records,
            records.export_excel,
            inboxes.list_inboxes,
            inboxes.list_web_chats,
            contacts.create_contact,
            contacts.list_contacts,
            webhooks.get_webhook,
            webhooks.set_webhook,
            webhooks.remove_webhook,
            pictures.default_avatar,
            uploads.announce_upload,
            files.download_file,
            with_files,
        ],
        request_max_body_size=JSON_BODY_BYTES,
        dependencies={"caller": Provide(identify)},
        exception_handlers={Exception: render},
        include_in_schema=prefix == PREFIXES[0],
        opt={"fails": (Failure, _DOCUMENTED), "names_fields": True},
        tags=["maiagent"],
        security=[{"maiagent": []}],
    )


def security_schemes() -> dict[str, SecurityScheme]:
    """How callers prove who they are, for the OpenAPI page."""
    return {
        "maiagent": SecurityScheme(
            type="apiKey",
            name="Authorization",
            security_scheme_in="header",
            description=f"The word {CHALLENGE}, a space, and the key.",
        )
    }

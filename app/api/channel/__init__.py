"""The channel door: one bot over a plain REST API (seed 003)."""

from litestar import Router
from litestar.di import Provide
from litestar.openapi.spec import SecurityScheme

from app.api.channel import conversations, messages, rows, sources
from app.api.channel.auth import HEADER, identify
from app.api.channel.errors import DOCUMENTED, render
from app.api.channel.wire import Failure
from app.security.limits import JSON_BODY_BYTES

PREFIX = "/api/public/channels"

__all__ = ["PREFIX", "channel_router", "render", "security_schemes"]


def channel_router(rows_body_bytes: int) -> Router:
    """The routes of the door; rows may come in bulk, in bodies of up to `rows_body_bytes`."""
    bulk = Router(
        "/", route_handlers=[rows.create_rows, rows.change_rows], request_max_body_size=rows_body_bytes
    )
    return Router(
        f"{PREFIX}/{{channel_id:str}}/1.0",
        route_handlers=[
            conversations.start_conversation,
            conversations.list_conversations,
            messages.send_message,
            messages.list_messages,
            sources.create_source,
            sources.list_sources,
            sources.get_source,
            sources.change_source,
            sources.delete_source,
            sources.request_sync,
            bulk,
            rows.list_rows,
            rows.get_row,
            rows.delete_rows,
        ],
        request_max_body_size=JSON_BODY_BYTES,
        dependencies={"visit": Provide(identify)},
        exception_handlers={Exception: render},
        opt={"fails": (Failure, DOCUMENTED)},
        tags=["channel"],
        security=[{"channel": []}],
    )


def security_schemes() -> dict[str, SecurityScheme]:
    """How callers prove who they are, for the OpenAPI page."""
    return {"channel": SecurityScheme(type="apiKey", name=HEADER, security_scheme_in="header")}

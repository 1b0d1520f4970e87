"""The composition root: settings and parts in, one application out; `python -m app.main` serves it."""

import gc
import os
import signal
import socket
import sys
from types import FrameType
from typing import Any, cast

import uvicorn
import uvloop
from litestar import Litestar, Request, Response
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components

from app.api import channel, maiagent
from app.api.health import health_router
from app.api.openapi import OfflinePage, describe_bodies
from app.domain.errors import DomainError
from app.observe.access import Observed, log_failure
from app.observe.logs import configure_logging
from app.observe.metrics import Metrics
from app.security.limits import RateLimiter, upload_body_bytes
from app.services.answer_later import owing
from app.services.follow_model import following
from app.services.house import House, close_house, open_house
from app.settings import Settings, WrongSetting, read_settings
from rag.errors import RagError

VERSION = "0.1.0"
# Answers under way get this long when the server is told to stop; then their clients are cut off.
_LAST_STREAMS_S = 10
_SWITCH_S = 0.001
_SAFE_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def create_app(settings: Settings, *, house: House) -> Litestar:
    """The application that speaks for an open house."""
    metrics = Metrics()
    limits = RateLimiter(settings.rate_limit_per_minute)
    body_bytes = upload_body_bytes(settings.max_upload_mb)
    application = Litestar(
        route_handlers=[
            channel.channel_router(body_bytes),
            *maiagent.maiagent_routers(body_bytes),
            health_router(),
        ],
        dependencies={
            "house": Provide(lambda: house, sync_to_thread=False),
            "limits": Provide(lambda: limits, sync_to_thread=False),
            "metrics": Provide(lambda: metrics, sync_to_thread=False),
        },
        exception_handlers={Exception: _render_unrouted},
        after_exception=[log_failure],
        response_headers=_SAFE_HEADERS,
        request_max_body_size=body_bytes,
        openapi_config=_describe(),
        logging_config=None,
    )
    describe_bodies(application)
    # Around everything, so that what no route answers is counted and logged too.
    application.asgi_handler = cast(Any, Observed(cast(Any, application.asgi_handler), metrics))
    return application


def _render_unrouted(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """What no door's route answers: in the shape of the door whose address it would be."""
    if request.scope["path"].startswith(channel.PREFIX):
        return channel.render(request, error)
    if request.scope["path"].startswith(maiagent.PREFIXES):
        return maiagent.render(request, error)
    if isinstance(error, HTTPException) and error.status_code < 500:
        return Response({"detail": error.detail}, status_code=error.status_code, headers=error.headers)
    return Response({"detail": "A server error occurred."}, status_code=500)


def _describe() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Lectern",
        version=VERSION,
        description="Assistants that answer from your own documents and cite them.",
        components=Components(security_schemes={**channel.security_schemes(), **maiagent.security_schemes()}),
        render_plugins=[OfflinePage()],
        use_handler_docstrings=True,
    )


async def serve(settings: Settings, listening: socket.socket) -> None:
    """Opens the house and answers until the process is told to stop.

    Raises: RagError when a model can't be loaded.
    """
    house = await open_house(settings, settings.database_url)
    # The models' objects stay: looking through them in every full collection held the event loop for 45 ms.
    gc.collect()
    gc.freeze()
    # How long a computing thread may keep the interpreter while the event loop waits for it (default 5 ms).
    sys.setswitchinterval(_SWITCH_S)
    try:
        config = uvicorn.Config(
            create_app(settings, house=house),
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=_LAST_STREAMS_S,
        )
        # Uvicorn raises the signal that stopped it once more, which would end the process before its answers.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _stop_calmly)
        async with following(house), owing(house):
            await uvicorn.Server(config).serve(sockets=[listening])
    finally:
        await close_house(house)


def main() -> None:
    """Serves until it is told to stop; what prevents the start is said in one line, with exit code 1."""
    try:
        settings = read_settings()
        configure_logging(settings.log_level)
        # Before the models are loaded, so that a taken port is told at once.
        uvloop.run(serve(settings, _listen(settings)))
    except (WrongSetting, RagError, DomainError) as error:
        sys.exit(str(error))


def _stop_calmly(_number: int, _frame: FrameType | None) -> None:
    """The signal has done its work."""


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        cause = os.strerror(error.errno) if error.errno else str(error)
        sys.exit(
            f"Can't listen on {settings.host}:{settings.port} ({cause}); "
            "choose another address with LECTERN_HOST and LECTERN_PORT."
        )


if __name__ == "__main__":
    main()

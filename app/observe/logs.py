"""Structured logs of this process: ours and the libraries', on standard error, without secrets."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor

from app.observe.redact import redact_event

# Chatty at info, and what they say is in our access line.
_QUIET = (
    "asyncio",
    "dramatiq",
    "httpx",
    "httpcore",
    "sentence_transformers",
    "uvicorn.access",
    "uvicorn.error",
)


def configure_logging(level: str, *, stream: TextIO | None = None) -> None:
    """Sends all logs to `stream` (standard error): JSON lines, or coloured text when a person is looking."""
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_rendering(stream.isatty()))
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _rendering(for_a_person: bool) -> list[Processor]:
    renderer: Processor = structlog.processors.JSONRenderer()
    if for_a_person:
        # Not the pretty one: it prints local variables, which could hold keys.
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        # The traceback becomes text first, so that it is redacted too.
        structlog.processors.format_exc_info,
        redact_event,
        renderer,
    ]

"""Exchanges: a question with its answer and all that is known of how it came about."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct


class ExchangeState(StrEnum):
    """How far an answer is."""

    RUNNING = "running"
    ANSWERED = "answered"
    NOT_FOUND = "not_found"
    FAILED = "failed"


class Exchange(Struct, frozen=True):
    """One question and its answer."""

    id: UUID
    seq: int
    workspace_id: UUID
    assistant_id: UUID
    conversation_id: UUID
    question_message_id: UUID
    answer_message_id: UUID | None
    standalone_question: str | None
    model: str | None
    state: ExchangeState
    relevance: float | None
    timings_ms: dict[str, int]
    usage: dict[str, int]
    error: str | None
    created_at: datetime
    finished_at: datetime | None

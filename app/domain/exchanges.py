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


class Metric(StrEnum):
    """What a score measures; the values are the fields of `rag.score.Scores`."""

    FAITHFULNESS = "faithfulness"
    ANSWER_RELEVANCY = "answer_relevancy"
    CONTEXT_PRECISION = "context_precision"
    CONTEXT_RECALL = "context_recall"
    ANSWER_CORRECTNESS = "answer_correctness"
    ANSWER_SIMILARITY = "answer_similarity"


class Score(Struct, frozen=True):
    """One metric's value, from 0 to 1, and who judged."""

    exchange_id: UUID
    metric: Metric
    value: float
    judge: str
    created_at: datetime


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

"""Feedback: what a person thinks of an answer."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct


class FeedbackKind(StrEnum):
    """Whether it was liked."""

    LIKE = "like"
    DISLIKE = "dislike"


class Feedback(Struct, frozen=True):
    """A person's word on one message, the last one that was given."""

    id: UUID
    message_id: UUID
    kind: FeedbackKind
    suggestion: str | None
    updated_at: datetime

"""Webhooks: who is told of an assistant's answers, and how that went."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct


class Webhook(Struct, frozen=True):
    """Where an assistant's answers are posted."""

    id: UUID
    seq: int
    workspace_id: UUID
    assistant_id: UUID
    url: str
    created_at: datetime


class DeliveryState(StrEnum):
    """How far it is."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


class Delivery(Struct, frozen=True):
    """One answer that a webhook is told of; `status_code` and `error` are those of the last attempt."""

    id: UUID
    seq: int
    webhook_id: UUID
    message_id: UUID
    state: DeliveryState
    attempts: int
    status_code: int | None
    error: str | None
    created_at: datetime
    finished_at: datetime | None

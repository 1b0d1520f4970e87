"""Rows of webhooks and deliveries."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from app.domain.webhooks import Delivery, Webhook
from app.store.rows import Connection, change, fetch, find
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)


async def set_webhook(
    connection: Connection, workspace_id: UUID, assistant_id: UUID, url: str
) -> Webhook | None:
    """The assistant's webhook as it is now, or None when the workspace has no such assistant."""
    parameters = {"workspace_id": workspace_id, "assistant_id": assistant_id, "url": url}
    return await find(connection, Webhook, Q["set_webhook"], parameters)


async def find_webhook(connection: Connection, workspace_id: UUID, assistant_id: UUID) -> Webhook | None:
    """The assistant's webhook, or None."""
    parameters = {"workspace_id": workspace_id, "assistant_id": assistant_id}
    return await find(connection, Webhook, Q["find_webhook"], parameters)


async def delete_webhook(connection: Connection, workspace_id: UUID, assistant_id: UUID) -> bool:
    """Whether there was one."""
    parameters = {"workspace_id": workspace_id, "assistant_id": assistant_id}
    return await change(connection, Q["delete_webhook"], parameters) > 0


async def insert_delivery(
    connection: Connection, workspace_id: UUID, assistant_id: UUID, message_id: UUID
) -> Delivery | None:
    """The new delivery of that answer, or None without a webhook."""
    parameters = {"workspace_id": workspace_id, "assistant_id": assistant_id, "message_id": message_id}
    return await find(connection, Delivery, Q["insert_delivery"], parameters)


class Notice(Struct, frozen=True):
    """What a receiver is told of an answer, and where."""

    delivery_id: UUID
    webhook_id: UUID
    url: str
    assistant_id: UUID
    assistant_name: str
    message_id: UUID
    conversation_id: UUID
    content: str
    created_at: datetime
    feedback_id: UUID | None
    feedback_kind: str | None
    feedback_suggestion: str | None
    feedback_updated_at: datetime | None


async def find_notice(connection: Connection, workspace_id: UUID, delivery_id: UUID) -> Notice | None:
    """What the delivery has to say; None when it is done, or its webhook or message is gone."""
    parameters = {"workspace_id": workspace_id, "delivery_id": delivery_id}
    return await find(connection, Notice, Q["find_notice"], parameters)


class Mark(Struct, frozen=True):
    """A citation as a receiver is told of it; `id` is the document's."""

    number: int
    id: UUID
    title: str
    filename: str
    url: str | None
    page: int | None
    start: int
    end: int
    excerpt: str


async def list_marks(connection: Connection, message_id: UUID) -> tuple[Mark, ...]:
    """The marks of the answer, by number."""
    return await fetch(connection, Mark, Q["list_marks"], {"message_id": message_id})


class Attempt(Struct, frozen=True):
    """How one attempt went; `error` is None when the receiver took it."""

    status_code: int | None = None
    error: str | None = None


async def note_attempt(connection: Connection, delivery_id: UUID, attempts: int, attempt: Attempt) -> None:
    """Stores how the latest of so many attempts went."""
    parameters = {
        "delivery_id": delivery_id,
        "attempts": attempts,
        "status_code": attempt.status_code,
        "error": attempt.error,
    }
    await change(connection, Q["note_attempt"], parameters)


async def fail_delivery(connection: Connection, delivery_id: UUID, attempts: int, error: str | None) -> None:
    """Ends a delivery that is still waiting."""
    parameters = {"delivery_id": delivery_id, "attempts": attempts, "error": error}
    await change(connection, Q["fail_delivery"], parameters)


async def list_deliveries(
    connection: Connection, workspace_id: UUID, assistant_id: UUID, limit: int
) -> tuple[Delivery, ...]:
    """The latest deliveries of the assistant's webhook, newest first."""
    parameters = {"workspace_id": workspace_id, "assistant_id": assistant_id, "limit": limit}
    return await fetch(connection, Delivery, Q["list_deliveries"], parameters)


async def forget_deliveries(connection: Connection, older_than_s: int, limit: int) -> None:
    """Removes at most so many deliveries that are older than that."""
    await change(connection, Q["forget_deliveries"], {"older_than_s": older_than_s, "limit": limit})

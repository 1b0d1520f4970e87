"""Rows of feedback."""

from uuid import UUID

from app.domain.feedback import Feedback, FeedbackKind
from app.store.rows import Connection, change, fetch, get
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)


async def set_feedback(
    connection: Connection, keys: tuple[UUID, UUID], kind: FeedbackKind, suggestion: str | None
) -> Feedback:
    """The word on a message as it is now; `keys` are the workspace's and the message's ids."""
    parameters = {"workspace_id": keys[0], "message_id": keys[1], "kind": kind, "suggestion": suggestion}
    return await get(connection, Feedback, Q["set_feedback"], parameters)


async def remove_feedback(connection: Connection, workspace_id: UUID, message_id: UUID) -> bool:
    """Whether there was any."""
    parameters = {"workspace_id": workspace_id, "message_id": message_id}
    return await change(connection, Q["remove_feedback"], parameters) > 0


async def list_feedback(connection: Connection, message_ids: list[UUID]) -> dict[UUID, Feedback]:
    """The words on those of the messages that have any."""
    found = await fetch(connection, Feedback, Q["list_feedback"], {"message_ids": message_ids})
    return {feedback.message_id: feedback for feedback in found}

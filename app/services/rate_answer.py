"""Feedback: a person likes an answer or not, and says what would have been better."""

from uuid import UUID

from app.domain.conversations import Role
from app.domain.errors import Invalid, NotFound
from app.domain.feedback import Feedback, FeedbackKind
from app.services.house import House
from app.store import feedback, messages
from app.store.rows import Connection


async def rate_answer(
    house: House, keys: tuple[UUID, UUID], kind: FeedbackKind, suggestion: str | None
) -> Feedback:
    """The word on an answer as it is now; `keys` are the workspace's and the message's ids.

    Raises: NotFound, Invalid (the message is no answer).
    """
    async with house.pool.connection() as connection:
        await _find_answer(connection, *keys)
        return await feedback.set_feedback(connection, keys, kind, suggestion)


async def take_back(house: House, workspace_id: UUID, message_id: UUID) -> None:
    """Removes the word on an answer.

    Raises: NotFound when there is none.
    """
    async with house.pool.connection() as connection:
        await _find_answer(connection, workspace_id, message_id)
        if not await feedback.remove_feedback(connection, workspace_id, message_id):
            raise NotFound("There is no feedback on this message.")


async def _find_answer(connection: Connection, workspace_id: UUID, message_id: UUID) -> None:
    message = await messages.find_message(connection, workspace_id, message_id)
    if message is None:
        raise NotFound("Message not found.")
    if message.role is not Role.ASSISTANT:
        raise Invalid("Feedback goes to an answer, not to a question.", "type")

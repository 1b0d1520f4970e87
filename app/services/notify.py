"""Webhooks: where an assistant's answers are posted, and the posting of them by the workers.

At least once: a worker that dies after a post posts again, under the same delivery id.
"""

from uuid import UUID, uuid4

import msgspec
from msgspec import Struct

from app.domain.errors import Invalid, NotFound, Unavailable
from app.domain.jobs import Job, JobKind, pause_s
from app.domain.moments import epoch_ms
from app.domain.webhooks import Delivery, Webhook
from app.security.outbound import Outbound
from app.security.signing import Signer, sign_body
from app.security.urls import read_url
from app.services.house import House
from app.store import jobs, webhooks
from app.store.pool import Pool
from app.store.rows import Connection
from app.store.webhooks import Attempt, Mark, Notice

_PURPOSE = "webhook"
TAKEN = 200
_LONGEST_REST_S = 60.0


class _Sender(Struct, frozen=True):
    id: UUID
    name: str
    avatar: str


class _Feedback(Struct, frozen=True):
    id: UUID
    type: str
    suggestion: str | None
    updated_at: str


class _Payload(Struct, frozen=True, kw_only=True):
    event: str = "message.created"
    chatbot: UUID
    id: UUID
    conversation: UUID
    sender: _Sender
    type: str = "outgoing"
    content: str
    feedback: _Feedback | None
    created_at: str
    # An answer brings no files along.
    attachments: tuple[()] = ()
    citations: tuple[Mark, ...]


async def set_webhook(pool: Pool, workspace_id: UUID, assistant_id: UUID, url: str) -> Webhook:
    """The assistant's webhook, from now on at that address; another address leaves its secret as it was.

    Raises: Invalid (url), NotFound (assistant).
    """
    read_url(url)
    async with pool.connection() as connection:
        webhook = await webhooks.set_webhook(connection, workspace_id, assistant_id, url)
    if webhook is None:
        raise NotFound(f"There is no assistant {assistant_id}.")
    return webhook


async def get_webhook(pool: Pool, workspace_id: UUID, assistant_id: UUID) -> Webhook:
    """The assistant's webhook.

    Raises: NotFound.
    """
    async with pool.connection() as connection:
        webhook = await webhooks.find_webhook(connection, workspace_id, assistant_id)
    if webhook is None:
        raise NotFound("The assistant has no webhook.")
    return webhook


async def remove_webhook(pool: Pool, workspace_id: UUID, assistant_id: UUID) -> None:
    """Forgets the assistant's webhook, its secret and its deliveries; nothing more is posted.

    Raises: NotFound.
    """
    async with pool.connection() as connection:
        if not await webhooks.delete_webhook(connection, workspace_id, assistant_id):
            raise NotFound("The assistant has no webhook.")


async def list_deliveries(
    pool: Pool, workspace_id: UUID, assistant_id: UUID, limit: int = 20
) -> tuple[Delivery, ...]:
    """The latest deliveries of the assistant's webhook, newest first.

    Raises: NotFound (webhook).
    """
    await get_webhook(pool, workspace_id, assistant_id)
    async with pool.connection() as connection:
        return await webhooks.list_deliveries(connection, workspace_id, assistant_id, limit)


def secret_of(signer: Signer, webhook_id: UUID) -> str:
    """What a receiver verifies signatures with.

    Shape: 64 hexadecimal characters.
    """
    return signer.sign(_PURPOSE, webhook_id.bytes)


async def send_ping(outbound: Outbound, signer: Signer, webhook: Webhook) -> int:
    """The status that the receiver answers a signed ping with.

    Raises: Invalid (url), Unavailable.
    """
    body = msgspec.json.encode({"event": "ping", "chatbot": webhook.assistant_id})
    return await outbound.post(webhook.url, body, _headers(uuid4(), secret_of(signer, webhook.id), body))


async def open_delivery(
    connection: Connection, workspace_id: UUID, assistant_id: UUID, message_id: UUID
) -> Job | None:
    """The job that posts an answer, or None without a webhook; the caller announces it after the commit."""
    delivery = await webhooks.insert_delivery(connection, workspace_id, assistant_id, message_id)
    if delivery is None:
        return None
    return await jobs.insert_job(connection, workspace_id, JobKind.DELIVER_ANSWER, delivery.id)


async def deliver_answer(house: House, job: Job) -> dict[str, object]:
    """What the receiver said, when it took the answer.

    Raises: Unavailable when it did not, Busy while others are posted to it.
    """
    async with house.pool.connection() as connection:
        notice = await webhooks.find_notice(connection, job.workspace_id, job.subject_id)
        if notice is None:
            return {"gone": True}
        marks = await webhooks.list_marks(connection, notice.message_id)
    attempt = await _attempt(house, job, notice, _payload(notice, marks, house.settings.base_url))
    async with house.pool.connection() as connection:
        await webhooks.note_attempt(connection, notice.delivery_id, job.attempts, attempt)
    if attempt.error is not None:
        raise Unavailable(attempt.error)
    return {"status": attempt.status_code}


async def _attempt(house: House, job: Job, notice: Notice, payload: "_Payload") -> Attempt:
    body = msgspec.json.encode(payload)
    headers = _headers(notice.delivery_id, secret_of(house.signer, notice.webhook_id), body)
    # Shorter than its own pause, so that its own next attempt is made.
    rest_s = min(0.8 * pause_s(job), _LONGEST_REST_S)
    try:
        with house.receivers.turn(notice.webhook_id, rest_s):
            status = await house.outbound.post(notice.url, body, headers)
    except (Invalid, Unavailable) as error:
        # An address that is refused now may be mended, or opened by the operator.
        return Attempt(error=error.message)
    if status != TAKEN:
        return Attempt(status, f"The receiver answered with status {status}, not {TAKEN}.")
    return Attempt(status)


def _headers(delivery_id: UUID, secret: str, body: bytes) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "X-Lectern-Delivery": str(delivery_id),
        "X-Lectern-Signature": sign_body(secret, body),
    }


def _payload(notice: Notice, marks: tuple[Mark, ...], base_url: str) -> _Payload:
    sender = _Sender(notice.assistant_id, notice.assistant_name, f"{base_url}/api/avatar.svg")
    return _Payload(
        chatbot=notice.assistant_id,
        id=notice.message_id,
        conversation=notice.conversation_id,
        sender=sender,
        content=notice.content,
        feedback=_feedback(notice),
        created_at=epoch_ms(notice.created_at),
        citations=marks,
    )


def _feedback(notice: Notice) -> _Feedback | None:
    if notice.feedback_id is None or notice.feedback_kind is None or notice.feedback_updated_at is None:
        return None
    updated_at = epoch_ms(notice.feedback_updated_at)
    return _Feedback(notice.feedback_id, notice.feedback_kind, notice.feedback_suggestion, updated_at)

"""Scores of live answers: made by the workers, after the answer; and the reference answers they go by."""

from uuid import UUID

from msgspec.structs import asdict

from app.domain.errors import Invalid, NotFound
from app.domain.exchanges import ExchangeState, Metric, Score
from app.domain.jobs import Job, JobKind
from app.services.house import Desk, House
from app.services.run_jobs import announce
from app.store import exchanges, jobs, scores
from app.store.rows import Connection
from app.store.scores import Scored
from rag.engine import Answered
from rag.passages import Citation, Hit

_LONGEST_REFERENCE_CHARS = 20_000


async def score_exchange(house: House, job: Job) -> dict[str, object]:
    """What was scored; starts again when the reference changes under its hands."""
    while True:
        async with house.pool.connection() as connection:
            scored = await scores.find_scored(connection, job.workspace_id, job.subject_id)
        if scored is None:
            return {"gone": True}
        values = await _values(house, scored)
        async with house.pool.connection() as connection:
            now = await scores.find_scored(connection, job.workspace_id, job.subject_id)
            if now == scored:
                await scores.replace_scores(connection, scored, values, house.engine.judge_name)
                return {metric.value: round(value, 3) for metric, value in values.items()}


async def attach_reference(desk: Desk, workspace_id: UUID, exchange_id: UUID, answer: str | None) -> None:
    """Sets what should have been answered, or takes it away, and has the exchange scored anew.

    Raises: NotFound, Invalid (empty or too long).
    """
    if answer is not None and not answer.strip():
        raise Invalid("A reference answer has at least one word.", "reference")
    if answer is not None and len(answer) > _LONGEST_REFERENCE_CHARS:
        raise Invalid(f"A reference answer has at most {_LONGEST_REFERENCE_CHARS} characters.", "reference")
    reference = None if answer is None else answer.replace("\0", "").strip()
    async with desk.pool.connection() as connection:
        if not await scores.set_reference(connection, workspace_id, exchange_id, reference):
            raise NotFound("Exchange not found.")
        # While one is open already, it notices the new reference itself.
        job = await jobs.insert_job(connection, workspace_id, JobKind.SCORE_EXCHANGE, exchange_id)
    if job is not None:
        await announce(desk, job)


async def list_scores(desk: Desk, workspace_id: UUID, exchange_ids: list[UUID]) -> dict[UUID, list[Score]]:
    """The scores so far; an exchange that no worker has come to yet is missing."""
    async with desk.pool.connection() as connection:
        return await scores.list_scores(connection, workspace_id, exchange_ids)


async def _values(house: House, scored: Scored) -> dict[Metric, float]:
    """The scores that can be had; none for an answer that broke off."""
    if scored.state not in (ExchangeState.ANSWERED, ExchangeState.NOT_FOUND):
        return {}
    answered = Answered(
        scored.question,
        scored.answer,
        await _passages(house, scored),
        scored.reference_answer,
        refused=scored.state is ExchangeState.NOT_FOUND,
    )
    found = asdict(await house.engine.score(answered))
    return {Metric(name): value for name, value in found.items() if value is not None}


async def _passages(house: House, scored: Scored) -> tuple[Hit, ...]:
    """What was retrieved, as far as it still exists; what the answer quoted of the rest."""
    async with house.pool.connection() as connection:
        chunk_ids = await exchanges.list_hit_chunks(connection, [scored.id])
        quoted = await _quoted(connection, scored)
    found = await house.engine.passages(house.pool, chunk_ids.get(scored.id, []))
    alive = {hit.chunk_id for hit in found}
    return (*found, *(_as_hit(mark) for mark in quoted if mark.chunk_id not in alive))


async def _quoted(connection: Connection, scored: Scored) -> list[Citation]:
    if scored.answer_message_id is None:
        return []
    marks = await exchanges.list_citations(connection, [scored.answer_message_id])
    return marks.get(scored.answer_message_id, [])


def _as_hit(mark: Citation) -> Hit:
    return Hit(
        mark.chunk_id,
        mark.document_id,
        mark.title,
        mark.url,
        mark.excerpt,
        mark.start,
        mark.end,
        mark.page,
        (),
        mark.score,
    )

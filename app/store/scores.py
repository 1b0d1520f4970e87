"""Rows of scores, and what scores are made from."""

from uuid import UUID

from msgspec import Struct

from app.domain.exchanges import ExchangeState, Metric, Score
from app.store.rows import Connection, change, fetch, find
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)


class Scored(Struct, frozen=True):
    """An exchange as it is scored."""

    id: UUID
    workspace_id: UUID
    question: str
    answer: str
    state: ExchangeState
    answer_message_id: UUID | None
    reference_answer: str | None


async def find_scored(connection: Connection, workspace_id: UUID, exchange_id: UUID) -> Scored | None:
    """The workspace's exchange, or None."""
    parameters = {"exchange_id": exchange_id, "workspace_id": workspace_id}
    return await find(connection, Scored, Q["find_scored"], parameters)


async def set_reference(
    connection: Connection, workspace_id: UUID, exchange_id: UUID, reference_answer: str | None
) -> bool:
    """Whether the workspace has that exchange."""
    parameters = {
        "exchange_id": exchange_id,
        "workspace_id": workspace_id,
        "reference_answer": reference_answer,
    }
    return await change(connection, Q["set_reference"], parameters) > 0


async def replace_scores(
    connection: Connection, scored: Scored, values: dict[Metric, float], judge: str
) -> None:
    """Puts new scores in place of all that the exchange had."""
    keys = {"exchange_id": scored.id, "workspace_id": scored.workspace_id, "judge": judge}
    await change(connection, Q["remove_scores"], keys)
    async with connection.cursor() as cursor:
        rows = [keys | {"metric": metric.value, "value": value} for metric, value in values.items()]
        await cursor.executemany(Q["insert_score"], rows)


async def list_scores(
    connection: Connection, workspace_id: UUID, exchange_ids: list[UUID]
) -> dict[UUID, list[Score]]:
    """The scores of those of the workspace's exchanges that have any."""
    parameters = {"exchange_ids": exchange_ids, "workspace_id": workspace_id}
    found: dict[UUID, list[Score]] = {}
    for score in await fetch(connection, Score, Q["list_scores"], parameters):
        found.setdefault(score.exchange_id, []).append(score)
    return found

"""Rows of exchanges, citations and hits."""

from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict
from psycopg.types.json import Jsonb

from app.domain.conversations import Message
from app.domain.exchanges import Exchange, ExchangeState
from app.store.rows import Connection, change, fetch, get
from rag.passages import Citation, Hit
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)

_HIT_COLUMNS = ("document_id", "chunk_id", "score", "dense_rank", "lexical_rank")


class Outcome(Struct, frozen=True):
    """How an answer ended."""

    exchange_id: UUID
    state: ExchangeState
    answer_message_id: UUID | None = None
    standalone_question: str | None = None
    model: str | None = None
    relevance: float | None = None
    timings_ms: dict[str, int] = {}
    usage: dict[str, int] = {}
    error: str | None = None


async def insert_exchange(connection: Connection, question: Message, keys: tuple[UUID, UUID]) -> Exchange:
    """The running exchange of that question; `keys` are its workspace's and assistant's ids."""
    parameters = {
        "workspace_id": keys[0],
        "assistant_id": keys[1],
        "conversation_id": question.conversation_id,
        "question_message_id": question.id,
    }
    return await get(connection, Exchange, Q["insert_exchange"], parameters)


async def finish_exchange(connection: Connection, outcome: Outcome) -> bool:
    """Whether the exchange was still running."""
    parameters = asdict(outcome)
    parameters |= {"timings_ms": Jsonb(outcome.timings_ms), "usage": Jsonb(outcome.usage)}
    return await change(connection, Q["finish_exchange"], parameters) > 0


async def fail_forgotten_exchanges(connection: Connection, older_than_s: int) -> int:
    """How many answers a killed server had left open."""
    return await change(connection, Q["fail_forgotten_exchanges"], {"older_than_s": older_than_s})


async def list_exchanges(connection: Connection, conversation_id: UUID) -> tuple[Exchange, ...]:
    """The thread's exchanges, oldest first."""
    return await fetch(connection, Exchange, Q["list_exchanges"], {"conversation_id": conversation_id})


async def list_opening_ids(connection: Connection, exchange_ids: list[UUID]) -> set[UUID]:
    """Those of the exchanges that are the first of their threads."""
    cursor = await connection.execute(Q["list_opening_ids"], {"exchange_ids": exchange_ids})
    return {row[0] for row in await cursor.fetchall()}


async def insert_citations(
    connection: Connection, workspace_id: UUID, message_id: UUID, citations: tuple[Citation, ...]
) -> None:
    """Stores the marks of an answer."""
    keys = {"workspace_id": workspace_id, "message_id": message_id}
    async with connection.cursor() as cursor:
        await cursor.executemany(Q["insert_citation"], [asdict(citation) | keys for citation in citations])


class _Mark(Citation, frozen=True, kw_only=True):
    message_id: UUID


async def list_citations(connection: Connection, message_ids: list[UUID]) -> dict[UUID, list[Citation]]:
    """The marks of those answers that have any, by number."""
    found: dict[UUID, list[Citation]] = {}
    for mark in await fetch(connection, _Mark, Q["list_citations"], {"message_ids": message_ids}):
        found.setdefault(mark.message_id, []).append(mark)
    return found


async def list_hit_chunks(connection: Connection, exchange_ids: list[UUID]) -> dict[UUID, list[int]]:
    """The ids of the chunks that were retrieved for those of the exchanges that have any, best first."""
    found: dict[UUID, list[int]] = {}
    cursor = await connection.execute(Q["list_hit_chunks"], {"exchange_ids": exchange_ids})
    for exchange_id, chunk_id in await cursor.fetchall():
        found.setdefault(exchange_id, []).append(chunk_id)
    return found


async def insert_hits(
    connection: Connection, workspace_id: UUID, exchange_id: UUID, hits: tuple[Hit, ...]
) -> None:
    """Stores what was retrieved, best first, and counts it for each chunk."""
    columns = {f"{name}s": [getattr(hit, name) for hit in hits] for name in _HIT_COLUMNS}
    keys = {"workspace_id": workspace_id, "exchange_id": exchange_id}
    await connection.execute(Q["insert_hits"], columns | keys)
    await connection.execute(Q["count_hits"], {"chunk_ids": columns["chunk_ids"]})

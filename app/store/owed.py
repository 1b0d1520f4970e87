"""Rows of owed answers."""

from uuid import UUID

from app.domain.exchanges import Exchange
from app.store.rows import Connection, change, fetch
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)

LEASE_S = 30


class OwedExchange(Exchange, frozen=True, kw_only=True):
    """An exchange whose answer is owed, and how often it was begun."""

    attempts: int


async def insert_owed(connection: Connection, exchange: Exchange) -> None:
    """Notes that the answer is owed, and that the caller works on it."""
    parameters = {"exchange_id": exchange.id, "workspace_id": exchange.workspace_id, "lease_s": LEASE_S}
    await change(connection, Q["insert_owed"], parameters)


async def hold_owed(connection: Connection, exchange_ids: list[UUID]) -> None:
    """Prolongs the caller's leases."""
    await change(connection, Q["hold_owed"], {"exchange_ids": exchange_ids, "lease_s": LEASE_S})


async def claim_owed(connection: Connection, limit: int) -> tuple[OwedExchange, ...]:
    """Answers that nobody works on any more, now leased to the caller."""
    return await fetch(connection, OwedExchange, Q["claim_owed"], {"limit": limit, "lease_s": LEASE_S})


async def put_off_owed(connection: Connection, exchange_id: UUID, pause_s: int) -> None:
    """Leaves the answer to whoever comes first after the pause."""
    await change(connection, Q["put_off_owed"], {"exchange_id": exchange_id, "pause_s": pause_s})


async def settle_owed(connection: Connection, exchange_id: UUID) -> None:
    """Notes that the answer is there, or given up."""
    await change(connection, Q["settle_owed"], {"exchange_id": exchange_id})

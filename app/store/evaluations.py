"""Which evaluations run, told by locks of their sessions: a killed one leaves none."""

from app.store.rows import Connection, value
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)


async def try_lock_alone(connection: Connection) -> bool:
    """Whether no evaluation runs; none starts before `unlock_alone`."""
    return bool(await value(connection, Q["try_lock_alone"], {}))


async def unlock_alone(connection: Connection) -> None:
    """Lets evaluations start again."""
    await value(connection, Q["unlock_alone"], {})


async def lock_shared(connection: Connection) -> None:
    """Says that an evaluation runs, until `unlock_shared` or the end of the session."""
    await value(connection, Q["lock_shared"], {})


async def unlock_shared(connection: Connection) -> None:
    """Ends `lock_shared`."""
    await value(connection, Q["unlock_shared"], {})

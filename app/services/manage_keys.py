"""Keys: list, revoke, replace."""

from uuid import UUID

from app.domain.errors import NotFound
from app.domain.workspaces import ApiKey, NewKey
from app.security.keys import make_key
from app.store import workspaces
from app.store.pool import Pool


async def list_keys(pool: Pool, workspace_id: UUID | None = None) -> tuple[ApiKey, ...]:
    """All keys, oldest first."""
    async with pool.connection() as connection:
        return await workspaces.list_keys(connection, workspace_id)


async def revoke_key(pool: Pool, key_id: UUID) -> None:
    """Closes a key for good.

    Raises: NotFound when there is no such open key.
    """
    async with pool.connection() as connection:
        if await workspaces.revoke_key(connection, key_id) is None:
            raise NotFound(f"There is no open key {key_id}.")


async def rotate_key(pool: Pool, key_id: UUID) -> str:
    """A new secret, shown this once, for what the old key opened; the old one is closed.

    Raises: NotFound when there is no such open key.
    """
    async with pool.connection() as connection:
        old: ApiKey | None = await workspaces.revoke_key(connection, key_id)
        if old is None:
            raise NotFound(f"There is no open key {key_id}.")
        made = make_key(old.kind)
        await workspaces.insert_key(
            connection,
            NewKey(old.workspace_id, old.assistant_id, old.channel_id, old.kind, made.prefix, made.hash),
        )
        return made.secret

"""Rows of workspaces and api_keys."""

from uuid import UUID

from msgspec.structs import asdict

from app.domain.workspaces import ApiKey, KeyKind, NewKey, Workspace
from app.store.rows import Connection, change, fetch, find, get
from rag.sqlfile import queries_beside

Q = queries_beside(__file__)


async def insert_workspace(connection: Connection, name: str) -> Workspace:
    """The new tenant."""
    return await get(connection, Workspace, Q["insert_workspace"], {"name": name})


async def find_workspace(connection: Connection, workspace_id: UUID) -> Workspace | None:
    """The tenant, or None."""
    return await find(connection, Workspace, Q["find_workspace"], {"workspace_id": workspace_id})


async def delete_workspace(connection: Connection, workspace_id: UUID) -> None:
    """Removes a tenant with everything in it."""
    await change(connection, Q["delete_workspace"], {"workspace_id": workspace_id})


async def delete_workspaces_named(connection: Connection, name: str, older_than_s: int) -> int:
    """How many leftover tenants of that name were removed."""
    return await change(
        connection, Q["delete_workspaces_named"], {"name": name, "older_than_s": older_than_s}
    )


async def insert_key(connection: Connection, key: NewKey) -> ApiKey:
    """The stored key."""
    return await get(connection, ApiKey, Q["insert_key"], asdict(key))


async def find_key(connection: Connection, digest: bytes, kind: KeyKind) -> ApiKey | None:
    """The key with that hash that still opens, or None."""
    return await find(connection, ApiKey, Q["find_key"], {"hash": digest, "kind": kind})


async def touch_key(connection: Connection, key_id: UUID) -> None:
    """Notes that the key was used."""
    await change(connection, Q["touch_key"], {"key_id": key_id})


async def list_keys(connection: Connection, workspace_id: UUID | None) -> tuple[ApiKey, ...]:
    """All keys, oldest first."""
    return await fetch(connection, ApiKey, Q["list_keys"], {"workspace_id": workspace_id})


async def revoke_key(connection: Connection, key_id: UUID) -> ApiKey | None:
    """The key, now closed, or None when there is no such open key."""
    return await find(connection, ApiKey, Q["revoke_key"], {"key_id": key_id})

"""`lectern keys …`: list, revoke and replace the keys of the doors."""

import asyncio
from pathlib import Path
from uuid import UUID

import click
import msgspec
from rich.table import Table

from app.cli.options import ID, home_option, json_option, open_pool_of, settings_with, show_table


@click.group("keys")
def keys_command() -> None:
    """List, revoke and replace the keys of the doors; secrets themselves are never kept.

    \b
    Examples:
      lectern keys list
      lectern keys revoke 0b1c5c0a-7f0e-4a7e-8f43-3f5ad1d0d5b2
    """


@keys_command.command("list")
@click.option("--workspace", type=ID, help="Only the keys of this workspace.")
@json_option
@home_option
def list_all(workspace: UUID | None, as_json: bool, home: Path | None) -> None:
    """List the keys: what they open, when they were last used, whether they are revoked.

    \b
    Examples:
      lectern keys list
      lectern keys list --workspace 3f2b8c1e-0d5a-4c83-9a51-5d2f6f0c9a77 --json
    """
    from app.services.manage_keys import list_keys

    async def lines() -> object:
        async with open_pool_of(settings_with(home)) as pool:
            return await list_keys(pool, workspace)

    found = asyncio.run(lines())
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    table = Table(
        "key", "opens", "starts with", "assistant", "last used", "state", box=None, header_style="bold"
    )
    for key in msgspec.to_builtins(found):
        state = f"revoked {key['revoked_at'][:10]}" if key["revoked_at"] else "open"
        used = (key["last_used_at"] or "never")[:16].replace("T", " ")
        table.add_row(key["id"], key["kind"], key["prefix"], key["assistant_id"] or "-", used, state)
    show_table(table)


@keys_command.command("revoke")
@click.argument("key", type=ID)
@home_option
def revoke(key: UUID, home: Path | None) -> None:
    """Close a key for good, at once.

    \b
    Examples:
      lectern keys revoke 0b1c5c0a-7f0e-4a7e-8f43-3f5ad1d0d5b2
    """
    from app.services.manage_keys import revoke_key

    async def work() -> None:
        async with open_pool_of(settings_with(home)) as pool:
            await revoke_key(pool, key)

    asyncio.run(work())
    click.echo(f"Key {key} is revoked.")


@keys_command.command("rotate")
@click.argument("key", type=ID)
@json_option
@home_option
def rotate(key: UUID, as_json: bool, home: Path | None) -> None:
    """Replace a key: the old one closes, the new secret is shown this once.

    \b
    Examples:
      lectern keys rotate 0b1c5c0a-7f0e-4a7e-8f43-3f5ad1d0d5b2
    """
    from app.services.manage_keys import rotate_key

    async def work() -> str:
        async with open_pool_of(settings_with(home)) as pool:
            return await rotate_key(pool, key)

    secret = asyncio.run(work())
    if as_json:
        click.echo(msgspec.json.encode({"secret_key": secret}).decode())
    else:
        click.echo(f"The old key is closed. The new secret, shown this once:\n\n  {secret}")

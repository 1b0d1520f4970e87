"""`lectern assistant …`: make and list assistants."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click
import msgspec
from rich.table import Table

from app.cli.options import ID, home_option, json_option, open_pool_of, own_name, settings_with, show_table
from app.settings import Settings

if TYPE_CHECKING:
    from app.services.manage_assistants import Created


@click.group("assistant")
def assistant_command() -> None:
    """Make and list assistants.

    \b
    Examples:
      lectern assistant create Handbook
      lectern assistant list
    """


@assistant_command.command("create")
@click.argument("name")
@click.option("--workspace", type=ID, help="Make it in this workspace instead of a new one.")
@json_option
@home_option
def create(name: str, workspace: UUID | None, as_json: bool, home: Path | None) -> None:
    """Make an assistant with its knowledge base, a channel, and a key for every door.

    The keys are shown this once: only their hashes are kept.

    \b
    Examples:
      lectern assistant create Handbook
      lectern assistant create "Travel desk" --workspace 3f2b8c1e-0d5a-4c83-9a51-5d2f6f0c9a77 --json
    """
    if not name.strip():
        raise click.UsageError("NAME is empty: give the assistant a name.")
    created = asyncio.run(_create(settings_with(home), name.strip(), workspace))
    if as_json:
        click.echo(msgspec.json.encode(created).decode())
    else:
        _show(created, name.strip(), f" --home {home}" if home else "")


@assistant_command.command("list")
@json_option
@home_option
def list_all(as_json: bool, home: Path | None) -> None:
    """List all assistants with their ids.

    \b
    Examples:
      lectern assistant list
      lectern assistant list --json
    """
    from app.services.manage_assistants import list_assistants

    async def lines() -> object:
        async with open_pool_of(settings_with(home)) as pool:
            return await list_assistants(pool)

    found = asyncio.run(lines())
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    table = Table("assistant", "name", "workspace", "documents", box=None, header_style="bold")
    for line in msgspec.to_builtins(found):
        table.add_row(line["id"], line["name"], line["workspace_name"], str(line["documents_count"]))
    show_table(table)


async def _create(settings: Settings, name: str, workspace: UUID | None) -> "Created":
    from app.services.manage_assistants import create_assistant

    async with open_pool_of(settings) as pool:
        return await create_assistant(pool, name, workspace)


def _show(created: "Created", name: str, home: str) -> None:
    click.echo(f"{name} is there. The keys are shown this once; only their hashes are kept.\n")
    for line in (
        f"  assistant     {created.assistant_id}  (number {created.assistant_seq})",
        f"  workspace     {created.workspace_id}",
        f"  knowledge     {created.knowledge_base_id}  (number {created.knowledge_base_seq})",
        f"  channel       {created.channel.channel_id}",
        f"    secret key  {created.channel.secret_key}",
        f"  maiagent key  {created.maiagent.api_key}",
        f"    web chat    {created.maiagent.web_chat_id}",
        f"  copianto key  {created.copianto.api_key}",
        f"  cognitive key {created.cognitive.api_key}",
    ):
        click.echo(line)
    lectern = own_name()
    click.echo(
        f"\nNext:\n\n  {lectern} add FILE_FOLDER_OR_URL --assistant {created.assistant_id} --wait{home}"
        f'\n  {lectern} ask "Your question?" --assistant {created.assistant_id}{home}'
    )

"""`lectern channel …`: list channels, open and shut them, limit what may be spent there."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import click
import msgspec
from rich.table import Table

from app.cli.options import ID, home_option, json_option, open_pool_of, settings_with, show_table
from app.domain.channels import QuotaKind, QuotaPeriod

if TYPE_CHECKING:
    from app.store.pool import Pool

T = TypeVar("T")


@click.group("channel")
def channel_command() -> None:
    """List channels, open and shut them, limit what may be spent there.

    \b
    Examples:
      lectern channel list
      lectern channel disable 0b1c5c0a-7f0e-4a7e-8f43-3f5ad1d0d5b2
      lectern channel limit 0b1c5c0a-7f0e-4a7e-8f43-3f5ad1d0d5b2 --messages 1000 --period month
    """


@channel_command.command("list")
@json_option
@home_option
def list_all(as_json: bool, home: Path | None) -> None:
    """List the channels: whose they are, whether they are open, what they may spend.

    \b
    Examples:
      lectern channel list
      lectern channel list --json
    """
    from app.services.manage_channels import list_channels

    found = _with_pool(home, list_channels)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    table = Table(
        "channel", "kind", "assistant", "state", "messages", "storage", box=None, header_style="bold"
    )
    for line in found:
        messages = "-" if line.messages_limit is None else f"{line.messages_used} of {line.messages_limit}"
        storage = "-" if line.storage_bytes_limit is None else f"{line.storage_bytes_limit} bytes"
        state = "open" if line.enabled else "shut"
        table.add_row(str(line.id), line.kind.value, line.assistant_name, state, messages, storage)
    show_table(table)


@channel_command.command("enable")
@click.argument("channel", type=ID)
@home_option
def enable(channel: UUID, home: Path | None) -> None:
    """Open a channel.

    \b
    Examples:
      lectern channel enable 0b1c5c0a-7f0e-4a7e-8f43-3f5ad1d0d5b2
    """
    _switch(channel, True, home)
    click.echo(f"Channel {channel} is open.")


@channel_command.command("disable")
@click.argument("channel", type=ID)
@home_option
def disable(channel: UUID, home: Path | None) -> None:
    """Shut a channel: its clients are told that it does not exist. Its conversations stay.

    \b
    Examples:
      lectern channel disable 0b1c5c0a-7f0e-4a7e-8f43-3f5ad1d0d5b2
    """
    _switch(channel, False, home)
    click.echo(f"Channel {channel} is shut.")


@channel_command.command("limit")
@click.argument("channel", type=ID)
@click.option("--messages", type=click.IntRange(min=0), help="Questions that may be asked in a period.")
@click.option("--storage-bytes", type=click.IntRange(min=0), help="Text that data sources may hold.")
@click.option(
    "--period",
    type=click.Choice([period.value for period in QuotaPeriod]),
    default=QuotaPeriod.MONTH.value,
    show_default=True,
    help="When messages start anew.",
)
@home_option
def limit(
    channel: UUID, messages: int | None, storage_bytes: int | None, period: str, home: Path | None
) -> None:
    """Limit what may be spent on a channel; what is over is answered with 429.

    \b
    Examples:
      lectern channel limit 0b1c5c0a-7f0e-4a7e-8f43-3f5ad1d0d5b2 --messages 1000
      lectern channel limit 0b1c5c0a-7f0e-4a7e-8f43-3f5ad1d0d5b2 --messages 50 --period day
    """
    from app.services.manage_channels import limit_channel

    if messages is None and storage_bytes is None:
        raise click.UsageError("Give --messages, --storage-bytes or both.")
    limits = {QuotaKind.MESSAGES: messages, QuotaKind.STORAGE_BYTES: storage_bytes}
    periods = {QuotaKind.MESSAGES: QuotaPeriod(period), QuotaKind.STORAGE_BYTES: QuotaPeriod.FOREVER}

    async def work(pool: "Pool") -> None:
        for kind, units in limits.items():
            if units is not None:
                await limit_channel(pool, channel, kind, units, periods[kind])

    _with_pool(home, work)
    if messages is not None:
        click.echo(f"Channel {channel}: {messages} messages ({period}).")
    if storage_bytes is not None:
        click.echo(f"Channel {channel}: {storage_bytes} bytes of text.")


def _switch(channel: UUID, enabled: bool, home: Path | None) -> None:
    from app.services.manage_channels import enable_channel

    _with_pool(home, lambda pool: enable_channel(pool, channel, enabled))


def _with_pool(home: Path | None, work: "Callable[[Pool], Awaitable[T]]") -> T:
    async def run() -> T:
        async with open_pool_of(settings_with(home)) as pool:
            return await work(pool)

    return asyncio.run(run())

"""`lectern webhook …`: have an assistant's answers posted to an address, and see how that goes."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import click
import msgspec
from rich.table import Table

from app.cli.options import ID, home_option, json_option, open_pool_of, settings_with, show_table
from app.settings import Settings

if TYPE_CHECKING:
    from app.domain.assistants import Assistant
    from app.domain.webhooks import Webhook
    from app.store.pool import Pool

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def assistant_option(function: F) -> F:
    """Adds `--assistant`."""
    return click.option("--assistant", type=ID, required=True, help="Whose answers.")(function)


@click.group("webhook")
def webhook_command() -> None:
    """Have an assistant's answers posted to an address, and see how that goes.

    Each answer is posted as JSON, with X-Lectern-Delivery (the same id when it is posted again) and
    X-Lectern-Signature: sha256= and the HMAC-SHA256 of the body, in hexadecimal, under the webhook's secret.
    What is not answered with 200 is posted again, six times in all within about an hour and a half.

    \b
    Examples:
      lectern webhook set https://example.com/answers --assistant 157d818a-96a6-4ffc-b6a2-ddfa96f91cfa
      lectern webhook test --assistant 157d818a-96a6-4ffc-b6a2-ddfa96f91cfa
      lectern webhook deliveries --assistant 157d818a-96a6-4ffc-b6a2-ddfa96f91cfa
    """


@webhook_command.command("set")
@click.argument("url")
@assistant_option
@json_option
@home_option
def set_url(url: str, assistant: UUID, as_json: bool, home: Path | None) -> None:
    """Post the assistant's answers to URL from now on.

    Another URL in place of one that is set leaves the secret as it is; remove the webhook for a new one.
    A private address has to be opened for the server with LECTERN_OUTBOUND_ALLOW.

    \b
    Examples:
      lectern webhook set https://example.com/answers --assistant 157d818a-96a6-4ffc-b6a2-ddfa96f91cfa
    """
    from app.services.notify import set_webhook

    settings = settings_with(home)
    webhook = _for_assistant(
        settings, assistant, lambda pool, found: set_webhook(pool, found.workspace_id, found.id, url)
    )
    _show(settings, webhook, as_json)


@webhook_command.command("show")
@assistant_option
@json_option
@home_option
def show(assistant: UUID, as_json: bool, home: Path | None) -> None:
    """Show where the assistant's answers are posted, and the secret that receivers verify them with.

    \b
    Examples:
      lectern webhook show --assistant 157d818a-96a6-4ffc-b6a2-ddfa96f91cfa
    """
    settings = settings_with(home)
    _show(settings, _for_assistant(settings, assistant, _webhook), as_json)


@webhook_command.command("remove")
@assistant_option
@home_option
def remove(assistant: UUID, home: Path | None) -> None:
    """Post no more of the assistant's answers, those that wait included.

    \b
    Examples:
      lectern webhook remove --assistant 157d818a-96a6-4ffc-b6a2-ddfa96f91cfa
    """
    from app.services.notify import remove_webhook

    _for_assistant(
        settings_with(home), assistant, lambda pool, found: remove_webhook(pool, found.workspace_id, found.id)
    )
    click.echo("The webhook is gone.")


@webhook_command.command("test")
@assistant_option
@home_option
def test(assistant: UUID, home: Path | None) -> None:
    """Post a signed ping now, from here, and say how it was answered.

    \b
    Examples:
      lectern webhook test --assistant 157d818a-96a6-4ffc-b6a2-ddfa96f91cfa
    """
    from app.security.outbound import Outbound
    from app.security.signing import read_signer
    from app.services.notify import TAKEN, send_ping

    settings = settings_with(home)

    async def ping(pool: "Pool", found: "Assistant") -> int:
        async with Outbound(settings.outbound_allow) as outbound:
            return await send_ping(outbound, read_signer(settings), await _webhook(pool, found))

    status = _for_assistant(settings, assistant, ping)
    if status != TAKEN:
        raise click.ClickException(f"The receiver answered with status {status}, not {TAKEN}.")
    click.echo(f"The receiver answered with status {status}.")


@webhook_command.command("deliveries")
@assistant_option
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many.")
@json_option
@home_option
def deliveries(assistant: UUID, limit: int, as_json: bool, home: Path | None) -> None:
    """List the latest deliveries: how far they are, how often they were tried, and the reason.

    \b
    Examples:
      lectern webhook deliveries --assistant 157d818a-96a6-4ffc-b6a2-ddfa96f91cfa
      lectern webhook deliveries --assistant 157d818a-96a6-4ffc-b6a2-ddfa96f91cfa --limit 100 --json
    """
    from app.services.notify import list_deliveries

    found = _for_assistant(
        settings_with(home),
        assistant,
        lambda pool, found: list_deliveries(pool, found.workspace_id, found.id, limit),
    )
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    table = Table(
        "delivery",
        "message",
        "opened",
        "state",
        "attempts",
        "status",
        "reason",
        box=None,
        header_style="bold",
    )
    for line in found:
        opened = line.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        status = "-" if line.status_code is None else str(line.status_code)
        ids = (str(line.id), str(line.message_id))
        table.add_row(*ids, opened, line.state.value, str(line.attempts), status, line.error or "")
    show_table(table)


async def _webhook(pool: "Pool", assistant: "Assistant") -> "Webhook":
    from app.services.notify import get_webhook

    return await get_webhook(pool, assistant.workspace_id, assistant.id)


def _show(settings: Settings, webhook: "Webhook", as_json: bool) -> None:
    from app.security.signing import read_signer
    from app.services.notify import secret_of

    secret = secret_of(read_signer(settings), webhook.id)
    if as_json:
        click.echo(msgspec.json.encode({"id": webhook.id, "url": webhook.url, "secret": secret}).decode())
        return
    click.echo(f"Answers are posted to {webhook.url}\n\n  webhook  {webhook.id}\n  secret   {secret}")


def _for_assistant(
    settings: Settings, assistant_id: UUID, work: "Callable[[Pool, Assistant], Awaitable[T]]"
) -> T:
    from app.services.manage_assistants import get_assistant

    async def run() -> T:
        async with open_pool_of(settings) as pool:
            return await work(pool, await get_assistant(pool, assistant_id))

    return asyncio.run(run())

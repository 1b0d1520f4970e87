"""`lectern doctor`: what is wrong with this installation, and what to do about it."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.cli.options import home_option, json_option, located, settings_with

if TYPE_CHECKING:
    from app.services.diagnose import Check

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@click.command("doctor")
@json_option
@home_option
def doctor_command(as_json: bool, home: Path | None) -> None:
    """Check database, extensions, migrations, model, broker, worker, disk and jobs.

    Each line says what to do unless all is well. The exit code is 1 when a check failed.

    \b
    Examples:
      lectern doctor
      lectern doctor --home /srv/lectern --json
    """
    from app.services.diagnose import diagnose

    settings = settings_with(home)
    with located(settings) as found:
        checks = asyncio.run(diagnose(settings, found.url))
    if as_json:
        click.echo(msgspec.json.encode(checks).decode())
    else:
        _show(checks)
    if any(check.state == "fail" for check in checks):
        raise SystemExit(1)


def _show(checks: "tuple[Check, ...]") -> None:
    table = Table("", "check", "found", "what to do", box=None, header_style="bold")
    for check in checks:
        table.add_row(Text(check.state, _STYLES[check.state]), check.name, check.detail, check.remedy)
    Console().print(table)

"""`lectern eval extract`: how files are read."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.table import Table

from app.cli.options import json_option, progress, show_table

if TYPE_CHECKING:
    from app.services.measure_extraction import Extraction

_COLUMNS = ("", "files", "synced", "as asked", "recall", "precision", "words F1", "rows", "pages", "s", "MB")


@click.command("extract")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="DIR")
@json_option
def extract(folder: Path, as_json: bool) -> None:
    """Whether files are read rightly, in time and in memory; no database is needed.

    DIR is any folder of files: how each ends (synced, or refused with its reason), seconds and peak memory.
    With reference texts also characters and words recalled, table rows intact and page numbers right; DIR
    then holds MANIFEST.tsv (name, class, gold) with files/, or ground-truth.json with html/, or gold.jsonl
    with root/.

    \b
    Examples:
      lectern eval extract ~/Documents
      lectern eval extract docs --json
    """
    from app.services.measure_extraction import measure_extraction

    with progress() as tell:
        found = asyncio.run(measure_extraction(folder, tell))
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    show_table(_classes(found))
    show_table(_refusals(found))


def _classes(found: "Extraction") -> Table:
    table = Table(title=f"The reader started in {found.reader_start_s} s")
    for name in _COLUMNS:
        table.add_column(name, justify="right" if name else "left")
    for kind, summary in (*found.classes.items(), ("all", found.all)):
        table.add_row(kind, *map(_shown, _figures(msgspec.to_builtins(summary))))
    return table


def _figures(summary: dict[str, Any]) -> list[Any]:
    characters, words = summary.get("characters") or {}, summary.get("words") or {}
    return [
        *(summary.get(name) for name in ("files", "synced", "as_asked")),
        *(characters.get("recall"), characters.get("precision"), words.get("f1")),
        *(summary.get(name) for name in ("rows_intact", "pages_right", "most_seconds", "most_mb")),
    ]


def _refusals(found: "Extraction") -> Table:
    table = Table(title="Not read", show_header=False)
    for each in found.documents:
        if each.reason:
            table.add_row(each.name, each.kind, each.reason)
    return table


def _shown(figure: object) -> str:
    if isinstance(figure, list | tuple):
        return f"{figure[0]}/{figure[1]}"
    return "" if figure is None else str(figure)

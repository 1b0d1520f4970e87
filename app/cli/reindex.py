"""`lectern reindex`: another embedding model, without downtime."""

import asyncio
import time
from pathlib import Path

import click
import msgspec

from app.cli.options import home_option, json_option, open_pool_of, progress, settings_with
from app.settings import Settings


@click.command("reindex")
@click.option(
    "--model", metavar="PATH", help="A sentence-transformers folder or hub id; '' is the bundled model."
)
@click.option("--prune", is_flag=True, help="Remove the vectors of every model that does not serve.")
@json_option
@home_option
def reindex_command(model: str | None, prune: bool, as_json: bool, home: Path | None) -> None:
    """Put another embedding model into service while questions are answered with the one before.

    Its vectors are made beside the serving ones; when every chunk has one, it takes over in one step, and
    running servers and workers follow within seconds. Ctrl-C or a kill loses nothing: the same command goes
    on. Afterwards --prune removes the vectors of the model before, or those of a reindex that was given up.

    The database then says which model serves, whatever LECTERN_EMBEDDING_MODEL says. Going back is another
    reindex with the old model: quick until its vectors are pruned.

    \b
    Examples:
      lectern reindex --model /models/multilingual-e5-small
      lectern reindex --prune
      lectern reindex --model '' --json
    """
    if (model is None) == (not prune):
        raise click.UsageError("Give either --model PATH or --prune.")
    settings = settings_with(home)
    if model is None:
        _show_pruned(asyncio.run(_prune(settings)), as_json)
        return
    try:
        figures = asyncio.run(_reindex(settings, model))
    except KeyboardInterrupt:
        click.echo("Stopped. What was embedded stays; the same command goes on with it.", err=True)
        raise SystemExit(130) from None
    _show(figures, as_json)


async def _reindex(settings: Settings, model: str) -> dict[str, object]:
    from rag.engine import reindex

    began = time.monotonic()
    async with open_pool_of(settings) as pool:
        with progress() as tell:
            done = await reindex(pool, model, tell)
    figures: dict[str, object] = msgspec.to_builtins(done)
    return figures | {"seconds": round(time.monotonic() - began, 1)}


async def _prune(settings: Settings) -> list[str]:
    from rag.engine import prune

    async with open_pool_of(settings) as pool:
        return await prune(pool)


def _show(figures: dict[str, object], as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(figures).decode())
        return
    click.echo(
        "{model} serves: {chunks} chunks in {dimensions} dimensions, {embedded} embedded now, {seconds} s.\n"
        "Running servers and workers follow within seconds; then 'lectern reindex --prune' removes the\n"
        "vectors of the model before.".format(**figures)
    )


def _show_pruned(names: list[str], as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode({"pruned": names}).decode())
    else:
        click.echo(f"Removed: {', '.join(names)}." if names else "Nothing to remove.")

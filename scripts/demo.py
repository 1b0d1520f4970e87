"""The demonstration: a new assistant over the bundled handbook, and five questions in three languages."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.rule import Rule

from app.cli.documents import Order, add_items, show_answer
from app.cli.options import open_house_of, settings_with
from app.services.accept_question import Ask
from app.services.answer import answer, fold
from app.services.house import House
from app.services.identify import visit_assistant
from app.services.manage_assistants import create_assistant
from app.settings import Settings
from app.store.health import read_signs

HANDBOOK = Path(__file__).resolve().parent.parent / "tests/data/handbook-tts"
QUESTIONS = (
    "How many hours of annual leave can I carry over from one leave year to the next?",
    "How much sick leave do employees accrue each pay period?",
    "¿Qué es FedRAMP?",
    "¿Cuántas horas de award leave se pueden recibir en un fiscal year?",
    "离职员工可以继续访问 Employee Express 多少年？",
)


@click.command()
@click.option(
    "--home",
    type=click.Path(path_type=Path),
    help="Keep what is made in this data folder [default: that of a running server, else a new one].",
)
def main(home: Path | None) -> None:
    """Make an assistant over the bundled handbook, and ask it five questions."""
    began = time.monotonic()
    with _home(home) as settings:
        asyncio.run(_demonstrate(settings))
    click.echo(f"\nThat took {time.monotonic() - began:.0f} s. Your own documents: see 'lectern add --help'.")


async def _demonstrate(settings: Settings) -> None:
    console = Console(highlight=False)
    async with open_house_of(settings) as house:
        with _worker(settings, needed=not await _has_worker(house)):
            created = await create_assistant(house.pool, "Handbook demo")
            console.print(f"Assistant {created.assistant_id} over {HANDBOOK.name}, a real handbook (CC0):")
            folders = (str(HANDBOOK / "pages"), str(HANDBOOK / "downloads"))
            await add_items(house, Order(folders, created.assistant_id, None, wait=True, brief=True))
            visit = await visit_assistant(house, created.assistant_id)
            for question in QUESTIONS:
                console.print(Rule(style="dim"))
                console.print(f"[bold]{question}[/bold]\n")
                show_answer(await fold(await answer(house, visit, Ask(question))))


@contextmanager
def _home(given: Path | None) -> Iterator[Settings]:
    """The settings for the folder given, or of a server that runs, or for a folder that goes afterwards."""
    settings = settings_with(given)
    if given or settings.database_url or (settings.database_folder / "postmaster.pid").exists():
        yield settings
        return
    with tempfile.TemporaryDirectory(prefix="lectern-demo-", ignore_cleanup_errors=True) as folder:
        yield settings_with(Path(folder))


async def _has_worker(house: House) -> bool:
    signs = await read_signs(house.pool)
    return signs is not None and signs.workers_count > 0


@contextmanager
def _worker(settings: Settings, *, needed: bool) -> Iterator[None]:
    """A worker of our own, unless one runs."""
    if not needed:
        yield
        return
    lectern = Path(sys.executable).with_name("lectern")
    environment = {**os.environ, "LECTERN_HOME": str(settings.home), "LECTERN_LOG_LEVEL": "warning"}
    process = subprocess.Popen([lectern, "worker"], env=environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()

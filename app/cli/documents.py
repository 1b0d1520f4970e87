"""`lectern add` and `lectern ask`: documents in, cited answers out."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click
import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from app.cli.options import ID, database, home_option, json_option, open_desk_of, open_house_of, settings_with
from app.domain.errors import NotFound
from app.settings import Settings

if TYPE_CHECKING:
    from app.services.add_sources import Added, Progress, Target
    from app.services.house import Desk
    from rag.events import Finished

# A worker that is just starting loads its models first.
_WORKER_MISSED_S = 10
_WORKER_PATIENCE_S = 90
_NO_WORKER = "No worker is running: start 'lectern serve'; it does the rest."


class Order(msgspec.Struct, frozen=True):
    """What is to be added, and where."""

    items: tuple[str, ...]
    assistant_id: UUID
    category: str | None
    wait: bool
    brief: bool = False


@click.command("add")
@click.argument("items", nargs=-1, required=True, metavar="PATH_OR_URL…")
@click.option("--assistant", "assistant_id", type=ID, required=True, help="Who may cite it.")
@click.option("--category", metavar="NAME", help="A label that narrows retrieval; made if it is new.")
@click.option("--wait", is_flag=True, help="Wait until the worker has indexed everything.")
@home_option
def add_command(
    items: tuple[str, ...], assistant_id: UUID, category: str | None, wait: bool, home: Path | None
) -> None:
    """Add files, folders, ZIP archives or websites to what an assistant may cite.

    The worker of `lectern serve` indexes them. A file of a name that was added before takes its place, which
    is said; the name of a file in a folder begins with the folder's. The exit code is 1 when any item failed,
    with its reason; the others go on.

    \b
    Examples:
      lectern add handbook.pdf --assistant ID --wait
      lectern add policies/ minutes.zip --assistant ID --category policies
      lectern add https://docs.example.org --assistant ID
    """
    for item in items:
        if not _is_url(item) and not Path(item).exists():
            raise click.ClickException(f"{item} does not exist: give a file, folder, ZIP or http address.")
    try:
        all_well = asyncio.run(_add(settings_with(home), Order(items, assistant_id, category, wait)))
    except KeyboardInterrupt:
        click.echo("Stopped waiting. What was queued stays with the worker.", err=True)
        raise SystemExit(130) from None
    if not all_well:
        raise SystemExit(1)


@click.command("ask")
@click.argument("question")
@click.option("--assistant", "assistant_id", type=ID, required=True, help="Who answers.")
@json_option
@home_option
def ask_command(question: str, assistant_id: UUID, as_json: bool, home: Path | None) -> None:
    """Ask a question and read the answer with its numbered citations.

    \b
    Examples:
      lectern ask "How much leave do I have?" --assistant ID
      lectern ask "¿Cuántos días de vacaciones tengo?" --assistant ID --json
    """
    if not question.strip():
        raise click.UsageError("The question is empty.")
    finished = asyncio.run(_ask(settings_with(home), assistant_id, question.strip()))
    if as_json:
        shown = {"answer": finished.text, "citations": finished.citations, "timings_ms": finished.timings_ms}
        click.echo(msgspec.json.encode(shown).decode())
    else:
        show_answer(finished)


def show_answer(finished: "Finished") -> None:
    """Prints an answer and what it cites."""
    console = Console(highlight=False)
    console.print(finished.text, markup=False, soft_wrap=True)
    for citation in finished.citations:
        place = f", page {citation.page}" if citation.page else ""
        address = f", {escape(citation.url)}" if citation.url else ""
        console.print(
            f"\n[bold]\\[{citation.number}][/bold] {escape(citation.title)}{place}, "
            f"characters {citation.start}-{citation.end}{address}",
            soft_wrap=True,
        )
        console.print(f"    “{escape(' '.join(citation.excerpt.split()))}”", style="dim", soft_wrap=True)


async def _ask(settings: Settings, assistant_id: UUID, question: str) -> "Finished":
    with database(settings) as opened:
        # PostgreSQL is started once for both looks at it.
        here = msgspec.structs.replace(settings, database_url=opened.url)
        async with open_desk_of(here) as desk:
            # Before some seconds of loading models: an id that is mistyped.
            await _target(desk, assistant_id, None)
        with Console(stderr=True).status("Loading the models"):
            return await _answered(here, assistant_id, question)


async def _answered(settings: Settings, assistant_id: UUID, question: str) -> "Finished":
    from app.services.accept_question import Ask
    from app.services.answer import answer, fold
    from app.services.identify import visit_assistant

    async with open_house_of(settings) as house:
        visit = await visit_assistant(house, assistant_id)
        return await fold(await answer(house, visit, Ask(question)))


async def _add(settings: Settings, order: Order) -> bool:
    async with open_desk_of(settings) as desk:
        return await add_items(desk, order)


async def add_items(desk: "Desk", order: Order) -> bool:
    """Whether every item went well; says what became of each, with a progress bar on a terminal."""
    target = await _target(desk, order.assistant_id, order.category)
    taken: list[Added] = []
    for item in order.items:
        async for added in _added(desk, target, item):
            taken.append(added)
            if added.error:
                click.echo(f"failed  {added.name}: {added.error}")
                continue
            if added.renewed:
                click.echo(f"renews  {added.name}, of which there was other content")
            if not order.wait:
                click.echo(f"queued  {added.name}")
    if not taken:
        raise click.ClickException("Nothing was found to add: the folder has no files.")
    accepted = [added for added in taken if not added.error]
    failed = await _wait(desk, accepted, order.brief) if order.wait else await _leave(desk, len(accepted))
    return failed == 0 and len(accepted) == len(taken)


async def _target(desk: "Desk", assistant_id: UUID, category: str | None) -> "Target":
    from app.services.add_sources import find_target

    try:
        return await find_target(desk, assistant_id, category)
    except NotFound as error:
        place = desk.settings.home
        raise click.ClickException(f"{error} The data folder is {place}; --home names another.") from error


async def _added(desk: "Desk", target: "Target", item: str) -> AsyncIterator["Added"]:
    from app.services.add_sources import add_path, add_website

    if _is_url(item):
        yield await add_website(desk, target, item)
        return
    async for added in add_path(desk, target, Path(item)):
        yield added


def _is_url(item: str) -> bool:
    return item.startswith(("http://", "https://"))


async def _leave(desk: "Desk", accepted: int) -> int:
    if accepted:
        click.echo(f"{accepted} with the worker. See how they fare with --wait.", err=True)
        if not await _has_worker(desk):
            click.echo(_NO_WORKER, err=True)
    return 0


async def _wait(desk: "Desk", accepted: list["Added"], brief: bool) -> int:
    """How many items failed, after all syncs ended; says each item's result."""
    from app.services.add_sources import Progress, watch

    source_ids = [added.source_id for added in accepted if added.source_id]
    progress = Progress(0, 0)
    if not source_ids:
        return 0
    patience = _Patience()
    with _bar() as bar:
        task = bar.add_task("indexing", total=len(source_ids))
        async for progress in watch(desk, source_ids):
            bar.update(task, completed=progress.done, total=progress.total or None)
            await patience.check(desk)
    return _results(accepted, progress, brief)


def _results(accepted: list["Added"], progress: "Progress", brief: bool) -> int:
    names = {str(added.source_id): added.name for added in accepted}
    reasons = {names.get(item.name, item.name): item.error for item in progress.failed}
    done = [added.name for added in accepted if added.name not in reasons]
    click.echo(f"done    {len(done)} files" if brief else "\n".join(f"done    {name}" for name in done))
    for item in progress.incomplete:
        click.echo(f"partly  {item.name}: {item.error}")
    for name, reason in reasons.items():
        click.echo(f"failed  {name}: {reason}")
    return len(reasons)


def _bar() -> Bar:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    return Bar(*columns, console=console, transient=True, disable=not console.is_terminal)


class _Patience:
    """Sees that somebody works on what we wait for."""

    def __init__(self) -> None:
        self._look_at = 0.0
        self._seen_at = time.monotonic()
        self._told = False

    async def check(self, desk: "Desk") -> None:
        """Says once that no worker runs.

        Raises: click.ClickException when none came for a while.
        """
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + 2
        if await _has_worker(desk):
            self._seen_at, self._told = now, False
        elif now - self._seen_at > _WORKER_PATIENCE_S:
            raise click.ClickException("No worker came: start 'lectern serve'; the jobs are kept for it.")
        elif now - self._seen_at > _WORKER_MISSED_S and not self._told:
            click.echo(_NO_WORKER, err=True)
            self._told = True


async def _has_worker(desk: "Desk") -> bool:
    """Whether a worker lives, as far as the database can tell."""
    from app.store.health import read_signs

    signs = await read_signs(desk.pool)
    return signs is None or signs.workers_count > 0

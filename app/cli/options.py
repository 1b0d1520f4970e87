"""What the commands share: the data folder, its database, and the open house."""

import errno
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import click
import msgspec
from msgspec import Struct

from app.settings import Settings, read_settings

if TYPE_CHECKING:
    from rich.table import Table

    from app.services.house import Desk, House, LlmUse
    from app.store.embedded import EmbeddedPostgres
    from app.store.pool import Pool

F = TypeVar("F", bound=Callable[..., Any])


class UuidText(click.ParamType[UUID]):
    """An id on the command line."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> UUID:
        """The id. Fails with usage (exit code 2) when it is none."""
        try:
            return value if isinstance(value, UUID) else UUID(str(value))
        except ValueError:
            self.fail(f"{value!r} is not an id such as 3f2b8c1e-0d5a-4c83-9a51-5d2f6f0c9a77.", param, ctx)


ID = UuidText()


def home_option(function: F) -> F:
    """Adds `--home`, the data folder that stands in for LECTERN_HOME."""
    return click.option(
        "--home",
        type=click.Path(path_type=Path),
        help="The data folder [default: LECTERN_HOME, else ~/.local/share/lectern].",
    )(function)


def json_option(function: F) -> F:
    """Adds `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")(function)


def settings_with(home: Path | None = None, **changes: object) -> Settings:
    """The settings of the environment with what the command line says on top; None changes nothing.

    Raises: WrongSetting.
    """
    if home is not None:
        changes["home"] = home.expanduser().resolve()
    return msgspec.structs.replace(
        read_settings(), **{name: value for name, value in changes.items() if value is not None}
    )


def prepare_home(home: Path) -> None:
    """Makes the data folder and sees that it can be written.

    Raises: click.ClickException that names the folder, the cause and the remedy.
    """
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        reason = {
            errno.EEXIST: "a file is in the way",
            errno.ENOTDIR: "a file is in the way",
            errno.EACCES: "no permission",
            errno.EROFS: "the file system is read-only",
            errno.ENOSPC: "the disk is full",
        }.get(error.errno or 0, os.strerror(error.errno or 0))
        raise click.ClickException(
            f"The data folder {home} can't be written ({reason}): "
            "choose another with --home or LECTERN_HOME, or mend its permissions."
        ) from error


class Database(Struct, frozen=True):
    """A database; `server` is the embedded one, `applied` the migrations that were applied now."""

    url: str
    server: "EmbeddedPostgres | None" = None
    applied: tuple[str, ...] = ()


@contextmanager
def located(settings: Settings) -> Iterator[Database]:
    """The database of LECTERN_DATABASE_URL, or of the embedded server of the data folder, as it is.

    A running embedded server is shared; else it runs for as long as this is open.
    """
    if settings.database_url:
        yield Database(settings.database_url)
        return
    from app.store.migrate import create_database

    prepare_home(settings.home)
    server = embedded(settings)
    try:
        create_database(server.url())
        yield Database(server.url(), server)
    finally:
        server.stop()


@contextmanager
def database(settings: Settings) -> Iterator[Database]:
    """The database, brought to the current schema."""
    from app.store.migrate import migrate

    with located(settings) as found:
        yield Database(found.url, found.server, tuple(migrate(found.url)))


def embedded(settings: Settings) -> "EmbeddedPostgres":
    """The embedded server of the data folder, started if need be.

    Raises: click.ClickException with the tail of the server's log.
    """
    from app.store.embedded import EmbeddedPostgres

    try:
        return EmbeddedPostgres.start(settings.database_folder)
    except (RuntimeError, OSError) as error:
        raise click.ClickException(" ".join(str(error).split())) from error


@asynccontextmanager
async def open_house_of(settings: Settings, *, llm: "LlmUse" = "answers") -> AsyncIterator["House"]:
    """The house on the database of these settings, closed at the end."""
    from app.services.house import close_house, open_house

    with database(settings) as opened:
        house = await open_house(settings, opened.url, llm=llm)
        try:
            yield house
        finally:
            await close_house(house)


@asynccontextmanager
async def open_desk_of(settings: Settings) -> AsyncIterator["Desk"]:
    """What takes work in, on the database of these settings; no model is loaded."""
    from app.services.house import close_desk, open_desk

    with database(settings) as opened:
        desk = await open_desk(settings, opened.url)
        try:
            yield desk
        finally:
            await close_desk(desk)


@asynccontextmanager
async def open_pool_of(settings: Settings) -> AsyncIterator["Pool"]:
    """A pool on the database of these settings, for what needs no engine."""
    from app.store.pool import open_pool

    with database(settings) as opened:
        pool = await open_pool(opened.url, max_size=4)
        try:
            yield pool
        finally:
            await pool.close()


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Takes (what, done, total) and shows them as a bar; without a terminal nothing is shown."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("")

        def tell(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total or None)

        yield tell


def show_table(table: "Table") -> None:
    """Prints a table whole: a narrow terminal wraps its lines, so that ids can be copied."""
    from rich.console import Console

    Console(width=max(Console().width, 180)).print(table, crop=False)


def own_name() -> str:
    """How the person at this terminal calls `lectern`."""
    program = Path(sys.argv[0])
    if shutil.which("lectern") == str(program):
        return "lectern"
    with suppress(ValueError):
        return shlex.quote(str(program.absolute().relative_to(Path.cwd())))
    return shlex.quote(str(program.absolute()))

"""`lectern serve`, and its parts by themselves: `worker`, `migrate`."""

import errno
import http.client
import json
import os
import shlex
import socket
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

from app.cli.options import database, home_option, own_name, prepare_home, settings_with
from app.cli.supervise import Child, Part, Signals, StartFailed, Supervisor, adopt_orphans, say
from app.settings import PREFIX, Settings

# A server that is just going down (its supervisor was killed) holds its port for a moment.
_PORT_PATIENCE_S = 3
_SERVER = Part("server", "app.main", "nobody is answered meanwhile")
_WORKER = Part("worker", "workers.main", "nothing is synced meanwhile, and its jobs go on after that")


@click.command("serve")
@click.option("--host", help="The address to listen on [default: LECTERN_HOST, else 127.0.0.1].")
@click.option("--port", type=click.IntRange(1, 65535), help="The port [default: LECTERN_PORT, else 8000].")
@home_option
@click.option("--no-worker", is_flag=True, help="Start no worker: another machine runs them.")
def serve_command(host: str | None, port: int | None, home: Path | None, no_worker: bool) -> None:
    """Start PostgreSQL, the server and one worker; Ctrl-C stops all of it.

    PostgreSQL is the embedded one unless LECTERN_DATABASE_URL names another. A part that dies comes back.

    \b
    Examples:
      lectern serve
      lectern serve --port 9000 --home /srv/lectern
      LECTERN_LLM=model.gguf lectern serve
      LECTERN_DATABASE_URL=postgresql://lectern@db/lectern lectern serve --host 0.0.0.0
    """
    began = time.monotonic()
    settings = settings_with(home, host=host, port=port)
    prepare_home(settings.home)
    _see_that_port_is_free(settings)
    announce = partial(_announce, settings, began, home_given=home is not None)
    parts = (_SERVER,) if no_worker else (_SERVER, _WORKER)
    _supervise(settings, parts, _Readiness(settings, with_worker=not no_worker), announce)


@click.command("worker")
@home_option
def worker_command(home: Path | None) -> None:
    """Run a worker alone: it syncs sources in the background.

    `lectern serve` starts one by itself; more may run on other machines with the same LECTERN_DATABASE_URL.

    \b
    Examples:
      lectern worker
      LECTERN_DATABASE_URL=postgresql://lectern@db/lectern lectern worker
    """
    settings = settings_with(home)
    _supervise(settings, (_WORKER,), lambda: True, lambda: None)


@click.command("migrate")
@home_option
def migrate_command(home: Path | None) -> None:
    """Bring the database to the current schema; `lectern serve` does it by itself.

    \b
    Examples:
      lectern migrate
      LECTERN_DATABASE_URL=postgresql://lectern@db/lectern lectern migrate
    """
    with database(settings_with(home)) as opened:
        for name in opened.applied:
            click.echo(f"applied {name}")
    click.echo("The schema is current.")


def _supervise(
    settings: Settings, parts: tuple[Part, ...], is_ready: Callable[[], bool], announce: Callable[[], None]
) -> None:
    adopt_orphans()
    with Signals().caught() as signals:
        try:
            with database(settings) as opened:
                environment = _environment(settings, opened.url)
                children = tuple(Child(part, environment) for part in parts)
                Supervisor(opened.server, children).run(signals, is_ready, announce)
        except StartFailed as error:
            raise click.ClickException(str(error)) from error
        except click.ClickException:
            # Ctrl-C reaches PostgreSQL's own start as well, which then fails: that is no error.
            if not signals.asked:
                raise


def _environment(settings: Settings, database_url: str) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        f"{PREFIX}HOME": str(settings.home),
        f"{PREFIX}HOST": settings.host,
        f"{PREFIX}PORT": str(settings.port),
        f"{PREFIX}DATABASE_URL": database_url,
    }


def _see_that_port_is_free(settings: Settings) -> None:
    deadline = time.monotonic() + _PORT_PATIENCE_S
    while error := _port_fault(settings):
        if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
            raise click.ClickException(_port_words(settings, error)) from error
        time.sleep(0.2)


def _port_fault(settings: Settings) -> OSError | None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with closing(socket.socket(family, kind, protocol)) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error
    return None


def _port_words(settings: Settings, error: OSError) -> str:
    place = f"{settings.host}:{settings.port}"
    if error.errno == errno.EADDRINUSE:
        return f"{place} is taken: stop what listens there, or choose another with --port or LECTERN_PORT."
    if error.errno == errno.EACCES:
        return f"{place} is not ours to open (no permission): choose a port above 1023 with --port."
    return f"{place} can't be listened on ({error.strerror}): choose another address with --host."


class _Readiness:
    """Asks the server whether it is ready, and tells the person at the terminal that we wait."""

    def __init__(self, settings: Settings, *, with_worker: bool) -> None:
        self._with_worker = with_worker
        self._host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
        self._port = settings.port
        self._next_word_at = 0.0
        self._console = Console(stderr=True)
        self._live: Live | None = None

    def __call__(self) -> bool:
        ready = self._asked()
        if self._console.is_terminal:
            self._spin(ready)
        elif not ready and time.monotonic() >= self._next_word_at:
            say("waiting until the server is ready…")
            self._next_word_at = time.monotonic() + 15
        return ready

    def _asked(self) -> bool:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=2)
        try:
            connection.request("GET", "/health/ready")
            response = connection.getresponse()
            if response.status == http.HTTPStatus.OK:
                return True
            parts = json.loads(response.read())["parts"]
            # Workers on another machine may come later.
            return not self._with_worker and all(
                part["state"] == "ok" for name, part in parts.items() if name != "workers"
            )
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            return False
        finally:
            connection.close()

    def _spin(self, ready: bool) -> None:
        # Without a refresh thread: children are forked from this process.
        if self._live is None:
            spinner = Spinner("dots", "Waiting until the server is ready")
            self._live = Live(spinner, console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.refresh()
        if ready:
            self._live.stop()


def _announce(settings: Settings, began: float, *, home_given: bool) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{settings.port}"
    elsewhere = home_given or settings.home != Settings().home
    lectern, home = own_name(), f" --home {shlex.quote(str(settings.home))}" if elsewhere else ""
    click.echo(
        f"""
Lectern is ready ({time.monotonic() - began:.1f} s).

  Server  {url}
  API     {url}/schema
  Health  {url}/health/ready
  Data    {settings.home if not settings.database_url else "LECTERN_DATABASE_URL"}

Next, in another terminal:

  {lectern} assistant create Handbook{home}
  {lectern} add FILE_FOLDER_OR_URL --assistant ASSISTANT_ID --wait{home}
  {lectern} ask "Your question?" --assistant ASSISTANT_ID{home}

Ctrl-C stops everything; the data stays."""
    )

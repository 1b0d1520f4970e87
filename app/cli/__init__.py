"""`lectern …`: the command line. A command is loaded when it is called, so that the rest starts at once."""

import importlib
import signal
import sys

import click

from app.domain.errors import DomainError
from app.observe.logs import configure_logging
from app.settings import WrongSetting
from rag.errors import RagError

# Command -> the module under app.cli that defines it, under the same name with `_` for `-`.
_COMMANDS = {
    "serve": "serve",
    "worker": "serve",
    "migrate": "serve",
    "assistant": "assistants",
    "add": "documents",
    "ask": "documents",
    "keys": "keys",
    "channel": "channels",
    "webhook": "webhooks",
    "reindex": "reindex",
    "doctor": "doctor",
    "eval": "evaluate",
}


class _Commands(click.Group):
    """Loads a command's module when it is needed, and says every expected error in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"app.cli.{_COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (DomainError, RagError, WrongSetting) as error:
            raise click.ClickException(str(error)) from error
        except (KeyboardInterrupt, EOFError):
            click.echo("Stopped.", err=True)
            ctx.exit(130)
        except BaseException as error:
            if said := _database_error(error):
                raise click.ClickException(said) from error
            raise


def _database_error(error: BaseException) -> str | None:
    # The driver is not imported at the top: most of the time of `lectern --help` would be spent on it.
    if "app.store.pool" not in sys.modules and "app.store.migrate" not in sys.modules:
        return None
    from app.store.pool import DATABASE_ERRORS

    if isinstance(error, DATABASE_ERRORS):
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        return f"The database does not do its part ({reason}): see that it runs, or run 'lectern doctor'."
    return None


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Each command explains itself, with examples: lectern COMMAND --help",
)
@click.version_option(package_name="lectern")
def main() -> None:
    """Assistants that answer from your own documents and cite them.

    \b
    Examples:
      lectern serve
      lectern assistant create Handbook
      lectern add handbook.pdf policies/ --assistant ID --wait
      lectern ask "How much leave do I have?" --assistant ID
    """
    # What the parts log goes to standard error: standard output is the command's own.
    configure_logging("warning")
    # Ends like Ctrl-C, so that what a command started is stopped with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)

"""The bench: one command per subject, each in a module of its own; the last line of each is JSON."""

import importlib

import click

# Each imports what it measures, so only the one that is asked for is loaded.
_SUBJECTS = {
    "api": "bench_api",
    "embed": "bench_embed",
    "ingest": "bench_ingest",
    "memory": "bench_memory",
    "retrieval": "bench_retrieval",
}


class _Subjects(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the subjects."""
        return list(_SUBJECTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a subject, which its module calls `main`."""
        module = _SUBJECTS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(module).main
        return command


@click.group(cls=_Subjects)
def main() -> None:
    """Measure speed as ratios within one run, and memory."""


if __name__ == "__main__":
    main()

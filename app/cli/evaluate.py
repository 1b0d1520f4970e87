"""`lectern eval …`: question sets put to the real engine."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from app.cli.evaluate_extraction import extract
from app.cli.options import home_option, json_option, open_house_of, progress, settings_with
from app.settings import Settings

if TYPE_CHECKING:
    from app.services.house import House, LlmUse
    from app.services.measure import Tell
    from rag.engine import Only

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_Measure = Callable[["House", "Tell"], Awaitable[dict[str, object]]]


@click.group("eval")
def eval_command() -> None:
    """Measure the engine on question sets, in a temporary workspace that is removed afterwards.

    \b
    Examples:
      lectern eval retrieval beir/scifact --json
      lectern eval answers tests/data/handbook-tts --json
    """


eval_command.add_command(extract)


@eval_command.command("retrieval")
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.option("--only", type=click.Choice(["fused", "dense", "lexical"]), default="fused", show_default=True)
@click.option("--limit", type=click.IntRange(1), help="The first so many questions (of each file).")
@json_option
@home_option
def retrieval(folder: Path, only: "Only", limit: int | None, as_json: bool, home: Path | None) -> None:
    """Whether the right passages are found.

    DIR is in BEIR's form (corpus.jsonl, queries.jsonl, qrels.tsv): nDCG@10, Recall@100 and MRR@10 as in
    trec_eval. Or it holds SQuAD-form *.json files: for each, how often a chunk of the gold paragraph (half of
    the shorter of the two, or more) is the first or among the first five, and MRR@10.

    \b
    Examples:
      lectern eval retrieval beir/scifact --json
      lectern eval retrieval squad --only dense --limit 200 --json
    """
    from app.services.measure import Course, measure_retrieval

    async def measure(house: "House", tell: "Tell") -> dict[str, object]:
        return await measure_retrieval(house, folder, Course(tell, only, limit))

    _show(_measured(settings_with(home), measure, llm="nothing"), as_json)


@eval_command.command("answers")
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.option("--limit", type=click.IntRange(1), help="The first so many questions (of each file).")
@json_option
@home_option
def answers(folder: Path, limit: int | None, as_json: bool, home: Path | None) -> None:
    """Whether answers are right, cited rightly, and refused rightly.

    DIR holds SQuAD-form *.json files, or documents with questions.jsonl. Rates: answered (of all questions);
    contains_gold, citation_right and false_refusals (of the answerable); false_answers (of the others).

    \b
    Examples:
      lectern eval answers tests/data/handbook-tts --json
      lectern eval answers squad --limit 100
    """
    from app.services.measure import Course, measure_answers

    async def measure(house: "House", tell: "Tell") -> dict[str, object]:
        return await measure_answers(house, folder, Course(tell, limit=limit))

    _show(_measured(settings_with(home), measure, llm="answers"), as_json)


def _measured(settings: Settings, measure: _Measure, *, llm: "LlmUse") -> dict[str, object]:
    import uvloop

    async def work() -> dict[str, object]:
        async with open_house_of(settings, llm=llm) as house:
            with progress() as tell:
                return await measure(house, tell)

    return uvloop.run(work())  # the loop that serves, so that times are a server's


def _show(figures: dict[str, object], as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(figures).decode())
        return
    for name, figure in figures.items():
        if isinstance(figure, dict):
            click.echo(name)
            for inner, value in figure.items():
                click.echo(f"  {inner:16} {value}")
        else:
            click.echo(f"{name:18} {figure}")

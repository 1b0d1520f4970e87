"""The bench of memory: one process syncs thousands of short documents and tells how large it has become."""

import asyncio
import json
import logging
import random
import shutil
import tempfile
import time
from pathlib import Path

import click
import structlog
from bench_embed import encode_with, handbook_chunks
from bench_ingest import Site, add, open_site

from rag.embed import SentenceEmbedder, load_embedder
from rag.lexicon import sentences

_FOLDER_FILES = 250  # added together; all figures are of whole folders
_TOLD_AFTER = (250, 1_000, 2_500, 5_000, 7_500, 10_000)
_WORDS = (30, 150)
_JOBS_AT_ONCE = 2  # as a worker has threads


@click.command("memory")
@click.option("--documents", type=click.IntRange(1), default=10_000, show_default=True)
@click.option("--threads", type=click.IntRange(1), help="Of the model [default: as torch decides].")
def main(documents: int, threads: int | None) -> None:
    """Measure this process while it syncs documents of 30 to 150 words with the bundled model."""
    if threads:
        import torch

        torch.set_num_threads(threads)
    # What became of each job is no figure.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory(prefix="lectern-bench-", ignore_cleanup_errors=True) as folder:
        figures = asyncio.run(_measure(Path(folder), documents))
    click.echo(json.dumps(figures))


async def _measure(folder: Path, documents: int) -> dict[str, float]:
    embedder = await asyncio.to_thread(load_embedder)
    assert isinstance(embedder, SentenceEmbedder)
    known = [text[start:end] for text in handbook_chunks(embedder) for start, end in sentences(text)]
    parts = random.Random(7)  # noqa: S311 - documents that are the same in every run
    figures: dict[str, float] = {}
    async with open_site(folder, encode_with(embedder)) as site:
        began = time.perf_counter()
        for done in range(0, documents, _FOLDER_FILES):
            count = min(_FOLDER_FILES, documents - done)
            await _sync(site, [_text(known, parts) for _ in range(count)], done)
            if done + count in (*_TOLD_AFTER, documents):
                figures |= {f"{name}_after_{done + count}": mb for name, mb in _sizes_mb().items()}
                click.echo(f"{done + count} documents  {_sizes_mb()}", err=True)
        figures["documents_per_s"] = round(documents / (time.perf_counter() - began), 1)
    return figures


async def _sync(site: Site, texts: list[str], first: int) -> None:
    folder = site.folder / "texts"
    folder.mkdir()
    for number, text in enumerate(texts, start=first):
        (folder / f"{number}.md").write_text(text, encoding="utf-8")
    await add(site, folder)
    await site.queue.work_off(site.house, _JOBS_AT_ONCE)
    shutil.rmtree(folder)


def _text(known: list[str], parts: random.Random) -> str:
    wanted = parts.randint(*_WORDS)
    words: list[str] = []
    while len(words) < wanted:
        words += parts.choice(known).split()
    return " ".join(words[:wanted])


def _sizes_mb() -> dict[str, float]:
    """How much of this process is in memory, and how much of that is no file's."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    names = {"rss_mb": "VmRSS", "anonymous_mb": "RssAnon"}
    return {name: round(int(status[key].split()[0]) / 1024, 1) for name, key in names.items()}


if __name__ == "__main__":
    main()

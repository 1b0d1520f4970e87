"""The bench of ingestion: files through the real sync, against the bare embedder over the same chunks.

The handbook first, one source a file; then a long document as Markdown and as PDF, of which one line changes.
"""

import asyncio
import json
import logging
import random
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import pymupdf
import structlog
from bench_embed import HANDBOOK, Embed, encode_with, handbook_chunks
from msgspec import Struct

from app.cli.options import database, settings_with
from app.domain.jobs import Job
from app.services.add_sources import Target, add_path, find_target
from app.services.house import House, close_house, open_house
from app.services.manage_assistants import create_assistant
from app.services.read_question_sets import read_file_set
from app.services.run_jobs import open_sync_job, run_job
from app.services.sync_source import sync_source
from app.store import sources
from rag.embed import SentenceEmbedder, load_embedder
from rag.lexicon import sentences

_SENTENCES_PER_PAGE = 10
_RAW_CHUNKS = 250  # the bare embedder's speed is that over as many chunks, taken at even steps
_CHANGE = "The ferry to the northern archive leaves at a quarter past nine."


class Queue:
    """A job queue whose jobs are done here."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []

    async def send(self, job: Job) -> bool:
        """Takes the job in."""
        self._jobs.append(job)
        return True

    def close(self) -> None:
        """Forgets what is left."""
        self._jobs.clear()

    async def work_off(self, house: House, at_once: int = 1) -> float:
        """The seconds that the jobs took."""
        began = time.perf_counter()
        await asyncio.gather(*(self._work(house) for _ in range(at_once)))
        return time.perf_counter() - began

    async def _work(self, house: House) -> None:
        while self._jobs:
            await run_job(house, self._jobs.pop(0).id, sync_source)


class Site(Struct, frozen=True):
    """An open house with a knowledge base, and `encode` to compare with."""

    house: House
    queue: Queue
    target: Target
    encode: Embed
    folder: Path


class Stored(Struct, frozen=True):
    """The index: ids and texts of all chunks."""

    ids: frozenset[int]
    texts: list[str]


@click.command("ingest")
@click.option("--files", type=click.IntRange(1), default=80, show_default=True, help="Of the handbook.")
@click.option(
    "--pages", type=click.IntRange(4), default=500, show_default=True, help="Of the large document."
)
@click.option("--threads", type=click.IntRange(1), help="Of the model [default: as torch decides].")
def main(files: int, pages: int, threads: int | None) -> None:
    """Measure syncs of the handbook and of a large document: first, unchanged, and after a changed line."""
    if threads:
        import torch

        torch.set_num_threads(threads)
    # What became of each job is no figure.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with tempfile.TemporaryDirectory(prefix="lectern-bench-", ignore_cleanup_errors=True) as folder:
        figures = asyncio.run(_measure(Path(folder), files, pages))
    click.echo(json.dumps(figures))


async def _measure(folder: Path, files: int, pages: int) -> dict[str, float]:
    embedder = await asyncio.to_thread(load_embedder)
    assert isinstance(embedder, SentenceEmbedder)
    parts = random.Random(7)  # noqa: S311 - a document that is the same in every run
    known = [text[start:end] for text in handbook_chunks(embedder) for start, end in sentences(text)]
    leaves = [" ".join(parts.sample(known, _SENTENCES_PER_PAGE)).replace("\n", " ") for _ in range(pages)]
    async with open_site(folder, encode_with(embedder)) as site:
        figures = await _handbook(site, files)
        for name, write in (("large.md", _write_markdown), ("large.pdf", _write_pdf)):
            await asyncio.to_thread(write, folder / name, leaves)
            figures |= await _first(site, folder / name, name.replace(".", "_"))
            at = pages // 2
            changed = [*leaves[:at], f"{_CHANGE} {leaves[at]}", *leaves[at + 1 :]]
            await asyncio.to_thread(write, folder / name, changed)
            figures |= await _changed(site, folder / name, name.replace(".", "_"))
        return figures


@asynccontextmanager
async def open_site(folder: Path, encode: Embed) -> AsyncIterator[Site]:
    """A house on a database of its own in the folder, with an empty knowledge base."""
    settings = settings_with(folder / "home")
    with database(settings) as opened:
        queue = Queue()
        house = await open_house(settings, opened.url, queue=queue, llm="nothing")
        try:
            created = await create_assistant(house.pool, "bench of ingestion")
            yield Site(house, queue, await find_target(house, created.assistant_id, None), encode, folder)
        finally:
            await close_house(house)


async def _handbook(site: Site, files: int) -> dict[str, float]:
    folder = site.folder / "handbook"
    for name, path in list(read_file_set(HANDBOOK).files.items())[:files]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / name)
    figures = await _first(site, folder, "handbook")
    async with site.house.pool.connection() as connection:
        listed = await (await connection.execute("SELECT id FROM sources")).fetchall()
        for row in listed:
            source = await sources.find_workspace_source(connection, site.target.base.workspace_id, row[0])
            job = source and await open_sync_job(connection, source)
            assert job is not None
            await site.queue.send(job)
    again_s = await site.queue.work_off(site.house)
    first_s = figures["handbook_sync_s"]
    return _told(
        figures
        | {
            "handbook_sync_again_s": round(again_s, 3),
            "handbook_first_over_again": round(first_s / again_s, 1),
        }
    )


async def _first(site: Site, path: Path, name: str) -> dict[str, float]:
    """A first sync, from files on disk to the index, beside the bare embedder over the same chunks."""
    before = await _stored(site)
    began = time.perf_counter()
    await add(site, path)
    sync_s = await site.queue.work_off(site.house)
    ingest_s = time.perf_counter() - began
    texts = (await _stored(site, before.ids)).texts
    sample = texts[:: -(-len(texts) // _RAW_CHUNKS)]
    began = time.perf_counter()
    await asyncio.to_thread(site.encode, sample)
    raw_per_s = len(sample) / (time.perf_counter() - began)
    figures = {
        "chunks": len(texts),
        "sync_s": round(sync_s, 2),
        "chunks_per_s": round(len(texts) / ingest_s, 1),
        "encode_chunks_per_s": round(raw_per_s, 1),
        "over_encode": round(len(texts) / ingest_s / raw_per_s, 2),
    }
    return _told({f"{name}_{key}": figure for key, figure in figures.items()})


async def _changed(site: Site, path: Path, name: str) -> dict[str, float]:
    """What a sync does after one line of the document changed."""
    before = await _stored(site)
    began = time.perf_counter()
    await add(site, path)
    await site.queue.work_off(site.house)
    changed_s = time.perf_counter() - began
    after = await _stored(site)
    figures = {
        "changed_s": round(changed_s, 2),
        "changed_chunks_added": len(after.ids - before.ids),
        "changed_chunks_removed": len(before.ids - after.ids),
    }
    return _told({f"{name}_{key}": figure for key, figure in figures.items()})


async def add(site: Site, path: Path) -> None:
    """Queues a sync of each file.

    Raises: click.ClickException when one is not taken.
    """
    async for added in add_path(site.house, site.target, path):
        if added.error:
            raise click.ClickException(f"{added.name}: {added.error}")


async def _stored(site: Site, without: frozenset[int] = frozenset()) -> Stored:
    async with site.house.pool.connection() as connection:
        rows = await (await connection.execute("SELECT id, text FROM chunks ORDER BY id")).fetchall()
    found = [row for row in rows if row[0] not in without]
    return Stored(frozenset(row[0] for row in found), [row[1] for row in found])


def _write_markdown(path: Path, leaves: list[str]) -> None:
    pages = [f"## Case {number}\n\n{leaf}\n" for number, leaf in enumerate(leaves, start=1)]
    path.write_text("\n".join(["# Cases\n", *pages]), encoding="utf-8")


def _write_pdf(path: Path, leaves: list[str]) -> None:
    with pymupdf.open() as pdf:
        for leaf in leaves:
            page = pdf.new_page()
            page.insert_textbox(pymupdf.Rect(50, 50, 550, 800), leaf, fontsize=10)
        pdf.save(path)


def _told(figures: dict[str, float]) -> dict[str, float]:
    click.echo("  ".join(f"{name} {figure}" for name, figure in figures.items()), err=True)
    return figures


if __name__ == "__main__":
    main()

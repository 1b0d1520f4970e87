"""The bench: how much slower a sync is than the bare embedder, and a retrieval than a bare vector query."""

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

import click
from numpy import float32
from numpy.typing import NDArray
from pgvector import HalfVector

from app.cli.options import open_house_of, settings_with
from app.services.evaluate import Bench, open_bench
from app.services.house import House
from app.services.read_question_sets import read_file_set
from rag.embed import Embedder, load_embedder

HANDBOOK = Path(__file__).resolve().parent.parent / "tests/data/handbook-tts"
_NEAREST = "SELECT chunk_id FROM chunk_vectors ORDER BY embedding <=> %s::halfvec LIMIT 8"


@click.command()
@click.option(
    "--files", type=click.IntRange(1), default=40, show_default=True, help="How many pages to sync."
)
def main(files: int) -> None:
    """Measure sync and retrieval over the bundled handbook; the last line is JSON."""
    with tempfile.TemporaryDirectory(prefix="lectern-bench-", ignore_cleanup_errors=True) as folder:
        figures = asyncio.run(_measure(Path(folder), files))
    click.echo(json.dumps(figures))


async def _measure(folder: Path, files: int) -> dict[str, float]:
    async with open_house_of(settings_with(folder), llm="nothing") as house, open_bench(house) as bench:
        embedder = await asyncio.to_thread(load_embedder)
        return await _sync(house, bench, embedder, files) | await _retrieve(house, bench, embedder)


async def _sync(house: House, bench: Bench, embedder: Embedder, files: int) -> dict[str, float]:
    began = time.monotonic()
    for name, path in list(read_file_set(HANDBOOK).files.items())[:files]:
        await bench.add_file(name, path)
    sync_s = time.monotonic() - began
    async with house.pool.connection() as connection:
        rows = await (await connection.execute("SELECT text FROM chunks")).fetchall()
    texts = [row[0] for row in rows]
    began = time.monotonic()
    await asyncio.to_thread(embedder.embed, texts)
    embed_s = time.monotonic() - began
    return {
        "chunks": len(texts),
        "sync_chunks_per_s": round(len(texts) / sync_s, 1),
        "embedder_chunks_per_s": round(len(texts) / embed_s, 1),
        "sync_over_embedder": round(embed_s / sync_s, 3),
    }


async def _retrieve(house: House, bench: Bench, embedder: Embedder) -> dict[str, float]:
    retrieval_ms, query_ms = [], []
    for question in [each.question for each in read_file_set(HANDBOOK).questions]:
        began = time.monotonic()
        await bench.retrieve(question, limit=8, only="fused")
        retrieval_ms.append((time.monotonic() - began) * 1000)
        began = time.monotonic()
        vectors = await asyncio.to_thread(embedder.embed, [question])
        await _query(house, vectors)
        query_ms.append((time.monotonic() - began) * 1000)
    retrieval, query = statistics.median(retrieval_ms), statistics.median(query_ms)
    return {
        "retrieval_p50_ms": round(retrieval, 1),
        "vector_query_p50_ms": round(query, 1),
        "retrieval_over_vector_query": round(retrieval / query, 2),
    }


async def _query(house: House, vectors: NDArray[float32]) -> None:
    async with house.pool.connection() as connection:
        await (await connection.execute(_NEAREST, [HalfVector(vectors[0])])).fetchall()


if __name__ == "__main__":
    main()

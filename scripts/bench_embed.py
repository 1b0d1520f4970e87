"""The bench of the embedder: `SentenceTransformer.encode` against ours, by single questions and by chunks."""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from app.services.read_question_sets import read_file_set
from rag.chunk import split
from rag.embed import Embedder, SentenceEmbedder, load_embedder
from rag.passages import Page, join_pages

HANDBOOK = Path(__file__).resolve().parent.parent / "tests/data/handbook-tts"
_BATCH_TEXTS = 32  # what `encode` takes by default

Embed = Callable[[list[str]], NDArray[np.float32]]


@click.command("embed")
@click.option("--chunks", type=click.IntRange(1), default=200, show_default=True, help="How many to embed.")
@click.option("--threads", type=click.IntRange(1), help="Of the model [default: as torch decides].")
def main(chunks: int, threads: int | None) -> None:
    """Measure the handbook's questions and chunks with `encode` and with ours."""
    embedder = load_embedder()
    if not isinstance(embedder, SentenceEmbedder):
        raise click.ClickException("The bundled embedder is no sentence-transformers model.")
    if threads:
        import torch

        torch.set_num_threads(threads)
    encode = encode_with(embedder)
    questions = [each.question for each in read_file_set(HANDBOOK).questions]
    texts = handbook_chunks(embedder)[:chunks]
    click.echo(f"{len(questions)} questions and {len(texts)} chunks, way: {embedder.way}")
    figures = _one_by_one(encode, embedder.embed, questions) | _at_once(encode, embedder.embed, texts)
    click.echo(json.dumps(figures))


def encode_with(embedder: SentenceEmbedder) -> Embed:
    """The library's way, by the same model with its own batches sorted by length."""

    def encode(texts: list[str]) -> NDArray[np.float32]:
        vectors: Any = embedder.model.encode(texts, batch_size=_BATCH_TEXTS, show_progress_bar=False)
        return np.asarray(vectors, dtype=np.float32)

    return encode


def handbook_chunks(embedder: Embedder) -> list[str]:
    """The handbook's chunks, page after page."""
    texts: list[str] = []
    for name, path in sorted(read_file_set(HANDBOOK).files.items()):
        if path.suffix == ".md":
            document = join_pages((Page(path.read_text(encoding="utf-8")),), name)
            texts += [chunk.text for chunk in split(document, embedder)]
    return texts


def _one_by_one(encode: Embed, embed: Embed, questions: list[str]) -> dict[str, float]:
    """Turns are taken question by question, so that a busy machine is as busy for both."""
    encode_ms, embed_ms, cosines = [], [], []
    for question in questions:  # what a process prepares once for each length is no part of the figure
        embed([question])
    for question in questions[:3] + questions:
        began = time.perf_counter()
        expected = encode([question])
        between = time.perf_counter()
        vectors = embed([question])
        embed_ms.append((time.perf_counter() - between) * 1000)
        encode_ms.append((between - began) * 1000)
        cosines.append(float((expected * vectors).sum()))
    slow, fast = statistics.median(encode_ms[3:]), statistics.median(embed_ms[3:])
    return {
        "question_encode_p50_ms": round(slow, 2),
        "question_embed_p50_ms": round(fast, 2),
        "question_encode_over_embed": round(slow / fast, 2),
        "question_cosine_min": round(min(cosines), 6),
    }


def _at_once(encode: Embed, embed: Embed, texts: list[str]) -> dict[str, float]:
    began = time.perf_counter()
    expected = encode(texts)
    between = time.perf_counter()
    vectors = embed(texts)
    embed_s, encode_s = time.perf_counter() - between, between - began
    return {
        "chunks": len(texts),
        "encode_chunks_per_s": round(len(texts) / encode_s, 1),
        "embed_chunks_per_s": round(len(texts) / embed_s, 1),
        "chunks_encode_over_embed": round(encode_s / embed_s, 2),
        "chunks_cosine_min": round(float((expected * vectors).sum(axis=1).min()), 6),
    }


if __name__ == "__main__":
    main()

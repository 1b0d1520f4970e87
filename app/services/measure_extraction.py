"""Measures how files are read: what comes out, how true it is to a reference, and what it takes."""

import asyncio
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import IO

from msgspec import Struct

from app.services.read_document_sets import Specimen, read_document_set
from rag.errors import Unreadable
from rag.extract import Extractor, Limits, Reading, is_archive, unpack
from rag.extract.fidelity import Overlap, character_overlap, pages_right, rows_intact, word_overlap
from rag.passages import Page

# What a class asks for; a scan or a damaged file may end either way.
_SYNCED = {"ok", "trap", "ocr"}
_REFUSED = {"encrypted", "empty", "malformed", "bomb", "unsupported"}
_MB = 2**20

Tell = Callable[[str, int, int], None]


class Examined(Struct, frozen=True, omit_defaults=True):
    """One file: how it ended, what it took, and its figures where there is something to compare with.

    Units: rows and pages are (right, all).
    """

    name: str
    kind: str
    status: str
    reason: str | None
    as_asked: bool | None
    pages: int
    characters: int
    seconds: float
    peak_mb: float
    character_overlap: Overlap | None = None
    word_overlap: Overlap | None = None
    rows_intact: tuple[int, int] | None = None
    pages_right: tuple[int, int] | None = None


class Fidelity(Struct, frozen=True):
    """Means over the files that have a reference text."""

    recall: float
    precision: float
    f1: float
    files: int


class Summary(Struct, frozen=True, omit_defaults=True):
    """Some files together; `as_asked` counts those that ended as their class asks."""

    files: int
    synced: int
    most_seconds: float
    most_mb: float
    reasons: dict[str, int]
    as_asked: int | None = None
    characters: Fidelity | None = None
    words: Fidelity | None = None
    rows_intact: tuple[int, int] | None = None
    pages_right: tuple[int, int] | None = None


class Extraction(Struct, frozen=True):
    """The figures of a folder, of each class or kind in it, and of each file."""

    all: Summary
    reader_start_s: float
    classes: dict[str, Summary]
    documents: list[Examined]


async def measure_extraction(folder: Path, tell: Tell) -> Extraction:
    """How the files of a folder are read; `rag/extract/fidelity.py` defines the figures.

    Raises: Invalid when there is nothing to read.
    """
    specimens = await asyncio.to_thread(read_document_set, folder)
    extractor = Extractor()
    try:
        start_s = await _start(extractor)
        examined = []
        for done, specimen in enumerate(specimens):
            tell(specimen.name, done, len(specimens))
            examined.append(await _examine(extractor, specimen))
    finally:
        await extractor.close()
    kinds = dict.fromkeys(each.kind for each in examined)
    classes = {kind: _summary([each for each in examined if each.kind == kind]) for kind in kinds}
    return Extraction(_summary(examined), round(start_s, 2), classes, examined)


async def _start(extractor: Extractor) -> float:
    """The time that the first file takes, which is the start of the reading child."""
    start = time.monotonic()
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        file.write(b"start")
        file.flush()
        await extractor.read(Path(file.name), "start.txt")
    return time.monotonic() - start


async def _examine(extractor: Extractor, specimen: Specimen) -> Examined:
    start = time.monotonic()
    reading, pages = await _read(extractor, specimen)
    seconds = time.monotonic() - start
    status = "synced" if reading.reason is None else "refused"
    text = "\n\n".join(page.text for page in pages)
    reference = specimen.reference
    right = sum(1 for place in specimen.places if pages_right(pages, place.texts, place.pages))
    return Examined(
        name=specimen.name,
        kind=specimen.kind,
        status=status,
        reason=reading.reason,
        as_asked=_as_asked(specimen, status),
        pages=len(pages),
        characters=len(text),
        seconds=round(seconds, 3),
        peak_mb=round(reading.peak_memory_bytes / _MB, 1),
        character_overlap=None if reference is None else character_overlap(text, reference),
        word_overlap=None if reference is None else word_overlap(text, reference),
        rows_intact=None if reference is None else rows_intact(text, reference),
        pages_right=(right, len(specimen.places)) if specimen.places else None,
    )


def _as_asked(specimen: Specimen, status: str) -> bool | None:
    """Whether the file ended as its class asks; None where there are no classes."""
    if not specimen.has_class:
        return None
    return specimen.kind not in (_REFUSED if status == "synced" else _SYNCED)


async def _read(extractor: Extractor, specimen: Specimen) -> tuple[Reading, tuple[Page, ...]]:
    """What became of the file; an archive is unpacked, as it is when added, and all of it has to be read."""
    try:
        if not await asyncio.to_thread(_is_archive, specimen.path):
            reading = await extractor.read(specimen.path, specimen.name)
            return reading, reading.document.pages if reading.document else ()
        with tempfile.TemporaryDirectory() as folder:
            members = await _unpacked(specimen.path, Path(folder))
            readings = [await extractor.read(path, name) for name, path in members]
    except Unreadable as error:
        return Reading(None, str(error), 0), ()
    pages = tuple(page for each in readings if each.document for page in each.document.pages)
    failed = next((each.reason for each in readings if each.reason), None)
    return Reading(None, failed, max(each.peak_memory_bytes for each in readings)), pages


def _is_archive(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return is_archive(file, path.name)
    except OSError as error:
        raise Unreadable(f"The file can't be read: {error.strerror}.") from error


async def _unpacked(path: Path, folder: Path) -> list[tuple[str, Path]]:
    placed: list[tuple[str, Path]] = []
    async with aclosing(unpack(path, Limits())) as members:
        async for member in members:
            target = folder / str(len(placed))
            await asyncio.to_thread(_copy, member.file, target)
            placed.append((member.name, target))
    return placed


def _copy(file: IO[bytes], target: Path) -> None:
    with target.open("wb") as copy:
        shutil.copyfileobj(file, copy)


def _summary(examined: list[Examined]) -> Summary:
    asked = [each.as_asked for each in examined if each.as_asked is not None]
    return Summary(
        files=len(examined),
        synced=sum(1 for each in examined if each.status == "synced"),
        most_seconds=max(each.seconds for each in examined),
        most_mb=max(each.peak_mb for each in examined),
        reasons=dict(Counter(each.reason for each in examined if each.reason).most_common()),
        as_asked=sum(asked) if asked else None,
        characters=_fidelity([each.character_overlap for each in examined]),
        words=_fidelity([each.word_overlap for each in examined]),
        rows_intact=_counts([each.rows_intact for each in examined]),
        pages_right=_counts([each.pages_right for each in examined]),
    )


def _fidelity(overlaps: list[Overlap | None]) -> Fidelity | None:
    known = [each for each in overlaps if each is not None]
    if not known:
        return None
    figures = [(each.recall, each.precision, each.f1) for each in known]
    recall, precision, f1 = (round(sum(column) / len(known), 3) for column in zip(*figures, strict=True))
    return Fidelity(recall, precision, f1, len(known))


def _counts(pairs: list[tuple[int, int] | None]) -> tuple[int, int] | None:
    known = [pair for pair in pairs if pair]
    every = sum(pair[1] for pair in known)
    return (sum(pair[0] for pair in known), every) if every else None

"""Document sets as folders: files with their class, reference text and known places, as far as it has any."""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from app.domain.errors import Invalid
from app.services.read_question_sets import FileQuestion


class Place(Struct, frozen=True):
    """A text, in any of its spellings, that one of these pages shows."""

    texts: tuple[str, ...]
    pages: tuple[int, ...]


class Specimen(Struct, frozen=True):
    """One file to be read; `kind` is its class in the set, or its extension where the set has no classes."""

    name: str
    path: Path
    kind: str
    has_class: bool = False
    reference: str | None = None
    places: tuple[Place, ...] = ()


class _Article(Struct, frozen=True):
    """An entry of ground-truth.json."""

    body: str = msgspec.field(name="articleBody")


class _SitePage(Struct, frozen=True):
    """A line of a site's gold.jsonl."""

    path: str
    text: str


def read_document_set(folder: Path) -> list[Specimen]:
    """The files of a folder to be read.

    Shape: with MANIFEST.tsv (columns name, class and gold) the files below `files/`, and the places that
    questions.jsonl tells; with ground-truth.json the pages below `html/`; with gold.jsonl the pages below
    `root/`; else all files of the folder, hidden ones left out.
    Raises: Invalid when the folder holds none, or its lists can't be read.
    """
    readers = {
        "MANIFEST.tsv": _of_manifest,
        "ground-truth.json": _of_articles,
        "gold.jsonl": _of_site,
    }
    read = next((reader for name, reader in readers.items() if (folder / name).is_file()), _of_any)
    try:
        found = list(read(folder))
    except (OSError, KeyError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise Invalid(f"The lists in {folder} can't be read: {error}.") from error
    if not found:
        raise Invalid(f"{folder} holds no files.")
    return found


def _of_manifest(folder: Path) -> Iterator[Specimen]:
    places = _places(folder / "questions.jsonl")
    with (folder / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            gold = row.get("gold") or "-"
            yield Specimen(
                row["name"],
                folder / "files" / row["name"],
                row["class"],
                has_class=True,
                reference=None if gold == "-" else (folder / gold).read_text(encoding="utf-8"),
                places=tuple(places.get(row["name"], ())),
            )


def _places(path: Path) -> dict[str, list[Place]]:
    found: dict[str, list[Place]] = {}
    if path.is_file():
        for question in msgspec.json.Decoder(FileQuestion).decode_lines(path.read_bytes()):
            # "page 2 or 3, row Denmark"; a sheet or slide is a page too.
            where = re.match(r"(?:page|sheet|slide) [\d or]+", question.where or "")
            if question.file and where:
                pages = tuple(int(number) for number in re.findall(r"\d+", where.group()))
                found.setdefault(question.file, []).append(Place(question.answers, pages))
    return found


def _of_articles(folder: Path) -> Iterator[Specimen]:
    articles = msgspec.json.decode((folder / "ground-truth.json").read_bytes(), type=dict[str, _Article])
    for name, article in articles.items():
        path = folder / "html" / f"{name}.html"
        if path.is_file():
            yield Specimen(path.name, path, "html", reference=article.body)


def _of_site(folder: Path) -> Iterator[Specimen]:
    for page in msgspec.json.Decoder(_SitePage).decode_lines((folder / "gold.jsonl").read_bytes()):
        yield Specimen(page.path, folder / "root" / page.path, "html", reference=page.text)


def _of_any(folder: Path) -> Iterator[Specimen]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            yield Specimen(str(name), path, path.suffix.lower().lstrip(".") or "(none)")

"""Question sets as files: BEIR folders, SQuAD-form JSON, and folders of documents with `questions.jsonl`."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from app.domain.errors import Invalid

_NO_DOCUMENTS = ("questions.jsonl", "SOURCE.md", "MANIFEST.tsv")


class BeirText(Struct, frozen=True):
    """A line of corpus.jsonl or queries.jsonl."""

    id: str = field(name="_id")
    text: str
    title: str = ""


class Beir(Struct, frozen=True):
    """A BEIR set; only queries with a relevant document are kept."""

    corpus: tuple[BeirText, ...]
    queries: tuple[BeirText, ...]
    judged: dict[str, dict[str, int]]


class SquadAnswer(Struct, frozen=True):
    """An accepted answer."""

    text: str


class SquadQuestion(Struct, frozen=True):
    """A question over one paragraph."""

    question: str
    answers: tuple[SquadAnswer, ...] = ()
    is_impossible: bool = False


class SquadParagraph(Struct, frozen=True):
    """A paragraph with its questions."""

    context: str
    qas: tuple[SquadQuestion, ...]


class SquadArticle(Struct, frozen=True):
    """An article with its paragraphs."""

    title: str
    paragraphs: tuple[SquadParagraph, ...]


class Squad(Struct, frozen=True):
    """One SQuAD-form file."""

    data: tuple[SquadArticle, ...]


class FileQuestion(Struct, frozen=True):
    """A line of questions.jsonl: no answers means that the documents do not say."""

    question: str
    answers: tuple[str, ...] = ()
    file: str | None = None
    quote: str | None = None
    where: str | None = None


class FileSet(Struct, frozen=True):
    """Documents by name, and what is asked about them."""

    files: dict[str, Path]
    questions: tuple[FileQuestion, ...]


def is_beir(folder: Path) -> bool:
    """Whether the folder holds a BEIR set."""
    return all((folder / name).is_file() for name in ("corpus.jsonl", "queries.jsonl", "qrels.tsv"))


def read_beir(folder: Path) -> Beir:
    """The BEIR set of a folder.

    Source: BEIR, "Load your custom dataset".
    Raises: Invalid.
    """
    judged: dict[str, dict[str, int]] = defaultdict(dict)
    with (folder / "qrels.tsv").open(encoding="utf-8", newline="") as file:
        for row in list(csv.reader(file, delimiter="\t"))[1:]:
            if len(row) != 3 or not row[2].strip().lstrip("-").isdecimal():
                raise Invalid(f"{file.name}: a line is not query, document and score, set apart by tabs.")
            judged[row[0]][row[1]] = int(row[2])
    asked = {name for name, gains in judged.items() if max(gains.values()) > 0}
    queries = tuple(query for query in _lines(folder / "queries.jsonl", BeirText) if query.id in asked)
    return Beir(tuple(_lines(folder / "corpus.jsonl", BeirText)), queries, dict(judged))


def list_squads(folder: Path) -> list[Path]:
    """The SQuAD-form files of a folder, sorted."""
    return sorted(path for path in folder.glob("*.json") if path.is_file())


def read_squad(path: Path) -> Squad:
    """The articles of one file.

    Raises: Invalid.
    """
    squad: Squad = _decoded(path, path.read_bytes(), Squad)
    return squad


def read_file_set(folder: Path) -> FileSet:
    """The documents that lie where the questions' files lie, and the questions.

    Raises: Invalid.
    """
    questions = tuple(_lines(folder / "questions.jsonl", FileQuestion))
    every = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    gold = {question.file for question in questions if question.file}
    # Beside the documents lie licences and reference texts, which must not be found.
    places = {_place(name) for name in every if any(is_file(str(name), wanted) for wanted in gold)}
    files = {str(name): path for name, path in every.items() if _place(name) in places}
    return FileSet({name: path for name, path in files.items() if name not in _NO_DOCUMENTS}, questions)


def is_file(name: str, wanted: str) -> bool:
    """Whether a document's name is the file that a question names, given in full or by its end."""
    return name == wanted or name.endswith(f"/{wanted}")


def _place(name: Path) -> str:
    return name.parts[0] if len(name.parts) > 1 else ""


def _lines(path: Path, kind: type[Any]) -> Iterator[Any]:
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield _decoded(path, line, kind)


def _decoded(path: Path, text: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise Invalid(f"{path} is not in the form of its set: {error}.") from error

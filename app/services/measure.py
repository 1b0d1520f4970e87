"""Measures: question sets put to a bench, and what came of it as figures."""

import re
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

from msgspec import Struct

from app.domain.errors import Invalid
from app.services.evaluate import Answered, Bench, Found, open_bench
from app.services.house import House
from app.services.read_question_sets import (
    Beir,
    FileQuestion,
    FileSet,
    Squad,
    SquadArticle,
    is_beir,
    is_file,
    list_squads,
    read_beir,
    read_file_set,
    read_squad,
)
from rag.engine import Only
from rag.evaluate import contains, contains_any, mean, ndcg_at, overlaps, recall_at, reciprocal_rank
from rag.passages import DocumentText, Span

# Chunks asked for, so that a hundred documents are among them.
_BEIR_CHUNKS = 300
_TIMED = 200  # questions that are asked again for the clock,
_HITS = 8  # with as many hits as an answer is made from
Tell = Callable[[str, int, int], None]
Figures = dict[str, float]


class Course(Struct, frozen=True):
    """What to measure: how to rank, how many questions at most, and who is told how far it is."""

    tell: Tell
    only: Only = "fused"
    limit: int | None = None


class _Asked(Struct, frozen=True):
    """A question with its gold: a document, and a span of it where the set names one."""

    question: str
    answers: tuple[str, ...]
    document_id: UUID | None = None
    span: tuple[int, int] | None = None
    quote: str | None = None
    pages: tuple[int, ...] = ()


class _Outcome(Struct, frozen=True):
    answerable: bool
    answered: bool
    contains_gold: bool
    citation_right: bool


async def measure_retrieval(house: House, folder: Path, course: Course) -> dict[str, object]:
    """Figures of a BEIR folder, or of each SQuAD-form file of a folder.

    Raises: Invalid when the folder holds neither.
    """
    if is_beir(folder):
        async with open_bench(house) as bench:
            return dict(await _measure_beir(bench, read_beir(folder), course))
    figures: dict[str, object] = {}
    for path in _squads(folder):
        async with open_bench(house) as bench:
            asked = await _index_squad(bench, read_squad(path), course)
            figures[path.name] = await _measure_ranks(bench, _first(asked, course, answerable=True), course)
    return figures


async def measure_answers(house: House, folder: Path, course: Course) -> dict[str, object]:
    """Figures over all questions of a folder; with several files also for each.

    Raises: Invalid when the folder holds no set.
    """
    by_file: dict[str, list[_Outcome]] = {}
    if (folder / "questions.jsonl").is_file():
        async with open_bench(house) as bench:
            asked = await _index_files(bench, read_file_set(folder), course)
            by_file[folder.name] = await _put_questions(bench, _first(asked, course), course)
    else:
        for path in _squads(folder):
            async with open_bench(house) as bench:
                asked = await _index_squad(bench, read_squad(path), course)
                by_file[path.name] = await _put_questions(bench, _first(asked, course), course)
    figures: dict[str, object] = dict(_rates([outcome for each in by_file.values() for outcome in each]))
    if len(by_file) > 1:
        figures["files"] = {name: _rates(outcomes) for name, outcomes in by_file.items()}
    return figures


def _squads(folder: Path) -> list[Path]:
    found = list_squads(folder)
    if not found:
        raise Invalid(
            f"{folder} holds no question set: neither corpus.jsonl with queries.jsonl and qrels.tsv, "
            "nor SQuAD-form *.json files, nor (for answers) questions.jsonl."
        )
    return found


def _first(asked: list[_Asked], course: Course, *, answerable: bool = False) -> list[_Asked]:
    chosen = [each for each in asked if each.answers or not answerable]
    return chosen[: course.limit]


async def _measure_beir(bench: Bench, beir: Beir, course: Course) -> Figures:
    ids: dict[UUID, str] = {}
    for done, text in enumerate(beir.corpus):
        course.tell("indexing", done, len(beir.corpus))
        if text.text.strip():
            ids[await bench.add(text.id, _document(text.title, text.text))] = text.id
    queries = beir.queries[: course.limit]
    ndcgs, recalls, ranks = [], [], []
    for done, query in enumerate(queries):
        course.tell("asking", done, len(queries))
        found = await bench.retrieve(query.text, limit=_BEIR_CHUNKS, only=course.only)
        # A document stands where its best chunk stands.
        ranking = list(dict.fromkeys(ids[hit.document_id] for hit in found))
        judged = beir.judged[query.id]
        ndcgs.append(ndcg_at(10, ranking, judged))
        recalls.append(recall_at(100, ranking, judged))
        ranks.append(reciprocal_rank(10, [judged.get(name, 0) > 0 for name in ranking]))
    return {
        "ndcg@10": mean(ndcgs),
        "recall@100": mean(recalls),
        "mrr@10": mean(ranks),
        "queries": len(queries),
    } | await _times(bench, [query.text for query in queries], course)


async def _index_squad(bench: Bench, squad: Squad, course: Course) -> list[_Asked]:
    asked: list[_Asked] = []
    for done, article in enumerate(squad.data):
        course.tell("indexing", done, len(squad.data))
        text = "\n\n".join(paragraph.context for paragraph in article.paragraphs)
        document_id = await bench.add(f"{done:04} {article.title}", _document(article.title, text))
        asked += _questions(article, document_id)
    return asked


def _questions(article: SquadArticle, document_id: UUID) -> list[_Asked]:
    asked, start = [], 0
    for paragraph in article.paragraphs:
        span = (start, start + len(paragraph.context))
        start = span[1] + 2
        for each in paragraph.qas:
            answers = () if each.is_impossible else tuple(answer.text for answer in each.answers)
            asked.append(_Asked(each.question, answers, document_id, span))
    return asked


async def _measure_ranks(bench: Bench, asked: list[_Asked], course: Course) -> Figures:
    ranks = []
    for done, each in enumerate(asked):
        course.tell("asking", done, len(asked))
        found = await bench.retrieve(each.question, limit=10, only=course.only)
        ranks.append([_points_to(each, hit.document_id, (hit.start, hit.end)) for hit in found])
    return {
        "hit@1": mean([any(hits[:1]) for hits in ranks]),
        "hit@5": mean([any(hits[:5]) for hits in ranks]),
        "mrr@10": mean([reciprocal_rank(10, hits) for hits in ranks]),
        "questions": len(asked),
    } | await _times(bench, [each.question for each in asked], course)


async def _times(bench: Bench, questions: Sequence[str], course: Course) -> Figures:
    """The milliseconds that a question takes one after another, embedding included."""
    took = []
    for done, question in enumerate(questions[:_TIMED]):
        course.tell("timing", done, min(_TIMED, len(questions)))
        began = time.perf_counter()
        await bench.retrieve(question, limit=_HITS, only=course.only)
        took.append((time.perf_counter() - began) * 1000)
    if not took:
        return {}
    p95 = sorted(took)[min(len(took) - 1, round(0.95 * len(took)))]
    return {"p50_ms": round(statistics.median(took), 1), "p95_ms": round(p95, 1)}


async def _index_files(bench: Bench, files: FileSet, course: Course) -> list[_Asked]:
    documents: dict[str, UUID] = {}
    for done, (name, path) in enumerate(files.files.items()):
        course.tell("indexing", done, len(files.files))
        if (added := await bench.add_file(name, path)) is not None:
            documents[name] = added
    return [_of_file(question, documents) for question in files.questions]


def _of_file(question: FileQuestion, documents: dict[str, UUID]) -> _Asked:
    wanted = question.file or ""
    document_id = next((id for name, id in documents.items() if wanted and is_file(name, wanted)), None)
    # "page 2 or 3, row Denmark"; a sheet or slide is a page too.
    pages = tuple(int(number) for number in re.findall(r"\d+", (question.where or "").split(",")[0]))
    return _Asked(question.question, question.answers, document_id, None, question.quote, pages)


async def _put_questions(bench: Bench, asked: list[_Asked], course: Course) -> list[_Outcome]:
    outcomes = []
    for done, each in enumerate(asked):
        course.tell("asking", done, len(asked))
        answered = await bench.answer(each.question)
        outcomes.append(
            _Outcome(
                answerable=bool(each.answers),
                answered=not answered.refused,
                contains_gold=contains_any(answered.text, each.answers),
                citation_right=bool(each.answers) and _cites(each, answered),
            )
        )
    return outcomes


def _rates(outcomes: list[_Outcome]) -> Figures:
    answerable = [each for each in outcomes if each.answerable]
    others = [each for each in outcomes if not each.answerable]
    return {
        "answered": mean([each.answered for each in outcomes]),
        "contains_gold": mean([each.contains_gold for each in answerable]),
        "citation_right": mean([each.citation_right for each in answerable]),
        "false_answers": mean([each.answered for each in others]),
        "false_refusals": mean([not each.answered for each in answerable]),
        "questions": len(outcomes),
        "answerable": len(answerable),
    }


def _cites(asked: _Asked, answered: Answered) -> bool:
    """Whether a citation points to the gold: its span, or its quote or page in the right file."""
    return any(_is_gold(asked, cited) for cited in answered.citations)


def _is_gold(asked: _Asked, cited: Found) -> bool:
    if asked.quote is not None:
        held = contains(cited.text, asked.quote) or contains(asked.quote, cited.text)
        return held and cited.document_id == asked.document_id
    on_page = not asked.pages or cited.page in asked.pages
    return on_page and _points_to(asked, cited.document_id, (cited.start, cited.end))


def _points_to(asked: _Asked, document_id: UUID, span: tuple[int, int]) -> bool:
    return document_id == asked.document_id and (asked.span is None or overlaps(span, asked.span))


def _document(title: str, text: str) -> DocumentText:
    return DocumentText(text, (Span(0, len(text)),), title.replace("_", " "))

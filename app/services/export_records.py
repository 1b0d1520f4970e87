"""An assistant's records as a workbook: a row an exchange, newest first."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from uuid import UUID

import structlog
from msgspec import Struct

from app.domain.exchanges import Metric, Score
from app.domain.records import Record, RecordFilter, RecordPosition
from app.services.house import Desk
from app.services.spreadsheet import Column, Row, Sheet, write_workbook
from app.store import exchanges, messages, records, scores
from rag.passages import Citation

# The texts of a batch are held at once, and reading it takes the event loop a few milliseconds.
_BATCH_RECORDS = 100

# Source: seed 001, "Export Chat Records as Excel File"; contracts/maiagent.md, export-excel.
SHEET = Sheet(
    "Records",
    (
        Column("ID", 38),
        Column("用戶輸入訊息", 48),
        Column("修飾輸入訊息", 48),
        Column("型態(New/Follow)", 18),
        Column("參考資料", 64),
        Column("輸出訊息", 64),
        Column("誠實性評分", 14),
        Column("回答相關性評分", 18),
        Column("回答正確性評分", 18),
        Column("回答相似性評分", 18),
        Column("參考資料相關性評分", 22),
        Column("參考資料召回率評分", 22),
        Column("回覆花費時間", 16),
        Column("建立時間", 20),
    ),
)
# In the order of their columns.
_METRICS = (
    Metric.FAITHFULNESS,
    Metric.ANSWER_RELEVANCY,
    Metric.ANSWER_CORRECTNESS,
    Metric.ANSWER_SIMILARITY,
    Metric.CONTEXT_PRECISION,
    Metric.CONTEXT_RECALL,
)

log = structlog.get_logger()


class Entry(Struct, frozen=True):
    """A record with what stands beside it; `opening` when it is the first of its conversation."""

    record: Record
    opening: bool
    citations: tuple[Citation, ...] = ()
    scores: tuple[Score, ...] = ()
    document_names: Mapping[UUID, str] = {}


async def export_records(desk: Desk, sought: RecordFilter) -> AsyncGenerator[bytes, None]:
    """The workbook piece by piece; a connection is held only while a batch is read.

    Raises: whatever ended it early, after which the pieces are no workbook.
    """
    try:
        async with (
            aclosing(_batches(desk, sought)) as batches,
            aclosing(write_workbook(SHEET, batches)) as pieces,
        ):
            async for piece in pieces:
                yield piece
    except Exception as error:
        # The status line is sent: the reader is told by a file that breaks off, the operator here.
        log.exception("export broke off", assistant=str(sought.assistant_id), cause=str(error))
        raise


def row_of(entry: Entry) -> Row:
    """The cells of a record. Units: scores in per cent, the time of the reply in seconds."""
    record = entry.record
    per_cent = {score.metric: round(100 * score.value) for score in entry.scores}
    return (
        str(record.id),
        record.question,
        record.standalone_question,
        "New" if entry.opening else "Follow",
        "\n".join(_reference(mark, entry.document_names) for mark in entry.citations),
        record.answer,
        *(per_cent.get(metric) for metric in _METRICS),
        None if record.reply_ms is None else round(record.reply_ms / 1000, 2),
        record.created_at,
    )


def _reference(mark: Citation, document_names: Mapping[UUID, str]) -> str:
    # A document that is gone has left its title.
    name = document_names.get(mark.document_id, mark.title)
    return f"[{mark.number}] {name}: {' '.join(mark.excerpt.split())}"


async def _batches(desk: Desk, sought: RecordFilter) -> AsyncGenerator[Iterator[Row], None]:
    last: RecordPosition | None = None
    while entries := await _read(desk, sought, last):
        yield map(row_of, entries)
        last = entries[-1].record.position


async def _read(desk: Desk, sought: RecordFilter, before: RecordPosition | None) -> list[Entry]:
    async with desk.pool.connection() as connection:
        found = await records.list_records_before(connection, sought, before, _BATCH_RECORDS)
        ids = [record.id for record in found]
        opening = await exchanges.list_opening_ids(connection, ids)
        judged = await scores.list_scores(connection, sought.workspace_id, ids)
        answers = [record.answer_message_id for record in found if record.answer_message_id is not None]
        marks = await exchanges.list_citations(connection, answers)
        cited = {mark.document_id for of_answer in marks.values() for mark in of_answer}
        files = await messages.list_cited_files(connection, sought.workspace_id, list(cited))
    names = {file.id: file.name for file in files.values()}
    return [
        Entry(
            record,
            record.id in opening,
            tuple(marks.get(record.answer_message_id, ()) if record.answer_message_id else ()),
            tuple(judged.get(record.id, ())),
            names,
        )
        for record in found
    ]

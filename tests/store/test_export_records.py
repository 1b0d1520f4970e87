"""An assistant's records as an Excel file: the documented columns, and all that stands beside an exchange."""

import random
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4
from zipfile import is_zipfile

import pytest
from openpyxl import load_workbook
from structlog.testing import capture_logs

from app.domain.conversations import Role
from app.domain.exchanges import ExchangeState, Metric, Score
from app.domain.records import Record, RecordFilter
from app.services import export_records as module
from app.services.export_records import Entry, export_records, row_of
from app.services.house import House
from app.services.identify import Visit
from app.services.manage_assistants import create_assistant
from app.store import conversations, exchanges, scores
from app.store.conversations import NewMessage
from app.store.exchanges import Outcome
from app.store.rows import Connection
from rag.passages import Citation

HEADER = [
    "ID",
    "用戶輸入訊息",
    "修飾輸入訊息",
    "型態(New/Follow)",
    "參考資料",
    "輸出訊息",
    "誠實性評分",
    "回答相關性評分",
    "回答正確性評分",
    "回答相似性評分",
    "參考資料相關性評分",
    "參考資料召回率評分",
    "回覆花費時間",
    "建立時間",
]
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def everything(visit: Visit) -> RecordFilter:
    return RecordFilter(visit.assistant.workspace_id, visit.assistant.id, date(2000, 1, 1), date(2100, 1, 1))


def cited(number: int, excerpt: str, document_id: UUID | None = None) -> Citation:
    return Citation(number, document_id or uuid4(), 1, "Loans", None, 2, 0, len(excerpt), excerpt, 0.9)


async def begun(house: House, visit: Visit, greeting: str = "") -> UUID:
    """A thread, with a greeting where one is given."""
    async with house.pool.connection() as connection:
        thread = await conversations.insert_conversation(connection, visit.channel)
        if greeting:
            said = NewMessage(uuid4(), Role.ASSISTANT, greeting)
            await conversations.insert_message(connection, thread.id, said)
    return thread.id


async def asked(house: House, visit: Visit, thread_id: UUID, question: str, *marks: Citation) -> UUID:
    """An answered exchange."""
    async with house.pool.connection() as connection:
        keys = (visit.assistant.workspace_id, visit.assistant.id)
        message = await _said(connection, thread_id, Role.USER, question)
        exchange = await exchanges.insert_exchange(connection, message, keys)
        answer = await _said(connection, thread_id, Role.ASSISTANT, f"Answer to {question}")
        await exchanges.insert_citations(connection, keys[0], answer.id, marks)
        outcome = Outcome(
            exchange.id,
            ExchangeState.ANSWERED,
            answer.id,
            f"{question}, in full",
            timings_ms={"retrieve": 34},
        )
        await exchanges.finish_exchange(connection, outcome)
    return exchange.id


async def _said(connection: Connection, thread_id: UUID, role: Role, text: str) -> Any:
    return await conversations.insert_message(connection, thread_id, NewMessage(uuid4(), role, text))


async def exported(house: House, sought: RecordFilter) -> list[list[Any]]:
    data = b"".join([piece async for piece in export_records(house, sought)])
    return [list(row) for row in load_workbook(BytesIO(data)).active.iter_rows(values_only=True)]


def record(**changed: Any) -> Record:
    fields = {
        "id": uuid4(),
        "seq": 1,
        "workspace_id": uuid4(),
        "assistant_id": uuid4(),
        "conversation_id": uuid4(),
        "question_message_id": uuid4(),
        "answer_message_id": uuid4(),
        "question": "When?",
        "question_number": 1,
        "standalone_question": "When is it due?",
        "answer": "In 14 days [1].",
        "sender_name": "",
        "model": None,
        "state": ExchangeState.ANSWERED,
        "error": None,
        "timings_ms": {"condense": 1, "retrieve": 34, "generate": 1200},
        "usage": {},
        "created_at": AT,
        "finished_at": None,
    }
    return Record(**(fields | changed))


def test_a_row_has_what_its_columns_say() -> None:
    one = record()
    document_id = uuid4()
    marks = (cited(1, "fourteen days\n after the due date", document_id), cited(2, "a fine"))
    values = {Metric.FAITHFULNESS: 0.876, Metric.CONTEXT_RECALL: 0.5, Metric.ANSWER_RELEVANCY: 0.0}
    judged = tuple(Score(one.id, metric, value, "words", AT) for metric, value in values.items())
    row = dict(zip(HEADER, row_of(Entry(one, True, marks, judged, {document_id: "loans.pdf"})), strict=True))
    assert row == {
        "ID": str(one.id),
        "用戶輸入訊息": "When?",
        "修飾輸入訊息": "When is it due?",
        "型態(New/Follow)": "New",
        "參考資料": "[1] loans.pdf: fourteen days after the due date\n[2] Loans: a fine",
        "輸出訊息": "In 14 days [1].",
        "誠實性評分": 88,
        "回答相關性評分": 0,
        "回答正確性評分": None,
        "回答相似性評分": None,
        "參考資料相關性評分": None,
        "參考資料召回率評分": 50,
        "回覆花費時間": 1.24,
        "建立時間": AT,
    }


def test_what_is_not_known_is_left_empty() -> None:
    row = row_of(
        Entry(record(standalone_question=None, answer="", answer_message_id=None, timings_ms={}), False)
    )
    assert row[2:13] == (None, "Follow", "", "", *(None,) * 6, None)


async def test_records_stand_newest_first_below_the_documented_header(house: House, visit: Visit) -> None:
    thread_id = await begun(house, visit)
    ids = [await asked(house, visit, thread_id, question) for question in ("First?", "=1+1", "\tLast")]
    header, *rows = await exported(house, everything(visit))
    assert header == HEADER
    assert [row[0] for row in rows] == [str(exchange_id) for exchange_id in reversed(ids)]
    assert [row[1] for row in rows] == ["\tLast", "=1+1", "First?"]
    assert [row[2] for row in rows] == ["\tLast, in full", "=1+1, in full", "First?, in full"]
    assert all(isinstance(row[13], datetime) and row[12] == 0.03 for row in rows)


async def test_only_the_first_question_of_a_conversation_is_new(house: House, visit: Visit) -> None:
    greeted, plain = await begun(house, visit, "Hello!"), await begun(house, visit)
    for thread_id, question in ((greeted, "a"), (plain, "b"), (greeted, "c"), (plain, "d")):
        await asked(house, visit, thread_id, question)
    rows = (await exported(house, everything(visit)))[1:]
    assert {row[1]: row[3] for row in rows} == {"a": "New", "b": "New", "c": "Follow", "d": "Follow"}


async def test_a_follow_up_stays_one_when_its_opening_is_not_exported(house: House, visit: Visit) -> None:
    thread_id = await begun(house, visit)
    opening = await asked(house, visit, thread_id, "opening")
    await asked(house, visit, thread_id, "later")
    async with house.pool.connection() as connection:
        await connection.execute(
            "UPDATE exchanges SET created_at = created_at - interval '9 days' WHERE id = %s", (opening,)
        )
    today = datetime.now(UTC).date()
    keys = (visit.assistant.workspace_id, visit.assistant.id)
    rows = await exported(house, RecordFilter(*keys, today - timedelta(days=1), today))
    assert [(row[1], row[3]) for row in rows[1:]] == [("later", "Follow")]


async def test_citations_and_scores_stand_beside_their_answer(house: House, visit: Visit) -> None:
    thread_id = await begun(house, visit)
    await asked(house, visit, thread_id, "plain")
    exchange_id = await asked(house, visit, thread_id, "cited", cited(1, "a fine"), cited(2, "14 days"))
    async with house.pool.connection() as connection:
        scored = await scores.find_scored(connection, visit.assistant.workspace_id, exchange_id)
        assert scored is not None
        await scores.replace_scores(connection, scored, {Metric.ANSWER_SIMILARITY: 0.755}, "words")
    rows = (await exported(house, everything(visit)))[1:]
    assert [row[4] for row in rows] == ["[1] Loans: a fine\n[2] Loans: 14 days", None]
    assert [row[9] for row in rows] == [76, None]


@pytest.mark.parametrize("batch_records", [1, 2, 3, 7])
async def test_batches_lose_and_double_nothing(
    house: House, visit: Visit, monkeypatch: pytest.MonkeyPatch, batch_records: int
) -> None:
    monkeypatch.setattr(module, "_BATCH_RECORDS", batch_records)
    thread_id = await begun(house, visit)
    for number in range(6):
        await asked(house, visit, thread_id, f"question {number}")
    rows = await exported(house, everything(visit))
    assert [row[1] for row in rows[1:]] == [f"question {number}" for number in reversed(range(6))]


async def test_another_workspace_has_none_of_it(house: House, visit: Visit) -> None:
    await asked(house, visit, await begun(house, visit), "secret")
    other = (await create_assistant(house.pool, "Other")).workspace_id
    foreign = RecordFilter(other, visit.assistant.id, date(2000, 1, 1), date(2100, 1, 1))
    assert await exported(house, foreign) == [HEADER]


async def test_a_reader_who_takes_his_time_holds_no_connection(house: House, visit: Visit) -> None:
    await asked(house, visit, await begun(house, visit), "question")
    async with aclosing(export_records(house, everything(visit))) as pieces:
        async for _ in pieces:
            stats = house.pool.get_stats()
            assert stats["pool_available"] == stats["pool_size"]


async def test_an_export_that_breaks_off_is_no_workbook_and_is_logged(
    house: House, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread_id = await begun(house, visit)
    for number in range(3):
        await asked(house, visit, thread_id, f"question {number}")
    monkeypatch.setattr(module, "_BATCH_RECORDS", 1)
    read = module.records.list_records_before
    calls = 0

    async def failing(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise ConnectionError("the database went away")
        return await read(*arguments)

    monkeypatch.setattr(module.records, "list_records_before", failing)
    pieces: list[bytes] = []
    with capture_logs() as logs, pytest.raises(ConnectionError):
        async for piece in export_records(house, everything(visit)):
            pieces.append(piece)
    assert pieces and not is_zipfile(BytesIO(b"".join(pieces)))
    assert [(entry["event"], entry["cause"]) for entry in logs] == [
        ("export broke off", "the database went away")
    ]


async def test_a_reader_who_goes_away_ends_the_work(
    house: House, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BATCH_RECORDS", 1)
    thread_id = await begun(house, visit)
    for _ in range(3):
        # Nothing that compressing could keep back.
        await asked(house, visit, thread_id, random.randbytes(16_000).hex())
    batches = 0
    read = module.records.list_records_before

    async def counting(*arguments: Any) -> Any:
        nonlocal batches
        batches += 1
        return await read(*arguments)

    monkeypatch.setattr(module.records, "list_records_before", counting)
    with capture_logs() as logs:
        async with aclosing(export_records(house, everything(visit))) as pieces:
            while not batches:
                await anext(pieces)
    assert batches < 4, "the last of the batches were not read"
    assert logs == []

"""Seed 001, "Get AI Assistant Conversation Records", "Export Chat Records as Excel File"."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import openpyxl
import pytest

from app.services.house import House
from rag.testing import ScriptedGenerator

from ...parts import HeldQueue
from .door import QUESTION, UNKNOWN_ID, WHOLE, Door
from .schemas import RECORD, RECORDS, assert_schema
from .test_messages import assert_names

# "Response Example Value"
EXAMPLE: dict[str, Any] = json.loads("""
{
  "id": "550e8400-e29b-41d4-a716-446655440000",
  "senderName": "Response String",
  "feedback": {
    "id": "550e8400-e29b-41d4-a716-446655440000",
    "type": {},
    "suggestion": "Response String",
    "updatedAt": "Response String"
  },
  "inputMessage": "Response String",
  "condenseMessage": "Response String",
  "outputMessage": "Response String",
  "faithfulnessScore": 456,
  "displayFaithfulnessScore": 456,
  "answerRelevancyScore": 456,
  "displayAnswerRelevancyScore": 456,
  "contextPrecisionScore": 456,
  "displayContextPrecisionScore": 456,
  "answerCorrectnessScore": 456,
  "displayAnswerCorrectnessScore": 456,
  "answerSimilarityScore": 456,
  "displayAnswerSimilarityScore": 456,
  "contextRecallScore": 456,
  "displayContextRecallScore": 456,
  "replyTime": "Response String",
  "createdAt": "Response String",
  "error": "Response String",
  "processingTime": {
    "id": "550e8400-e29b-41d4-a716-446655440000",
    "name": "Response Example Name",
    "description": "Response Example Description"
  },
  "usage": {
    "id": "550e8400-e29b-41d4-a716-446655440000",
    "name": "Response Example Name",
    "description": "Response Example Description"
  },
  "citationNodes": [
    {
      "id": "Response String",
      "text": "Response String"
    }
  ],
  "context": "Response String"
}
""")
# What processingTime and usage hold is not in the document's example.
OPEN = EXAMPLE | {"processingTime": {}, "usage": {}}
COLUMNS = (
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
)
TODAY = datetime.now(UTC).date()
DAYS = {"startDate": (TODAY - timedelta(1)).isoformat(), "endDate": (TODAY + timedelta(1)).isoformat()}


# Exchanges are made now; this one was made at another time.
MOVE = """
WITH gone AS (
    DELETE FROM exchanges WHERE question_message_id = (
        SELECT id FROM messages WHERE content = %(text)s AND workspace_id = %(workspace)s)
    RETURNING *)
INSERT INTO exchanges (workspace_id, assistant_id, conversation_id, question_message_id, state, created_at)
SELECT workspace_id, assistant_id, conversation_id, question_message_id, 'failed', %(moment)s FROM gone
"""


async def records(door: Door, **query: Any) -> Any:
    path = f"/chatbots/{door.chatbot_id}/records/"
    return await door.ok("GET", path, params={**DAYS, **query})


async def test_get_ai_assistant_conversation_records(
    door: Door, house: House, queue: HeldQueue, generator: ScriptedGenerator, document_id: str
) -> None:
    contact = await door.ok("POST", "/contacts/", {"name": "Ana"})
    first = await door.ask(message={"sender": contact["id"]})
    generator._condensed = "What is the grace period for a film?"
    await door.ask("And for a film?", conversation=first["conversationId"])
    found = await records(door)
    assert_schema(found, RECORDS)
    assert found["count"] == 2
    follow, new = found["results"]
    for record in (follow, new):
        assert_names(record, OPEN)
    assert (new["inputMessage"], new["outputMessage"], new["senderName"]) == (QUESTION, WHOLE, "Ana")
    assert follow["condenseMessage"] == "What is the grace period for a film?"
    assert follow["inputMessage"] == "And for a film?"
    assert new["error"] == ""
    assert "fourteen days" in new["citationNodes"][0]["text"]
    assert "fourteen days" in new["context"]
    assert new["processingTime"].keys() >= {"condense", "retrieve", "generate", "total"}
    assert new["processingTime"]["total"] >= new["processingTime"]["generate"]
    assert float(new["replyTime"]) == pytest.approx(new["processingTime"]["total"] / 1000)
    assert new["usage"]["answerChars"] == len(WHOLE)
    assert new["usage"]["answerTokens"] > 0


async def test_scores_come_from_the_evaluation_worker(
    door: Door, house: House, queue: HeldQueue, document_id: str
) -> None:
    await door.ask()
    (before,) = (await records(door))["results"]
    assert before["faithfulnessScore"] is None
    assert before["displayFaithfulnessScore"] is None
    await queue.work_off(house)
    (after,) = (await records(door))["results"]
    assert_schema(after, RECORD)
    for name in ("aithfulness", "nswerRelevancy", "ontextPrecision"):
        first = {"a": "f", "n": "a", "o": "c"}[name[0]]
        score = after[f"{first}{name}Score"]
        assert 0 <= score <= 1
        assert after[f"display{first.upper()}{name}Score"] == round(score * 100)
    assert after["answerCorrectnessScore"] is None, "nothing was said to be right"


async def test_what_was_said_of_an_answer_stands_in_its_record(door: Door, document_id: str) -> None:
    asked = await door.ask()
    answer = (await door.messages(asked["conversationId"]))["results"][0]
    said = await door.ok(
        "POST", f"/messages/{answer['id']}/feedback/", {"type": "like", "suggestion": "Yes."}
    )
    (record,) = (await records(door))["results"]
    assert record["feedback"] == said


async def test_records_are_filtered_by_what_was_said(door: Door, document_id: str) -> None:
    texts = ["Where is my Invoice?", "¿Dónde está?", "退款需要幾天", QUESTION]
    for text in texts:
        await door.ask(text)
    for query, wanted in (
        ({"userMessage": "INVOICE"}, ["Where is my Invoice?"]),
        ({"user_message": "dónde"}, ["¿Dónde está?"]),
        ({"userMessage": "款"}, ["退款需要幾天"]),
        ({"botMessage": "period is FOURTEEN"}, [QUESTION]),
        ({"botMessage": "could not find"}, texts[2::-1]),
        ({"userMessage": "invoice", "bot_message": "could not"}, ["Where is my Invoice?"]),
        ({"userMessage": "invoice", "botMessage": "fourteen"}, []),
        ({"userMessage": "%"}, []),
        ({"userMessage": ""}, texts[::-1]),
    ):
        found = await records(door, **query)
        assert [record["inputMessage"] for record in found["results"]] == wanted, query
        assert found["count"] == len(wanted)


async def test_records_are_of_whole_days_utc_and_newest_first(door: Door, house: House) -> None:
    for text in ("first", "second", "third", "fourth"):
        await door.ask(text)
    moments = (
        "2025-01-31T23:59:59.999999Z",
        "2025-02-01T00:00:00Z",
        "2025-02-02T23:59:59.999Z",
        "2025-02-03T00:00:00Z",
    )
    async with house.pool.connection() as connection:
        for text, moment in zip(("first", "second", "third", "fourth"), moments, strict=True):
            parameters = {"text": text, "moment": moment, "workspace": door.created.workspace_id}
            await connection.execute(MOVE, parameters)
    found = await records(door, startDate="2025-02-01", endDate="2025-02-02")
    assert [record["inputMessage"] for record in found["results"]] == ["third", "second"]
    assert found["count"] == 2
    assert (await records(door, startDate="2025-02-02", endDate="2025-02-01"))["results"] == []


async def test_records_are_paged_by_number(door: Door) -> None:
    for n in range(5):
        await door.ask(f"Question {n}")
    seen: list[str] = []
    page = await records(door, pageSize=2)
    while True:
        seen += [record["inputMessage"] for record in page["results"]]
        if page["next"] is None:
            break
        page = (await door.call("GET", page["next"].partition("/api/v1")[2])).json()
    assert seen == [f"Question {n}" for n in (4, 3, 2, 1, 0)]
    assert (await records(door, pageSize=2, page="last"))["results"][0]["inputMessage"] == "Question 0"
    reply = await door.call("GET", f"/chatbots/{door.chatbot_id}/records/", params={**DAYS, "page": "9"})
    assert (reply.status_code, reply.json()) == (404, {"detail": "Invalid page."})


@pytest.mark.parametrize("path", ["records/", "records/export-excel/"])
async def test_both_days_are_required_in_their_format(door: Door, path: str) -> None:
    wrong = "Date has wrong format. Use one of these formats instead: YYYY-MM-DD."
    missing = "This field is required."
    for query, fields in (
        ({}, {"startDate": [missing], "endDate": [missing]}),
        ({"startDate": "2025-01-01"}, {"endDate": [missing]}),
        ({"startDate": "x", "endDate": "2025-02-30"}, {"startDate": [wrong], "endDate": [wrong]}),
        ({"startDate": "2025/01/01", "endDate": "0000-01-01"}, {"startDate": [wrong], "endDate": [wrong]}),
    ):
        reply = await door.call("GET", f"/chatbots/{door.chatbot_id}/{path}", params=query)
        assert (reply.status_code, reply.json()) == (400, fields)


@pytest.mark.parametrize("path", ["records/", "records/export-excel/"])
async def test_another_organizations_chatbot_has_no_records(door: Door, stranger: Door, path: str) -> None:
    await stranger.ask()
    for chatbot in (stranger.chatbot_id, UNKNOWN_ID, "x"):
        reply = await door.call("GET", f"/chatbots/{chatbot}/{path}", params=DAYS)
        assert (reply.status_code, reply.json()) == (404, {"detail": "Not found."})


async def test_export_chat_records_as_excel_file(
    door: Door, house: House, queue: HeldQueue, document_id: str
) -> None:
    first = await door.ask()
    await door.ask("=1+1", conversation=first["conversationId"])
    await queue.work_off(house)
    reply = await door.call("GET", f"/chatbots/{door.chatbot_id}/records/export-excel/", params=DAYS)
    assert reply.status_code == 200
    assert reply.headers["content-disposition"].startswith("attachment; filename=")
    assert reply.headers["content-disposition"].rstrip('"').endswith(".xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(reply.content)).active
    assert sheet is not None
    header, follow, new = list(sheet.iter_rows())
    assert tuple(cell.value for cell in header) == COLUMNS
    assert [cell.value for cell in new[1:4]] == [QUESTION, QUESTION, "New"]
    assert "fourteen days" in new[4].value
    assert new[5].value == WHOLE
    assert 0 <= new[6].value <= 100
    assert follow[1].value == "=1+1"
    assert follow[1].data_type == "s", "text is never a formula"
    assert follow[3].value == "Follow"
    found = (await records(door))["results"]
    assert [row[0].value for row in (follow, new)] == [record["id"] for record in found]


async def test_the_file_holds_what_the_filters_leave(door: Door) -> None:
    for text in ("apples", "pears"):
        await door.ask(text)
    query = {**DAYS, "userMessage": "APPLE"}
    reply = await door.call("GET", f"/chatbots/{door.chatbot_id}/records/export-excel/", params=query)
    sheet = openpyxl.load_workbook(io.BytesIO(reply.content)).active
    assert sheet is not None
    assert [row[1].value for row in sheet.iter_rows(min_row=2)] == ["apples"]

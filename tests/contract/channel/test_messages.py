"""Seed 003: asking, in one reply; each test is named after a heading."""

import msgspec
import pytest

from app.domain.channels import QuotaKind
from app.services.house import House
from rag.errors import ModelBusy, ModelUnavailable
from rag.testing import ScriptedGenerator

from ..shapes import assert_same_shape
from .door import QUESTION, ROW, UNKNOWN_ID, Door, limit

ANSWER = {
    "success": True,
    "conversationId": "ea74ba3d-6645-4a88-92d1-7f78b1f83688",
    "response": "The average distance from the Earth to the Moon is about 238,855 miles"
    " (384,400 kilometers).",
}
CITATION = {
    "number": 1,
    "title": "loans.md",
    "url": None,
    "page": None,
    "start": 0,
    "end": 10,
    "excerpt": "The grace period",
    "score": 0.5,
}


async def test_send_a_one_off_message(door: Door) -> None:
    reply = await door.ok("POST", "/message", {"response": QUESTION})
    assert_same_shape(reply, ANSWER)
    thread = await door.ok("POST", "/messages", {"conversationId": reply["conversationId"]})
    assert [item["role"] for item in thread["messages"]] == ["user", "assistant"]
    assert thread["messages"][0]["message"] == QUESTION


async def test_continue_a_conversation(door: Door, generator: ScriptedGenerator, row_id: str) -> None:
    first = await door.ok("POST", "/message", {"message": QUESTION})
    second = await door.ok(
        "POST", "/message", {"conversationId": first["conversationId"], "message": QUESTION}
    )
    assert_same_shape(second, ANSWER)
    assert second["conversationId"] == first["conversationId"]
    history = [turn.content for turn in generator.questions[-1].history]
    assert history == [QUESTION, first["response"]]


async def test_an_answer_carries_verified_citations(door: Door, row_id: str) -> None:
    reply = await door.ok("POST", "/message", {"message": QUESTION})
    assert reply["response"] == "The grace period is fourteen days [1]."
    assert_same_shape(reply["citations"], [CITATION])
    (citation,) = reply["citations"]
    assert citation["number"] == 1
    assert ROW[citation["start"] : citation["end"]] == citation["excerpt"]


async def test_an_abstaining_answer_cites_nothing(door: Door, row_id: str) -> None:
    reply = await door.ok("POST", "/message", {"message": "zyxwv qponm lkjih"})
    assert_same_shape(reply, ANSWER | {"citations": []})
    assert reply["citations"] == []


async def test_unknown_keys_of_a_body_are_ignored(door: Door) -> None:
    body = {"message": QUESTION, "temperature": {"x": [None]}, "nul": "\0", "stream": None}
    assert_same_shape(await door.ok("POST", "/message", body), ANSWER)


async def test_the_content_type_and_the_accept_header_decide_nothing(door: Door) -> None:
    headers = {"Content-Type": "text/plain", "Accept": "text/event-stream"}
    reply = await door.call("POST", "/message", {"message": QUESTION}, headers=headers)
    assert reply.status_code == 200
    assert_same_shape(reply.json(), ANSWER)


async def test_json_is_compact_and_unescaped(door: Door, generator: ScriptedGenerator) -> None:
    started = await door.ok("POST", "/message", {"message": "¿Cuánto? 多少 ❓"})
    reply = await door.call("POST", "/messages", {"conversationId": started["conversationId"]})
    assert reply.headers["content-type"] == "application/json"
    assert "¿Cuánto? 多少 ❓" in reply.text
    assert reply.content == msgspec.json.encode(reply.json())


async def test_an_unknown_conversation_is_not_continued(door: Door) -> None:
    for stream in (False, True):
        body = {"message": "x", "conversationId": UNKNOWN_ID, "stream": stream}
        reply = await door.call("POST", "/message", body)
        assert reply.status_code == 404
        assert reply.json()["success"] is False


@pytest.mark.parametrize("stream", [False, True])
async def test_a_spent_message_quota_answers_429(door: Door, house: House, stream: bool) -> None:
    await limit(house, door, QuotaKind.MESSAGES, 1)
    await door.ok("POST", "/message", {"message": "the only one"})
    reply = await door.call("POST", "/message", {"message": "one too many", "stream": stream})
    assert reply.status_code == 429
    assert 0 < int(reply.headers["retry-after"]) <= 86_400
    assert reply.headers["content-type"] == "application/json"
    assert reply.json()["success"] is False


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("error", "status"), [(ModelBusy("Too many questions."), 429), (ModelUnavailable("It is gone."), 500)]
)
async def test_a_model_that_cannot_begin_is_an_ordinary_error(
    door: Door, house: House, row_id: str, error: Exception, status: int, stream: bool
) -> None:
    generator = ScriptedGenerator([], error=error)
    house.engine._models = msgspec.structs.replace(house.engine._models, generator=generator)
    reply = await door.call("POST", "/message", {"message": QUESTION, "stream": stream})
    assert reply.status_code == status
    assert_same_shape(reply.json(), {"success": False, "message": "Too many questions."})
    assert ("retry-after" in reply.headers) == (status == 429)

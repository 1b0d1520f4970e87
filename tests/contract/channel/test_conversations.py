"""Seed 003: starting, listing and reading conversations; each test is named after a heading."""

from app.services.house import House
from rag.testing import ScriptedGenerator

from ..shapes import assert_same_shape
from .door import QUESTION, UNKNOWN_ID, Door

START = {
    "success": True,
    "conversationId": "7bb301ad-e691-4341-8afb-b4407c4ffdf2",
    "response": "Hello, how can I help you?",
}
LIST = {
    "success": True,
    "conversations": [
        {
            "id": "3eda9841-9813-49a4-a75c-3758ea31b43c",
            "createdAt": "2024-16-01T10:07:04.296Z",
            "initialMessage": "What is the distance to the moon?",
        }
    ],
    "pagination": {"total": 15, "last": "fbd1e412-8071-476e-bb25-d76109b77f0a"},
}
MESSAGES = {
    "success": True,
    "messages": [
        {
            "id": "9df33cfc-1bc5-4990-8aa2-94552aa646c4",
            "message": "Hello, how can I help you?",
            "role": "assistant",
            "createdAt": "2024-16-01T10:07:20.127Z",
        }
    ],
    "pagination": {"total": 3, "last": "b5ce7f56-9340-4072-8716-793f720f6fb1"},
}


async def test_start_a_conversation(door: Door) -> None:
    reply = await door.ok("POST", "/conversation")
    assert_same_shape(reply, START)
    assert reply["response"] == START["response"]


async def test_a_conversation_starts_without_a_body_and_without_a_content_type(door: Door) -> None:
    reply = await door.http.post(f"{door.base}/conversation", headers={"X-API-Secret-Key": door.secret})
    assert reply.status_code == 200
    assert_same_shape(reply.json(), START)


async def test_a_conversation_starts_whatever_its_body_says(door: Door) -> None:
    for body in (b"", b"{}", b"null", b"[1]", b"{broken"):
        assert_same_shape(await door.ok("POST", "/conversation", body), START)


async def test_the_greeting_is_the_first_message(door: Door) -> None:
    started = await door.ok("POST", "/conversation")
    reply = await door.ok("POST", "/messages", {"conversationId": started["conversationId"]})
    assert [(item["role"], item["message"]) for item in reply["messages"]] == [
        ("assistant", started["response"])
    ]


async def test_retrieve_a_list_of_conversations(door: Door) -> None:
    await door.ok("POST", "/conversation")
    asked = await door.ok("POST", "/message", {"message": "What is the distance to the moon?"})
    reply = await door.ok("POST", "/conversations", {"limit": 10})
    assert_same_shape(reply, LIST)
    newest, oldest = reply["conversations"]
    assert newest["id"] == asked["conversationId"]
    assert newest["initialMessage"] == "What is the distance to the moon?"
    assert reply["pagination"] == {"total": 2, "last": oldest["id"]}


async def test_the_cursor_leads_through_all_conversations_newest_first(door: Door) -> None:
    started = [(await door.ok("POST", "/conversation"))["conversationId"] for _ in range(5)]
    seen, cursor = [], None
    while True:
        reply = await door.ok("POST", "/conversations", {"limit": 2, "cursor": cursor})
        assert reply["pagination"]["total"] == 5
        seen += [item["id"] for item in reply["conversations"]]
        cursor = reply["pagination"]["last"]
        if cursor is None:
            assert reply["conversations"] == []
            break
    assert seen == started[::-1]


async def test_a_page_has_ten_items_unless_another_number_is_asked_for(door: Door) -> None:
    for _ in range(11):
        await door.ok("POST", "/conversation")
    for body in (None, {}, {"limit": None}, {"limit": 10}):
        assert len((await door.ok("POST", "/conversations", body))["conversations"]) == 10
    assert len((await door.ok("POST", "/conversations", {"limit": 100}))["conversations"]) == 11
    assert len((await door.ok("POST", "/conversations", {"limit": 1}))["conversations"]) == 1


async def test_an_empty_list_has_no_last_id(door: Door) -> None:
    reply = await door.ok("POST", "/conversations")
    assert reply == {"success": True, "conversations": [], "pagination": {"total": 0, "last": None}}


async def test_retrieve_a_conversations_messages(
    door: Door, generator: ScriptedGenerator, row_id: str
) -> None:
    started = (await door.ok("POST", "/conversation"))["conversationId"]
    answered = await door.ok("POST", "/message", {"message": QUESTION, "conversationId": started})
    reply = await door.ok("POST", "/messages", {"conversationId": started})
    assert_same_shape(reply, MESSAGES)
    assert [(item["role"], item["message"]) for item in reply["messages"]] == [
        ("assistant", "Hello, how can I help you?"),
        ("user", QUESTION),
        ("assistant", answered["response"]),
    ]
    assert reply["pagination"] == {"total": 3, "last": reply["messages"][-1]["id"]}
    assert [item["citations"] for item in reply["messages"]] == [[], [], answered["citations"]]


async def test_the_cursor_leads_through_all_messages_oldest_first(door: Door) -> None:
    thread = {"conversationId": (await door.ok("POST", "/conversation"))["conversationId"]}
    for text in ("one", "two", "three"):
        await door.ok("POST", "/message", thread | {"message": text})
    whole = (await door.ok("POST", "/messages", thread | {"limit": 100}))["messages"]
    seen, cursor = [], None
    while page := (await door.ok("POST", "/messages", thread | {"limit": 2, "cursor": cursor}))["messages"]:
        seen += page
        cursor = page[-1]["id"]
    assert seen == whole
    assert [item["message"] for item in whole if item["role"] == "user"] == ["one", "two", "three"]


async def test_an_unknown_conversation_has_no_messages(door: Door) -> None:
    reply = await door.call("POST", "/messages", {"conversationId": UNKNOWN_ID})
    assert reply.status_code == 404
    assert reply.json()["success"] is False


async def test_a_cursor_that_points_nowhere_is_refused_by_name(door: Door, house: House) -> None:
    reply = await door.call("POST", "/conversations", {"cursor": UNKNOWN_ID})
    assert reply.status_code == 400
    assert "cursor" in reply.json()["message"]

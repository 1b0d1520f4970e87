"""Seed 001, "Send Message (Stream)"."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from app.services.house import House
from rag.errors import ModelBusy, ModelUnavailable
from rag.testing import ScriptedGenerator

from .door import QUESTION, UNKNOWN_ID, WHOLE, Door, events
from .schemas import COMPLETION, assert_schema

# "Request Example Value"
EXAMPLE: dict[str, Any] = json.loads("""
{
  "conversation": "550e8400-e29b-41d4-a716-446655440000",
  "message": {
    "content": "Hello! I would like to get product information.",
    "contentPayload": null,
    "queryMetadata": null,
    "attachments": [
      {
        "id": "550e8400-e29b-41d4-a716-446655440000",
        "type": {},
        "filename": "document.pdf",
        "file": "https://example.com/file.jpg"
      }
    ],
    "sender": "550e8400-e29b-41d4-a716-446655440000"
  },
  "isStreaming": true
}
""")


async def example(door: Door, **changes: Any) -> dict[str, Any]:
    """The seed's request with ids of our own, and a file that lies on this server."""
    contact = await door.ok("POST", "/contacts/", {"name": "Ana"})
    file = {"file": ("document.txt", b"The library lends books for a month.")}
    attachment = await door.ok("POST", "/attachments/", files=file)
    message = EXAMPLE["message"] | {
        "sender": contact["id"],
        "attachments": [EXAMPLE["message"]["attachments"][0] | {"file": attachment["file"]}],
    }
    return EXAMPLE | {"conversation": await door.start(), "message": message} | changes


async def test_send_message_stream(served_door: Door, document_id: str) -> None:
    body = await example(served_door)
    reply = await served_door.call("POST", f"/chatbots/{served_door.chatbot_id}/completions/", body)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/event-stream")
    *deltas, last = events(reply.content)
    for delta in deltas:
        assert delta.keys() == {"conversationId", "conversation_id", "content", "done"}
        assert delta["content"]
        assert delta["done"] is False
        assert delta["conversationId"] == delta["conversation_id"] == body["conversation"]
    assert_schema(last, COMPLETION)
    assert last["done"] is True
    assert last["content"] == ""
    assert last["conversation_id"] == last["conversationId"]
    assert "".join(delta["content"] for delta in deltas)


async def test_send_message_as_one_reply(door: Door, document_id: str) -> None:
    body = await example(door, isStreaming=False)
    reply = await door.ok("POST", f"/chatbots/{door.chatbot_id}/completions/", body)
    assert_schema(reply, COMPLETION)
    assert reply["done"] is True
    assert reply["conversationId"] == body["conversation"]


async def test_an_answer_cites_the_document_it_is_from(door: Door, document_id: str) -> None:
    reply = await door.ask()
    assert_schema(reply, COMPLETION)
    assert reply["content"] == WHOLE
    (file,) = reply["citations"]
    assert (file["id"], file["filename"], file["fileType"]) == (document_id, "loans.md", "md")
    assert file["knowledgeBase"]["name"] == "Library"
    assert [label["name"] for label in file["labels"]] == ["Policies"]
    assert file["status"] == "done"
    (node,) = reply["citationNodes"]
    text = node["chatbotTextNode"]
    assert "fourteen days" in text["text"]
    assert text["charactersCount"] == len(text["text"])
    assert text["chatbotFile"] == document_id
    assert 0 <= node["displayScore"] <= 100
    assert node["displayScore"] == round(node["score"] * 100)


async def test_hits_are_really_counted(door: Door, document_id: str) -> None:
    counts = [(await door.ask())["citationNodes"][0]["chatbotTextNode"]["hitsCount"] for _ in range(3)]
    assert counts == [1, 2, 3]


@pytest.mark.parametrize("conversation", [None, "", "absent"])
async def test_without_a_conversation_a_new_one_is_started(door: Door, conversation: str | None) -> None:
    more = {} if conversation == "absent" else {"conversation": conversation}
    first, second = [(await door.ask(**more))["conversationId"] for _ in range(2)]
    assert first != second
    found = await door.ok("GET", f"/conversations/{first}/")
    assert found["title"] == QUESTION


async def test_a_conversation_goes_on_where_it_was(door: Door, document_id: str) -> None:
    first = await door.ask()
    again = await door.ask("And for a film?", conversation=first["conversationId"])
    assert again["conversationId"] == first["conversationId"]
    listed = (await door.messages(first["conversationId"]))["results"]
    assert [message["content"] for message in listed[::-1]] == [QUESTION, WHOLE, "And for a film?", WHOLE]


async def test_both_spellings_of_a_field_are_understood(door: Door, document_id: str) -> None:
    body = {"message": {"content": QUESTION, "query_metadata": {"a": 1}}, "is_streaming": True}
    path = f"/chatbots/{door.chatbot_id}/completions"
    reply = await door.call("POST", path, body, headers={"Accept": "application/json"})
    *_, last = events(reply.content)
    asked = (await door.messages(last["conversationId"]))["results"][-1]
    assert asked["queryMetadata"] == {"a": 1}


async def test_who_asks_is_whom_the_conversation_is_with(door: Door) -> None:
    contact = await door.ok("POST", "/contacts/", {"name": "Ana", "email": "ana@example.org"})
    reply = await door.ask(message={"sender": contact["id"]})
    found = await door.ok("GET", f"/conversations/{reply['conversationId']}/")
    assert found["contact"]["id"] == contact["id"]
    answer, asked = (await door.messages(reply["conversationId"]))["results"]
    assert asked["sender"]["name"] == "Ana"
    assert asked["sender"]["email"] == "ana@example.org"
    assert answer["sender"]["id"] == door.chatbot_id


async def test_an_unknown_chatbot_is_not_found(door: Door, stranger: Door) -> None:
    for chatbot_id in (UNKNOWN_ID, "x", stranger.chatbot_id, "a" * 5000, "%00"):
        reply = await door.call("POST", f"/chatbots/{chatbot_id}/completions/", {"message": {"content": "a"}})
        assert (reply.status_code, reply.json()) == (404, {"detail": "Not found."})


async def test_an_unknown_conversation_or_sender_is_refused_as_a_foreign_key(
    door: Door, stranger: Door
) -> None:
    path = f"/chatbots/{door.chatbot_id}/completions/"
    theirs = await stranger.start()
    contact = (await stranger.ok("POST", "/contacts/", {"name": "Bo"}))["id"]
    for value, text in (
        (UNKNOWN_ID, f'Invalid pk "{UNKNOWN_ID}" - object does not exist.'),
        (theirs, f'Invalid pk "{theirs}" - object does not exist.'),
        ("x", "“x” is not a valid UUID."),
    ):
        reply = await door.call("POST", path, {"conversation": value, "message": {"content": "a"}})
        assert (reply.status_code, reply.json()) == (400, {"conversation": [text]})
    for value in (UNKNOWN_ID, contact):
        reply = await door.call("POST", path, {"message": {"content": "a", "sender": value}})
        text = f'Invalid pk "{value}" - object does not exist.'
        assert (reply.status_code, reply.json()) == (400, {"message": {"sender": [text]}})


async def test_a_failure_in_mid_stream_is_the_last_event(
    door: Door, generator: ScriptedGenerator, document_id: str
) -> None:
    generator._error = ModelUnavailable("The model went away; ask again.")
    body = {"message": {"content": QUESTION}, "isStreaming": True}
    reply = await door.call("POST", f"/chatbots/{door.chatbot_id}/completions/", body)
    last = events(reply.content)[-1]
    assert last["done"] is True
    assert last["error"] == "The model went away; ask again."


async def test_a_busy_model_throttles(door: Door, generator: ScriptedGenerator, document_id: str) -> None:
    generator._script = []
    generator._error = ModelBusy("Too many questions wait.")
    for streaming in (True, False):
        body = {"message": {"content": QUESTION}, "isStreaming": streaming}
        reply = await door.call("POST", f"/chatbots/{door.chatbot_id}/completions/", body)
        assert reply.status_code == 429
        assert reply.headers["retry-after"] == "10"
        assert reply.json() == {"detail": "Request was throttled. Expected available in 10 seconds."}


async def test_a_client_that_leaves_does_not_stop_the_answer(
    served_door: Door, generator: ScriptedGenerator, document_id: str
) -> None:
    gate = generator._gates[2] = asyncio.Event()
    conversation = await served_door.start()
    body = {"message": {"content": QUESTION}, "isStreaming": True, "conversation": conversation}
    url = f"/api/chatbots/{served_door.chatbot_id}/completions/"
    headers = {"Authorization": f"Api-Key {served_door.key}"}
    async with (
        httpx.AsyncClient(base_url=served_door.http.base_url) as leaving,
        leaving.stream("POST", url, json=body, headers=headers) as reply,
    ):
        async for _ in reply.aiter_raw():
            break
    gate.set()
    (answer, _) = await served_door.answered(conversation)
    assert answer["content"] == WHOLE
    assert answer["citations"]


async def test_fifty_streams_at_once_are_all_answered(served_door: Door, document_id: str) -> None:
    body = {"message": {"content": QUESTION}, "isStreaming": True}
    path = f"/chatbots/{served_door.chatbot_id}/completions/"
    replies = await asyncio.gather(*(served_door.call("POST", path, body) for _ in range(50)))
    lasts = [events(reply.content)[-1] for reply in replies]
    assert all(last["done"] and last["citations"] for last in lasts)
    assert len({last["conversationId"] for last in lasts}) == 50


async def test_the_generator_is_asked_with_the_chatbots_own_words(
    house: House, door: Door, generator: ScriptedGenerator, document_id: str
) -> None:
    async with house.pool.connection() as connection:
        await connection.execute(
            "UPDATE assistants SET instructions = 'You are a librarian.' WHERE id = %s::uuid",
            (door.chatbot_id,),
        )
    await door.ask()
    assert generator.questions[-1].instructions == "You are a librarian."

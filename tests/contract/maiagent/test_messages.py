"""Seed 001, "Send Message (Create)", "Get Message List", "Get a specific message"; and feedback."""

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from .door import QUESTION, UNKNOWN_ID, WHOLE, Door
from .schemas import FEEDBACK, MESSAGE, MESSAGES, assert_schema

# "Request Example Value"; sender, feedback, createdAt, citations are not the client's to say.
EXAMPLE: dict[str, Any] = json.loads(r"""
{
  "conversation": "c96a0fb9-d106-4b16-8706-3906533bafa2",
  "sender": {
    "id": 2.992461161002561e+38,
    "name": "jessiekuo",
    "avatar": "https://autox-media-dev.playma.app/static/images/default-user-avatar.png"
  },
  "type": "incoming",
  "content": "This is a test message",
  "contentPayload": {
    "content": "This is a test message",
    "items": [
      {
        "type": "text",
        "text": "This is a test message",
        "startTimestamp": null,
        "citations": []
      }
    ],
    "metadata": null
  },
  "feedback": "like",
  "createdAt": "1748314926000",
  "attachments": [],
  "citations": [],
  "citationNodes": [],
  "canvas": {
    "id": "034eecd7-e0f4-46e9-88cb-4fefdb5b7ddd",
    "name": "system-architecture-diagram",
    "canvasType": "markdown",
    "title": "System Architecture Diagram",
    "content": "```mermaid\ngraph TD\n    A[User] --> B[Frontend Interface]\n    B --> C[API Layer]\n    C --> D[Database]\n```",
    "createdAt": "1748314926000"
  }
}
""")  # noqa: E501
# "Response Example Value" of "Get Message List", "Get a specific message"; null where an object is meant.
LISTED: dict[str, Any] = json.loads("""
{
  "id": "550e8400-e29b-41d4-a716-446655440000",
  "conversation": "550e8400-e29b-41d4-a716-446655440000",
  "sender": {
    "id": "550e8400-e29b-41d4-a716-446655440000",
    "name": "Response String",
    "avatar": "Response String",
    "email": "response@example.com",
    "phoneNumber": "Response String"
  },
  "type": "Response String",
  "content": "Response String",
  "contentPayload": null,
  "feedback": {
    "id": "550e8400-e29b-41d4-a716-446655440000",
    "type": {},
    "suggestion": "Response String",
    "updatedAt": "Response String"
  },
  "createdAt": "Response String",
  "attachments": [
    {
      "id": "550e8400-e29b-41d4-a716-446655440000",
      "type": {},
      "filename": "Response String",
      "file": "https://example.com/file.jpg",
      "conversation": "550e8400-e29b-41d4-a716-446655440000"
    }
  ],
  "citations": [
    {
      "id": "550e8400-e29b-41d4-a716-446655440000",
      "filename": "Response String",
      "file": "https://example.com/file.jpg",
      "fileType": "Response String",
      "knowledgeBase": {
        "id": "550e8400-e29b-41d4-a716-446655440000",
        "name": "Response String"
      },
      "size": 456,
      "status": {},
      "parser": {
        "id": "550e8400-e29b-41d4-a716-446655440000",
        "name": "Response String",
        "provider": {},
        "order": 456
      },
      "labels": [
        {
          "id": "550e8400-e29b-41d4-a716-446655440000",
          "name": "Response String"
        }
      ],
      "rawUserDefineMetadata": null,
      "createdAt": "Response String"
    }
  ],
  "citationNodes": [
    {
      "chatbotTextNode": {
        "id": "550e8400-e29b-41d4-a716-446655440000",
        "charactersCount": 456,
        "hitsCount": 456,
        "text": "Response String",
        "updatedAt": "Response String",
        "filename": "Response String",
        "chatbotFile": "550e8400-e29b-41d4-a716-446655440000",
        "pageNumber": 456
      },
      "score": 456,
      "displayScore": 456
    }
  ],
  "canvas": {
    "id": "550e8400-e29b-41d4-a716-446655440000",
    "name": "Response String",
    "canvasType": {},
    "title": "Response String",
    "content": "Response String",
    "createdAt": "Response String"
  },
  "queryMetadata": null
}
""")


def assert_names(reply: Any, example: Any, at: str = "$") -> None:
    """Every field of the document's example is there, however deep; its type is the schema's to say."""
    if isinstance(example, dict) and isinstance(reply, dict):
        assert example.keys() <= reply.keys(), (at, example.keys() - reply.keys())
        for name in example:
            assert_names(reply[name], example[name], f"{at}.{name}")
    elif isinstance(example, list):
        for item in reply:
            assert_names(item, example[0], f"{at}[]")


async def test_send_message_create(door: Door, document_id: str) -> None:
    conversation = await door.start()
    reply = await door.call("POST", "/messages/", EXAMPLE | {"conversation": conversation})
    assert reply.status_code == 201
    sent = reply.json()
    assert_schema(sent, MESSAGE)
    assert EXAMPLE.keys() <= sent.keys()
    for name in ("type", "content", "contentPayload", "attachments", "citations", "citationNodes"):
        assert sent[name] == EXAMPLE[name], name
    for name in ("name", "canvasType", "title", "content"):
        assert sent["canvas"][name] == EXAMPLE["canvas"][name]
    assert sent["feedback"] is None
    assert sent["conversation"] == conversation
    answer, asked = await door.answered(conversation)
    assert asked == sent
    assert answer["type"] == "outgoing"
    assert answer["sender"] == {
        "id": door.chatbot_id,
        "name": "Library",
        "avatar": "http://lectern.test/api/avatar.svg",
        "email": None,
        "phoneNumber": None,
    }


async def test_get_message_list(door: Door, document_id: str) -> None:
    conversation = await door.start()
    await door.say(conversation, QUESTION, canvas=EXAMPLE["canvas"], queryMetadata={"from": "a form"})
    await door.answered(conversation)
    listed = await door.messages(conversation)
    assert_schema(listed, MESSAGES)
    assert listed["count"] == 2
    assert listed["next"] is None
    assert listed["previous"] is None
    answer, asked = listed["results"]
    await door.ok("POST", f"/messages/{answer['id']}/feedback/", {"type": "like", "suggestion": "Good."})
    rated, _ = (await door.messages(conversation))["results"]
    for message in (rated, asked):
        assert_names(message, LISTED)
    assert (rated["content"], rated["citations"][0]["id"]) == (WHOLE, document_id)
    assert rated["feedback"]["type"] == "like"
    assert asked["queryMetadata"] == {"from": "a form"}


async def test_get_a_specific_message(door: Door, document_id: str) -> None:
    conversation = await door.start()
    await door.say(conversation)
    for listed in await door.answered(conversation):
        path = f"/messages/{listed['id']}/"
        read = await door.ok("GET", path, params={"conversation": conversation})
        assert_schema(read, MESSAGE)
        assert_names(read, LISTED)
        assert read == listed


async def test_a_message_is_read_by_its_conversation_only(door: Door, stranger: Door) -> None:
    conversation, other = await door.start(), await door.start()
    sent = await door.say(conversation, type="outgoing")
    path = f"/messages/{sent['id']}/"
    missing = await door.call("GET", path)
    assert (missing.status_code, missing.json()) == (400, {"conversation": ["This field is required."]})
    elsewhere = await door.call("GET", path, params={"conversation": other})
    assert (elsewhere.status_code, elsewhere.json()) == (404, {"detail": "Not found."})
    theirs = await stranger.start()
    foreign = await stranger.call("GET", path, params={"conversation": theirs})
    assert (foreign.status_code, foreign.json()) == (404, {"detail": "Not found."})


async def test_what_a_person_of_the_house_says_is_not_answered(door: Door, document_id: str) -> None:
    conversation = await door.start()
    said = await door.say(conversation, "We close at six.", type="outgoing")
    assert said["type"] == "outgoing"
    assert said["sender"]["id"] == door.chatbot_id
    await door.say(conversation)
    listed = await door.answered(conversation, answers=2)
    assert [message["content"] for message in listed] == [WHOLE, QUESTION, "We close at six."]


async def test_a_type_of_the_clients_own_comes_back_as_sent(door: Door) -> None:
    conversation = await door.start()
    assert (await door.say(conversation, type="postback"))["type"] == "postback"
    assert (await door.say(conversation))["type"] == "incoming"


async def test_many_messages_at_once_are_answered_one_after_the_other(door: Door, document_id: str) -> None:
    conversations = await asyncio.gather(*(door.start() for _ in range(20)))
    await asyncio.gather(*(door.say(conversation) for conversation in conversations))
    for conversation in conversations:
        assert (await door.answered(conversation))[0]["content"] == WHOLE


async def test_messages_are_paged_by_cursor_while_others_are_added(door: Door) -> None:
    conversation = await door.start()
    sent = [(await door.say(conversation, f"Number {n}.", type="outgoing"))["id"] for n in range(25)]
    page = await door.messages(conversation, pageSize=10)
    seen = [message["id"] for message in page["results"]]
    assert page["count"] == 25
    while page["next"]:
        await door.say(conversation, "One more.", type="outgoing")
        page = (await door.call("GET", _path(page["next"]))).json()
        assert page["previous"] is not None
        seen += [message["id"] for message in page["results"]]
    assert seen == sent[::-1]
    back = []
    while page["previous"]:
        page = (await door.call("GET", _path(page["previous"]))).json()
        back = [message["id"] for message in page["results"]] + back
    assert back[-20:] == seen[:20]
    assert page["next"] is not None


async def test_messages_are_paged_by_number(door: Door) -> None:
    conversation = await door.start()
    sent = [(await door.say(conversation, f"Number {n}.", type="outgoing"))["id"] for n in range(25)]
    for size_name in ("pageSize", "page_size"):
        second = await door.messages(conversation, page=2, **{size_name: 10})
        assert [message["id"] for message in second["results"]] == sent[14:4:-1]
    assert parse_qs(urlsplit(second["next"]).query)["page"] == ["3"]
    assert "page" not in parse_qs(urlsplit(second["previous"]).query)
    last = await door.messages(conversation, page="last", pageSize=10)
    assert [message["id"] for message in last["results"]] == sent[4::-1]
    assert last["next"] is None
    for bad in ("0", "4", "-1", "abc", "1.5", "٣"):
        reply = await door.call(
            "GET", "/messages/", params={"conversation": conversation, "page": bad, "pageSize": 10}
        )
        assert (reply.status_code, reply.json()) == (404, {"detail": "Invalid page."}), bad


async def test_a_forged_cursor_is_refused(door: Door) -> None:
    conversation, other = await door.start(), await door.start()
    for thread in (conversation, other):
        for n in range(3):
            await door.say(thread, f"Number {n}.", type="outgoing")
    following = (await door.messages(conversation, pageSize=1))["next"]
    cursor = parse_qs(urlsplit(following).query)["cursor"][0]
    # A cursor of one list is worth nothing in another.
    for thread, forged in (
        (conversation, "x"),
        (conversation, cursor[:-1]),
        (conversation, cursor + "A"),
        (conversation, "cD00ODY="),
        (other, cursor),
        (conversation, "\x00"),
        (conversation, "é"),
    ):
        reply = await door.call("GET", "/messages/", params={"conversation": thread, "cursor": forged})
        assert (reply.status_code, reply.json()) == (404, {"detail": "Invalid cursor"})


@pytest.mark.parametrize("size", ["0", "-1", "x", "", "1e3"])
async def test_a_bad_page_size_is_ignored(door: Door, size: str) -> None:
    conversation = await door.start()
    for n in range(21):
        await door.say(conversation, f"Number {n}.", type="outgoing")
    assert len((await door.messages(conversation, pageSize=size))["results"]) == 20


async def test_feedback_is_set_changed_and_taken_back(door: Door, document_id: str) -> None:
    conversation = await door.start()
    await door.say(conversation)
    answer, asked = await door.answered(conversation)
    path = f"/messages/{answer['id']}/feedback/"
    liked = await door.ok("POST", path, {"type": "like"})
    assert_schema(liked, FEEDBACK)
    disliked = await door.ok("PUT", path, {"type": "dislike", "suggestion": "Say it in weeks."})
    assert disliked["id"] == liked["id"]
    found = await door.ok("GET", f"/conversations/{conversation}/")
    assert found["lastMessage"]["feedback"] == disliked
    reply = await door.call("DELETE", path)
    assert (reply.status_code, reply.content) == (204, b"")
    assert (await door.messages(conversation))["results"][0]["feedback"] is None
    assert (await door.call("DELETE", path)).status_code == 404
    refused = await door.call("POST", f"/messages/{asked['id']}/feedback/", {"type": "like"})
    assert refused.status_code == 400


async def test_feedback_is_like_or_dislike_and_nothing_else(door: Door, stranger: Door) -> None:
    for body, wrong in (
        ({}, {"type": ["This field is required."]}),
        ({"type": "love"}, {"type": ['"love" is not a valid choice.']}),
        ({"type": None}, {"type": ["This field may not be null."]}),
        ({"type": "like", "suggestion": 7}, {"suggestion": ["Not a valid string."]}),
    ):
        reply = await door.call("POST", f"/messages/{UNKNOWN_ID}/feedback/", body)
        assert (reply.status_code, reply.json()) == (400, wrong)


def _path(url: str) -> str:
    """What follows the prefix: the links are whole addresses."""
    return url.partition("/api/v1")[2]

"""Seed 001, "Create a new conversation", "Get Conversation List", "Get a specific conversation"."""

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from app.services.house import House

from .door import QUESTION, UNKNOWN_ID, WHOLE, Door
from .schemas import CONVERSATION, CONVERSATIONS, assert_schema
from .test_messages import assert_names

# "Request Example Value"
EXAMPLE: dict[str, Any] = json.loads("""
{
  "webChat": "550e8400-e29b-41d4-a716-446655440000"
}
""")
# "Response Example Value"
CREATED: dict[str, Any] = json.loads("""
{
  "id": "550e8400-e29b-41d4-a716-446655440000",
  "contact": {
    "id": "550e8400-e29b-41d4-a716-446655440000",
    "name": "Response String",
    "avatar": "https://example.com/file.jpg",
    "sourceId": "Response String"
  },
  "inbox": {
    "id": "550e8400-e29b-41d4-a716-446655440000",
    "name": "Response String",
    "channelType": "line",
    "unreadConversationsCount": 456,
    "signAuth": {
      "id": "550e8400-e29b-41d4-a716-446655440000",
      "signSource": "550e8400-e29b-41d4-a716-446655440000",
      "signParams": {
        "keycloak": {
          "clientId": "Response String",
          "url": "Response String",
          "realm": "Response String"
        },
        "line": {
          "liffId": "Response String"
        },
        "ad": {
          "saml": "Response String"
        }
      }
    }
  },
  "title": "Response String",
  "lastMessage": {
    "id": "550e8400-e29b-41d4-a716-446655440000",
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
    "queryMetadata": null
  },
  "lastMessageCreatedAt": "Response String",
  "unreadMessagesCount": 456,
  "autoReplyEnabled": false,
  "isAutoReplyNow": false,
  "lastReadAt": "Response String",
  "createdAt": "Response String",
  "isGroupChat": false,
  "enableGroupMention": false,
  "enableLoadingAnimation": false,
  "queryMetadata": null,
  "toolMask": null,
  "llm": "550e8400-e29b-41d4-a716-446655440000",
  "ipAddress": "Response String",
  "ipRecordedAt": "Response String"
}
""")


async def listed(door: Door, **query: Any) -> Any:
    return await door.ok("GET", "/conversations/", params={"inbox": door.web_chat_id, **query})


async def test_create_a_new_conversation(door: Door) -> None:
    reply = await door.call("POST", "/conversations/", EXAMPLE | {"webChat": door.web_chat_id})
    assert reply.status_code == 201
    created = reply.json()
    assert_schema(created, CONVERSATION)
    assert_names(created, CREATED)
    assert created["lastMessage"] is None
    assert created["lastReadAt"] is None
    assert created["unreadMessagesCount"] == 0
    assert created["inbox"]["id"] == door.web_chat_id
    assert created["inbox"]["channelType"] == "web"
    assert created["ipAddress"] == "127.0.0.1"


async def test_get_conversation_list(door: Door, document_id: str) -> None:
    first, second = await door.start(), await door.start()
    await door.say(first)
    answer, _ = await door.answered(first)
    page = await listed(door)
    assert_schema(page, CONVERSATIONS)
    assert page.keys() == {"next", "previous", "results"}
    assert [item["id"] for item in page["results"]] == [first, second], "last active first"
    last = page["results"][0]["lastMessage"]
    assert (last["id"], last["content"], last["type"]) == (answer["id"], WHOLE, "outgoing")
    assert page["results"][0]["lastMessageCreatedAt"] >= last["createdAt"]


async def test_get_a_specific_conversation(door: Door, document_id: str) -> None:
    conversation = await door.start()
    await door.say(conversation)
    answer, _ = await door.answered(conversation)
    await door.ok("POST", f"/messages/{answer['id']}/feedback/", {"type": "dislike"})
    found = await door.ok("GET", f"/conversations/{conversation}/")
    assert_schema(found, CONVERSATION)
    assert_names(found, CREATED)
    assert found == (await listed(door))["results"][0]
    assert found["lastMessage"]["feedback"]["type"] == "dislike"
    assert found["title"] == QUESTION


async def test_unread_counts_what_the_contact_said_since_it_was_read(door: Door) -> None:
    conversation, other = await door.start(), await door.start()
    for thread in (conversation, conversation, other):
        await door.say(thread, "Is anybody there?", type="postback")
    await door.say(conversation, "Yes.", type="outgoing")
    found = await door.ok("GET", f"/conversations/{conversation}/")
    assert found["unreadMessagesCount"] == 2
    assert found["inbox"]["unreadConversationsCount"] == 2
    await door.messages(conversation)
    read = await door.ok("GET", f"/conversations/{conversation}/")
    assert read["unreadMessagesCount"] == 0
    assert read["lastReadAt"] >= found["lastMessageCreatedAt"]
    assert read["inbox"]["unreadConversationsCount"] == 1
    reply = await door.call("POST", f"/conversations/{other}/read/")
    assert (reply.status_code, reply.content) == (204, b"")
    assert (await listed(door))["results"][0]["inbox"]["unreadConversationsCount"] == 0
    await door.say(conversation, "Thank you.", type="postback")
    assert (await door.ok("GET", f"/conversations/{conversation}/"))["unreadMessagesCount"] == 1


async def test_a_keyword_is_found_in_messages_titles_and_names_in_any_language(door: Door) -> None:
    said = {
        "en": "My invoice number 4711 has not arrived yet.",
        "es": "¿Dónde está mi devolución del préstamo?",
        "zh": "我想申請退款，請問需要幾天？",
        "de": "Größe und Übergabe, bitte!",
    }
    threads = {}
    for language, text in said.items():
        threads[language] = await door.start()
        await door.say(threads[language], text, type="postback")
        await door.say(threads[language], "Noted; we will look at it.", type="outgoing")
    contact = await door.ok("POST", "/contacts/", {"name": "Zoë Müller"})
    asked = await door.ask("Anything?", message={"sender": contact["id"]})
    for keyword, found in (
        ("INVOICE", "en"), ("471", "en"), ("ber 4711 ha", "en"), ("devolución", "es"), ("DEVOLUCIÓN", "es"),
        ("退款", "zh"), ("款", "zh"), ("申請退款，請問", "zh"), ("größe", "de"), ("ÜBERGABE", "de"),
    ):  # fmt: skip
        results = (await listed(door, keyword=keyword))["results"]
        assert [item["id"] for item in results] == [threads[found]], keyword
    everywhere = (await listed(door, keyword="will look"))["results"]
    assert {item["id"] for item in everywhere} == set(threads.values())
    (named,) = (await listed(door, keyword="zoë mü"))["results"]
    assert named["id"] == asked["conversationId"]
    for absent in ("zebra", "100%", "_", "\\", "' OR 1=1 --", "🦓"):
        assert (await listed(door, keyword=absent))["results"] == [], absent


async def test_the_list_is_paged_by_cursor_while_conversations_are_added(door: Door) -> None:
    started = [await door.start() for _ in range(23)]
    page = await listed(door, pageSize=5)
    seen = [item["id"] for item in page["results"]]
    assert page["previous"] is None
    while page["next"]:
        await door.start()
        await door.say(seen[0], "Once more.", type="outgoing")
        page = (await door.call("GET", page["next"].partition("/api/v1")[2])).json()
        assert len(page["results"]) <= 5
        seen += [item["id"] for item in page["results"]]
    assert seen == started[::-1]
    back = (await door.call("GET", page["previous"].partition("/api/v1")[2])).json()
    assert [item["id"] for item in back["results"]] == seen[15:20]
    assert back["next"] is not None


async def test_a_cursor_belongs_to_its_inbox_and_keyword(door: Door, stranger: Door) -> None:
    for _ in range(3):
        await door.start()
        await stranger.start()
    following = (await listed(door, pageSize=1))["next"]
    cursor = parse_qs(urlsplit(following).query)["cursor"][0]
    for query in ({"cursor": "cD00ODY%3D"}, {"cursor": cursor, "keyword": "a"}, {"cursor": cursor[::-1]}):
        params = {"inbox": door.web_chat_id, **query}
        reply = await door.call("GET", "/conversations/", params=params)
        assert (reply.status_code, reply.json()) == (404, {"detail": "Invalid cursor"})
    params = {"inbox": stranger.web_chat_id, "cursor": cursor}
    assert (await stranger.call("GET", "/conversations/", params=params)).status_code == 404


async def test_the_inbox_is_required_and_must_be_ones_own(door: Door, stranger: Door) -> None:
    for inbox, text in (
        (None, "This field is required."),
        ("", "This field is required."),
        ("x", "“x” is not a valid UUID."),
        (UNKNOWN_ID, f'Invalid pk "{UNKNOWN_ID}" - object does not exist.'),
        (stranger.web_chat_id, f'Invalid pk "{stranger.web_chat_id}" - object does not exist.'),
    ):
        params = {} if inbox is None else {"inbox": inbox}
        reply = await door.call("GET", "/conversations/", params=params)
        assert (reply.status_code, reply.json()) == (400, {"inbox": [text]})


async def test_a_shut_inbox_is_as_good_as_none(door: Door, house: House) -> None:
    conversation = await door.start()
    async with house.pool.connection() as connection:
        await connection.execute(
            "UPDATE channels SET enabled = false WHERE id = %s::uuid", (door.web_chat_id,)
        )
    assert (await door.call("POST", "/conversations/", {"webChat": door.web_chat_id})).status_code == 400
    assert (await door.call("GET", f"/conversations/{conversation}/")).status_code == 404
    assert (await door.call("GET", "/messages/", params={"conversation": conversation})).status_code == 400
    path = f"/chatbots/{door.chatbot_id}/completions/"
    assert (await door.call("POST", path, {"message": {"content": "a"}})).status_code == 404
    assert (await door.ok("GET", "/inboxes/"))["results"] == []


async def test_conversations_of_the_channel_door_are_not_shown(door: Door, house: House) -> None:
    channel = door.created.channel
    reply = await door.http.post(
        f"/api/public/channels/{channel.channel_id}/1.0/conversation",
        headers={"X-API-Secret-Key": channel.secret_key},
    )
    conversation = reply.json()["conversationId"]
    assert (await door.call("GET", f"/conversations/{conversation}/")).status_code == 404
    reply = await door.call("GET", "/conversations/", params={"inbox": str(channel.channel_id)})
    assert reply.status_code == 400

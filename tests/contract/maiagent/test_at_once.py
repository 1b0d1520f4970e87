"""Many requests at once, and what outlives a restart."""

import asyncio
from collections import Counter

import httpx
import msgspec

from app.main import create_app
from app.security.signing import read_signer
from app.services.house import House
from app.settings import Settings

from .door import Door

NUMBERS = "SELECT number FROM messages WHERE conversation_id = %s::uuid ORDER BY seq"


async def test_forty_conversations_and_messages_at_once(door: Door) -> None:
    conversations = await asyncio.gather(*(door.start() for _ in range(40)))
    assert len(set(conversations)) == 40
    said = await asyncio.gather(*(door.say(one, one, type="outgoing") for one in conversations))
    assert [message["content"] for message in said] == conversations
    listed = await door.ok("GET", "/conversations/", params={"inbox": door.web_chat_id, "pageSize": 100})
    assert Counter(item["id"] for item in listed["results"]) == Counter(conversations)


async def test_messages_of_twenty_clients_at_once_are_numbered_without_gaps(door: Door, house: House) -> None:
    conversation = await door.start()
    texts = [f"Number {n}." for n in range(20)]
    await asyncio.gather(*(door.say(conversation, text, type="postback") for text in texts[:10]))
    await asyncio.gather(*(door.say(conversation, text, type="outgoing") for text in texts[10:]))
    await asyncio.gather(*(door.ask(text, conversation=conversation) for text in texts))
    async with house.pool.connection() as connection:
        numbers = [row[0] for row in await (await connection.execute(NUMBERS, (conversation,))).fetchall()]
    listed = await door.messages(conversation, pageSize=100)
    assert numbers == list(range(1, len(numbers) + 1)), "and in the order in which they are listed"
    assert listed["count"] >= len(numbers) >= 60
    said = Counter(message["content"] for message in listed["results"] if message["type"] == "incoming")
    assert all(said[text] == 1 for text in texts[10:])


async def test_of_the_same_contact_twenty_times_at_once_one_is_added(door: Door) -> None:
    body = {"name": "Ana", "sourceId": "s1", "inbox": door.web_chat_id}
    replies = await asyncio.gather(*(door.call("POST", "/contacts/", body) for _ in range(20)))
    assert Counter(reply.status_code for reply in replies) == {201: 1, 400: 19}
    assert {tuple(reply.json()) for reply in replies if reply.status_code == 400} == {("sourceId",)}
    assert (await door.ok("GET", "/contacts/"))["count"] == 1


async def test_feedback_of_twenty_at_once_is_one_of_them(door: Door) -> None:
    conversation = (await door.ask())["conversationId"]
    answer = (await door.messages(conversation))["results"][0]["id"]
    path = f"/messages/{answer}/feedback/"
    said = [{"type": "like" if n % 2 else "dislike", "suggestion": str(n)} for n in range(20)]
    replies = await asyncio.gather(*(door.ok("POST", path, one) for one in said))
    assert len({reply["id"] for reply in replies}) == 1
    kept = (await door.messages(conversation))["results"][0]["feedback"]
    assert {name: kept[name] for name in ("type", "suggestion")} in said
    gone = await asyncio.gather(*(door.call("DELETE", path) for _ in range(20)))
    assert Counter(reply.status_code for reply in gone) == {204: 1, 404: 19}


async def test_a_webhook_set_twenty_times_at_once_is_one(door: Door) -> None:
    path = f"/chatbots/{door.chatbot_id}/webhook/"
    urls = [f"https://example.org/{n}" for n in range(20)]
    replies = await asyncio.gather(*(door.ok("PUT", path, {"url": url}) for url in urls))
    assert len({reply["id"] for reply in replies}) == 1
    assert (await door.ok("GET", path))["url"] in urls


async def test_a_conversation_is_read_and_spoken_in_at_once(door: Door) -> None:
    conversation = await door.start()
    await asyncio.gather(
        *(door.say(conversation, "Hello?", type="postback") for _ in range(10)),
        *(door.messages(conversation) for _ in range(10)),
        *(door.call("POST", f"/conversations/{conversation}/read/") for _ in range(10)),
    )
    await door.messages(conversation)
    assert (await door.ok("GET", f"/conversations/{conversation}/"))["unreadMessagesCount"] == 0


async def test_a_cursor_and_a_link_outlive_a_restart(door: Door, house: House, settings: Settings) -> None:
    conversation = await door.start()
    for n in range(3):
        await door.say(conversation, f"Number {n}.", type="outgoing")
    following = (await door.messages(conversation, pageSize=1))["next"]
    file = (await door.ok("POST", "/attachments/", files={"file": ("a.txt", b"text")}))["file"]
    for key, statuses in (("", (200, 200)), ("another secret", (404, 404))):
        then = msgspec.structs.replace(settings, secret_key=key)
        # Read anew from the data folder, as at a start.
        restarted = msgspec.structs.replace(house, settings=then, signer=read_signer(then))
        transport = httpx.ASGITransport(app=create_app(then, house=restarted))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://lectern.test") as http:
            page = await Door(http, door.created).call("GET", following.partition("/api/v1")[2])
            assert (page.status_code, (await http.get(file)).status_code) == statuses
            if page.is_success:
                assert [message["content"] for message in page.json()["results"]] == ["Number 1."]

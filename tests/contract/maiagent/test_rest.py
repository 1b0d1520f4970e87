"""What clients of this API need beyond the seed: chatbots, inboxes, web chats, contacts; both prefixes."""

from .door import UNKNOWN_ID, Door


async def test_chatbots_are_listed_and_read(door: Door, stranger: Door) -> None:
    listed = await door.ok("GET", "/chatbots/")
    assert listed.keys() >= {"count", "next", "previous", "results"}
    (chatbot,) = listed["results"]
    assert (chatbot["id"], chatbot["name"]) == (door.chatbot_id, "Library")
    assert await door.ok("GET", f"/chatbots/{door.chatbot_id}/") == chatbot
    for chatbot_id in (stranger.chatbot_id, UNKNOWN_ID, "x"):
        reply = await door.call("GET", f"/chatbots/{chatbot_id}/")
        assert (reply.status_code, reply.json()) == (404, {"detail": "Not found."})


async def test_a_client_finds_its_inbox_and_web_chat(door: Door) -> None:
    listed = await door.ok("GET", "/inboxes/")
    assert listed["next"] is None
    (inbox,) = listed["results"]
    assert inbox["id"] == inbox["channel"]["id"] == door.web_chat_id
    assert inbox["channelType"] == "web"
    assert inbox["channel"]["name"] == inbox["name"] == "Web chat"
    (web_chat,) = await door.ok("GET", "/web-chats/")
    assert web_chat["id"] == door.web_chat_id


async def test_contacts_are_added_and_listed_by_limit_and_offset(door: Door, stranger: Door) -> None:
    added = []
    for n in range(5):
        body = {
            "name": f"Contact {n}",
            "sourceId": f"s{n}",
            "inbox": door.web_chat_id,
            "phoneNumber": "+34 600",
        }
        reply = await door.call("POST", "/contacts/", body)
        assert reply.status_code == 201
        added.append(reply.json())
    assert added[0]["sourceId"] == "s0"
    await stranger.ok("POST", "/contacts/", {"name": "Theirs"})
    page = await door.ok("GET", "/contacts/", params={"limit": 2, "offset": 2})
    assert page["count"] == 5
    assert [item["name"] for item in page["results"]] == ["Contact 2", "Contact 1"]
    following = await door.call("GET", page["next"].partition("/api/v1")[2])
    assert [item["name"] for item in following.json()["results"]] == ["Contact 0"]
    before = await door.call("GET", page["previous"].partition("/api/v1")[2])
    assert [item["name"] for item in before.json()["results"]] == ["Contact 4", "Contact 3"]
    again = await door.call(
        "POST", "/contacts/", {"name": "Twice", "sourceId": "s0", "inbox": door.web_chat_id}
    )
    assert (again.status_code, list(again.json())) == (400, ["sourceId"])


async def test_both_prefixes_lead_to_the_same_with_and_without_a_slash(door: Door) -> None:
    replies = [
        await Door(door.http, door.created, prefix).call("GET", f"/chatbots{slash}")
        for prefix in ("/api", "/api/v1")
        for slash in ("", "/")
    ]
    assert {reply.status_code for reply in replies} == {200}
    assert len({str(reply.json()["results"]) for reply in replies}) == 1


async def test_the_keyword_of_the_key_may_be_in_any_case(door: Door) -> None:
    for scheme in ("Api-Key", "api-key", "API-KEY"):
        reply = await door.call("GET", "/chatbots/", headers={"Authorization": f"{scheme} {door.key}"})
        assert reply.status_code == 200


async def test_without_a_key_nothing_is_told(door: Door) -> None:
    missing = {"detail": "Authentication credentials were not provided."}
    wrong = {"detail": "Incorrect authentication credentials."}
    channel_key = door.created.channel.secret_key
    for header, body in (
        ("", missing),
        (f"Bearer {door.key}", missing),
        (door.key, missing),
        ("Api-Key", wrong),
        ("Api-Key wrong", wrong),
        (f"Api-Key {door.key}x", wrong),
        (f"Api-Key {channel_key}", wrong),
    ):
        for method, path in (
            ("GET", "/chatbots/"),
            ("POST", "/messages/"),
            ("GET", f"/chatbots/{UNKNOWN_ID}/records/"),
        ):
            reply = await door.call(method, path, headers={"Authorization": header})
            assert (reply.status_code, reply.json()) == (401, body), header
            assert reply.headers["www-authenticate"] == "Api-Key"


async def test_a_chatbots_webhook_is_set_read_and_removed(door: Door, stranger: Door) -> None:
    path = f"/chatbots/{door.chatbot_id}/webhook/"
    assert (await door.call("GET", path)).status_code == 404
    made = await door.ok("PUT", path, {"url": "https://example.org/hook"})
    assert made.keys() >= {"id", "url", "secret", "createdAt"}
    assert await door.ok("GET", path) == made
    moved = await door.ok("PUT", path, {"url": "https://example.org/other"})
    assert (moved["id"], moved["secret"]) == (made["id"], made["secret"])
    for method, body in (("GET", None), ("PUT", {"url": "https://example.org/theirs"}), ("DELETE", None)):
        assert (await stranger.call(method, path, body)).status_code == 404
    for url in ("", "x", "ftp://example.org", "https://user:pass@example.org/", "http://", "https://a b/"):
        reply = await door.call("PUT", path, {"url": url})
        assert (reply.status_code, list(reply.json())) == (400, ["url"]), url
    assert (await door.call("DELETE", path)).status_code == 204
    assert (await door.call("GET", path)).status_code == 404

"""Links are made with the Host that the client names, and with nothing else that a request says."""

import pytest

from .door import Door


@pytest.mark.parametrize(
    "host", ["a:99999", "a@b", "[::1", "a b", 'a"b', "a/b", "a:b", "[x]", ":80", "a:80:80", "<x>"]
)
async def test_a_host_that_no_link_can_be_made_of_is_refused_first(door: Door, host: str) -> None:
    body = {"webChat": door.web_chat_id}
    reply = await door.call("POST", "/conversations/", body, headers={"Host": host})
    assert (reply.status_code, reply.json()) == (400, {"detail": "Invalid host header"})
    assert (await door.ok("GET", "/conversations/", params={"inbox": door.web_chat_id}))["results"] == []


async def test_links_follow_the_host_alone(door: Door) -> None:
    forwarded = {
        "X-Forwarded-Host": "evil.test",
        "X-Forwarded-Proto": "gopher",
        "Forwarded": "host=evil.test",
    }
    for host in ("lectern.test", "lectern.test:8080", "[::1]:8000", "127.0.0.1"):
        started = await door.call(
            "POST", "/conversations/", {"webChat": door.web_chat_id}, headers={"Host": host, **forwarded}
        )
        assert started.json()["contact"]["avatar"] == f"http://{host}/api/avatar.svg"
    listed = await door.ok("GET", "/conversations/", params={"inbox": door.web_chat_id})
    assert {item["contact"]["avatar"] for item in listed["results"]} == {"http://lectern.test/api/avatar.svg"}

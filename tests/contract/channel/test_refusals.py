"""What the door refuses, and how: channels, bodies, fields; test_isolation has what all doors refuse."""

import asyncio
from typing import Any

import httpx
import msgspec
from litestar import Litestar

from app.main import create_app
from app.services.house import House
from app.settings import Settings

from ..shapes import assert_same_shape
from .door import UNKNOWN_ID, Door

FAILURE = {"success": False, "message": "Not found."}
SOURCE = {"dataSourceId": UNKNOWN_ID}
ROW = SOURCE | {"dataSourceRowId": UNKNOWN_ID}
ROWS = SOURCE | {"dataSourceRows": [{"id": UNKNOWN_ID, "name": "a.md", "content": "a"}]}
# Every call with a body that is right but for its ids.
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/conversation", {}),
    ("POST", "/conversations", {}),
    ("POST", "/message", {"message": "Hello", "conversationId": UNKNOWN_ID}),
    ("POST", "/messages", {"conversationId": UNKNOWN_ID}),
    ("POST", "/data-sources", {}),
    ("POST", "/data-sources/list", {}),
    ("GET", "/data-sources", SOURCE),
    ("PUT", "/data-sources", SOURCE),
    ("DELETE", "/data-sources", SOURCE),
    ("POST", "/data-sources/sync", SOURCE),
    *[
        (method, f"/data-sources/{row}{more}", body)
        for row in ("row", "rows")
        for method, more, body in (
            ("POST", "", ROWS),
            ("POST", "/list", SOURCE),
            ("GET", "", ROW),
            ("PUT", "", ROWS),
            ("DELETE", "", ROWS),
        )
    ],
]


def plain(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.text


async def test_an_unknown_malformed_or_disabled_channel_is_not_found(door: Door, house: House) -> None:
    for channel_id in (UNKNOWN_ID, "x", "1", "a b", "%00", "%F0%9F%92%A5", "{}", "null", "a" * 5000):
        other = Door(door.http, channel_id, door.secret)
        for method, path, body in CALLS:
            reply = await other.call(method, path, body)
            assert reply.status_code == 404, (channel_id, method, path)
            assert_same_shape(reply.json(), FAILURE)
    async with house.pool.connection() as connection:
        await connection.execute(
            "UPDATE channels SET enabled = false WHERE id = %s::uuid", (door.channel_id,)
        )
    unknown = await Door(door.http, UNKNOWN_ID, door.secret).call("POST", "/conversation")
    assert plain(await door.call("POST", "/conversation")) == plain(unknown)


async def test_a_revoked_key_opens_nothing(door: Door, house: House) -> None:
    async with house.pool.connection() as connection:
        await connection.execute(
            "UPDATE api_keys SET revoked_at = now() WHERE channel_id = %s::uuid", (door.channel_id,)
        )
    assert (await door.call("POST", "/conversation")).status_code == 403


async def test_a_body_over_the_limit_is_too_large(door: Door, source_id: str) -> None:
    reply = await door.call("POST", "/message", {"message": "x", "padding": "x" * 3_000_000})
    assert reply.status_code == 413
    assert_same_shape(reply.json(), FAILURE)


async def test_a_key_that_asks_too_often_is_told_to_wait(
    settings: Settings, house: House, door: Door, stranger: Door
) -> None:
    application = create_app(msgspec.structs.replace(settings, rate_limit_per_minute=2), house=house)
    transport = httpx.ASGITransport(app=application)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://lectern.test") as client:
        hasty, other = (Door(client, one.channel_id, one.secret) for one in (door, stranger))
        replies = [await hasty.call("POST", "/conversations") for _ in range(3)]
        assert [reply.status_code for reply in replies] == [200, 200, 429]
        assert 1 <= int(replies[-1].headers["retry-after"]) <= 60
        assert_same_shape(replies[-1].json(), FAILURE)
        assert (await other.call("POST", "/conversations")).status_code == 200


LONG = "x" * 32_001
BIDI = "\u202eevil\u202c"
WRONG_IDS: tuple[Any, ...] = (
    None,
    "",
    "x",
    7,
    1.5,
    True,
    [],
    {},
    UNKNOWN_ID + "\0",
    UNKNOWN_ID[:-1],
    LONG,
    BIDI,
    "é" * 36,
)
WRONG_TEXTS: tuple[Any, ...] = (None, "", " \n", 7, True, [], {}, "a\0b", LONG)
WRONG_LIMITS: tuple[Any, ...] = (0, -1, 101, 10**30, 1.5, "10", True, [], {})
OPTIONAL_IDS = tuple(wrong for wrong in WRONG_IDS if wrong is not None)
MISSING = object()

# (method, path, field, its wrong values); None is right where a field is optional.
FIELDS: list[tuple[str, str, str, tuple[Any, ...]]] = [
    ("POST", "/conversations", "limit", WRONG_LIMITS),
    ("POST", "/conversations", "cursor", OPTIONAL_IDS),
    ("POST", "/message", "message", (*WRONG_TEXTS, MISSING)),
    ("POST", "/message", "conversationId", OPTIONAL_IDS),
    ("POST", "/message", "stream", ("true", 1, 0, [], {})),
    ("POST", "/messages", "conversationId", (*WRONG_IDS, MISSING)),
    ("POST", "/messages", "limit", WRONG_LIMITS),
    ("POST", "/messages", "cursor", OPTIONAL_IDS),
    ("POST", "/data-sources/list", "limit", WRONG_LIMITS),
    ("POST", "/data-sources/list", "cursor", OPTIONAL_IDS),
    ("GET", "/data-sources", "dataSourceId", (*WRONG_IDS, MISSING)),
    ("PUT", "/data-sources", "dataSourceId", (*WRONG_IDS, MISSING)),
    ("PUT", "/data-sources", "syncInterval", ("", "hour", "DAY", 1, True, [], {}, "day\0", BIDI)),
    ("DELETE", "/data-sources", "dataSourceId", (*WRONG_IDS, MISSING)),
    ("POST", "/data-sources/sync", "dataSourceId", (*WRONG_IDS, MISSING)),
    ("POST", "/data-sources/row", "dataSourceId", (*WRONG_IDS, MISSING)),
    (
        "POST",
        "/data-sources/row",
        "dataSourceRows",
        (None, "x", {}, 1, ["x"], [None], [[]], [{}] * 10_001, MISSING),
    ),
    ("POST", "/data-sources/row/list", "dataSourceId", (*WRONG_IDS, MISSING)),
    ("POST", "/data-sources/row/list", "limit", WRONG_LIMITS),
    ("POST", "/data-sources/row/list", "cursor", OPTIONAL_IDS),
    ("GET", "/data-sources/row", "dataSourceId", (*WRONG_IDS, MISSING)),
    ("GET", "/data-sources/row", "dataSourceRowId", (*WRONG_IDS, MISSING)),
    ("PUT", "/data-sources/row", "dataSourceId", (*WRONG_IDS, MISSING)),
    ("PUT", "/data-sources/row", "dataSourceRows", (None, "x", {}, 1, ["x"], [{}], MISSING)),
    ("DELETE", "/data-sources/row", "dataSourceId", (*WRONG_IDS, MISSING)),
    ("DELETE", "/data-sources/row", "dataSourceRows", (None, "x", {}, 1, ["x"], [{}], MISSING)),
]
ROW_FIELDS: list[tuple[str, str, tuple[Any, ...]]] = [
    ("POST", "name", (*WRONG_TEXTS, MISSING)),
    ("POST", "content", (None, 7, True, [], {}, "a\0b", MISSING)),
    ("PUT", "id", (*WRONG_IDS, MISSING)),
    ("PUT", "name", tuple(wrong for wrong in WRONG_TEXTS if wrong is not None)),
    ("PUT", "content", (7, True, [], {}, "a\0b")),
    ("DELETE", "id", (*WRONG_IDS, MISSING)),
]


def body_of(method: str, path: str) -> dict[str, Any]:
    return next(body for call, where, body in CALLS if (call, where) == (method, path))


async def assert_refused(door: Door, call: tuple[str, str], body: Any, field: str) -> None:
    reply = await door.call(*call, body)
    assert reply.status_code == 400, (call, field, reply.status_code, reply.text, str(body)[:200])
    assert_same_shape(reply.json(), FAILURE)
    assert field in reply.json()["message"], reply.text


async def test_a_wrong_field_is_refused_by_its_name(door: Door) -> None:
    for method, path, field, wrong in FIELDS:
        right = body_of(method, path)
        for value in wrong:
            body = {name: other for name, other in right.items() if name != field}
            body = body if value is MISSING else body | {field: value}
            await assert_refused(door, (method, path), body, field)


async def test_a_wrong_field_of_a_row_is_refused_by_its_place_and_name(door: Door, source_id: str) -> None:
    good = {"id": UNKNOWN_ID, "name": "a.md", "content": "a"}
    for method, field, wrong in ROW_FIELDS:
        for value in wrong:
            bad = {name: other for name, other in good.items() if name != field}
            bad = bad if value is MISSING else bad | {field: value}
            body = {"dataSourceId": source_id, "dataSourceRows": [good, bad]}
            await assert_refused(door, (method, "/data-sources/row"), body, f"dataSourceRows[1].{field}")


BROKEN_BODIES: list[bytes] = [
    b"{",
    b"{broken",
    b"[]",
    b'"text"',
    b"7",
    b"null",
    b"\xff\xfe",
    b'{"message":"\xff"}',
    b'{"message":"\\ud800"}',
    b'{"message":"\\udc00 tail"}',
    b'{"message":"\xed\xa0\x80"}',
    b'{"message":"\x00"}',
    b"[" * 100_000,
    b'{"message":' * 50_000,
    b'{"message":1e999}',
    b'{"message":NaN}',
    b"\xef\xbb\xbf{}",
    b"message=Hello",
]


async def test_a_body_that_is_no_json_object_is_refused(door: Door) -> None:
    for method, path, _ in CALLS:
        reads_no_body = path == "/conversation" or (method, path) == ("POST", "/data-sources")
        for broken in BROKEN_BODIES:
            reply = await door.call(method, path, broken)
            assert reply.status_code == (200 if reads_no_body else 400), (broken[:30], reply.text)
            assert reads_no_body or "body" in reply.json()["message"]


async def test_odd_but_right_text_is_kept_to_the_letter(door: Door) -> None:
    for text in (
        BIDI,
        "\u200b\ufeff a",
        "👩‍👩‍👧 \U0010ffff",
        "a\r\n\tb",
        "x" * 32_000,
        "'; DROP TABLE messages;--",
    ):
        asked = await door.ok("POST", "/message", {"message": text})
        thread = await door.ok("POST", "/messages", {"conversationId": asked["conversationId"]})
        assert thread["messages"][0]["message"] == text


async def test_odd_queries_are_refused_and_never_our_fault(door: Door) -> None:
    for query in (
        "dataSourceId=%00",
        "dataSourceId=%FF",
        "dataSourceId",
        "=&&=",
        "dataSourceId[]=1",
        "%",
        "a" * 9000,
    ):
        reply = await door.http.get(
            f"{door.base}/data-sources?{query}", headers={"X-API-Secret-Key": door.secret}
        )
        assert reply.status_code == 400
        assert "dataSourceId" in reply.json()["message"]


async def test_our_own_fault_tells_nothing_of_its_cause(app: Litestar, door: Door, monkeypatch: Any) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("the secret cause")

    monkeypatch.setattr("app.services.converse.start_conversation", broken)
    reply = await door.call("POST", "/conversation")
    assert reply.status_code == 500
    assert_same_shape(reply.json(), FAILURE)
    assert "secret" not in reply.text
    assert reply.headers["x-request-id"]


async def test_many_requests_at_once_are_all_answered(door: Door) -> None:
    replies = await asyncio.gather(*(door.call("POST", "/conversation") for _ in range(40)))
    assert {reply.status_code for reply in replies} == {200}

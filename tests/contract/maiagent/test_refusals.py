"""What the door refuses, and how: each field of each call; bodies and queries that nobody means well."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import httpx
import msgspec
import pytest
import structlog
from litestar import Litestar
from msgspec import inspect

from app.services.house import House

from ...parts import HeldQueue
from ..calls import CALLS, Call
from ..channel.test_refusals import BROKEN_BODIES
from ..routes import Route, routes_of
from ..tenants import Tenant, open_tenant
from .door import UNKNOWN_ID, Door
from .wrong import BIDI, REQUIRED, wrong_values

MISSING = object()
# What a nested object holds when nothing in it is wrong.
RIGHT = {
    "OfferedAttachment": {"filename": "a", "file": "b"},
    "NewCanvas": {"name": "a", "canvasType": "markdown", "title": "b", "content": "c"},
}
ODD_TEXTS = (
    BIDI,
    "\u200b\ufeff a",
    "👩‍👩‍👧 \U0010ffff",
    "a\r\n\tb",
    "x" * 32_000,
    "'; DROP TABLE messages;--",
    "%s {0} \\u0000 \\0",
    "<script>alert(1)</script>",
    "\x01\x7f\u2028\u2029",
)


@pytest.fixture
async def tenant(house: House, http: httpx.AsyncClient, queue: HeldQueue) -> Tenant:
    return await open_tenant(house, http, queue, "Library")


def reading(app: Litestar, *, queries: bool) -> Iterator[tuple[Route, Call]]:
    """The door's routes that read a body, or a query, with a call that is right."""
    for route in routes_of(app):
        ours = route.name.startswith("maiagent") and not route.path.startswith("/api/v1/")
        if ours and route.takes and (route.method == "GET") == queries:
            yield route, CALLS[route.name][0]


Place = tuple[str, ...]


def fields(kind: Any, at: Place = ()) -> Iterator[tuple[Place, inspect.Field]]:
    """Every field of a body, those of nested objects too, with its place."""
    for field in kind.fields:
        place = (*at, field.encode_name)
        yield place, field
        inner = _struct_in(field.type)
        if inner is not None:
            yield from fields(inner, place)


def _struct_in(kind: Any) -> inspect.StructType | None:
    match kind:
        case inspect.StructType():
            return kind
        case inspect.Metadata():
            return _struct_in(kind.type)
        case inspect.ListType():
            return _struct_in(kind.item_type)
        case inspect.UnionType():
            return next(filter(None, map(_struct_in, kind.types)), None)
    return None


def changed(body: Any, kind: Any, place: Place, value: Any) -> Any:
    """The body with that value at the place; objects on the way there are made right."""
    (name, *further), body = place, deepcopy(body)
    if further:
        (field,) = (one for one in kind.fields if one.encode_name == name)
        inner: Any = _struct_in(field.type)
        right = body.get(name) or RIGHT[inner.cls.__name__]
        whole = changed(right, inner, tuple(further), value)
        body[name] = [whole] if name == "attachments" else whole
    elif value is MISSING:
        body.pop(name, None)
    else:
        body[name] = value
    return body


def refusal(place: Place, said: Any) -> dict[str, Any]:
    """The reply's body that refuses the field at that place."""
    for name in reversed(place):
        said = {name: [said] if name == "attachments" and isinstance(said, dict) else said}
    return dict(said)


async def test_each_wrong_field_is_refused_in_the_frameworks_words(app: Litestar, tenant: Tenant) -> None:
    for route, call in reading(app, queries=False):
        kind: Any = inspect.type_info(route.takes)
        for place, field in fields(kind):
            for value, said in [
                *wrong_values(field.type),
                *([(MISSING, REQUIRED)] if field.required else []),
            ]:
                sent = Call(changed(call.body, kind, place, value))
                reply = await tenant.send(route, sent, tenant.own)
                case = (route.name, place, str(value)[:80], reply.text[:300])
                assert (reply.status_code, reply.json()) == (400, refusal(place, said)), case


async def test_each_wrong_parameter_is_refused_in_the_frameworks_words(app: Litestar, tenant: Tenant) -> None:
    for route, call in reading(app, queries=True):
        for place, field in fields(inspect.type_info(route.takes)):
            wrong = [case for case in wrong_values(field.type) if isinstance(case[0], str) and case[0]]
            for value, said in [*wrong, *([("", REQUIRED)] if field.required else [])]:
                if len(value) < 2_000:
                    sent = Call(query={**(call.query or {}), place[0]: value})
                    reply = await tenant.send(route, sent, tenant.own)
                    case = (route.name, place, value[:80], reply.text[:300])
                    assert (reply.status_code, reply.json()) == (400, {place[0]: said}), case


async def test_all_wrong_fields_are_named_at_once(app: Litestar, tenant: Tenant) -> None:
    for route, call in reading(app, queries=False):
        kind: Any = inspect.type_info(route.takes)
        body, expected = call.body, {}
        for field in kind.fields:
            value, said = list(wrong_values(field.type))[-1]
            body, expected[field.encode_name] = changed(body, kind, (field.encode_name,), value), said
        reply = await tenant.send(route, Call(body), tenant.own)
        assert (reply.status_code, reply.json()) == (400, expected), route.name


async def test_a_body_that_is_no_json_object_is_refused(app: Litestar, tenant: Tenant) -> None:
    for place, (route, _) in enumerate(reading(app, queries=False)):
        for broken in BROKEN_BODIES if place == 0 else BROKEN_BODIES[1:4]:
            reply = await tenant.send(route, Call(), tenant.own, content=broken)
            assert reply.status_code == 400, (route.name, broken[:30], reply.text)
            assert reply.json().keys() in ({"detail"}, {"non_field_errors"}), reply.text


@pytest.mark.parametrize(
    "raw",
    [
        b"9" * 5_000,
        b"-" + b"9" * 200_000,
        b"1e400",
        b"[" * 1_000 + b"]" * 1_000,
        b'{"a":' * 101 + b"1" + b"}" * 101,
    ],
)
@pytest.mark.parametrize("field", ["content", "contentPayload", "type", "anything"])
async def test_numbers_and_depths_that_nothing_can_keep_are_no_json(
    door: Door, field: str, raw: bytes
) -> None:
    reply = await door.call("POST", "/messages/", b'{"%s":%s}' % (field.encode(), raw))
    assert reply.status_code == 400
    assert reply.json()["detail"].startswith("JSON parse error - ")


async def test_other_media_types_are_unsupported(app: Litestar, tenant: Tenant) -> None:
    for route, call in reading(app, queries=False):
        content = msgspec.json.encode(call.body)
        for media_type in ("text/plain", "application/x-www-form-urlencoded", "application/xml", "json", "é"):
            headers = {"Content-Type": media_type.encode("latin-1")}
            reply = await tenant.send(route, call, tenant.own, content=content, headers=headers)
            said = {"detail": f'Unsupported media type "{media_type}" in request.'}
            assert (reply.status_code, reply.json()) == (415, said), route.name


async def test_a_json_media_type_with_parameters_is_fine(door: Door) -> None:
    for media_type in ("application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json", ""):
        reply = await door.call("POST", "/contacts/", {"name": "Ana"}, headers={"Content-Type": media_type})
        assert reply.status_code == 201, media_type


async def test_a_body_over_the_limit_is_too_large(app: Litestar, tenant: Tenant) -> None:
    for route, call in reading(app, queries=False):
        content = msgspec.json.encode({**call.body, "padding": "x" * 3_000_000})
        reply = await tenant.send(route, call, tenant.own, content=content)
        assert (reply.status_code, reply.json()) == (413, {"detail": "The body is too large."}), route.name


@pytest.mark.parametrize("text", ODD_TEXTS, ids=lambda text: ascii(text[:12]))
async def test_odd_but_right_text_is_kept_to_the_letter(door: Door, text: str) -> None:
    conversation = await door.start()
    payload = {"a": text, text[:200]: [text]}
    canvas = {"name": text[:255], "canvasType": {"b": text}, "title": text[:255], "content": text}
    said = await door.say(
        conversation, text, type="outgoing", contentPayload=payload, queryMetadata=payload, canvas=canvas
    )
    asked = await door.ask(text, message={"contentPayload": payload, "queryMetadata": payload})
    question = (await door.messages(asked["conversationId"]))["results"][-1]
    for message in (said, (await door.messages(conversation))["results"][0], question):
        assert (message["content"], message["contentPayload"], message["queryMetadata"]) == (
            text,
            payload,
            payload,
        )
    assert {name: said["canvas"][name] for name in canvas} == canvas
    contact = await door.ok("POST", "/contacts/", {"name": text[:255], "sourceId": text[:255]})
    assert (contact["name"], contact["sourceId"]) == (text[:255], text[:255])


@pytest.mark.parametrize(
    "raw",
    ["1e308", "-0.0", "5e-324", "18446744073709551616", "1" + "0" * 400, "[" * 98 + "]" * 98, '{"":{"":""}}'],
)
async def test_odd_but_right_payloads_are_kept(door: Door, raw: str) -> None:
    conversation = await door.start()
    payload, canvas = f'{{"a":{raw}}}', f'{{"name":"a","canvasType":{raw},"title":"","content":""}}'
    body = (
        f'{{"conversation":"{conversation}","type":"outgoing","contentPayload":{payload},"canvas":{canvas}}}'
    )
    sent = await door.ok("POST", "/messages/", body.encode())
    said = (sent["contentPayload"], sent["canvas"]["canvasType"])
    # The database writes a large float as the integer that it is nearly.
    assert said == ({"a": json.loads(raw)}, json.loads(raw)) or float(said[1]) == float(raw)
    assert (await door.messages(conversation))["results"] == [sent]


async def test_of_keys_that_come_twice_the_last_one_counts(door: Door) -> None:
    reply = await door.ok("POST", "/contacts/", b'{"name":"first","name":"second","phone_number":"1"}')
    assert (reply["name"], reply["phoneNumber"]) == ("second", "1")


@pytest.mark.parametrize(
    "query",
    [
        "%00=1",
        "%FF",
        "inbox[]=1",
        "=&&=",
        "%",
        "a" * 9000,
        "inbox",
        "inbox=",
        "INBOX=1",
        "&".join(["a=1"] * 2000),
    ],
)
async def test_odd_queries_are_refused_and_never_our_fault(door: Door, query: str) -> None:
    reply = await door.call("GET", f"/conversations/?{query}")
    assert (reply.status_code, reply.json()) == (400, {"inbox": REQUIRED})


async def test_of_parameters_that_come_twice_one_counts_everywhere(door: Door, stranger: Door) -> None:
    for mine, other in ((door.web_chat_id, stranger.web_chat_id), (door.web_chat_id, UNKNOWN_ID)):
        replies = [
            await door.call("GET", f"/conversations/?inbox={first}&inbox={second}")
            for first, second in ((mine, other), (other, mine))
        ]
        assert [reply.status_code for reply in replies] == [400, 200]


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/chatbots/", "page=1000000000000", 404),
        ("/chatbots/", "page=999999999999", 404),
        ("/inboxes/", "page=%00", 404),
        ("/inboxes/", "page=1%20", 404),
        ("/inboxes/", "page=last&pageSize=" + "9" * 5000, 200),
        ("/contacts/", "offset=1000000000000000000&limit=100", 200),
        ("/contacts/", "offset=-1&limit=0", 200),
        ("/contacts/", "offset=%00&limit=%FF", 200),
        ("/contacts/", "offset=" + "9" * 5000, 200),
    ],
)
async def test_odd_pages(door: Door, path: str, query: str, status: int) -> None:
    reply = await door.call("GET", f"{path}?{query}")
    assert reply.status_code == status
    if status == 404:
        assert reply.json() == {"detail": "Invalid page."}


@pytest.mark.parametrize(
    "keyword", ["%", "\\", "_", "%%", "a\\", "\\%", "x" * 255, "💥" * 255, BIDI, "'", "NULL", "*"]
)
async def test_a_keyword_is_only_text(door: Door, keyword: str) -> None:
    await door.say(await door.start(), "Something else.", type="outgoing")
    said = await door.say(await door.start(), f"so {keyword} it is", type="outgoing")
    found = await door.ok("GET", "/conversations/", params={"inbox": door.web_chat_id, "keyword": keyword})
    assert [item["id"] for item in found["results"]] == [said["conversation"]]


@pytest.mark.parametrize(("start", "end"), [("0001-01-01", "9999-12-31"), ("9999-12-31", "0001-01-01")])
@pytest.mark.parametrize("path", ["records/", "records/export-excel/"])
async def test_the_first_and_the_last_day_are_days(door: Door, path: str, start: str, end: str) -> None:
    query = {"startDate": start, "endDate": end}
    assert (await door.call("GET", f"/chatbots/{door.chatbot_id}/{path}", params=query)).status_code == 200


ODD_NAMES = (
    'a"; filename="b.html',
    "a\r\nSet-Cookie: x=1\r\n\r\n<b>",
    "../../etc/passwd",
    "..\\..\\a.exe",
    BIDI,
    "\0a",
    "x" * 1000 + ".txt",
    ".",
    "文件 名.pdf",
    "a%0d%0ab",
    "a;b=c",
)


@pytest.mark.parametrize("name", ODD_NAMES, ids=lambda name: ascii(name[:12]))
async def test_a_file_name_never_becomes_more_than_a_name(door: Door, name: str) -> None:
    file = {
        "file": (name.encode("utf-8", "surrogateescape").decode("utf-8", "replace") or "a", b"<b>text</b>")
    }
    stored = await door.ok("POST", "/attachments/", files=file)
    assert not set(stored["filename"]) & set("\r\n\0/\\\u202e\u202c"), stored["filename"]
    got = await door.http.get(stored["file"])
    assert (got.status_code, got.content) == (200, b"<b>text</b>")
    assert got.headers["content-disposition"].startswith('attachment; filename="')
    assert got.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in got.headers


async def test_a_callers_fault_is_not_logged_as_ours(door: Door) -> None:
    with structlog.testing.capture_logs() as logs:
        await door.call("POST", "/contacts/", {})
        await door.call("POST", "/contacts/", b"{")
        await door.call("POST", "/contacts/", b"{}", headers={"Content-Type": "text/plain"})
        await door.call("GET", "/chatbots/x/")
    assert [(line["event"], line["status"]) for line in logs] == [
        ("request", n) for n in (400, 400, 415, 404)
    ]


PART = b'--B\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
BROKEN_FORMS = (
    ("multipart/form-data", b"x"),
    ("multipart/form-data; boundary=", b"x"),
    ("multipart/form-data; boundary=B", b""),
    ("multipart/form-data; boundary=B", b"x" * 100_000),
    ("multipart/form-data; boundary=B", b"--B\r\nContent-Disposition: form-da"),
    ("multipart/form-data; boundary=B", PART % (b"a", b"", b"x") * 1_000 + b"--B--\r\n"),
    ("multipart/form-data; boundary=B", PART % (b"a", b"", b"x" * 100_000) + b"--B--\r\n"),
    ("multipart/form-data; boundary=B", PART % (b"file", b'; filename="\0\xff"', b"x") + b"--B--\r\n"),
)


@pytest.mark.parametrize(("media_type", "content"), BROKEN_FORMS, ids=range(len(BROKEN_FORMS)))
async def test_a_broken_form_is_refused(door: Door, media_type: str, content: bytes) -> None:
    for path in ("/attachments/", "/uploads/"):
        reply = await door.call("POST", path, content=content, headers={"Content-Type": media_type})
        assert reply.status_code == 400, path
        assert reply.json()["detail"].startswith("Multipart form parse error - ")


async def test_a_file_over_the_limit_is_too_large(door: Door) -> None:
    for path in ("/attachments/", "/uploads/"):
        reply = await door.call("POST", path, files={"file": ("a.txt", b"x" * 9_500_000)})
        assert (reply.status_code, reply.json()) == (413, {"detail": "The body is too large."}), path

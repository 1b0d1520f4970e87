"""Logs: structured, one line a request, and without a secret in any part of them."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from app.domain.workspaces import KeyKind
from app.observe.access import Observed
from app.observe.logs import configure_logging
from app.observe.metrics import Metrics
from app.observe.redact import redact_headers, redact_text
from app.security.keys import make_key

SECRET = "s3cr3t-Value_0123456789abcdef"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging("debug", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


@pytest.mark.parametrize(
    "name",
    ["X-API-Secret-Key", "x-api-key", "Authorization", "Api-Key", "Cookie", "Set-Cookie", "X-Auth-Token"],
)
def test_headers_with_secrets_are_masked(name: str) -> None:
    assert SECRET not in str(redact_headers({name: SECRET, "Accept": "*/*"}))
    assert redact_headers({"Accept": "*/*"}) == {"Accept": "*/*"}


@pytest.mark.parametrize(
    "text",
    [
        f"api_key={SECRET}",
        f"/chat?limit=1&api_key={SECRET}&x=1",
        f"access_token={SECRET}",
        f"/ws/chat/{SECRET}/",
        f"Authorization: Bearer {SECRET}",
        f"Api-Key {SECRET}",
        f"postgresql://user:{SECRET}@host/db",
    ],
)
def test_paths_queries_and_texts_with_secrets_are_masked(text: str) -> None:
    assert SECRET not in redact_text(text)


@pytest.mark.parametrize("kind", KeyKind)
@given(before=st.text(st.characters(exclude_categories=["L", "N", "Cs"], exclude_characters="_"), max_size=5))
def test_our_own_keys_are_known_wherever_they_stand(kind: KeyKind, before: str) -> None:
    made = make_key(kind)
    masked = redact_text(f"{before}{made.secret} and more")
    assert made.secret[12:] not in masked
    assert "and more" in masked


def test_harmless_texts_stay_as_they_are() -> None:
    for text in (
        "/api/public/channels/1/1.0/message",
        "limit=10&cursor=abc",
        "a=b",
        "monkey=banana",
        "50 % = x",
    ):
        assert redact_text(text) == text


def test_a_log_line_is_one_json_object_without_secrets(written: io.StringIO) -> None:
    log = structlog.get_logger()
    headers = {"X-API-Secret-Key": SECRET, "inner": [f"Bearer {SECRET}"]}
    log.info("something", api_key=SECRET, headers=headers, url=f"http://x/?token={SECRET}")
    logging.getLogger("library").warning("said %s", f"Bearer {SECRET}")
    assert SECRET not in written.getvalue()
    first, second = lines(written)
    assert (first["event"], first["level"]) == ("something", "info")
    assert (second["event"], second["level"]) == ("said Bearer ***", "warning")


def test_a_traceback_is_kept_without_secrets(written: io.StringIO) -> None:
    try:
        raise ValueError(f"Bearer {SECRET}")
    except ValueError:
        structlog.get_logger().exception("broke")
    (line,) = lines(written)
    assert "ValueError" in line["exception"]
    assert SECRET not in written.getvalue()


async def call(application: Any, path: str, query: bytes = b"") -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": query,
        "headers": [(b"x-api-key", SECRET.encode()), (b"x-request-id", b"given-1")],
        "client": ("192.0.2.1", 5),
    }
    await application(scope, receive, send)
    return sent


async def reply(scope: Any, receive: Any, send: Any) -> None:
    structlog.get_logger().info("inside")
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b"short and stout"})


async def test_a_request_leaves_one_access_line_and_its_id_on_all_lines(written: io.StringIO) -> None:
    sent = await call(Observed(reply, Metrics()), f"/ws/chat/{SECRET}/", b"api_key=" + SECRET.encode())
    inside, access = lines(written)
    assert SECRET not in written.getvalue()
    assert inside["request_id"] == access["request_id"] == "given-1"
    assert (access["event"], access["status"], access["method"]) == ("request", 418, "GET")
    assert (access["path"], access["query"]) == ("/ws/chat/***/", "api_key=***")
    assert (access["reply_bytes"], access["client"]) == (15, "192.0.2.1")
    assert (b"x-request-id", b"given-1") in sent[0]["headers"]


async def test_health_checks_are_not_worth_a_line(written: io.StringIO) -> None:
    logging.getLogger().setLevel(logging.INFO)
    await call(Observed(reply, Metrics()), "/health/live")
    assert [line["event"] for line in lines(written)] == ["inside"]


async def test_an_application_that_fails_is_counted_and_logged_too(written: io.StringIO) -> None:
    async def fail(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError

    metrics = Metrics()
    with pytest.raises(RuntimeError):
        await call(Observed(fail, metrics), "/x")
    assert lines(written)[-1]["status"] == 499
    assert b'status="499"} 1.0' in metrics.render()
    assert b"lectern_http_requests_in_progress 0.0" in metrics.render()

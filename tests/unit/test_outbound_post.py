"""Posting to receivers that somebody else named: the status is all that comes back, soon."""

import asyncio
from pathlib import Path

import pytest

from app.domain.errors import Invalid, Unavailable
from app.security import outbound as outbound_module
from app.security.outbound import Outbound
from tests.unit.loopback import always, certificate, names, response, site

BODY = b'{"content":"Fourteen days."}'
HEADERS = {"Content-Type": "application/json", "X-Lectern-Delivery": "1"}


async def test_the_body_and_headers_arrive_and_the_status_comes_back() -> None:
    async with (
        site(always(response(b"thanks", "202 Accepted"))) as server,
        Outbound(("127.0.0.1",)) as outbound,
    ):
        status = await outbound.post(f"http://127.0.0.1:{server.port}/hook?key=1", BODY, HEADERS)
    assert (status, server.bodies) == (202, [BODY])
    head = server.requests[0].lower()
    assert head.startswith("post /hook?key=1 http/1.1\r\n")
    for line in (
        "content-type: application/json",
        "x-lectern-delivery: 1",
        "user-agent: lecternbot/1.0",
        "accept: */*",
    ):
        assert f"\r\n{line}\r\n" in head


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "[::1]", "inside.example"])
async def test_private_addresses_are_refused(host: str) -> None:
    async with (
        site(always(response())) as server,
        Outbound(resolve=names(inside_example=["127.0.0.1"])) as outbound,
    ):
        with pytest.raises(Invalid) as refusal:
            await outbound.post(f"http://{host}:{server.port}/", BODY, HEADERS)
        assert (refusal.value.field, server.connections) == ("url", 0)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_an_answer_and_is_not_followed(status: str) -> None:
    moved = response(b"", status, Location="http://169.254.169.254/latest/meta-data/")
    async with site(always(moved)) as server, Outbound(("127.0.0.1",)) as outbound:
        answered = await outbound.post(f"http://127.0.0.1:{server.port}/", BODY, HEADERS)
    assert (answered, len(server.requests)) == (int(status[:3]), 1)


async def test_who_never_answers_is_given_up_and_hung_up_on() -> None:
    gone = asyncio.Event()

    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"HTTP/1.1 102 Processing\r\n\r\n")
                await writer.drain()
                await asyncio.sleep(0.01)
        finally:
            gone.set()

    async with site(answer) as server, Outbound(("127.0.0.1",)) as outbound:
        with pytest.raises(Unavailable, match=r"^127\.0\.0\.1 did not answer within 0\.2 seconds"):
            await outbound.post(f"http://127.0.0.1:{server.port}/secret", BODY, HEADERS, timeout_s=0.2)
        await asyncio.wait_for(gone.wait(), 5)


async def test_ten_gigabytes_said_in_reply_are_not_read() -> None:
    sent, gone = 0, asyncio.Event()

    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(response(Content_Length="10000000000"))
        try:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
                sent += 65536
        finally:
            gone.set()

    async with site(answer) as server, Outbound(("127.0.0.1",)) as outbound:
        assert await outbound.post(f"http://127.0.0.1:{server.port}/", BODY, HEADERS) == 200
        await asyncio.wait_for(gone.wait(), 5)
    assert sent < 50_000_000, "what fits into the buffers of the system, and no more"


async def test_a_status_counts_though_what_follows_it_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound_module, "_REST_TIMEOUT_S", 0.05)

    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(Content_Length="100"))
        await asyncio.Event().wait()

    async with site(answer) as server, Outbound(("127.0.0.1",)) as outbound:
        assert await outbound.post(f"http://127.0.0.1:{server.port}/", BODY, HEADERS) == 200


async def test_short_answers_leave_their_connection_for_the_next_post() -> None:
    async with site(always(response(b"ok"))) as server, Outbound(("127.0.0.1",)) as outbound:
        for _ in range(3):
            await outbound.post(f"http://127.0.0.1:{server.port}/", BODY, HEADERS)
    assert (len(server.bodies), server.connections) == (3, 1)


async def test_a_closed_port_and_an_unknown_name_are_told_without_the_path() -> None:
    async with site(always(b"")) as server:
        port = server.port
    async with Outbound(("127.0.0.1",), resolve=names()) as outbound:
        for host in (f"127.0.0.1:{port}", "nowhere.example"):
            with pytest.raises(Unavailable, match="can't be reached") as failure:
                await outbound.post(f"http://{host}/services/T0/s3cret", BODY, HEADERS)
            assert "s3cret" not in failure.value.message


async def test_a_certificate_of_nobody_we_know_is_refused(tmp_path: Path) -> None:
    tls, _ = certificate(tmp_path, "somebody.example")
    async with site(always(response()), tls) as server, Outbound(("127.0.0.1",)) as outbound:
        with pytest.raises(Unavailable, match="its certificate is not valid"):
            await outbound.post(f"https://127.0.0.1:{server.port}/", BODY, HEADERS)
        assert server.requests == []

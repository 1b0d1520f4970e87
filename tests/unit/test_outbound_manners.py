"""The outbound client towards honest servers: types, statuses, cookies, proxies, shares, names over TLS."""

import asyncio
from pathlib import Path

import pytest

from app.domain.errors import Unavailable
from app.security.outbound import Outbound
from tests.unit.loopback import always, certificate, names, response, site


async def test_a_type_that_is_not_wanted_is_not_read() -> None:
    data = response(b"x" * 1000, Content_Type="Application/ZIP; a=b", Content_Length="99999999")
    async with site(always(data)) as server, Outbound(("127.0.0.1",)) as outbound:
        fetched = await outbound.get(f"http://127.0.0.1:{server.port}/", media_types=("text/html",))
    assert (fetched.content_type, fetched.body, fetched.status) == ("application/zip", b"", 200)


async def test_a_status_is_reported_and_not_raised() -> None:
    async with (
        site(always(response(b"gone", "410 Gone"))) as server,
        Outbound(("127.0.0.1",)) as outbound,
    ):
        fetched = await outbound.get(f"http://127.0.0.1:{server.port}/")
    assert (fetched.status, fetched.body) == (410, b"gone")


async def test_cookies_are_neither_kept_nor_sent() -> None:
    data = response(b"ok", Set_Cookie="session=1; Path=/")
    async with site(always(data)) as server, Outbound(("127.0.0.1",)) as outbound:
        for _ in range(2):
            await outbound.get(f"http://127.0.0.1:{server.port}/")
    assert not any("cookie" in request.lower() for request in server.requests)


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with site(always(response(b"direct"))) as server, Outbound(("127.0.0.1",)) as outbound:
        assert (await outbound.get(f"http://127.0.0.1:{server.port}/")).body == b"direct"


async def test_one_host_is_not_asked_by_more_than_its_share_at_once() -> None:
    under_way = most = 0
    full, go_on = asyncio.Event(), asyncio.Event()

    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 2:
            full.set()
        await go_on.wait()
        under_way -= 1
        writer.write(response(b"ok"))

    async with site(answer) as server, Outbound(("127.0.0.1",), per_host=2) as outbound:
        url = f"http://127.0.0.1:{server.port}/"
        asked = [asyncio.create_task(outbound.get(url)) for _ in range(6)]
        await asyncio.wait_for(full.wait(), 5)
        go_on.set()
        await asyncio.gather(*asked)
    assert most == 2
    assert len(outbound._slots) == 0


async def test_over_tls_the_name_is_verified_although_the_address_is_pinned(tmp_path: Path) -> None:
    server_tls, client_tls = certificate(tmp_path, "right.example")
    asked_for: list[str | None] = []
    server_tls.sni_callback = lambda socket, name, context: asked_for.append(name)
    resolve = names(right_example=["127.0.0.1"], wrong_example=["127.0.0.1"])
    async with (
        site(always(response(b"private")), server_tls) as server,
        Outbound(("*.example",), resolve=resolve, tls=client_tls) as outbound,
    ):
        assert (await outbound.get(f"https://right.example:{server.port}/")).body == b"private"
        with pytest.raises(Unavailable, match="certificate is not valid"):
            await outbound.get(f"https://wrong.example:{server.port}/")
    assert asked_for == ["right.example", "wrong.example"]
    assert len(server.requests) == 1

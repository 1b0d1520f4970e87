"""The outbound client, attacked over real sockets."""

import asyncio
import gzip
from collections.abc import Sequence

import pytest

from app.domain.errors import DomainError, Invalid, TooLarge, Unavailable
from app.security.outbound import Outbound
from tests.unit.loopback import always, names, response, site

FORBIDDEN_HOSTS = [
    "127.0.0.1",
    "127.8.9.10",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "0.0.0.0",
    "0",
    "10.1.2.3",
    "172.31.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "169.254.169.254",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "127.1",
    "0177.0.0.1",
    "127.0.0.1.",
    "127.0.0.0x1",
    "①②⑦.⓪.⓪.①",
    "１２７.0.0.1",
    "127。0。0。1",
    "%31%32%37.0.0.1",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:8.8.8.8]",
    "[::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::7f00:1]",
    "[2a00::5efe:7f00:1]",
    "[fd00:ec2::254]",
    "[fd20:ce::254]",
    "[fc00::1]",
    "[fe80::1]",
    "[fe80::1%25lo]",
    "[fec0::1]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[100::1]",
]


@pytest.mark.parametrize("host", FORBIDDEN_HOSTS)
async def test_no_spelling_of_a_private_address_is_reached(host: str) -> None:
    async with site(always(response(b"secret"))) as server, Outbound() as outbound:
        with pytest.raises(Invalid) as refusal:
            await outbound.get(f"http://{host}:{server.port}/", timeout_s=5)
        assert refusal.value.field == "url"
        assert server.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://example.com/",
        "javascript:alert(1)",
        "//example.com/",
        "example.com",
        "http://",
        "http:///path",
        "http://user:word@example.com/",
        "http://example.com\\@127.0.0.1/",
        "http://example.com@127.0.0.1/",
        "http://exa mple.com/",
        "http://example.com/\r\nX-Header: 1",
        "http://example.com:99999/",
        "http://[::1/",
        "http://exa%00mple.com/",
        "http://a..b/",
        "http://example.com/" + "a" * 5000,
        "",
    ],
)
async def test_what_is_no_plain_web_address_is_refused_before_any_look_up(url: str) -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        raise AssertionError(host)

    async with Outbound(resolve=never) as outbound:
        with pytest.raises(Invalid):
            await outbound.get(url)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"])
async def test_a_public_name_that_points_inside_is_refused_without_telling_where(address: str) -> None:
    async with Outbound(resolve=names(sneaky_example=[address])) as outbound:
        with pytest.raises(Invalid) as refusal:
            await outbound.get("http://sneaky.example/")
    assert address not in refusal.value.message
    assert "LECTERN_OUTBOUND_ALLOW" in refusal.value.message


async def test_a_name_that_changes_its_answer_is_asked_once_and_gains_nothing() -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        # 192.0.2.0/24 would be refused as well, so a listed host stands for the harmless first answer.
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    async with (
        site(always(response(b"first", Connection="close"))) as server,
        Outbound(("127.0.0.1/32",), resolve=rebinding) as outbound,
    ):
        url = f"http://rebind.example:{server.port}/"
        fetched = await outbound.get(url)
        assert (fetched.body, asked) == (b"first", ["rebind.example"])
        assert f"Host: rebind.example:{server.port}" in server.requests[0]
        with pytest.raises(Invalid):
            await outbound.get(url)
        assert len(server.requests) == 1


async def test_of_several_addresses_only_the_permitted_ones_are_tried() -> None:
    resolve = names(mixed_example=["127.0.0.2", "127.0.0.1"])
    async with (
        site(always(response(b"ok"))) as server,
        Outbound(("127.0.0.1/32",), resolve=resolve) as outbound,
    ):
        assert (await outbound.get(f"http://mixed.example:{server.port}/")).body == b"ok"


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2:{port}/inside",
        "//127.0.0.2:{port}/inside",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:127.0.0.1]:{port}/inside",
        "http://2130706433:{port}/inside",
        "http://user@listed.example:{port}/inside",
        "file:///etc/passwd",
        "http://[bad/",
    ],
)
async def test_a_redirect_is_checked_like_the_first_address(location: str) -> None:
    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(status="302 Found", Location=location.format(port=server.port)))

    resolve = names(listed_example=["127.0.0.1"])
    async with site(answer) as server, Outbound(("listed.example",), resolve=resolve) as outbound:
        with pytest.raises(DomainError):
            await outbound.get(f"http://listed.example:{server.port}/start")
        assert [request.split()[1] for request in server.requests] == ["/start"]


async def test_redirects_are_followed_to_the_end_and_five_are_enough() -> None:
    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        left = int(path[1:])
        moved = response(status="301 Moved", Location=f"{left - 1}")
        writer.write(moved if left else response(b"end"))

    async with site(answer) as server, Outbound(("127.0.0.1",)) as outbound:
        base = f"http://127.0.0.1:{server.port}"
        fetched = await outbound.get(f"{base}/5#part")
        assert (fetched.url, fetched.final_url, fetched.body) == (f"{base}/5#part", f"{base}/0", b"end")
        with pytest.raises(Unavailable, match="redirects more than 5 times"):
            await outbound.get(f"{base}/6")


async def test_a_redirect_that_the_caller_does_not_want_is_handed_back_unread() -> None:
    async with (
        site(always(response(b"moved", "302 Found", Location="/next"))) as server,
        Outbound(("127.0.0.1",)) as outbound,
    ):
        url = f"http://127.0.0.1:{server.port}/"
        fetched = await outbound.get(url, may_follow=lambda target: not target.endswith("/next"))
    assert (fetched.status, fetched.headers["location"], fetched.body) == (302, "/next", b"")
    assert len(server.requests) == 1


async def test_a_slow_drip_ends_with_the_total_time() -> None:
    gone = asyncio.Event()

    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(Content_Length="1000000"))
        try:
            while True:
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.01)
        finally:
            gone.set()

    async with site(answer) as server, Outbound(("127.0.0.1",)) as outbound:
        with pytest.raises(Unavailable, match=r"within 0\.3 seconds"):
            await outbound.get(f"http://127.0.0.1:{server.port}/", timeout_s=0.3)
        await asyncio.wait_for(gone.wait(), 5)


async def test_a_resolver_that_never_answers_ends_with_the_total_time() -> None:
    async def stuck(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async with Outbound(resolve=stuck) as outbound:
        with pytest.raises(Unavailable):
            await outbound.get("http://slow.example/", timeout_s=0.1)


async def test_an_endless_body_is_cut_off() -> None:
    gone = asyncio.Event()

    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        finally:
            gone.set()

    async with site(answer) as server, Outbound(("127.0.0.1",)) as outbound:
        with pytest.raises(TooLarge, match="larger than 100,000 bytes"):
            await outbound.get(f"http://127.0.0.1:{server.port}/", max_bytes=100_000)
        await asyncio.wait_for(gone.wait(), 5)


async def test_a_body_of_exactly_the_limit_is_read() -> None:
    packed = gzip.compress(b"y" * 1000)
    bodies = {"/plain": response(b"y" * 1000), "/gzip": response(packed, Content_Encoding="gzip")}

    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(bodies[path])

    async with site(answer) as server, Outbound(("127.0.0.1",)) as outbound:
        for path in bodies:
            url = f"http://127.0.0.1:{server.port}{path}"
            assert (await outbound.get(url, max_bytes=1000)).body == b"y" * 1000
            with pytest.raises(TooLarge):
                await outbound.get(url, max_bytes=999)


async def test_a_gzip_bomb_is_counted_as_it_unpacks() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    async with (
        site(always(response(bomb, Content_Encoding="gzip"))) as server,
        Outbound(("127.0.0.1",)) as outbound,
    ):
        with pytest.raises(TooLarge):
            await outbound.get(f"http://127.0.0.1:{server.port}/", max_bytes=1_000_000)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip, gzip", gzip.compress(gzip.compress(b"x" * 1000))),
        ("br", b"\x0b\x02\x80"),
        ("gzip", b"no gzip at all"),
        ("gzip", gzip.compress(b"x" * 1000)[:20]),
    ],
)
async def test_a_damaged_nested_or_unknown_encoding_is_an_error_and_not_a_short_page(
    encoding: str, body: bytes
) -> None:
    data = response(body, Content_Encoding=encoding)
    async with site(always(data)) as server, Outbound(("127.0.0.1",)) as outbound:
        with pytest.raises(Unavailable):
            await outbound.get(f"http://127.0.0.1:{server.port}/")


@pytest.mark.parametrize(
    "data", [b"", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"]
)
async def test_a_server_that_breaks_off_is_unavailable(data: bytes) -> None:
    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        writer.close()

    async with site(answer) as server, Outbound(("127.0.0.1",)) as outbound:
        with pytest.raises(Unavailable, match="can't be reached"):
            await outbound.get(f"http://127.0.0.1:{server.port}/")


async def test_a_closed_port_and_an_unknown_name_are_unavailable() -> None:
    async with site(always(b"")) as server:
        port = server.port
    async with Outbound(("127.0.0.1",), resolve=names()) as outbound:
        with pytest.raises(Unavailable):
            await outbound.get(f"http://127.0.0.1:{port}/")
        with pytest.raises(Unavailable, match="the name is not known"):
            await outbound.get("http://nowhere.example/")

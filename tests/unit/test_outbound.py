"""The outbound client, attacked over real sockets."""

import asyncio
import datetime
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import DomainError, Invalid, TooLarge, Unavailable
from app.security.addresses import AllowList, Reach, reach, read_host
from app.security.outbound import Outbound
from app.settings import WrongSetting

Answer = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


class Site:
    """A server on the loopback and what it was asked."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[str] = []


@asynccontextmanager
async def site(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Site]:
    state = Site()
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                state.requests.append(head.decode())
                await answer(head.split()[1].decode(), writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving)


def response(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    lines = {"Content_Type": "text/html", "Content_Length": str(len(body)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def always(data: bytes) -> Answer:
    async def answer(path: str, writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return answer


def names(**known: Sequence[str]) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    """A resolver; each look-up of a name with several lists in it takes the next one."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        if host.replace(".", "_") not in known:
            raise OSError("unknown")
        return known[host.replace(".", "_")]

    return resolve


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


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a trusting client's TLS context for one name."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = built.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "both.pem").write_bytes(pem)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(folder / "both.pem")
    return server, ssl.create_default_context(cafile=str(folder / "both.pem"))


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


@pytest.mark.parametrize(
    ("entry", "host", "port", "address", "opened"),
    [
        ("wiki.lan", "wiki.lan", 80, "10.0.0.5", True),
        ("wiki.lan", "wiki.lan", 8080, "fd12::5", True),
        ("wiki.lan", "evil.wiki.lan", 80, "10.0.0.5", False),
        ("wiki.lan", "wiki.lan", 80, "169.254.169.254", False),
        ("wiki.lan", "wiki.lan", 80, "100.100.100.200", False),
        ("wiki.lan", "wiki.lan", 80, "::ffff:10.0.0.5", False),
        ("wiki.lan:8080", "wiki.lan", 8080, "10.0.0.5", True),
        ("wiki.lan:8080", "wiki.lan", 80, "10.0.0.5", False),
        ("WIKI.lan.", "wiki.lan", 80, "10.0.0.5", True),
        ("*.corp", "a.b.corp", 80, "10.0.0.5", True),
        ("*.corp", "corp", 80, "10.0.0.5", False),
        ("*.corp", "notcorp", 80, "10.0.0.5", False),
        ("10.0.0.0/8", "any.example", 80, "10.200.0.1", True),
        ("10.0.0.0/8", "any.example", 80, "192.168.0.1", False),
        ("169.254.0.0/16", "any.example", 80, "169.254.1.1", True),
        ("fd00::/8", "any.example", 80, "fd00::1", True),
        ("10.0.0.5", "10.0.0.5", 80, "10.0.0.5", True),
        ("10.0.0.5", "any.example", 80, "10.0.0.5", False),
        ("169.254.7.7:80", "169.254.7.7", 80, "169.254.7.7", True),
        ("[::1]:8080", "::1", 8080, "::1", True),
        ("[::1]:8080", "::1", 80, "::1", False),
        ("::1", "::1", 80, "::1", True),
    ],
)
def test_the_allow_list_opens_what_it_names_and_no_more(
    entry: str, host: str, port: int, address: str, opened: bool
) -> None:
    read = read_host(host)
    assert read is not None
    assert AllowList((entry,)).admits(read, port, ip_address(address)) is opened


@pytest.mark.parametrize(
    "entry", ["*", "*.", "http://wiki.lan", "wiki.lan:0", "wiki.lan:http", "10.0.0.0/99", "a b", "0x7f.1", ""]
)
def test_a_wrong_entry_stops_the_start_with_the_variables_name(entry: str) -> None:
    with pytest.raises(WrongSetting, match="LECTERN_OUTBOUND_ALLOW"):
        AllowList((entry,))


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_called_public(address: object) -> None:
    found = ip_address(str(address))
    if reach(found) is Reach.PUBLIC:
        assert found.is_global
        assert not found.is_multicast


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::8a"])
def test_public_addresses_need_no_permission(address: str) -> None:
    assert reach(ip_address(address)) is Reach.PUBLIC

"""The outbound client towards honest servers: types, statuses, cookies, proxies, shares, names over TLS."""

import asyncio
import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.domain.errors import Unavailable
from app.security.outbound import Outbound
from tests.unit.loopback import always, names, response, site


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

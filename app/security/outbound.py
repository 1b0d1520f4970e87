"""The one way out: an HTTP client that can't be led to private addresses and takes a bounded amount."""

import asyncio
import re
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self
from weakref import WeakValueDictionary

import httpcore
import httpx
from msgspec import Struct

from app.domain.errors import Invalid, TooLarge, Unavailable
from app.security.addresses import Address, AllowList, read_host

ROBOT_NAME = "LecternBot"
MAX_REDIRECTS = 5

_USER_AGENT = f"{ROBOT_NAME}/1.0"
_MOST_BYTES = 16 * 1024 * 1024
_MOST_URL_CHARS = 4096
_CONNECT_TIMEOUT_S = 10
_MOST_ADDRESSES = 4
_LOOK_UPS_AT_ONCE = 8
_MOST_CONNECTIONS = 64
_KEEP_ALIVE_S = 5
_UNPRINTABLE = re.compile(r"[^\x21-\x7e\u00a1-\ud7ff\ue000-\U0010ffff]")

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
_TRANSPORT_ERRORS = (
    httpx.HTTPError,
    httpx.StreamError,
    httpx.InvalidURL,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
)


class Fetched(Struct, frozen=True):
    """A response, redirects followed; `content_type` is the bare media type, `headers` are in lower case."""

    url: str
    final_url: str
    status: int
    content_type: str
    headers: dict[str, str]
    body: bytes


class _Terms(Struct, frozen=True):
    max_bytes: int
    media_types: tuple[str, ...]
    may_follow: Callable[[str], bool]


class SystemResolver:
    """The system's resolver, in threads of its own.

    Name servers of strangers may take their time; they would otherwise hold the threads that models run in.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOK_UPS_AT_ONCE, thread_name_prefix="look-up")

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a name, best first.

        Raises: OSError, UnicodeError.
        """
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _look_up, host, port)
        return [str(entry[4][0]) for entry in found]

    def close(self) -> None:
        """Lets the threads go; look-ups under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Outbound:
    """Fetches web pages; private addresses only as far as `allow` opens them.

    Connections are pooled and therefore belong to one event loop. `resolve` and `tls` are for tests and
    private authorities (`SSL_CERT_FILE` works too). Proxies of the environment are not used: a proxy would
    resolve the name a second time.
    """

    def __init__(
        self,
        allow: Iterable[str] = (),
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        per_host: int = 8,
    ) -> None:
        self._resolver = SystemResolver()
        guard = _Guard(AllowList(allow), resolve or self._resolver)
        self._client = httpx.AsyncClient(
            transport=_GuardedTransport(guard, tls or httpx.create_ssl_context()),
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(None, connect=_CONNECT_TIMEOUT_S),
            # A jar would carry one workspace's session into another's requests.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={
                "User-Agent": _USER_AGENT,
                "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.5",
                "Accept-Encoding": "gzip",
            },
        )
        self._per_host = per_host
        self._slots: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the pooled connections."""
        await self._client.aclose()
        self._resolver.close()

    async def get(
        self,
        url: str,
        *,
        max_bytes: int = _MOST_BYTES,
        timeout_s: float = 30,
        media_types: tuple[str, ...] = (),
        may_follow: Callable[[str], bool] = lambda url: True,
    ) -> Fetched:
        """The response to a GET, whatever its status, after at most five redirects.

        With `media_types`, a response of another type comes back unread, with an empty body; so does a
        redirect whose target `may_follow` refuses. `max_bytes` is for what is received as well as for what it
        unpacks to; `timeout_s` spans all, the look-up included.

        Raises: Invalid for an address that may not be fetched, TooLarge, Unavailable.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._follow(url, _Terms(max_bytes, media_types, may_follow))
        except TimeoutError:
            reason = f"{_shown(url)} was not read within {timeout_s:g} seconds; try again later."
            raise Unavailable(reason) from None
        except _TRANSPORT_ERRORS as error:
            raise Unavailable(f"{_shown(url)} can't be reached: {_cause(error)}.") from error

    async def _follow(self, url: str, terms: _Terms) -> Fetched:
        here = _read_url(url)
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._hop(url, here, terms)
            if isinstance(answer, Fetched):
                return answer
            here = answer
        raise Unavailable(f"{_shown(url)} redirects more than {MAX_REDIRECTS} times; give the final address.")

    async def _hop(self, url: str, here: httpx.URL, terms: _Terms) -> Fetched | httpx.URL:
        slot = self._slots.get(here.host)
        if slot is None:
            slot = self._slots[here.host] = asyncio.Semaphore(self._per_host)
        async with slot, self._client.stream("GET", here) as response:
            content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            unwanted = bool(terms.media_types) and content_type not in terms.media_types
            if response.has_redirect_location:
                target = _redirect_target(here, response.headers["location"])
                if terms.may_follow(str(target)):
                    return target
                unwanted = True
            body = b"" if unwanted else await _read_body(response, terms.max_bytes)
            return Fetched(url, str(here), response.status_code, content_type, dict(response.headers), body)


class _GuardedTransport(httpx.AsyncBaseTransport):
    """httpx over a pool whose every connection is opened by the guard."""

    def __init__(self, guard: httpcore.AsyncNetworkBackend, tls: ssl.SSLContext) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=_MOST_CONNECTIONS,
            keepalive_expiry=_KEEP_ALIVE_S,
            network_backend=guard,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        response = await self._pool.handle_async_request(
            httpcore.Request(
                request.method,
                url,
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._response.aiter_stream():
            yield part

    async def aclose(self) -> None:
        await self._response.aclose()


class _Guard(httpcore.AsyncNetworkBackend):
    """Opens connections to permitted addresses only.

    The name is resolved here, once, and the connection goes to the very address that was checked: a name that
    changes its answer in between (DNS rebinding) gains nothing. TLS and the Host header keep the name.
    """

    def __init__(self, allow: AllowList, resolve: Resolve) -> None:
        self._allow = allow
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._permitted(host, port)
        for place, address in enumerate(addresses, start=1):
            try:
                return await self._network.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if place == len(addresses):
                    raise
        raise httpcore.ConnectError("the name has no address")

    async def _permitted(self, host: str, port: int) -> list[Address]:
        known = read_host(host)
        if known is None:
            raise _odd_host()
        found = await self._look_up(known, port) if isinstance(known, str) else [known]
        permitted = [address for address in found if self._allow.admits(known, port, address)]
        if found and not permitted:
            raise Invalid(
                f"{host} lies in a private or reserved network and is not fetched; "
                "the operator can open it with LECTERN_OUTBOUND_ALLOW.",
                "url",
            )
        return permitted[:_MOST_ADDRESSES]

    async def _look_up(self, name: str, port: int) -> list[Address]:
        try:
            found = await self._resolve(name, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name is not known") from error
        return [ip_address(text) for text in dict.fromkeys(found)]


def _look_up(host: str, port: int) -> list[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _read_url(url: str) -> httpx.URL:
    if len(url) > _MOST_URL_CHARS or _UNPRINTABLE.search(url):
        raise Invalid("The address is too long or holds spaces or control characters.", "url")
    try:
        read = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise Invalid(f"{_shown(url)} is not a web address.", "url") from None
    if read.scheme not in ("http", "https") or not read.host:
        raise Invalid(f"{_shown(url)} is not a web address; it starts with http:// or https://.", "url")
    if read.port is not None and not 0 < read.port < 65536:
        raise Invalid("The port of the address is not a number from 1 to 65535.", "url")
    if read.userinfo:
        raise Invalid("The address holds a user name or password; these are not sent.", "url")
    if read_host(read.raw_host.decode("ascii")) is None:
        raise _odd_host()
    return read.copy_with(fragment=None)


def _odd_host() -> Invalid:
    return Invalid("The host is written in an unusual form; give its name or plain address.", "url")


def _redirect_target(here: httpx.URL, location: str) -> httpx.URL:
    try:
        target = str(here.join(location))
    except (httpx.InvalidURL, ValueError):
        raise Unavailable(f"{_shown(str(here))} redirects to something that is no web address.") from None
    return _read_url(target)


async def _read_body(response: httpx.Response, max_bytes: int) -> bytes:
    unpacker = _unpacker(response.headers.get("content-encoding", ""), max_bytes)
    received, body = 0, bytearray()
    # Raw: httpx unpacks a whole piece before anyone can count it.
    async for piece in response.aiter_raw():
        received += len(piece)
        body += unpacker.feed(piece)
        if max(received, len(body)) > max_bytes:
            raise TooLarge(
                f"{_shown(str(response.url))} is larger than {max_bytes:,} bytes, so it was not read."
            )
    if received:
        unpacker.finish()
    return bytes(body)


class _Plain:
    """A body as it comes; the protocol itself notices a cut."""

    def feed(self, piece: bytes) -> bytes:
        return piece

    def finish(self) -> None:
        pass


class _Gunzip:
    """A gzip body, unpacked at most a step past `max_bytes` however small it came."""

    def __init__(self, max_bytes: int) -> None:
        self._inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        self._step_bytes = max_bytes + 1

    def feed(self, piece: bytes) -> bytes:
        try:
            return self._inflate.decompress(piece, self._step_bytes)
        except zlib.error:
            raise _damaged() from None

    def finish(self) -> None:
        if not self._inflate.eof:
            raise _damaged()


def _unpacker(encoding: str, max_bytes: int) -> _Plain | _Gunzip:
    match encoding.strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip":
            return _Gunzip(max_bytes)
    # Nested encodings ("gzip, gzip") end here too: they multiply what a small answer unpacks to.
    raise Unavailable("The site answers in an encoding that it was not asked for, so the page can't be read.")


def _damaged() -> Unavailable:
    return Unavailable("The site's compressed answer is damaged, so the page can't be read.")


def _cause(error: Exception) -> str:
    # The pool drops the chain of causes; the wrapped error is its only argument.
    if any(isinstance(part, ssl.SSLCertVerificationError) for part in error.args):
        return "its certificate is not valid"
    words = str(error).strip().rstrip(".")
    return words if 0 < len(words) <= 120 else "the connection failed"


def _shown(url: str) -> str:
    clean = _UNPRINTABLE.sub("", url)
    return clean if len(clean) <= 200 else clean[:200] + "…"

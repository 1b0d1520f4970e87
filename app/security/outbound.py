"""The one way out: an HTTP client that can't be led to private addresses and takes a bounded amount."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self
from weakref import WeakValueDictionary

import httpcore
import httpx
from msgspec import Struct

from app.domain.errors import Invalid, Unavailable
from app.security.addresses import Address, AllowList, read_host
from app.security.bodies import read_body
from app.security.urls import odd_host, read_url, shown_url

ROBOT_NAME = "LecternBot"
MAX_REDIRECTS = 5

_USER_AGENT = f"{ROBOT_NAME}/1.0"
_MOST_BYTES = 16 * 1024 * 1024
_CONNECT_TIMEOUT_S = 10
_POST_CONNECT_TIMEOUT_S = 5
_POST_TIMEOUT_S = 15
# The rest of a short answer is read, so that its connection can be used again.
_MOST_REST_BYTES = 64 * 1024
_REST_TIMEOUT_S = 2
_MOST_ADDRESSES = 4
_LOOK_UPS_AT_ONCE = 8
_MOST_CONNECTIONS = 64
_KEEP_ALIVE_S = 5

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
    """Fetches web pages and posts to receivers; private addresses only as far as `allow` opens them.

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
            reason = f"{shown_url(url)} was not read within {timeout_s:g} seconds; try again later."
            raise Unavailable(reason) from None
        except _TRANSPORT_ERRORS as error:
            raise Unavailable(f"{shown_url(url)} can't be reached: {_cause(error)}.") from error

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float = _POST_TIMEOUT_S
    ) -> int:
        """The status that a POST is answered with; redirects are not followed, and what is said is not kept.

        Raises: Invalid for an address that may not be reached, Unavailable.
        """
        here = read_url(url)
        request = self._client.build_request(
            "POST",
            here,
            content=body,
            headers={"Accept": "*/*", **headers},
            timeout=httpx.Timeout(None, connect=_POST_CONNECT_TIMEOUT_S),
        )
        try:
            async with asyncio.timeout(timeout_s):
                response = await self._client.send(request, stream=True)
        except TimeoutError:
            raise Unavailable(f"{here.host} did not answer within {timeout_s:g} seconds.") from None
        except _TRANSPORT_ERRORS as error:
            # The host alone: the path of a receiver's address is often its secret, and errors are logged.
            raise Unavailable(f"{here.host} can't be reached: {_cause(error)}.") from error
        await _hang_up(response)
        return response.status_code

    async def _follow(self, url: str, terms: _Terms) -> Fetched:
        here = read_url(url)
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._hop(url, here, terms)
            if isinstance(answer, Fetched):
                return answer
            here = answer
        raise Unavailable(
            f"{shown_url(url)} redirects more than {MAX_REDIRECTS} times; give the final address."
        )

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
            body = b"" if unwanted else await read_body(response, terms.max_bytes)
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
            raise odd_host()
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


def _redirect_target(here: httpx.URL, location: str) -> httpx.URL:
    try:
        target = str(here.join(location))
    except (httpx.InvalidURL, ValueError):
        raise Unavailable(f"{shown_url(str(here))} redirects to something that is no web address.") from None
    return read_url(target)


async def _hang_up(response: httpx.Response) -> None:
    """Ends a response whose status is all that is wanted."""
    received = 0
    try:
        with suppress(TimeoutError, *_TRANSPORT_ERRORS):
            async with asyncio.timeout(_REST_TIMEOUT_S):
                async for piece in response.aiter_raw():
                    received += len(piece)
                    if received > _MOST_REST_BYTES:
                        break
    finally:
        await response.aclose()


def _cause(error: Exception) -> str:
    # The pool drops the chain of causes; the wrapped error is its only argument.
    if any(isinstance(part, ssl.SSLCertVerificationError) for part in error.args):
        return "its certificate is not valid"
    words = str(error).strip().rstrip(".")
    return words if 0 < len(words) <= 120 else "the connection failed"

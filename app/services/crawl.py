"""Crawls a website: every page of one host that links lead to, once."""

import asyncio
import hashlib
import re
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from urllib.parse import urljoin, urlsplit

from msgspec import Struct
from protego import Protego

from app.domain.errors import DomainError
from app.security.outbound import ROBOT_NAME, Fetched, Outbound
from app.services.read_links import PageLinks, canonical_url, page_key, read_links, site_of

_AT_ONCE = 4
_HTML = ("text/html", "application/xhtml+xml")
_ROBOTS_BYTES = 512 * 1024
# Every link is held against every rule; a hostile file must not make that long.
_MOST_ROBOTS_LINES = 5000
_ROBOTS_TIMEOUT_S = 15
_MOST_DELAY_S = 10.0
_MOST_BACK_OFF_S = 30.0
_REQUESTS_A_PAGE = 10
_LEAST_REQUESTS = 1000
_LEAST_KNOWN_URLS = 20_000
_FORBIDDEN = "The site's robots.txt does not allow this page to be crawled."

_NOT_A_PAGE = re.compile(
    r"\.(pdf|docx?|xlsx?|pptx?|od[tsp]|epub|csv|txt|xml|json|rss|atom|js|mjs|css|map|png|jpe?g|gif|svg|webp|avif|ico"
    r"|bmp|tiff?|mp[34]|m4[av]|avi|mov|webm|og[gv]|wav|flac|zip|gz|tgz|bz2|xz|7z|rar|tar|jar|exe|msi|dmg|iso|deb|rpm"
    r"|apk|bin|woff2?|ttf|otf|eot|asc|sig)\Z",
    re.IGNORECASE,
)


class CrawlOptions(Struct, frozen=True, kw_only=True):
    """How far a crawl goes; a URL is ignored when it holds one of the `ignore` patterns (`*` = anything)."""

    max_pages: int = 200
    max_depth: int = 5
    follow_links: bool = True
    ignore: tuple[str, ...] = ()
    max_page_bytes: int = 5 * 1024 * 1024
    page_timeout_s: float = 30


class CrawledPage(Struct, frozen=True):
    """A page as it was served; `content_type` is the whole header, with the character set if it names one."""

    url: str
    html: bytes
    content_type: str
    depth: int


class CrawlFailure(Struct, frozen=True):
    """A page that could not be had, and why, in a sentence for a person."""

    url: str
    reason: str


class _Target(Struct, frozen=True):
    url: str
    depth: int
    is_start: bool = False


class _Visit(Struct, frozen=True):
    """One fetched target: `fetched` or `reason` is set."""

    target: _Target
    fetched: Fetched | None = None
    says: PageLinks = PageLinks()
    reason: str = ""


Outcome = CrawledPage | CrawlFailure
Pause = Callable[[float], Awaitable[None]]


async def crawl(
    outbound: Outbound,
    start_url: str,
    options: CrawlOptions | None = None,
    *,
    pause: Pause = asyncio.sleep,
) -> AsyncGenerator[Outcome, None]:
    """The pages of the start page's host, breadth first, and what could not be had of them.

    Nofollow and crawl delays are obeyed; redirects, `rel=canonical` and identical bytes count once. What is
    no HTML, is forbidden by robots.txt, ignored by a pattern or on another host is left out in silence.
    When the start page can't be had, the only outcome is its failure.
    """
    walk = _Walk(outbound, options or CrawlOptions(), pause)
    async with aclosing(walk.run(start_url)) as outcomes:
        async for outcome in outcomes:
            yield outcome


class _Walk:
    """One crawl's memory: what is known, taken and still to be visited."""

    def __init__(self, outbound: Outbound, options: CrawlOptions, pause: Pause) -> None:
        self._outbound = outbound
        self._options = options
        self._pause = pause
        self._ignore = tuple(pattern.split("*") for pattern in options.ignore if pattern.strip("* "))
        self._site = ""
        self._robots = Protego.parse("")
        self._turn = asyncio.Lock()
        self._frontier: deque[_Target] = deque()
        self._most_known = max(_LEAST_KNOWN_URLS, options.max_pages * _REQUESTS_A_PAGE)
        self._known: set[str] = set()
        self._refused: set[str] = set()
        self._taken: set[str] = set()
        self._relied_on: set[str] = set()
        self._failed: set[str] = set()
        self._digests: set[bytes] = set()
        self._stored = 0
        self._requests = 0

    async def run(self, start_url: str) -> AsyncGenerator[Outcome, None]:
        """The outcomes, start page first."""
        first = await self._open(start_url)
        if isinstance(first, CrawlFailure):
            yield first
            return
        pending: deque[asyncio.Task[_Visit]] = deque()
        try:
            for outcome in self._settle(first):
                yield outcome
            while self._stored < self._options.max_pages and self._fill(pending):
                visit = await pending[0]
                pending.popleft()
                for outcome in self._settle(visit):
                    yield outcome
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        if not self._stored and not self._failed:
            yield CrawlFailure(start_url, "The start page points to a canonical one that is no HTML page.")
        if self._frontier and self._stored < self._options.max_pages:
            reason = f"The crawl stopped after {self._requests} requests, most of them without a new page."
            yield CrawlFailure(self._frontier[0].url, reason)

    def _fill(self, pending: deque[asyncio.Task[_Visit]]) -> bool:
        """Whether anything is under way, after starting as much as may be."""
        most = max(_LEAST_REQUESTS, self._options.max_pages * _REQUESTS_A_PAGE)
        while self._frontier and len(pending) < _AT_ONCE and self._requests < most:
            pending.append(asyncio.create_task(self._visit(self._frontier.popleft())))
            self._requests += 1
        return bool(pending)

    async def _open(self, start_url: str) -> _Visit | CrawlFailure:
        """The visit of the start page; where it leads to is the site."""
        start = canonical_url(start_url)
        if start is None:
            return CrawlFailure(start_url, "This is no web address; it starts with http:// or https://.")
        self._known.add(page_key(start))
        for _ in range(2):
            self._site = site_of(start)
            self._refused.clear()
            visit = await self._enter(start)
            if isinstance(visit, CrawlFailure) or visit.fetched is None:
                return visit if isinstance(visit, CrawlFailure) else CrawlFailure(start_url, visit.reason)
            final = canonical_url(visit.fetched.final_url) or start
            if site_of(final) == self._site:
                return self._checked_start(visit, start_url)
            start = final
        return CrawlFailure(start_url, "The address redirects from host to host; give the final one.")

    async def _enter(self, url: str) -> _Visit | CrawlFailure:
        reason = await self._read_robots(url)
        if reason:
            return CrawlFailure(url, reason)
        if not self._robots.can_fetch(url, ROBOT_NAME):
            return CrawlFailure(url, _FORBIDDEN)
        return await self._visit(_Target(url, 0, is_start=True))

    def _checked_start(self, visit: _Visit, start_url: str) -> _Visit | CrawlFailure:
        assert visit.fetched is not None
        if reason := _unusable(visit.fetched):
            return CrawlFailure(start_url, reason)
        if not self._robots.can_fetch(visit.fetched.final_url, ROBOT_NAME):
            return CrawlFailure(start_url, _FORBIDDEN)
        if visit.fetched.content_type not in _HTML:
            return CrawlFailure(
                start_url, "The address does not lead to an HTML page; add it as a file instead."
            )
        return visit

    async def _read_robots(self, url: str) -> str:
        """Why nothing may be crawled, or an empty string once the rules are read.

        Source: RFC 9309, 2.3.1 Access Results (4xx: no rules; unreachable or 5xx: all is forbidden).
        """
        address = urljoin(url, "/robots.txt")
        try:
            found = await self._outbound.get(address, max_bytes=_ROBOTS_BYTES, timeout_s=_ROBOTS_TIMEOUT_S)
        except DomainError as error:
            return error.message
        if found.status >= 500 or found.status == 429:
            return f"The site's robots.txt answers with status {found.status}, so nothing may be crawled now."
        text = found.body.decode("utf-8-sig", "replace") if found.status == 200 else ""
        if len(text.splitlines()) > _MOST_ROBOTS_LINES:
            return f"The site's robots.txt has more than {_MOST_ROBOTS_LINES} lines and can't be obeyed."
        self._robots = await asyncio.to_thread(Protego.parse, text)
        return ""

    async def _visit(self, target: _Target) -> _Visit:
        try:
            fetched = await self._fetch(target)
        except DomainError as error:
            return _Visit(target, reason=error.message)
        if fetched.status != 200 or fetched.content_type not in _HTML:
            return _Visit(target, fetched)
        return _Visit(target, fetched, await asyncio.to_thread(self._read, fetched))

    def _read(self, fetched: Fetched) -> PageLinks:
        """What the page says, of its links those to visit; runs in a thread."""
        says = read_links(fetched)
        return PageLinks(tuple(link for link in says.links if self._is_worth_a_visit(link)), says.canonical)

    def _is_worth_a_visit(self, link: str) -> bool:
        key = page_key(link)
        if key in self._known or key in self._refused or len(self._refused) >= self._most_known:
            return False
        if self._may_visit(link):
            return True
        # Kept, because every page of a site tends to repeat the links that robots.txt forbids.
        self._refused.add(key)
        return False

    async def _fetch(self, target: _Target) -> Fetched:
        """The response; asked for once more when the site asks for patience."""
        for attempt in (1, 2):
            await self._wait_for_turn()
            fetched = await self._outbound.get(
                target.url,
                max_bytes=self._options.max_page_bytes,
                timeout_s=self._options.page_timeout_s,
                media_types=_HTML,
                # The start page may lead to the host that is the site, and is checked by itself.
                may_follow=self._anywhere if target.is_start else self._may_visit,
            )
            if fetched.status not in (429, 503) or attempt == 2:
                break
            await self._pause(_patience_s(fetched.headers.get("retry-after", "")))
        return fetched

    async def _wait_for_turn(self) -> None:
        delay_s = self._robots.crawl_delay(ROBOT_NAME) or 0.0
        if delay_s > 0:
            async with self._turn:
                await self._pause(min(delay_s, _MOST_DELAY_S))

    def _settle(self, visit: _Visit) -> Iterator[Outcome]:
        """The outcome of a visit, if it has one; its links go to the frontier."""
        fetched = visit.fetched
        if fetched is not None and 300 <= fetched.status < 400:
            return  # Leads to another host, or to where robots.txt does not let us.
        reason = visit.reason if fetched is None else _unusable(fetched)
        if fetched is None or reason:
            self._failed.add(page_key(visit.target.url))
            yield CrawlFailure(visit.target.url, reason)
            return
        final = canonical_url(fetched.final_url)
        if final is None or fetched.content_type not in _HTML or page_key(final) in self._taken:
            return
        self._taken.add(page_key(final))
        self._known.add(page_key(final))
        digest = hashlib.sha256(fetched.body).digest()
        if digest in self._digests:
            # Neither stored nor followed: a site that answers every path alike would never end.
            return
        deferred = self._defer(visit, final)
        self._discover(visit)
        if not deferred:
            self._stored += 1
            # Not of a page that deferred: its canonical one often has the very same bytes.
            self._digests.add(digest)
            content_type = fetched.headers.get("content-type", "")
            yield CrawledPage(final, fetched.body, content_type, visit.target.depth)

    def _defer(self, visit: _Visit, final: str) -> bool:
        """Whether the page leaves its place to the canonical one it names on this host."""
        canonical = visit.says.canonical
        if canonical is None or page_key(canonical) == page_key(final):
            return False
        # Two pages that name each other: the second must stay, or both would be lost.
        if (
            page_key(final) in self._relied_on
            or page_key(canonical) in self._failed
            or not self._may_visit(canonical)
        ):
            return False
        self._relied_on.add(page_key(canonical))
        if page_key(canonical) not in self._known:
            self._known.add(page_key(canonical))
            self._frontier.appendleft(_Target(canonical, visit.target.depth))
        return True

    def _discover(self, visit: _Visit) -> None:
        if not self._options.follow_links or visit.target.depth >= self._options.max_depth:
            return
        for url in visit.says.links:
            if page_key(url) not in self._known and len(self._known) < self._most_known:
                self._known.add(page_key(url))
                self._frontier.append(_Target(url, visit.target.depth + 1))

    @staticmethod
    def _anywhere(url: str) -> bool:
        return True

    def _may_visit(self, url: str) -> bool:
        if site_of(url) != self._site or _NOT_A_PAGE.search(urlsplit(url).path):
            return False
        if any(_holds(url, parts) for parts in self._ignore):
            return False
        return self._robots.can_fetch(url, ROBOT_NAME)


def _holds(url: str, parts: list[str]) -> bool:
    """Whether the parts of a pattern occur in the URL in their order."""
    at = 0
    for part in parts:
        at = url.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def _patience_s(retry_after: str) -> float:
    return min(float(retry_after), _MOST_BACK_OFF_S) if retry_after.isdecimal() else 5.0


def _unusable(fetched: Fetched) -> str:
    """Why a response is no page, by its status; empty when it may be one."""
    if fetched.status == 200:
        return ""
    known = {401: "asks for a login", 403: "refuses access", 404: "does not exist", 410: "is gone"}
    return f"The page {known.get(fetched.status, 'can not be had')} (status {fetched.status})."

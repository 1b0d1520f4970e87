"""Crawling a small site over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec import Struct

from app.security.outbound import Outbound
from app.services.crawl import CrawledPage, CrawlFailure, CrawlOptions, crawl


class Served(Struct):
    """What the site says at one path."""

    body: str = ""
    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    location: str = ""
    headers: dict[str, str] = {}


class Site:
    """A website in memory and the paths it was asked for."""

    def __init__(self, pages: dict[str, Served]) -> None:
        self.pages = pages
        self.asked: list[str] = []
        self.agents: set[str] = set()
        self.url = ""

    def answer(self, path: str) -> bytes:
        served = self.pages.get(path.partition("?")[0], Served("missing", 404))
        body = served.body.encode()
        headers = {"Content-Type": served.content_type, "Content-Length": str(len(body)), **served.headers}
        if served.location:
            headers["Location"] = served.location.format(url=self.url)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {served.status} x\r\n{lines}\r\n".encode() + body


@asynccontextmanager
async def serving(pages: dict[str, Served]) -> AsyncIterator[Site]:
    site = Site(pages)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                site.asked.append(head.split()[1])
                site.agents.update(
                    line for line in head.splitlines() if line.lower().startswith("user-agent")
                )
                writer.write(site.answer(head.split()[1]))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    site.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield site
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


def page(*links: str, text: str = "", head: str = "") -> Served:
    anchors = "".join(f'<a href="{link}">{link}</a>' for link in links)
    return Served(f"<html><head>{head}</head><body><p>{text or ' '.join(links)}</p>{anchors}</body></html>")


class Found:
    """The outcomes of a crawl, with paths instead of addresses."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.pages: list[CrawledPage] = []
        self.failures: dict[str, str] = {}
        self.pauses: list[float] = []

    @property
    def paths(self) -> list[str]:
        return [found.url.removeprefix(self.site.url) for found in self.pages]


async def crawled(site: Site, start: str = "/", options: CrawlOptions | None = None) -> Found:
    found = Found(site)

    async def pause(seconds: float) -> None:
        found.pauses.append(seconds)

    async with Outbound(("127.0.0.0/8",)) as outbound:
        async for outcome in crawl(outbound, site.url + start, options, pause=pause):
            if isinstance(outcome, CrawlFailure):
                found.failures[outcome.url.removeprefix(site.url)] = outcome.reason
            else:
                found.pages.append(outcome)
    return found


async def test_every_page_that_links_lead_to_is_found_once_and_breadth_first() -> None:
    pages = {
        "/": page(
            "a.html", "/dir", "b.html#part", "/dir/", "A.html", "mailto:x@y.z", "http://other.example/"
        ),
        "/a.html": page("/", "deep/one.html", text="a"),
        "/A.html": page("/", text="capital"),
        "/b.html": page("a.html?utm_source=x&gclid=1", "dead.html", "deep/two.html"),
        "/dir": Served(status=301, location="{url}/dir/"),
        "/dir/": page("../a.html", "index.html", text="directory"),
        "/dir/index.html": page("../a.html", "index.html", text="directory"),
        "/deep/one.html": page("three.html", text="one"),
        "/deep/two.html": page("one.html", "./three.html", text="two"),
        "/deep/three.html": page(text="three"),
        "/island.html": page("/", text="no link leads here"),
    }
    async with serving(pages) as site:
        found = await crawled(site)
    assert found.paths[:5] == ["/", "/a.html", "/dir/", "/b.html", "/A.html"]
    assert sorted(found.paths[5:]) == ["/deep/one.html", "/deep/three.html", "/deep/two.html"]
    assert [outcome.depth for outcome in found.pages] == [0, 1, 1, 1, 1, 2, 2, 3]
    assert found.failures == {"/dead.html": "The page does not exist (status 404)."}
    assert found.pages[1].html == pages["/a.html"].body.encode()
    assert found.pages[1].content_type == "text/html; charset=utf-8"
    assert site.agents == {"User-Agent: LecternBot/1.0"}


async def test_no_address_is_asked_for_twice() -> None:
    every = [f"/{number}" for number in range(30)]
    async with serving({"/": page(*every), **{path: page("/", *every, text=path) for path in every}}) as site:
        found = await crawled(site)
    assert len(found.pages) == 31
    assert sorted(site.asked) == sorted(["/robots.txt", "/", *every])


async def test_robots_txt_is_obeyed_also_behind_a_redirect() -> None:
    robots = "User-agent: *\nDisallow: /\n\nUser-agent: LecternBot\nDisallow: /private\nCrawl-delay: 2\n"
    pages = {
        "/robots.txt": Served(robots, content_type="text/plain"),
        "/": page("/open", "/private/a", "/door"),
        "/open": page(text="open"),
        "/door": Served(status=302, location="/private/b"),
        "/private/b": page(text="b"),
    }
    async with serving(pages) as site:
        found = await crawled(site)
        refused = await crawled(site, "/private/a")
    assert found.paths == ["/", "/open"]
    assert not {"/private/a", "/private/b"} & set(site.asked)
    assert set(found.pauses) == {2.0}
    assert refused.pages == []
    assert "robots.txt does not allow" in refused.failures["/private/a"]


async def test_a_start_page_may_not_redirect_around_robots_txt() -> None:
    pages = {
        "/robots.txt": Served("User-agent: *\nDisallow: /private", content_type="text/plain"),
        "/": Served(status=302, location="/private"),
        "/private": page(text="p"),
    }
    async with serving(pages) as site:
        found = await crawled(site)
    assert found.pages == []
    assert "robots.txt does not allow" in found.failures["/"]


async def test_a_robots_txt_of_countless_rules_ends_the_crawl_and_not_the_server() -> None:
    rules = "User-agent: *\n" + "".join(f"Disallow: /*a*{n}\n" for n in range(6000))
    pages = {"/robots.txt": Served(rules, content_type="text/plain"), "/": page(text="x")}
    async with serving(pages) as site:
        found = await crawled(site)
    assert "more than 5000 lines" in found.failures["/"]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_nothing_is_crawled_while_robots_txt_can_not_be_read(status: int) -> None:
    async with serving({"/robots.txt": Served(status=status), "/": page(text="x")}) as site:
        found = await crawled(site)
    assert list(found.failures) == ["/"]
    assert str(status) in found.failures["/"]
    assert site.asked == ["/robots.txt"]


async def test_nofollow_is_respected_on_links_pages_and_headers() -> None:
    pages = {
        "/": Served(
            '<a href="/no" rel="noopener nofollow">n</a><a href="/meta">m</a><a href="/header">h</a>'
        ),
        "/meta": page("/hidden1", head='<meta name="Robots" content="index, NOFOLLOW">'),
        "/header": Served('<a href="/hidden2">x</a>', headers={"X-Robots-Tag": "nofollow"}),
    }
    async with serving(pages) as site:
        found = await crawled(site)
    assert found.paths == ["/", "/meta", "/header"]
    assert site.asked[1:] == ["/", "/meta", "/header"]


async def test_a_page_leaves_its_place_to_its_canonical_address_on_the_same_host() -> None:
    pages = {
        "/": page("/print/a", "/kept", "/one", "/two"),
        "/print/a": page("/from-print", text="print", head='<link rel="canonical" href="/a">'),
        "/a": page(text="the real a"),
        "/from-print": page(text="linked from the print view only"),
        "/kept": page(text="k", head='<link rel="canonical" href="https://elsewhere.example/kept">'),
        "/one": page(text="1", head='<link rel="canonical" href="/two">'),
        "/two": page(text="2", head='<link rel="canonical" href="/one">'),
    }
    async with serving(pages) as site:
        found = await crawled(site)
    assert sorted(found.paths) == ["/", "/a", "/from-print", "/kept", "/two"]


async def test_a_canonical_page_with_the_very_same_bytes_is_kept_once() -> None:
    same = page(text="same", head='<link rel="canonical" href="/a">')
    async with serving({"/": page("/a?view=1", "/a?view=2"), "/a": same}) as site:
        found = await crawled(site)
    assert found.paths == ["/", "/a"]


async def test_neither_canonical_nor_base_address_lead_off_the_site() -> None:
    pages = {
        "/": page("/x", head='<base href="http://elsewhere.example/"><link rel="canonical" href="/gone">'),
        "/start": page(text="start", head='<link rel="canonical" href="/moved">'),
        "/moved": Served(status=301),
    }
    async with serving({"/": page(text="other")}) as other, serving(pages) as site:
        pages["/moved"].location = other.url + "/"
        based = await crawled(site)
        moved = await crawled(site, "/start")
    assert based.paths == ["/"]
    assert moved.pages == []
    assert list(moved.failures) == ["/start"]
    assert other.asked == []


async def test_only_html_is_stored_and_files_are_not_even_asked_for() -> None:
    pages = {
        "/": page("/paper.pdf", "/picture.PNG", "/api", "/xhtml"),
        "/api": Served("{}", content_type="application/json"),
        "/xhtml": Served(
            '<?xml version="1.0" encoding="UTF-8"?><html xmlns="http://www.w3.org/1999/xhtml"><body>'
            '<a href="/last">l</a></body></html>',
            content_type="application/xhtml+xml",
        ),
        "/last": page(text="last"),
    }
    async with serving(pages) as site:
        found = await crawled(site)
    assert (found.paths, found.failures) == (["/", "/xhtml", "/last"], {})
    assert not {"/paper.pdf", "/picture.PNG"} & set(site.asked)


async def test_limits_on_pages_depth_and_patterns_hold() -> None:
    chain = {f"/{n}": page(f"/{n + 1}", f"/skip/{n}", "/?tag=1", text=str(n)) for n in range(50)}
    pages = {"/": page("/0"), **chain, **{f"/skip/{n}": page(text=f"s{n}") for n in range(50)}}
    async with serving(pages) as site:
        by_depth = await crawled(site, options=CrawlOptions(max_depth=3, ignore=("/skip/", "*tag=*")))
        by_pages = await crawled(site, options=CrawlOptions(max_pages=7, max_depth=50))
        alone = await crawled(site, options=CrawlOptions(follow_links=False))
    assert by_depth.paths == ["/", "/0", "/1", "/2"]
    assert len(by_pages.pages) == 7
    assert alone.paths == ["/"]


async def test_an_endless_site_ends() -> None:
    class Endless(dict[str, Served]):
        def get(self, path: str, default: object = None) -> Served:  # type: ignore[override]
            return page(*(f"{path}{n}/" for n in range(20)), text=path)

    async with serving(Endless()) as site:
        found = await crawled(site, options=CrawlOptions(max_pages=40))
    assert len(found.pages) == 40
    assert len(site.asked) < 60


async def test_a_site_that_says_the_same_everywhere_is_one_page() -> None:
    class Same(dict[str, Served]):
        def get(self, path: str, default: object = None) -> Served:  # type: ignore[override]
            return page("deeper/", "other/", text="shell")

    async with serving(Same()) as site:
        found = await crawled(site)
    assert found.paths == ["/"]
    assert len(site.asked) == 4


async def test_links_that_lead_to_dead_ends_only_are_given_up_with_a_reason() -> None:
    dead = [f"/dead/{n}" for n in range(1200)]
    async with serving({"/": page(*dead)}) as site:
        found = await crawled(site, options=CrawlOptions(max_pages=50))
    assert found.paths == ["/"]
    assert len(found.failures) == 1001
    assert any("stopped after 1000 requests" in reason for reason in found.failures.values())


async def test_the_start_page_may_redirect_to_the_host_that_is_the_site() -> None:
    async with serving({"/": page("/a"), "/a": page(text="a")}) as site:
        moved = {"/old": Served(status=301, location=site.url + "/")}
        async with serving(moved) as old:
            found = await crawled(old, "/old")
        found.site = site
    assert found.paths == ["/", "/a"]
    assert site.asked[0] == "/"
    assert "/robots.txt" in site.asked


async def test_a_page_that_leads_to_another_host_is_left_out() -> None:
    out = Served(status=302)
    async with serving({"/": page(text="elsewhere")}) as other, serving({"/": page("/out")}) as site:
        site.pages["/out"] = out
        out.location = other.url + "/"
        found = await crawled(site)
    assert (found.paths, found.failures) == (["/"], {})
    assert other.asked == []


@pytest.mark.parametrize(
    ("served", "words"),
    [
        (Served(status=404), "does not exist"),
        (Served(status=403), "refuses access"),
        (Served("%PDF", content_type="application/pdf"), "does not lead to an HTML page"),
        (Served(status=301, location="/"), "redirects more than 5 times"),
        (Served(status=301, location="http://[::ffff:127.0.0.1]/"), "private or reserved network"),
    ],
)
async def test_a_start_page_that_can_not_be_had_is_the_only_failure(served: Served, words: str) -> None:
    async with serving({"/": served}) as site:
        found = await crawled(site)
    assert found.pages == []
    assert [words in reason for reason in found.failures.values()] == [True]


async def test_a_site_that_asks_for_patience_is_asked_once_more() -> None:
    busy = Served("busy", 503, headers={"Retry-After": "7"})
    async with serving({"/": page("/busy"), "/busy": busy}) as site:
        found = await crawled(site)
    assert found.pauses == [7.0]
    assert site.asked.count("/busy") == 2
    assert found.failures == {"/busy": "The page can not be had (status 503)."}


async def test_a_crawl_may_be_left_at_any_time() -> None:
    pages = {"/": page("/a", "/b"), "/a": page(text="a"), "/b": page(text="b")}
    async with serving(pages) as site, Outbound(("127.0.0.1",)) as outbound:
        outcomes = crawl(outbound, site.url)
        await anext(outcomes)
        await anext(outcomes)
        await outcomes.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_broken_pages_are_read_as_far_as_they_go() -> None:
    pages = {
        "/": Served('<a href="/a"><a href="http://[bad/"><base href="/sub/"><a href=" b&#10;c "><a href=\'d'),
        "/empty": Served(""),
        "/sub/bc": Served("<a href='/empty'>", content_type="text/html; charset=no-such-thing"),
        "/sub/a": page(text="not this: the link is absolute"),
        "/a": page("é ü.html", text="a"),
        "/é": page(),
        "/%C3%A9%20%C3%BC.html": page(text="accents"),
    }
    async with serving(pages) as site:
        found = await crawled(site)
    assert {"/", "/a", "/sub/bc", "/empty", "/%C3%A9%20%C3%BC.html"} == set(found.paths)


async def test_a_crawl_without_a_page_always_has_a_cause() -> None:
    pages = {
        "/": page(head='<link rel="canonical" href="/data">'),
        "/data": Served("{}", content_type="application/json"),
    }
    async with serving(pages) as site:
        found = await crawled(site)
    assert found.pages == []
    assert "canonical" in found.failures["/"]

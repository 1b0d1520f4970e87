"""What a web page says about other pages: its links, its canonical address, and the one form of a URL."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import SplitResult, quote, urljoin, urlsplit, urlunsplit

from lxml import etree
from msgspec import Struct

from app.security.outbound import ROBOT_NAME, Fetched

_MOST_URL_CHARS = 2048
_MOST_LINKS_A_PAGE = 5000
_DEFAULT_PORTS = {"http": 80, "https": 443}
_TRACKING = re.compile(
    r"(utm_\w+|mtm_\w+|pk_\w+|hsa_\w+|_?gcl_\w+|gclid|gclsrc|dclid|gbraid|wbraid|fbclid|msclkid|yclid|twclid|igshid"
    r"|mc_cid|mc_eid|_ga|_gl|phpsessid|jsessionid)\Z",
    re.IGNORECASE,
)
_SESSION_IN_PATH = re.compile(r";jsessionid=[^/;?]*", re.IGNORECASE)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")


class PageLinks(Struct, frozen=True):
    """What a page says about other pages, in canonical URLs, each once."""

    links: tuple[str, ...] = ()
    canonical: str | None = None


def canonical_url(url: str) -> str | None:
    """The one form of a web address: no fragment, default port or tracking parameters; None if it is none."""
    try:
        return _canonical(urlsplit(url.strip()))
    except ValueError:
        return None


def _canonical(parts: SplitResult) -> str | None:
    host, port = _host_and_port(parts)
    if parts.scheme not in _DEFAULT_PORTS or not host or parts.username is not None:
        return None
    netloc = host if port == _DEFAULT_PORTS[parts.scheme] else f"{host}:{port}"
    path = _SESSION_IN_PATH.sub("", _escaped(parts.path)) or "/"
    kept = (part for part in _escaped(parts.query).split("&") if not _TRACKING.match(part.partition("=")[0]))
    canonical = urlunsplit((parts.scheme, netloc, path, "&".join(kept), ""))
    return canonical if len(canonical) <= _MOST_URL_CHARS else None


def _host_and_port(parts: SplitResult) -> tuple[str, int | None]:
    host = (parts.hostname or "").removesuffix(".")
    name = f"[{host}]" if ":" in host else host.encode("idna").decode("ascii")
    return name, parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _escaped(text: str) -> str:
    def one_form(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if _UNRESERVED.match(character) else match[0].upper()

    text = _BARE_PERCENT.sub("%25", text)
    return _ESCAPE.sub(one_form, quote(text, safe="%/:@!$&'()*+,;=?[]~"))


def site_of(url: str) -> str:
    """Host and port; http and https of a host are one site."""
    parts = urlsplit(url)
    port = parts.port
    return f"{parts.hostname}:{port}" if port else str(parts.hostname)


def page_key(url: str) -> str:
    """What makes two canonical URLs the same page: all but the scheme."""
    return url.partition("://")[2]


def read_links(fetched: Fetched) -> PageLinks:
    """The links that may be followed and the address that the page names as its own."""
    tree = _parse(fetched)
    if tree is None:
        return PageLinks()
    base = _base(tree, fetched.final_url)
    canonical = next((_joined(base, link.get("href")) for link in _tagged(tree, "link", "canonical")), None)
    if "nofollow" in fetched.headers.get("x-robots-tag", "").lower() or _forbids_following(tree):
        return PageLinks(canonical=canonical)
    links: dict[str, None] = {}
    for anchor in tree.iter("a", "area"):
        url = None if "nofollow" in _words(anchor, "rel") else _joined(base, anchor.get("href"))
        if url:
            links[url] = None
        if len(links) >= _MOST_LINKS_A_PAGE:
            break
    return PageLinks(tuple(links), canonical)


def _parse(fetched: Fetched) -> Any:
    """The element tree, or None for a page without any element."""
    named = re.search(r"charset=[\"']?([\w.:-]+)", fetched.headers.get("content-type", ""))
    try:
        parser = etree.HTMLParser(encoding=named[1] if named else None, no_network=True)
    except LookupError:
        parser = etree.HTMLParser(no_network=True)
    try:
        return etree.fromstring(fetched.body, parser)
    except (etree.LxmlError, ValueError):
        return None


def _base(tree: Any, final_url: str) -> str:
    for element in tree.iter("base"):
        if element.get("href"):
            return _joined(final_url, element.get("href")) or final_url
    return final_url


def _tagged(tree: Any, tag: str, rel: str) -> Iterator[Any]:
    return (element for element in tree.iter(tag) if rel in _words(element, "rel"))


def _words(element: Any, attribute: str) -> list[str]:
    return str(element.get(attribute) or "").lower().replace(",", " ").split()


def _forbids_following(tree: Any) -> bool:
    for meta in tree.iter("meta"):
        if str(meta.get("name") or "").lower() in ("robots", ROBOT_NAME.lower()):
            words = _words(meta, "content")
            if "nofollow" in words or "none" in words:
                return True
    return False


def _joined(base: str, href: str | None) -> str | None:
    if not href or href.startswith("#") or len(href) > _MOST_URL_CHARS:
        return None
    try:
        return canonical_url(urljoin(base, href.strip()))
    except ValueError:
        return None

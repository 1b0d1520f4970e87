"""Web addresses that strangers name: read strictly, and shown shortened."""

import re

import httpx

from app.domain.errors import Invalid
from app.security.addresses import read_host

_MOST_URL_CHARS = 4096
_MOST_SHOWN_CHARS = 200
_UNPRINTABLE = re.compile(r"[^\x21-\x7e\u00a1-\ud7ff\ue000-\U0010ffff]")


def read_url(url: str) -> httpx.URL:
    """The address, without its fragment.

    Raises: Invalid for what is no plain web address.
    """
    if len(url) > _MOST_URL_CHARS or _UNPRINTABLE.search(url):
        raise Invalid("The address is too long or holds spaces or control characters.", "url")
    try:
        read = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise Invalid(f"{shown_url(url)} is not a web address.", "url") from None
    if read.scheme not in ("http", "https") or not read.host:
        raise Invalid(f"{shown_url(url)} is not a web address; it starts with http:// or https://.", "url")
    if read.port is not None and not 0 < read.port < 65536:
        raise Invalid("The port of the address is not a number from 1 to 65535.", "url")
    if read.userinfo:
        raise Invalid("The address holds a user name or password; these are not sent.", "url")
    if read_host(read.raw_host.decode("ascii")) is None:
        raise odd_host()
    return read.copy_with(fragment=None)


def odd_host() -> Invalid:
    """What is wrong with a host such as 0x7f.1."""
    return Invalid("The host is written in an unusual form; give its name or plain address.", "url")


def shown_url(url: str) -> str:
    """The address for a message: printable, and not too long."""
    clean = _UNPRINTABLE.sub("", url)
    return clean if len(clean) <= _MOST_SHOWN_CHARS else clean[:_MOST_SHOWN_CHARS] + "…"

"""One form per address, and links out of any bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.security.outbound import Fetched
from app.services.read_links import canonical_url, read_links


@given(st.text(max_size=60) | st.text(max_size=60).map("http://h/".__add__))
def test_no_text_breaks_the_one_form_and_the_form_is_stable(text: str) -> None:
    once = canonical_url(text)
    assert once is None or canonical_url(once) == once


@given(
    st.binary(max_size=80),
    st.lists(
        st.sampled_from([b"<a href='", b'<base href="', b"<meta charset=", b"\xff", b"\0", b"'>", b"x"])
    ),
    st.sampled_from(["text/html", "text/html; charset=utf-16", "text/html; charset=rot13", "charset='idna'"]),
)
def test_no_bytes_break_the_reading_of_links(noise: bytes, parts: list[bytes], content_type: str) -> None:
    body = noise + b"".join(parts) + noise
    headers = {"content-type": content_type}
    says = read_links(Fetched("http://h/", "http://h/", 200, "text/html", headers, body))
    assert all(canonical_url(link) == link for link in says.links)


@pytest.mark.parametrize(
    ("written", "one_form"),
    [
        ("HTTP://Example.COM:80/a#b", "http://example.com/a"),
        ("https://example.com", "https://example.com/"),
        ("https://example.com:8443/", "https://example.com:8443/"),
        ("http://example.com./a", "http://example.com/a"),
        ("http://example.com/%7euser/%c3%a9", "http://example.com/~user/%C3%A9"),
        ("http://example.com/a%2Fb", "http://example.com/a%2Fb"),
        ("http://example.com/?b=2&utm_medium=x&a=1&fbclid=9", "http://example.com/?b=2&a=1"),
        ("http://example.com/a;jsessionid=0F?x=1", "http://example.com/a?x=1"),
        ("http://example.com/?source=menu&id=3", "http://example.com/?source=menu&id=3"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://[::1]:80/", "http://[::1]/"),
        ("http://user@example.com/", None),
        ("ftp://example.com/", None),
        ("javascript:void(0)", None),
        ("http://[bad/", None),
        ("http://example.com:port/", None),
        ("", None),
    ],
)
def test_an_address_has_one_form(written: str, one_form: str | None) -> None:
    assert canonical_url(written) == one_form
    if one_form:
        assert canonical_url(one_form) == one_form

"""Which addresses are public, and what the operator's list opens."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.security.addresses import AllowList, Reach, reach, read_host
from app.settings import WrongSetting


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

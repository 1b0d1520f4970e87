"""Which network addresses may be reached: the public internet, and what the operator lists."""

import re
from collections.abc import Iterable
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from app.settings import WrongSetting

Address = IPv4Address | IPv6Address


class Reach(Enum):
    """What opens an address: PUBLIC nothing, LOCAL a listed name, RESERVED only the listed address."""

    PUBLIC = "public"
    LOCAL = "local"
    RESERVED = "reserved"


# Private networks, where an operator's own sites and tools live: a name on the list opens them.
_LOCAL = tuple(
    ip_network(net)
    for net in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
)
# Not reachable as a site, or handing out a machine's credentials, whatever a name claims. What else lies
# outside of 2000::/3 (mapped, compatible, NAT64, link-local, multicast) is reserved by `reach`.
_RESERVED = tuple(
    ip_network(net)
    for net in (
        "0.0.0.0/8",
        "100.100.100.200/32",  # metadata of Alibaba Cloud, within the carrier-grade range
        "168.63.129.16/32",  # metadata of Azure, within public space
        "169.254.0.0/16",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",  # protocol assignments, Teredo (embeds IPv4) among them
        "2001:db8::/32",
        "2002::/16",  # 6to4 (embeds IPv4)
        "3fff::/20",
        "fd00:ec2::/32",  # metadata of AWS
        "fd20:ce::/32",  # metadata of Google Cloud
    )
)
_GLOBAL_IPV6 = ip_network("2000::/3")
_ISATAP = 0x5EFE
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,62})?(\.[a-z0-9_]([a-z0-9_-]{0,62})?)*\Z")
_NUMERIC = re.compile(r"(\d+|0x[0-9a-f]*)\Z")


def reach(address: Address) -> Reach:
    """How this address may be opened up.

    Source: IANA IPv4 and IPv6 Special-Purpose Address Registries.
    """
    if any(address in network for network in _RESERVED):
        return Reach.RESERVED
    if any(address in network for network in _LOCAL):
        return Reach.LOCAL
    if isinstance(address, IPv6Address) and (address not in _GLOBAL_IPV6 or _is_isatap(address)):
        return Reach.RESERVED
    return Reach.PUBLIC


def read_host(host: str) -> str | Address | None:
    """The name in its plain form, or the address it spells; None for a host that is neither.

    A name ending in a number (`0x7f.1`, `2130706433`, `0177.0.0.1`) is neither: resolvers read an address.
    """
    if "%" in host:
        return None
    try:
        return ip_address(host)
    except ValueError:
        name = host.lower().removesuffix(".")
    if not _NAME.match(name) or _NUMERIC.match(name.rpartition(".")[2]):
        return None
    return name


class AllowList:
    """What `LECTERN_OUTBOUND_ALLOW` opens: `host`, `host:port`, `*.suffix` and networks (`10.0.0.0/8`).

    A name opens private addresses, never link-local, metadata or otherwise reserved ones: who controls the
    name's DNS would choose among them. Those need a network on the list, or the address itself as the host.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        listed = tuple(entries)
        self._networks = tuple(_network(entry) for entry in listed if "/" in entry)
        self._suffixes = tuple(_suffix(entry) for entry in listed if entry.startswith("*."))
        hosts = (entry for entry in listed if "/" not in entry and not entry.startswith("*."))
        self._hosts = frozenset(_host_and_port(entry) for entry in hosts)

    def admits(self, host: str | Address, port: int, address: Address) -> bool:
        """Whether a connection for `host` (as `read_host` gives it) may go to this address."""
        kind = reach(address)
        if kind is Reach.PUBLIC or any(address in network for network in self._networks):
            return True
        if not self._lists(host, port):
            return False
        return kind is Reach.LOCAL or host == address

    def _lists(self, host: str | Address, port: int) -> bool:
        if (host, port) in self._hosts or (host, None) in self._hosts:
            return True
        return isinstance(host, str) and host.endswith(self._suffixes)


def _is_isatap(address: IPv6Address) -> bool:
    return (int(address) >> 32) & 0xFDFFFFFF == _ISATAP


def _network(entry: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        raise _wrong(entry) from None


def _suffix(entry: str) -> str:
    name = read_host(entry[2:])
    if not isinstance(name, str):
        raise _wrong(entry)
    return f".{name}"


def _host_and_port(entry: str) -> tuple[str | Address, int | None]:
    host, port = entry, ""
    if entry.startswith("["):
        host, _, port = entry[1:].partition("]")
        port = port.removeprefix(":")
    elif entry.count(":") == 1:
        host, _, port = entry.partition(":")
    known = read_host(host)
    if known is None or (port and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise _wrong(entry)
    return known, int(port) if port else None


def _wrong(entry: str) -> WrongSetting:
    return WrongSetting(
        f"LECTERN_OUTBOUND_ALLOW holds {entry!r}: it takes host, host:port, *.suffix or a network like "
        "10.0.0.0/8, separated by commas."
    )

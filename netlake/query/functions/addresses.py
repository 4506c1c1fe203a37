"""Functions of IP addresses.

An address with a zone (`fe80::1%eth0`), with white space or with leading zeros is none. An IPv4-mapped address
(`::ffff:192.0.2.1`) is one of IPv6, as in every table and in `net()`; only `is_private` and `is_local` look at the
IPv4 address in it.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from netlake.query.functions.declared import KEPT, function

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# what is local in a lake without networks.txt
LOCAL = (
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8", "fc00::/7",
    "fe80::/10", "::1/128",
)  # fmt: skip


@lru_cache(KEPT)
def parsed(text: str) -> Address | None:
    """The address that `text` is; None for other text."""
    try:
        return None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None


@lru_cache(KEPT)
def network(text: str) -> Network | None:
    """The network in CIDR notation that `text` is, host bits are ignored, or that of one address; None for others."""
    if "%" in text or ((prefix := text.partition("/")[2]) and not (prefix.isascii() and prefix.isdigit())):
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _inner(ip: str) -> Address | None:
    """The address, of an IPv4-mapped one that of IPv4."""
    address = parsed(ip)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


@function("SMALLINT", "ip_family('2001:db8::1') = 6", ip="VARCHAR")
def ip_family(ip: str) -> int | None:
    """4 or 6; null for text that is no address."""
    address = parsed(ip)
    return address.version if address else None


@function("BLOB", "ip_order('192.0.2.9') < ip_order('192.0.2.10')", ip="VARCHAR")
def ip_order(ip: str) -> bytes | None:
    """A key by which addresses are sorted as numbers, IPv4 first; null for text that is no address."""
    address = parsed(ip)
    return bytes([address.version]) + address.packed if address else None


@function("BOOLEAN", "in_net('10.1.2.3', '10.0.0.0/8')", ip="VARCHAR", network="VARCHAR")
def in_net(ip: str, within: str) -> bool | None:
    """Whether an address is in a network such as 10.0.0.0/8, which may be a column; null if one is invalid."""
    address, block = parsed(ip), network(within)
    return None if address is None or block is None else address in block


@function("VARCHAR", "subnet('10.1.2.3', 24) = '10.1.2.0/24'", ip="VARCHAR", bits="BIGINT")
def subnet(ip: str, bits: int) -> str | None:
    """The network of an address with a prefix of so many bits; null if it has fewer, or for text that is no address."""
    address = parsed(ip)
    if address is None or not 0 <= bits <= address.max_prefixlen:
        return None
    return str(ipaddress.ip_network((address, bits), strict=False))


@function("BOOLEAN", "is_private('192.168.1.1') AND NOT is_private('8.8.8.8')", ip="VARCHAR")
def is_private(ip: str) -> bool | None:
    """Whether an address is not globally reachable by IANA's registries of special addresses; null for other text."""
    address = _inner(ip)
    return address.is_private if address else None


@function("BOOLEAN", "is_local('10.0.0.1')", local=True, ip="VARCHAR")
def is_local(ip: str, local: tuple[str, ...] = ()) -> bool | None:
    """Whether an address is in the networks of --local or of the lake's networks.txt; null for other text."""
    address = _inner(ip)
    return None if address is None else any(address in block for block in map(network, local or LOCAL) if block)


@function("VARCHAR", "reverse_address('1.2.0.192.in-addr.arpa') = '192.0.2.1'", name="VARCHAR")
def reverse_address(name: str) -> str | None:
    """The address of a name in in-addr.arpa or ip6.arpa, as in PTR queries; null for other names."""
    labels = name.lower().removesuffix(".").split(".")
    digits, zone = labels[-3::-1], labels[-2:]
    if zone == ["in-addr", "arpa"] and len(digits) == 4:
        address = parsed(".".join(digits))
    elif zone == ["ip6", "arpa"] and len(digits) == 32 and all(len(digit) == 1 for digit in digits):
        address = parsed(":".join("".join(digits[at : at + 4]) for at in range(0, 32, 4)))
    else:
        address = None
    return str(address) if address else None


FUNCTIONS = (ip_family, ip_order, in_net, subnet, is_private, is_local, reverse_address)

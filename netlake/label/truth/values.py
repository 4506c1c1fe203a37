"""Values in ground-truth files: networks, ports, protocols and numbers, and their one canonical form.

Rules
- A network is CIDR with RFC 5952 text, as every table of a lake writes addresses: 10.0.0.1/32, 2001:db8::/32. A single
  address becomes /32 or /128. Host bits behind the prefix are an error, because they are usually a wrong prefix.
- A port list accepts numbers and ranges (80, 8000-8080), separated by commas, semicolons or spaces.
- A protocol is its number in IP, or its IANA keyword in any case; `any`, `ip`, `all`, `*` and nothing are any.
"""

from __future__ import annotations

import re
from functools import lru_cache

from netlake.errors import QueryError
from netlake.layers import pools


class BadValueError(ValueError):
    """A value of a row cannot be used; the text is a sentence for the user, without file and line."""


# IANA's keywords of the protocol numbers from 0 on, in order (https://www.iana.org/assignments/protocol-numbers)
_KEYWORDS = """
hopopt icmp igmp ggp ipv4 st tcp cbt egp igp bbn-rcc-mon nvp-ii pup argus emcon xnet chaos udp mux dcn-meas hmp prm
xns-idp trunk-1 trunk-2 leaf-1 leaf-2 rdp irtp iso-tp4 netblt mfe-nsp merit-inp dccp 3pc idpr xtp ddp idpr-cmtp
tp++ il ipv6 sdrp ipv6-route ipv6-frag idrp rsvp gre dsr bna esp ah i-nlsp swipe narp mobile tlsp skip ipv6-icmp
ipv6-nonxt ipv6-opts any-host cftp any-network sat-expak kryptolan rvd ippc any-file sat-mon visa ipcv cpnx cphb
wsn pvp br-sat-mon sun-nd wb-mon wb-expak iso-ip vmtp secure-vmtp vines ttp nsfnet-igp dgp tcf eigrp ospf
sprite-rpc larp mtp ax.25 ipip micp scc-sp etherip encap any-private gmtp ifmp pnni pim aris scps qnx a/n ipcomp snp
compaq-peer ipx-in-ip vrrp pgm any-0-hop l2tp ddx iatp stp srp uti smp sm ptp isis fire crtp crudp sscopmce iplt
sps pipe sctp fc rsvp-e2e-ignore mobility udplite mpls-in-ip manet shim6 wesp rohc ethernet aggfrag
"""
_PROTOCOLS = {name: number for number, name in enumerate(_KEYWORDS.split())} | {
    "icmpv6": 58, "icmp6": 58, "icmpv4": 1, "udp-lite": 136, "ospfigp": 89, "ip-in-ip": 94, "rtp": 17, "rtcp": 17,
}  # fmt: skip
_ANY = {"", "any", "ip", "all", "*", "-", "unknown"}
_SEPARATORS = re.compile(r"[;,\s]+")
MOST_PORTS = 65_536


_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
# an IPv4 address as it is written in all logs; it is its own canonical text
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}", re.ASCII)


@lru_cache(1 << 16)
def network(text: str) -> str:
    """The canonical CIDR text of an address or a network; BadValueError if it is neither."""
    given = text.strip()
    if _IPV4.fullmatch(given):
        return f"{given}/32"
    try:
        first, last = pools.parse_network(given)
    except QueryError as error:
        raise BadValueError(str(error)) from None
    bits = 8 * len(first)
    number = int.from_bytes(first, "big")
    prefix = bits - (number ^ int.from_bytes(last, "big")).bit_length()
    if pools.parse_ip(given.partition("/")[0]) != first:
        right = f"{pools.ip_text(first)}/{prefix}"
        raise BadValueError(f"{given} has bits set behind its prefix; the network is {right}.")
    return f"{pools.ip_text(first)}/{prefix}"


def host(text: str) -> str:
    """As `network`, of one address only."""
    found = network(text)
    if not found.endswith(("/32", "/128")) or (found.endswith("/32") and ":" in found):
        raise BadValueError(f"{text.strip()} is a network, and one address is needed here.")
    return found


def listed(value: str | list[str] | None) -> list[str]:
    """The items of a list, or of a text with items separated by commas, semicolons or spaces."""
    if value is None:
        return []
    if isinstance(value, list):
        return [item.strip() for item in value if item.strip()]
    return [item for item in _SEPARATORS.split(value.strip()) if item]


def networks(value: str | list[str] | None) -> tuple[str, ...]:
    """Canonical networks without repetitions, in the order given."""
    return tuple(dict.fromkeys(network(item) for item in listed(value)))


def ports(value: str | list[str] | None) -> tuple[int, ...]:
    """Port numbers, ascending; BadValueError for what is no port or range."""
    found: set[int] = set()
    for item in listed(value):
        first, dash, last = item.partition("-")
        low = _port(first, item)
        high = _port(last, item) if dash else low
        if high < low:
            raise BadValueError(f"the range of ports {item} ends before it begins.")
        found.update(range(low, high + 1))
    return tuple(sorted(found))


def _port(text: str, item: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < MOST_PORTS):
        raise BadValueError(f"{item!r} is neither a port (0 to 65535) nor a range such as 8000-8080.")
    return int(text)


def protocol(text: str | None) -> int | None:
    """The number of a protocol in IP, None for any; BadValueError for an unknown name."""
    given = (text or "").strip().lower()
    if given in _ANY:
        return None
    if given.isascii() and given.isdigit() and int(given) < 256:
        return int(given)
    if given not in _PROTOCOLS:
        raise BadValueError(f"there is no protocol {text!r} in IP; give its keyword (tcp, udp, icmp) or number.")
    return _PROTOCOLS[given]


def known_protocol(text: str | None) -> bool:
    """Whether `protocol` accepts the text."""
    given = (text or "").strip().lower()
    return given in _ANY or given in _PROTOCOLS or (given.isascii() and given.isdigit() and int(given) < 256)


def whole(text: str, name: str, low: int, high: int) -> int:
    """A whole number between `low` and `high`; BadValueError names it `name`."""
    try:
        number = int(text.strip())
    except ValueError:
        raise BadValueError(f"{name} is {text.strip()!r}, not a whole number.") from None
    if not low <= number <= high:
        raise BadValueError(f"{name} is {number}, and must be from {low} to {high}.")
    return number


def share(text: str, name: str) -> float:
    """A number from 0 to 1; BadValueError names it `name`."""
    try:
        number = float(text.strip())
    except ValueError:
        raise BadValueError(f"{name} is {text.strip()!r}, not a number from 0 to 1.") from None
    if not 0 <= number <= 1:
        raise BadValueError(f"{name} is {text.strip()}, and must be from 0 to 1.")
    return number


def has_ports(number: int | None) -> bool:
    """Whether a protocol has ports: TCP, UDP, SCTP, DCCP, UDP-Lite, or any."""
    return number is None or number in {6, 17, 33, 132, 136}


def chosen(text: str, name: str, values: tuple[str, ...]) -> str:
    """One of `values`, in any case; BadValueError names it `name`."""
    given = text.strip().lower()
    if given not in values:
        raise BadValueError(f"{name} is {text.strip()!r}, and must be one of {', '.join(values)}.")
    return given

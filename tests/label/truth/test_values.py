"""Networks, ports, protocols and conditions: one canonical form, and a sentence for each mistake."""

from __future__ import annotations

import ipaddress
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlake.label.conditions import declared
from netlake.label.truth import values
from netlake.label.truth.values import BadValueError

NETWORKS = [
    ("10.0.0.1", "10.0.0.1/32"),
    (" 10.0.0.0/8 ", "10.0.0.0/8"),
    ("0.0.0.0/0", "0.0.0.0/0"),
    ("2001:DB8:0:0::1", "2001:db8::1/128"),
    ("fe80:0000:0000:0000:0202:b3ff:fe1e:8329", "fe80::202:b3ff:fe1e:8329/128"),
    ("::/0", "::/0"),
    ("::ffff:10.0.0.1", "::ffff:10.0.0.1/128"),
    ("10.0.0.1/8", "the network is 10.0.0.0/8"),
    ("2001:db8::1/32", "the network is 2001:db8::/32"),
    ("10.0.0.256", "is not an IP address"),
    ("10.0.0.01", "is not an IP address"),
    ("10.0.0.0/33", "the prefix length of this family is 0 to 32"),
    ("fe80::1%eth0", "is not an IP address"),
    ("example.org", "is not an IP address"),
    ("", "is not an IP address"),
]


@pytest.mark.parametrize(("text", "expected"), NETWORKS)
def test_a_network_has_one_canonical_text(text: str, expected: str) -> None:
    if " " in expected:
        with pytest.raises(BadValueError, match=expected):
            values.network(text)
    else:
        assert values.network(text) == expected


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)), st.integers(0, 128))
def test_every_spelling_of_a_network_gives_the_same_text(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, prefix: int
) -> None:
    network = ipaddress.ip_network((address, min(prefix, address.max_prefixlen)), strict=False)
    found = values.network(str(network))
    assert ipaddress.ip_network(found) == network
    assert values.network(found) == found
    assert values.network(network.exploded) == found
    assert values.network(network.exploded.upper()) == found


PORTS = [
    ("80", (80,)),
    ("443; 80,443", (80, 443)),
    (["22", "20-23"], (20, 21, 22, 23)),
    ("0-65535", tuple(range(65_536))),
    ("", ()),
    ("65536", "is neither a port"),
    ("http", "is neither a port"),
    ("-1", "is neither a port"),
    ("90-80", "ends before it begins"),
    ("8\u0660", "is neither a port"),  # a digit, but not of ASCII
]


@pytest.mark.parametrize(("text", "expected"), PORTS, ids=lambda value: str(value)[:20])
def test_ports_are_numbers_and_ranges(text: str | list[str], expected: tuple[int, ...] | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(BadValueError, match=expected):
            values.ports(text)
    else:
        assert values.ports(text) == expected


@pytest.mark.parametrize(
    ("text", "number"),
    [("TCP", 6), ("udp", 17), ("icmp", 1), ("ICMPv6", 58), ("IPv6-ICMP", 58), ("sctp", 132), ("ospf", 89),
     ("vrrp", 112), ("gre", 47), ("esp", 50), ("udplite", 136), ("132", 132), ("any", None), ("", None), ("*", None)],
)  # fmt: skip
def test_a_protocol_is_its_number(text: str, number: int | None) -> None:
    assert values.protocol(text) == number
    assert values.known_protocol(text)


@pytest.mark.parametrize("text", ["http", "256", "-1", "tpc"])
def test_an_unknown_protocol_is_refused(text: str) -> None:
    assert not values.known_protocol(text)
    with pytest.raises(BadValueError, match="there is no protocol"):
        values.protocol(text)


@pytest.mark.parametrize(
    "text",
    ["orig_payload_bytes = 0", "orig_port NOT IN (1, 2) AND duration >= 0.1", "orig_ip = '10.0.0.1' OR orig_rst > 0",
     "contains(history, 'S')", "NOT (orig_packets > 20)", "list_contains(service, 'dns')", "day IS NULL"],
)  # fmt: skip
def test_a_condition_over_connections_is_accepted(text: str) -> None:
    assert declared().fault(text) is None


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "it is empty"),
        ("-- nothing", "it is empty"),
        ("orig_port = ", "syntax error"),
        ("true) UNION SELECT 1 FROM connection WHERE (true", "syntax error"),
        ("true) ORDER BY (1", "syntax error|more than one expression"),
        ("true) GROUP BY (flow", "syntax error|more than one expression"),
        ("true); DROP TABLE connection; SELECT (1", "only SELECT|more than one expression"),
        ("true /* ", "unterminated"),
        ("orig_port IN (SELECT 1)", "subquery is not allowed"),
        ("EXISTS (FROM read_csv('/etc/passwd'))", "subquery is not allowed"),
        ("orig_port = $1", "parameter is not allowed"),
        ("row_number() OVER () = 1", "window is not allowed"),
        ("orig_bytes > 3", "orig_bytes"),
        ("no_function(orig_port)", "no_function is not allowed"),
        ("count(*) > 3", "count_star is not allowed"),
        ("getenv('HOME') = ''", "getenv is not allowed"),
    ],
)
def test_what_is_more_than_a_condition_is_refused(text: str, part: str) -> None:
    assert re.search(rf"(?i){part}", declared().fault(text) or "")

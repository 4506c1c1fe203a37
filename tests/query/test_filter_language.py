"""The language of display filters: trees and texts, errors with their place, constants, SQL without the user's text."""

from __future__ import annotations

import contextlib
import ipaddress
import random
import tomllib
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netlake
from netlake import tables
from netlake.errors import FilterError
from netlake.query.filter import addresses_sql, compiled, constants, fields, plan, sql, syntax
from netlake.query.filter.parser import parse
from netlake.query.filter.plan import Const

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
CASES = tomllib.loads(Path(__file__).with_name("filters.toml").read_text(encoding="utf-8"))["capture"]
FILTERS = [text for entry in CASES for text in entry["filters"]]
NAMES = st.sampled_from(["ip.src", "tcp.port", "dns", "eth.src", "bt-dht", "x_1.y-2", "frame", "andy", "http.host"])
SPANS = st.lists(
    st.one_of(
        st.builds(syntax.Span, st.integers(-99, 99)),
        st.builds(syntax.Span, st.integers(-99, 99), st.just(":"), st.none() | st.integers(-9, 99)),
        st.builds(syntax.Span, st.integers(-99, 99), st.just("-"), st.integers(-9, 99)),
    ),
    min_size=1,
    max_size=3,
).map(tuple)
NAME = st.builds(syntax.Name, NAMES, st.just(()) | SPANS)
CONSTANTS = st.one_of(
    st.builds(syntax.Number, st.sampled_from(["0", "80", "0x1f", "0b11", "017", "1.5", "2e3", "9" * 30])),
    st.builds(syntax.Text, st.text()),
    st.builds(syntax.Text, st.text(min_size=1, max_size=1), st.just(True)),
    st.builds(
        syntax.Literal,
        st.sampled_from(
            ["10.0.0.1", "10.0.0.0/8", "::1", "fe80::/10", "00:1f:aa", "00-11", "2026-01-02T03:04:05Z", "0a0b", "aa:"]
        ),
    ),
)  # fmt: skip


def _compound(inner: st.SearchStrategy[syntax.Value]) -> st.SearchStrategy[syntax.Value]:
    return st.one_of(
        st.builds(
            syntax.Slice, NAME | inner.filter(lambda one: not isinstance(one, (*_CONSTANT, syntax.Slice))), SPANS
        ),
        st.builds(
            syntax.Call, st.sampled_from(["len", "max", "upper"]), st.lists(inner, min_size=1, max_size=3).map(tuple)
        ),
        st.builds(syntax.Math, st.sampled_from("+-*/%&"), inner, inner),
        st.builds(syntax.Minus, inner),
    )


_CONSTANT = (syntax.Number, syntax.Text, syntax.Literal)
VALUES = st.recursive(NAME | CONSTANTS, _compound, max_leaves=6)
RELATIONS = st.one_of(
    st.builds(
        syntax.Compare, st.sampled_from(list(syntax.COMPARISONS)), VALUES, VALUES, st.sampled_from(["", "any", "all"])
    ),
    st.builds(
        syntax.Within,
        VALUES,
        st.lists(VALUES | st.builds(syntax.Range, VALUES, VALUES), min_size=1, max_size=3).map(tuple),
        st.sampled_from(["", "any", "all"]),
    ),
    st.builds(syntax.Test, VALUES.filter(lambda one: not isinstance(one, _CONSTANT))),
)


def _joined(inner: st.SearchStrategy[syntax.Node]) -> st.SearchStrategy[syntax.Node]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return st.builds(syntax.Not, inner) | st.one_of(
        *(st.builds(kind, several) for kind in (syntax.And, syntax.Or, syntax.Xor))
    )


TREES = st.recursive(RELATIONS, _joined, max_leaves=8)


@given(TREES)
@settings(max_examples=200, deadline=None)
def test_the_text_of_a_tree_is_parsed_to_it(tree: syntax.Node) -> None:
    assert parse(syntax.text(tree)) == tree


@pytest.mark.parametrize("text", FILTERS)
def test_a_filter_and_the_text_of_its_tree_have_one_plan(text: str) -> None:
    assert compiled(syntax.text(parse(text))) == compiled(text)


PIECES = sorted({piece for text in FILTERS for piece in text.replace("(", " ( ").replace(")", " ) ").split()})


@given(
    st.lists(
        st.sampled_from([*PIECES, "[", "]", "{", "}", "#", "..", "'", '"', "\\", "contains", "matches", "all"]),
        max_size=12,
    )
)
@settings(max_examples=200, deadline=None)
def test_random_filters_raise_nothing_but_filter_errors(pieces: list[str]) -> None:
    with contextlib.suppress(FilterError):
        sql.packets(plan.bounds(compiled(" ".join(pieces)), positive=True))


@given(st.text(max_size=40))
@settings(max_examples=150, deadline=None)
def test_random_text_raises_nothing_but_filter_errors(text: str) -> None:
    try:
        compiled(text)
    except FilterError as error:
        refused = error
    else:
        return
    assert all(len(line) <= len(text) + 1 for line in refused.lines)


def test_random_filters_run(lake: Path) -> None:
    """Filters made of parts of the cases run, whatever they select; constants may be far too large."""
    chosen = random.Random(7)  # noqa: S311 - any choice
    ran = 0
    with netlake.Lake(lake) as opened:
        fields_of = [text.split()[0] for text in FILTERS if " == " in text and "(" not in text and "[" not in text]
        values = [
            "1",
            "-1",
            "9223372036854775807",
            "0x7fffffffffffffff",
            "1.5e300",
            '"x"',
            "::1",
            "10.0.0.0/8",
            "00:11",
        ]
        for _ in range(60):
            name, other = chosen.choice(fields_of), chosen.choice(fields_of)
            sign, value = chosen.choice(["==", "!=", "<", ">=", "==="]), chosen.choice(values)
            made = chosen.choice([
                f"{name} {sign} {value}", f"{name} * {value} {sign} {other} + {value}",
                f"{name} % {other} {sign} {value}", f"max({name}, {other}) {sign} {value} || !{name}",
                f"{name}[0:2] {sign} {value}", f"-{name} / 0 {sign} 1", f"{name} & {value} {sign} {other}",
                f"string({name}) contains {value} and count({other}) {sign} {value}",
            ])  # fmt: skip
            try:
                statement = sql.packets(plan.bounds(compiled(made), positive=True))
            except FilterError:
                continue
            opened.sql(statement).rows()
            ran += 1
    assert ran > 10


MISTAKES = [
    ("ip.adr == 10.0.0.1", 1, "ip.addr"),
    ("ip.addr == 10.0.0.1 && tcp.flags.sin", 24, "tcp.flags.syn"),
    ("tcp.port = 80", 10, "equal is =="),
    ("tcp.port == ", 13, "the filter ends"),
    ("tcp.port == 80 &&", 18, "the filter ends"),
    ("(tcp.port == 80", 16, "`)`"),
    ("tcp.port == 80)", 15, "&&"),
    ("tcp.port == 10.0.0.1", 13, "not a number"),
    ("ip.addr == 10.0.0.300", 12, "neither an IP address"),
    ("ip.addr == 10.0.0.0/33", 12, "network"),
    ("eth.src == 00:11", 12, "6 bytes"),
    ('http.host matches "a("', 19, "regular expression"),
    ('http.host == "abc', 14, "quotes"),
    ('http.host == "\\q"', 15, "escape"),
    ("tcp.port[0] == 1", 9, "no bytes"),
    ("frame.time > yesterday", 14, "no field"),
    ('frame.time > "2026-13-01"', 14, "does not exist"),
    ("tcp.port in 80", 13, "a set in braces"),
    ("tcp.port in {80, ip.src}", 18, "constants"),
    ("len(tcp.port)", 1, "alone is no test"),
    ("size(tcp.port) == 1", 1, "there is no function"),
    ("5 == 5", 6, "here must be a field"),
    ("all tcp", 8, "comparison after `all`"),
    ("ip.src == eth.src", 8, "cannot be compared"),
    ("tcp.flags.syn == maybe", 18, "no field"),
    ("ip.ttl == 09", 11, "octal"),
    ("ip.ttl#0 == 1", 1, "counted from 1"),
    ("tcp.len contains 1", 1, "contains nothing"),
    ('arp.opcode == "request"', 15, "no names"),
    ("connection == 1", 1, "name one of its columns"),
    ('http contains "x"', 1, "has no bytes in packets"),
    ("", 1, "empty"),
    ("!" * 100 + "tcp", 62, "inside each other"),
    ("(" * 100 + "tcp" + ")" * 100, 62, "inside each other"),
]


@pytest.mark.parametrize(("text", "place", "part"), MISTAKES, ids=[text[:30] or "empty" for text, _, _ in MISTAKES])
def test_mistakes_name_their_place(text: str, place: int, part: str) -> None:
    with pytest.raises(FilterError) as raised:
        compiled(text)
    error = raised.value
    assert part in error.sentence
    assert f"character {place}:" in error.sentence
    assert error.lines[1].index("^") == place - 1
    assert error.exit_code == 2


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a.b eq 1 and not c.d ne 2 or e", "a.b == 1 && !(c.d != 2) || e"),
        ("tcp.port any_eq 1", "tcp.port == 1"),
        ("tcp.port all_ne 1", "tcp.port != 1"),
        ("tcp.port all_eq 1", "tcp.port === 1"),
        ("tcp.port ~= 1", "tcp.port !== 1"),
        ("a || b && c ^^ d", "a || ((b && c) ^^ d)"),
        ("1 + 2 * x & 3 == y", "{1 + {2 * x}} & 3 == y"),
        ("1 < x <= 5", "1 < x && x <= 5"),
        ("x not in {1}", "!(x in {1})"),
        ('x == r"a\\b"', 'x == "a\\\\b"'),
        ("x == '\\n'", "x == '\\x0a'"),
        ("x#2 == 1", "x#[2] == 1"),
    ],
)
def test_spellings_of_one_tree(text: str, same: str) -> None:
    assert parse(text) == parse(same)


def test_text_of_the_user_is_only_in_constants() -> None:
    """Whatever a text contains, it is one string constant of the SQL."""
    evil = "x'); DROP TABLE dns; --"
    for text in (f'dns.qry.name == "{evil}"', f'dns.qry.name contains "{evil}"', f'http.host in {{"{evil}", "b"}}'):
        statement = sql.packets(compiled(text))
        assert "x''); DROP TABLE dns; --" in statement
        assert len(duckdb.extract_statements(statement)) == 1


ADDRESSES = st.one_of(
    st.ip_addresses(), st.integers(0, 2**32 - 1).map(lambda number: ipaddress.IPv6Address(number | 0xFFFF << 32))
)


def _of(addresses: list[Address], made: str) -> list[object]:
    """The values of an SQL expression over the texts `v` of addresses."""
    texts = [constants.written(address) for address in addresses]
    with duckdb.connect() as database:
        rows = database.execute(f"SELECT {made} FROM (SELECT unnest($1) AS v)", [texts]).fetchall()  # noqa: S608
    return [row[0] for row in rows]


@given(st.lists(ADDRESSES, min_size=20, max_size=60))
@settings(max_examples=15, deadline=None)
def test_hexadecimal_digits_of_addresses(addresses: list[Address]) -> None:
    found = _of(addresses, addresses_sql.hexadecimal("v", "ip"))
    assert found == [address.packed.hex() for address in addresses]


@given(st.ip_addresses(), st.integers(0, 128), st.lists(ADDRESSES, min_size=10, max_size=40))
@settings(max_examples=40, deadline=None)
def test_networks(one: Address, prefix: int, others: list[Address]) -> None:
    prefix = min(prefix, one.max_prefixlen)
    network = ipaddress.ip_network(f"{one}/{prefix}", strict=False)
    addresses = [one, network[0], network[-1], *others]
    found = _of(addresses, addresses_sql.within("v", constants.address(f"{one}/{prefix}")))
    assert found == [address in network for address in addresses]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-02", 1767312000),
        ("2026-01-02T03:04:05Z", 1767323045),
        ("2026-01-02 03:04:05.5", 1767323045.5),
        ("2026-01-02 03:04:05 +01:00", 1767319445),
        ("Jan 2, 2026 03:04:05 UTC", 1767323045),
        ("1767323045.25", 1767323045.25),
    ],
)
def test_times(text: str, seconds: float) -> None:
    assert constants.time(text) == Const("time", round(seconds * 1000) * 1_000_000)


def test_names_are_those_of_declarations() -> None:
    """Every declared Wireshark name is a field, and so is every column by its own name."""
    names = fields.names()
    for table in tables.every():
        for column in table.columns:
            if column.wireshark:
                assert column.wireshark in names.fields, column.wireshark
    assert {"ip.addr", "tcp.port", "eth.addr", "ipv6.addr", "udp.port"} <= names.fields.keys()
    assert {"dns", "mdns", "tcp", "ip", "vxlan", "frame"} <= names.layers.keys()
    assert "dns.answers.address" in names.own

"""The functions of SQL: their examples, cases, and comparison with independent computations."""

from __future__ import annotations

import ipaddress
import math
import statistics
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import communityid
import duckdb
import pytest
from dpkt.ssl_ciphersuites import BY_CODE
from hypothesis import given, settings
from hypothesis import strategies as st
from tldextract import TLDExtract

import netlake
from netlake.errors import QueryError
from netlake.query import functions
from netlake.query.functions import codes, domains, local

HERE = Path(__file__).resolve().parent
DEMO = HERE.parent / "captures" / "demo.pcapng"
CASES = tomllib.loads((HERE / "functions.toml").read_text(encoding="utf-8"))["case"]
SCALAR = " ".join(name for name, one in functions.every().items() if not one.tables)
NEAR = (st.ip_addresses(network=network) for network in ("::ffff:0:0/96", "10.0.0.0/8"))
ADDRESSES = st.one_of(st.ip_addresses(), *NEAR)
TEXTS = st.one_of(ADDRESSES.map(str), st.text(max_size=20))


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with all functions that read no table."""
    with duckdb.connect() as opened:
        functions.declare(opened, SCALAR)
        for statement in functions.statements(SCALAR):
            opened.execute(statement)
        yield opened


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> netlake.Lake:
    """A lake of the bundled capture."""
    folder = tmp_path_factory.mktemp("functions") / "lake"
    netlake.capture(DEMO, folder, sha256=False)
    return netlake.Lake(folder)


def value(database: duckdb.DuckDBPyConnection, call: str, *arguments: object) -> Any:
    row = database.execute(f"SELECT {call}", list(arguments)).fetchone()
    assert row
    return row[0]


@pytest.mark.parametrize("name", functions.every())
def test_example_is_true_and_function_is_described(name: str, lake: netlake.Lake) -> None:
    one = functions.every()[name]
    assert lake.sql(f"SELECT {one.example}").rows() == [(True,)]
    assert name in one.example
    assert one.doc.endswith(".")
    assert one.parameters


@pytest.mark.parametrize("case", CASES, ids=[case["call"] for case in CASES])
def test_case(database: duckdb.DuckDBPyConnection, case: dict[str, Any]) -> None:
    found = value(database, case["call"])
    assert (str(found) if isinstance(case.get("value"), str) else found) == case.get("value")


@settings(max_examples=50, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=20))
def test_addresses_are_those_of_ipaddress(database: duckdb.DuckDBPyConnection, texts: list[str]) -> None:
    def known(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        try:
            return None if "%" in text else ipaddress.ip_address(text)
        except ValueError:
            return None

    rows = database.execute(
        "SELECT text, ip_family(text), is_private(text) FROM (SELECT unnest(?) AS text) ORDER BY ip_order(text)",
        [texts],
    ).fetchall()
    for text, family, private in rows:
        address = known(text)
        assert family == (address.version if address else None)
        inner = getattr(address, "ipv4_mapped", None) or address
        assert private == (inner.is_private if inner else None)
    order = [(address.version, int(address)) for text, *_ in rows if (address := known(text))]
    assert order == sorted(order)


@settings(max_examples=100, deadline=None)
@given(ADDRESSES, ADDRESSES, st.integers(0, 128))
def test_networks_are_those_of_ipaddress(database: duckdb.DuckDBPyConnection, one: Any, other: Any, bits: int) -> None:
    bits = min(bits, other.max_prefixlen)
    block = ipaddress.ip_network((other, bits), strict=False)
    assert value(database, "in_net(?, ?)", str(one), f"{other}/{bits}") == (one in block)
    assert value(database, "subnet(?, ?)", str(other), bits) == str(block)
    assert value(database, "reverse_address(?)", one.reverse_pointer.upper()) == str(one)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40), st.binary(max_size=40))
def test_entropy_is_that_of_counts(database: duckdb.DuckDBPyConnection, text: str, data: bytes) -> None:
    for given_value in (text, data):
        counts = Counter(given_value).values()
        expected = -sum(count / len(given_value) * math.log2(count / len(given_value)) for count in counts)
        assert value(database, "entropy(?)", given_value) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=20), st.integers(-2, 22))
def test_numbers_in_bytes(database: duckdb.DuckDBPyConnection, data: bytes, start: int) -> None:
    for bits in (16, 24, 32, 64):
        part = data[start : start + bits // 8] if start >= 0 else b""
        whole = len(part) == bits // 8
        for ending, order in (("be", "big"), ("le", "little")):
            expected = int.from_bytes(part, order) if whole else None  # type: ignore[arg-type]
            assert value(database, f"u{bits}{ending}(?, ?)", data, start) == expected
    assert value(database, "u8(?, ?)", data, start) == (data[start] if 0 <= start < len(data) else None)


FLOWS = st.tuples(st.sampled_from([4, 6]), st.integers(0, 65535), st.integers(0, 65535))


@settings(max_examples=200, deadline=None)
@given(FLOWS, st.sampled_from(["tcp", "udp", "sctp", "icmp", "icmp6", 47]), st.data())
def test_community_id_is_that_of_the_reference(
    database: duckdb.DuckDBPyConnection, flow: tuple[int, int, int], kind: Any, data: st.DataObject
) -> None:
    version, sport, dport = flow
    version = {"icmp": 4, "icmp6": 6}.get(kind, version)
    source, target = (str(data.draw(st.ip_addresses(v=version))) for _ in range(2))
    number = {"tcp": 6, "udp": 17, "sctp": 132, "icmp": 1, "icmp6": 58}.get(kind, kind)
    if kind in ("icmp", "icmp6"):
        sport, dport = sport % 256, dport % 256
    make = {
        "tcp": communityid.FlowTuple.make_tcp, "udp": communityid.FlowTuple.make_udp,
        "sctp": communityid.FlowTuple.make_sctp, "icmp": communityid.FlowTuple.make_icmp,
        "icmp6": communityid.FlowTuple.make_icmp6,
    }.get(kind)  # fmt: skip
    tuple_ = make(source, target, sport, dport) if make else communityid.FlowTuple.make_ip(source, target, number)
    found = value(database, "community_id(?, ?, ?, ?, ?)", source, sport, target, dport, number)
    assert found == communityid.CommunityID().calc(tuple_)


def test_community_id_is_that_of_connections(lake: netlake.Lake) -> None:
    """An ICMP flow has the type of its first packet; if that is an answer, the responder sent it."""
    found = lake.sql(
        "SELECT count(*), count(*) FILTER (WHERE community_id IS DISTINCT FROM community_id(orig_ip,"
        " coalesce(icmp_type, orig_port, 0), resp_ip, coalesce(icmp_code, resp_port, 0), protocol))"
        " FROM connection WHERE community_id IS NOT NULL AND icmp_type IS DISTINCT FROM 136"
    ).rows()
    assert found[0][0] > 200
    assert found[0][1] == 0


LABELS = st.from_regex(r"[a-z0-9_]{1,8}", fullmatch=True)


@settings(max_examples=300, deadline=None)
@given(st.lists(LABELS, max_size=3), st.data())
def test_registrable_domain_is_that_of_tldextract(
    database: duckdb.DuckDBPyConnection, labels: list[str], data: st.DataObject
) -> None:
    """Names below the rules of the list."""
    rule = data.draw(st.sampled_from(sorted(rule for rule in domains._rules() if rule.isascii())))
    name = ".".join([*labels, rule.removeprefix("!").replace("*", "any")])
    expected = TLDExtract(cache_dir=None, suffix_list_urls=())(name).top_domain_under_public_suffix
    assert value(database, "registrable_domain(?)", name) == (expected or None)


# code points whose names in dpkt are not those of IANA
OTHER_NAMES = {255, 22016, 49264, 49265, 49322, 49323}


def test_names_of_cipher_suites_are_those_of_dpkt(database: duckdb.DuckDBPyConnection) -> None:
    ours = tomllib.loads(codes.FILE.read_text(encoding="utf-8"))["tls_cipher_name"]["values"]
    known = {code: suite.name for code, suite in BY_CODE.items() if suite.name.startswith("TLS_")}
    assert {code: ours.get(str(code)) for code in known.keys() - OTHER_NAMES} == {
        code: name for code, name in known.items() if code not in OTHER_NAMES
    }
    assert len(known) > 300
    assert value(database, "tls_cipher_name(?)", 49199) == known[49199]


def test_local_networks_of_the_lake(lake: netlake.Lake, tmp_path: Path) -> None:
    """A lake may have its own; a line that is no network is an error that names it."""
    folder = tmp_path / "lake"
    netlake.capture(DEMO, folder, include=["connection"], sha256=False)
    (folder / local.FILE).write_text("# ours\n203.0.113.0/24 office\n\n2001:db8::/32\n")
    query = "SELECT is_local('203.0.113.9'), is_local('10.0.0.1'), is_local('2001:db8::1')"
    assert netlake.Lake(folder).sql(query).rows() == [(True, False, True)]
    (folder / local.FILE).write_text("office\n")
    with pytest.raises(QueryError, match=r"networks.txt in the lake: 'office'"):
        netlake.Lake(folder).sql(query)


Connections = dict[tuple[Any, ...], list[Any]]


def grouped(lake: netlake.Lake, query: str, keys: int) -> Connections:
    """The last column of `query` by its first ones."""
    found: Connections = defaultdict(list)
    for row in lake.sql(query).rows():
        found[row[:keys]].append(row[keys])
    return found


@pytest.mark.parametrize(("least", "jitter"), [(3, 0.1), (5, 0.01), (2, 5.0)])
def test_beacons_are_those_of_statistics(lake: netlake.Lake, least: int, jitter: float) -> None:
    query = (
        "SELECT capture, orig_ip, resp_ip, resp_port, protocol, epoch_us(ts) FROM connection"
        " WHERE resp_port IS NOT NULL ORDER BY ts, flow"
    )
    expected = {}
    for key, times in grouped(lake, query, 5).items():
        gaps = [(later - earlier) / 1e6 for earlier, later in pairwise(times)]
        if len(times) < max(2, least) or not statistics.fmean(gaps) >= 0.5:
            continue
        deviation = statistics.pstdev(gaps)
        if deviation <= jitter * statistics.fmean(gaps):
            expected[key] = (len(times), pytest.approx(statistics.fmean(gaps)), pytest.approx(deviation, abs=1e-9))
    found = lake.sql(
        "SELECT capture, source, target, port, protocol, connections, interval_seconds, deviation_seconds"
        f" FROM beacons(min_connections := {least}, max_jitter := {jitter})"
    ).rows()
    assert {row[:5]: row[5:] for row in found} == expected
    assert expected


@pytest.mark.parametrize("least", [2, 10, 20])
def test_sweeps_are_those_of_sets(lake: netlake.Lake, least: int) -> None:
    rows = lake.sql(
        "SELECT orig_ip, resp_ip, resp_port, protocol, conn_state, resp_packets FROM connection"
        " WHERE resp_port IS NOT NULL AND protocol IN (6, 17)"
    ).rows()
    across, down = defaultdict(set), defaultdict(set)
    for source, target, port, protocol, state, answers in rows:
        if state in ("S0", "REJ", "RSTOS0", "SH") if protocol == 6 else answers == 0:
            across["horizontal", source, None, port, protocol].add(target)
            down["vertical", source, target, None, protocol].add(port)
    expected = {key: len(found) for key, found in {**across, **down}.items() if len(found) >= least}
    found = lake.sql(f"SELECT kind, source, target, port, protocol, targets FROM sweeps({least})").rows()
    assert {row[:5]: row[5] for row in found} == expected
    assert expected


@pytest.mark.parametrize(("seconds", "least"), [(1, 10), (60, 5), (0.5, 2)])
def test_bursts_are_those_of_counts(lake: netlake.Lake, seconds: float, least: int) -> None:
    counts: Counter[tuple[str, float]] = Counter()
    for source, micros in lake.sql("SELECT orig_ip, epoch_us(ts) FROM connection WHERE orig_ip IS NOT NULL").rows():
        counts[source, math.floor(micros / 1e6 / seconds) * seconds] += 1
    expected = {}
    for (source, begin), count in counts.items():
        others = [other for (host, time), other in counts.items() if host == source and time != begin]
        if count >= least:
            expected[source, begin] = (count, pytest.approx(count / statistics.fmean(others)) if others else None)
    found = lake.sql(
        "SELECT source, epoch(begin), connections, times_usual"
        f" FROM bursts(seconds := {seconds}, min_connections := {least})"
    ).rows()
    assert {row[:2]: row[2:] for row in found} == expected
    assert expected

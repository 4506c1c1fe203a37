"""Compares `connection` with tshark's conversation statistics: packets and bytes of TCP, UDP and SCTP by direction.

The programs separate consecutive connections differently (reused ports, timeouts), so the sums over all connections
between the same two endpoints are compared. tshark counts a fragmented datagram as its last fragment, and does not
count packets with an unreadable transport header, so endpoints with such packets are skipped. It prints bytes above
10,000 in thousands, rounded down; those are compared as printed.
"""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from tests.compare.exceptions import Difference
from tests.compare.tally import Tally

End = tuple[bytes, int]
Key = tuple[str, End, End]
Sums = dict[Key, list[int]]

PROTOCOLS = {6: "TCP", 17: "UDP", 132: "SCTP"}
COUNTS = r"\s+([0-9]+) ([0-9,]+) (bytes|kB|MB|GB)"
LINE = re.compile(r"(\S+):([0-9]+)\s+<-> (\S+):([0-9]+)" + COUNTS * 3)
TITLE = re.compile(r"(\w+) Conversations")
UNITS = {"bytes": 1, "kB": 1000, "MB": 1000**2, "GB": 1000**3}
COLUMNS = (
    "flow", "outer_flow", "protocol", "orig_ip", "orig_port", "resp_ip", "resp_port",
    "orig_packets", "orig_wire_bytes", "resp_packets", "resp_wire_bytes",
)  # fmt: skip
NAMES = ("packets", "packets", "bytes", "bytes")


def _key(protocol: str, first: End, second: End) -> tuple[Key, bool]:
    """(key with the endpoints in order, whether they were swapped)."""
    swapped = second < first
    return (protocol, second, first) if swapped else (protocol, first, second), swapped


def _end(host: str, port: str | int) -> End:
    return ipaddress.ip_address(host).packed, int(port)


def theirs(statistics: str) -> dict[Key, list[tuple[int, int]]]:
    """The counts of tshark by key: packets and bytes, forward and back, with the unit in which they are printed."""
    found: dict[Key, list[tuple[int, int]]] = defaultdict(lambda: [(0, 1)] * 4)
    protocol = ""
    for line in statistics.splitlines():
        if title := TITLE.match(line):
            protocol = title[1]
        elif counts := LINE.match(line):
            key, swapped = _key(protocol, _end(counts[1], counts[2]), _end(counts[3], counts[4]))
            back, there = (_count(counts, 5), _count(counts, 8))
            if swapped:
                back, there = there, back
            both = [(there[0], 1), (back[0], 1), there[1], back[1]]
            found[key] = [(a + b, max(u, v)) for (a, u), (b, v) in zip(found[key], both, strict=True)]
    return found


def _count(counts: re.Match[str], at: int) -> tuple[int, tuple[int, int]]:
    unit = UNITS[counts[at + 2]]
    return int(counts[at]), (int(counts[at + 1].replace(",", "")) * unit, unit)


def ours(tables: dict[str, pa.Table]) -> tuple[Sums, set[Key]]:
    """(counts of `connection` by key, keys that are skipped)."""
    sums: Sums = defaultdict(lambda: [0] * 4)
    unlike = _fragmented_flows(tables) | _broken_flows(tables)
    skipped: set[Key] = set()
    for row in _connections(tables):
        if row["protocol"] not in PROTOCOLS or row["orig_port"] is None:
            continue
        first, second = _end(row["orig_ip"], row["orig_port"]), _end(row["resp_ip"], row["resp_port"])
        key, swapped = _key(PROTOCOLS[row["protocol"]], first, second)
        counts = [row["orig_packets"], row["resp_packets"], row["orig_wire_bytes"], row["resp_wire_bytes"]]
        if swapped:
            counts = [counts[1], counts[0], counts[3], counts[2]]
        sums[key] = [mine + more for mine, more in zip(sums[key], counts, strict=True)]
        if row["flow"] in unlike or row["outer_flow"] in unlike:
            skipped.add(key)
    return sums, skipped


def _connections(tables: dict[str, pa.Table]) -> Iterator[dict[str, object]]:
    if "connection" in tables:
        yield from tables["connection"].select(COLUMNS).to_pylist()


def _fragmented_flows(tables: dict[str, pa.Table]) -> set[int]:
    """Flows with fragments."""
    packets: set[int] = set()
    for name in ("ipv4", "ipv6_fragment"):
        if name in tables:
            table = tables[name]
            part = pc.or_kleene(table["more_fragments"], pc.greater(table["fragment_offset"], 0))
            packets.update(table.filter(part)["packet"].to_pylist())
    if not packets:
        return set()
    spine = tables["packet"]
    return set(spine.filter(pc.is_in(spine["packet"], pa.array(sorted(packets))))["flow"].to_pylist()) - {None}


def _broken_flows(tables: dict[str, pa.Table]) -> set[int]:
    """Flows with a truncated or malformed transport header."""
    found: set[int] = set()
    for name in ("tcp", "udp", "sctp"):
        if name in tables:
            found.update(tables[name].filter(pc.is_valid(tables[name]["fault"]))["flow"].to_pylist())
    return found - {None}


def compare(tables: dict[str, pa.Table], statistics: str, capture: str) -> Tally:
    """Compare packets and bytes by direction for all pairs of endpoints."""
    tally = Tally()
    mine, skipped = ours(tables)
    shown = theirs(statistics)
    for key in sorted(mine.keys() | shown.keys()):
        if key in skipped:
            continue
        tally.rows += 1
        for name, count, (printed, unit) in zip(
            NAMES, mine.get(key, [0] * 4), shown.get(key, [(0, 1)] * 4), strict=True
        ):
            # each of two summands is rounded down by less than one unit
            if count // unit * unit == printed or (unit > 1 and 0 <= count - printed < 2 * unit):
                tally.same(name, 1)
            else:
                ends = " ".join(f"{ipaddress.ip_address(host)}:{port}" for host, port in key[1:])
                values = f"{count}" if key in mine else None, f"{printed} of {key[0]} {ends}" if key in shown else None
                ports = frozenset(str(port) for _, port in key[1:])
                tally.differs(Difference("connection", name, *values, capture, 0, transport=key[0].lower(), port=ports))
    return tally

"""Cases of tests/flows/cases/*.toml: headers in a line each, and the flows and rows of `connection` that they give.

A line is a time in seconds (`-`: none), `>` or `<` (from 10.0.0.1 port 1000 to 10.0.0.2 port 80, or back), flags or
`.`, and NAME=VALUE for fields of `build.Header`; `icmp=8/0` gives type and code, `udp=` a payload. `flow` has the flow
of each line, `shift` the bits by which its window is shifted (-1: not known), `rows` the columns that are compared of
the rows of `connection`, in the order of their end: "null" is null, times are seconds from build.BEGIN.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from netlake.flows.tracker import Tracker
from netlake.kernels.numbers import IpProtocol
from netlake.kernels.walk_network import pair_of_icmp
from netlake.layers.pools import new_pools
from netlake.packets import DATAGRAM, FRAGMENT, QUOTED, WHOLE
from tests.flows.build import BEGIN, SECOND, Header, batch

KINDS = {"whole": WHOLE, "fragment": FRAGMENT, "datagram": DATAGRAM, "quoted": QUOTED}
FOLDER = Path(__file__).parent / "cases"
CASES = [
    pytest.param(case, id=f"{file.stem}: {case['name']}")
    for file in sorted(FOLDER.glob("*.toml"))
    for case in tomllib.loads(file.read_text(encoding="utf-8"))["case"]
]


def parsed(line: str) -> Header:
    """The header of a line."""
    time, arrow, flags, *fields = line.split()
    header = Header(ts=None if time == "-" else float(time), flags=flags.strip("."))
    for name, _, value in (field.partition("=") for field in fields):
        if name == "icmp":
            kind, code = map(int, value.split("/"))
            header.protocol, header.first = IpProtocol.ICMPV4.value, bytes([kind, code, 0, 0, 0, 0, 0, 0])
            header.src_port, header.dst_port = pair_of_icmp.function(4, kind, code)
        elif name == "udp":
            header.protocol, header.first = IpProtocol.UDP.value, bytes(8) + bytes.fromhex(value)
        elif name == "chunk":
            header.protocol, header.first = IpProtocol.SCTP.value, bytes(12) + bytes([int(value), 0, 0, 4])
        elif name == "kind":
            header.kind = KINDS[value]
        elif name == "mac":
            header.mac = bytes.fromhex(value)
        elif name in ("src", "dst"):
            setattr(header, name, value)
        else:
            setattr(header, name, int(value))
    if arrow == "<":
        header.src, header.dst = header.dst, header.src
        if header.protocol != IpProtocol.ICMPV4:
            header.src_port, header.dst_port = header.dst_port, header.src_port
    return header


@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any]) -> None:
    tracker = Tracker(new_pools(), max_flows=case.get("max_flows", 100))
    headers = [parsed(line) for line in case["headers"]]
    flows = tracker.update(*batch(headers))
    tracker.finish()
    ended = tracker.ended()
    rows = ended.to_pylist() if ended is not None else []
    while (ended := tracker.ended()) is not None:
        rows += ended.to_pylist()
    if "flow" in case:
        assert flows.flow.tolist() == case["flow"]
    if "shift" in case:
        assert flows.shift.tolist() == case["shift"]
    if "evictions" in case:
        assert tracker.evictions == case["evictions"]
    for row in rows:
        row |= {name: row[name].timestamp() - BEGIN / SECOND for name in row if name.endswith("_ts") and row[name]}
    expected = [{name: None if value == "null" else value for name, value in row.items()} for row in case["rows"]]
    assert [{name: row[name] for name in wanted} for row, wanted in zip(rows, expected, strict=True)] == expected

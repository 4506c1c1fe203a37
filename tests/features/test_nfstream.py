"""`nfstream` against the installed NFStream: equal in every column, but for conditions that are proven of a flow.

The conditions are found in the lake, without the code of features:
- NFStream's clock is one for all flows and stops while times step back: captures whose times do so are left out.
- It ignores fragments but the first, and does not decapsulate the tunnels of these captures.
- It has ports of TCP and UDP only.
- It has 0 where a value is undefined, and takes the MAC address of the destination from the first packet.
"""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

import netlake
from netlake import features
from tests.features import peers

NAMES = (
    "WebattackSQLinj.pcap", "WebattackRCE.pcap", "http_ipv6.pcap", "icmp-tunnel.pcap", "dns_fragmented.pcap",
    "sctp.cap", "synscan.pcap", "vxlan.pcap", "tls_multiple_synack_different_seq.pcapng", "syncthing.pcap",
    "whatsapp_login_call.pcap", "zoom.pcap", "ftp.pcap", "teams.pcap",
)  # fmt: skip
# what differs by definition: see above
BY_DEFINITION = ("id", "dst_mac", "dst_oui", "vlan_id", "tunnel_id")
UNLIKE = """
SELECT DISTINCT c.orig_ip, c.resp_ip, c.protocol
FROM packet p JOIN connection c ON c.capture = p.capture AND c.flow = p.flow
LEFT JOIN ipv4 v4 ON v4.capture = p.capture AND v4.packet = p.packet
LEFT JOIN ipv6_fragment v6 ON v6.capture = p.capture AND v6.packet = p.packet
WHERE v4.fragment_offset > 0 OR v6.packet IS NOT NULL OR c.outer_flow IS NOT NULL OR c.protocol NOT IN (1, 6, 17, 58)
"""
BACKWARD = "SELECT count(*) FROM (SELECT ts < max(ts) OVER (ORDER BY packet) AS back FROM packet) WHERE back"


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    """What identifies a flow in both."""
    return tuple(row[name] for name in ("src_ip", "src_port", "dst_ip", "dst_port", "protocol",
                                        "bidirectional_first_seen_ms"))  # fmt: skip


def same(own: Any, other: Any) -> bool:
    """Equal within float error; null is their 0, and their lists are padded with -1."""
    if isinstance(other, list):
        return own == [value for value in other if value != -1][: len(own)] or own == other[: len(own)]
    if own is None:
        return not other
    if isinstance(other, float):
        return math.isclose(own, other, rel_tol=1e-9, abs_tol=1e-6)
    return bool(own == other)


@pytest.mark.parametrize("name", NAMES)
def test_flows_are_those_of_nfstream(name: str, shared_captures: Path, tmp_path: Path) -> None:
    path = shared_captures / "ndpi" / f"default__pcap__{name}"
    if not path.exists():
        pytest.skip(f"{name} is not among the shared captures")
    theirs = peers.nfstream(path)
    netlake.capture([path], tmp_path / "lake")
    lake = netlake.Lake(tmp_path / "lake")
    if lake.sql(BACKWARD).rows()[0][0]:
        pytest.skip("times step back")
    unlike = {(frozenset(row[:2]), row[2]) for row in lake.sql(UNLIKE).rows()}
    hosts = {pair for pair, _ in unlike}
    own = defaultdict(list)
    for batch in features.compute(lake, "nfstream"):
        for row in batch.to_pylist():
            own[key(row)].append(row)
    compared = 0
    for flow in theirs:
        ends = frozenset((flow["src_ip"], flow["dst_ip"]))
        # the outer flow of a tunnel has no packets in the lake's view
        if (ends, flow["protocol"]) in unlike or flow["dst_port"] in (4789, 2152) or ends in hosts:
            continue
        assert own[key(flow)], f"no row for {key(flow)}"
        row = own[key(flow)].pop(0)
        for column, value in flow.items():
            if column in row and column not in BY_DEFINITION:
                assert same(row[column], value), (key(flow), column, row[column], value)
                compared += 1
    left = [place for place, rows in own.items() for _ in rows if frozenset((place[0], place[2])) not in hosts]
    assert left == []
    assert compared or unlike, "nothing was compared"


def test_columns_are_those_of_nfstream(shared_captures: Path) -> None:
    path = shared_captures / "ndpi" / "default__pcap__WebattackSQLinj.pcap"
    flow = peers.nfstream(path)[0]
    names = {feature.name for feature in features.definitions("nfstream")}
    assert set(flow) - names == {"id", "vlan_id", "tunnel_id"}

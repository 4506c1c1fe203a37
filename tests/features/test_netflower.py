"""Names and values of the package netflower against `cic`, on captures of TCP and UDP over IPv4.

Differences by definition, in groups: netflower's lengths are those of IP packets (`cic`: payload); it counts subflows
as gaps + 1 and divides without a fraction; its bulks end at a packet without payload and need five packets; its first
window backward may be 0; 0 stands for undefined. Its flows end with a RST or the FINs of both sides, as the policy
has it here; it drops packets that follow within 1 s, which are rows of their own here.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import netlake
from netlake import features
from netlake.features.sets.aliases import of_python
from tests.features import peers

NAMES = ("WebattackSQLinj.pcap", "WebattackRCE.pcap", "zoom.pcap", "whatsapp.pcap", "ftp.pcap", "teams.pcap")
POLICY = "nfstream:inclusive=false,milliseconds=false,active=0,closing=at-close"
SECONDS = ("flow_duration", "_iat_", "active_", "idle_")
BY_DEFINITION = (
    "totlen_", "pkt_len_", "pkt_size_avg", "_seg_size_avg", "flow_byts_s", "subflow_", "_b_avg", "_blk_rate",
    "init_bwd_win_byts", "timestamp",
)  # fmt: skip


def test_names_are_aliases(shared_captures: Path, tmp_path: Path) -> None:
    flow = peers.netflower(shared_captures / "ndpi" / "default__pcap__WebattackSQLinj.pcap", tmp_path)[0]
    names = {of_python(feature.name) for feature in features.SETS["cic"].features}
    assert set(flow) - names == {"src_ip", "dst_ip", "src_port", "dst_port", "protocol"} - names
    assert len(set(flow) & names) >= 75


@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_netflower(name: str, shared_captures: Path, tmp_path: Path) -> None:
    path = shared_captures / "ndpi" / f"default__pcap__{name}"
    if not path.exists():
        pytest.skip(f"{name} is not among the shared captures")
    theirs = peers.netflower(path, tmp_path)
    netlake.capture([path], tmp_path / "lake")
    own: dict[tuple[Any, ...], dict[str, Any]] = {}
    lengths: dict[tuple[Any, ...], tuple[int, int]] = {}
    for batch in features.compute(tmp_path / "lake", "cic", policy=POLICY, where="protocol IN (6, 17)"):
        own |= {_key(row): row for row in batch.to_pylist()}
    for batch in features.compute(tmp_path / "lake", "netflow-v2", policy=POLICY, where="protocol IN (6, 17)"):
        lengths |= {
            (row["capture"], row["first_packet"]): (row["IN_BYTES"], row["OUT_BYTES"]) for row in batch.to_pylist()
        }
    compared = 0
    for flow in theirs:
        row = own.get(_key_of_peer(flow))
        counts = (int(flow["tot_fwd_pkts"]), int(flow["tot_bwd_pkts"]))
        # only flows with the same packets are comparable
        if row is None or counts != (row["Total Fwd Packet"], row["Total Bwd packets"]):
            continue
        compared += 1
        totals = (int(flow["totlen_fwd_pkts"]), int(flow["totlen_bwd_pkts"]))
        assert totals == lengths[row["capture"], row["first_packet"]]
        for column, value in row.items():
            other = of_python(column)
            if other in flow and not any(part in other for part in BY_DEFINITION):
                scale = 1e6 if any(part in other for part in SECONDS) else 1
                wanted = float(flow[other]) * scale if _is_number(flow[other]) else flow[other]
                # the tool has times as float seconds, exact to 0.5 us
                rate = 2 / max(row["Flow Duration"], 1) if other.endswith("_s") else 0.0
                assert _same(value, wanted, 2 if scale > 1 else 1e-6, rate), (_key(row), column, value, wanted)
    assert compared >= 0.9 * len(theirs), (compared, len(theirs))


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace("-", "").replace("e", "").isdigit()


def _same(own: Any, other: Any, absolute: float, relative: float) -> bool:
    if own is None:
        return other in (0, -1)
    return own == other or math.isclose(own, other, rel_tol=max(1e-6, relative), abs_tol=absolute)


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["Src IP"], row["Src Port"], row["Dst IP"], row["Dst Port"], row["Protocol"],
            round(row["Timestamp"].timestamp(), 3))  # fmt: skip


def _key_of_peer(flow: dict[str, str]) -> tuple[Any, ...]:
    return (flow["src_ip"], int(flow["src_port"]), flow["dst_ip"], int(flow["dst_port"]), int(flow["protocol"]),
            round(float(flow["timestamp"]), 3))  # fmt: skip

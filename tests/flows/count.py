"""Counts TCP connections of captures with dpkt, independently of netlake, and compares them with `connection`.

    python -m tests.flows.count FOLDER [--largest MEGABYTES] [--jobs N]

For each connection and direction: packets, bytes on the wire and of IP, payload, retransmitted and out-of-order
segments, missed bytes. The two share no code, and no data structure: here the bytes that were *seen* are a list of
intervals without a limit, sequence numbers do not wrap, and what is missed is counted at the end. The rules are those
at the head of netlake.flows.tracker.

Compared are the connections whose packets dpkt reads as well: TCP over IP directly in Ethernet, VLAN, Linux cooked,
loopback or raw captures. A difference is explained by a condition of DIFFERENT, checked for each connection; any other
difference is listed, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import ipaddress
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import netlake
from netlake.errors import NetlakeError
from tests.flows.count_packets import Segment, UnreadableError, segments
from tests.flows.count_sent import ACK, FIN, RST, SYN, WRAP, Sent

FIELDS = ("packets", "wire_bytes", "ip_bytes", "payload_bytes", "retransmitted", "out_of_order", "missed_bytes")
SIDES = ("orig", "resp")
TCP = 6
SECOND = 1_000_000_000
End = tuple[bytes, int]


@dataclass
class Connection:
    """One connection: its first packet and what its ends have sent."""

    first_packet: int
    ends: dict[End, Sent]
    clock: int = 0
    has_data: bool = False
    fins: set[End] = field(default_factory=set)
    is_over: bool = False

    def continues(self, one: Segment, now: int) -> bool:
        """Whether a segment belongs to the connection."""
        silence = 5 if self.is_over else 3600 if self.has_data else 300
        if now - self.clock > silence * SECOND:
            return False
        mine, other = self.ends[one.source], self.ends[one.target]
        if one.flags & (SYN | RST) != SYN:
            return True
        if one.flags & ACK:
            is_other = mine.syn not in (None, one.seq) and (other.syn is None or (other.syn + 1) % WRAP != one.ack)
            return not (self.is_over and is_other)
        if mine.syn is not None:
            return not self.is_over and mine.syn == one.seq
        return mine.is_late(one, other, is_over=self.is_over)

    def add(self, one: Segment) -> None:
        """Count a segment."""
        mine, other = self.ends[one.source], self.ends[one.target]
        mine.counts.update(packets=1, wire_bytes=one.wire, ip_bytes=one.ip_bytes, payload_bytes=one.payload)
        mine.counts["flags"] += 1
        self.has_data |= one.payload > 0
        if one.flags & SYN:
            mine.syns += 1
            mine.has_syn, mine.syn = True, one.seq if not one.flags & RST else mine.syn
            mine.scale = one.scale if mine.scale is None else mine.scale
        elif not one.flags & RST:
            mine.window = max(mine.window, one.window)
        mine.has_ack |= bool(one.flags & ACK)
        if not one.flags & RST:
            mine.begin = one.seq if mine.begin is None else mine.begin
            if one.flags & (SYN | ACK) == SYN | ACK:
                other.answered(one.ack)
            if one.flags & ACK:
                other.acknowledge(one, mine)
        mine.send(one)
        if one.flags & FIN:
            self.fins.add(one.source)
        self.is_over |= bool(one.flags & RST) or len(self.fins) == len(self.ends)


def counted(path: Path) -> list[Connection]:
    """The connections of a capture."""
    found: list[Connection] = []
    live: dict[frozenset[End], Connection] = {}
    now = 0
    for one in segments(path):
        now = max(now, one.ts)
        key = frozenset((one.source, one.target))
        if key not in live or not live[key].continues(one, now):
            live[key] = Connection(one.number, {end: Sent() for end in key})
            found.append(live[key])
        live[key].add(one)
        live[key].clock = now
    return found


@dataclass
class Around:
    """What netlake's other tables contain about a capture: pairs of addresses, and of ends, by what is between them.

    `otherwise` has the two ends (address, port) of each segment in a packet with headers that are not read here.
    """

    fragmented: set[frozenset[str]]
    otherwise: set[frozenset[tuple[str, int]]]
    invalid: set[frozenset[str]]

    @classmethod
    def of(cls, tables: dict[str, Any]) -> Around:
        """From the tables `packet`, `ipv4`, `ipv6` and `tcp`."""
        packets = tables["packet"].select(["packet", "stack", "stop_reason"]).to_pylist() if "packet" in tables else []
        cut = {row["packet"] for row in packets if row["stop_reason"] == "fragment"}
        ipv4 = (
            tables["ipv4"].select(["packet", "more_fragments", "fragment_offset"]).to_pylist()
            if "ipv4" in tables
            else []
        )
        cut |= {row["packet"] for row in ipv4 if row["more_fragments"] or row["fragment_offset"]}
        other = {row["packet"] for row in packets if row["stack"] and not set(row["stack"].split(":")) <= PLAIN}
        headers = [
            row
            for name in ("ipv4", "ipv6", "tcp")
            if name in tables
            for row in tables[name].select(["packet", "src_ip", "dst_ip", "fault"]).to_pylist()
        ]
        invalid = {row["packet"] for row in headers if row["fault"]}

        def pairs(of: set[int]) -> set[frozenset[str]]:
            return {frozenset((row["src_ip"], row["dst_ip"])) for row in headers if row["packet"] in of}

        columns = ["packet", "src_ip", "src_port", "dst_ip", "dst_port"]
        inside = (
            [row for row in tables["tcp"].select(columns).to_pylist() if row["packet"] in other]
            if "tcp" in tables
            else []
        )
        otherwise = {frozenset(((row["src_ip"], row["src_port"]), (row["dst_ip"], row["dst_port"]))) for row in inside}
        return cls(pairs(cut), otherwise, pairs(invalid))

    def excluded(self, pair: frozenset[tuple[str, int]]) -> bool:
        """Whether connections between two ends are not compared."""
        hosts = frozenset(address for address, _ in pair)
        return pair in self.otherwise or hosts in self.fragmented or hosts in self.invalid


# headers around TCP that are read here too, by their names in stacks
PLAIN = {"ethernet", "dot1q", "linux_sll", "linux_sll2", "raw", "null", "loop", "ipv4", "ipv6", "ipv6_hop_by_hop",
         "ipv6_fragment", "tcp"}  # fmt: skip
DIFFERENT: dict[str, Callable[[dict[str, Any], Around], bool]] = {
    "in a tunnel": lambda row, _: row["tunnel_key"] is not None or row["outer_flow"] is not None,
    "ports not in the capture": lambda row, _: row["orig_port"] is None,
    "one end with itself": lambda row, _: (row["orig_ip"], row["orig_port"]) == (row["resp_ip"], row["resp_port"]),
    "fragments between its addresses": lambda row, around: addresses(row) in around.fragmented,
    "other headers in its packets": lambda row, around: both_ends(row) in around.otherwise,
    "cut or invalid headers between its addresses": lambda row, around: addresses(row) in around.invalid,
}


def addresses(row: dict[str, Any]) -> frozenset[str]:
    """The addresses of a row of `connection`."""
    return frozenset((row["orig_ip"], row["resp_ip"]))


def both_ends(row: dict[str, Any]) -> frozenset[tuple[str, int]]:
    """The addresses with ports of a row of `connection`."""
    return frozenset((row[f"{side}_ip"], row[f"{side}_port"]) for side in SIDES)


def compared(path: Path) -> tuple[Counter[str], list[str]]:
    """Outcomes of a capture's connections, and sentences about differences."""
    try:
        ours = {(one.first_packet, frozenset(one.ends)): one for one in counted(path)}
    except UnreadableError as error:
        return Counter({f"capture not read: {error}": 1}), []
    try:
        tables = netlake.decode(path, include=["connection", "packet", "ipv4", "ipv6", "tcp"])
    except NetlakeError:
        return Counter({"capture not read by netlake": 1}), []
    around, outcomes, lines = Around.of(tables), Counter[str](), []
    rows = tables["connection"].to_pylist() if "connection" in tables else []
    for row in (row for row in rows if row["protocol"] == TCP):
        ends = [(ipaddress.ip_address(row[f"{side}_ip"]).packed, row[f"{side}_port"]) for side in SIDES]
        one = ours.pop((row["first_packet"], frozenset(ends)), None)
        why = next((why for why, condition in DIFFERENT.items() if condition(row, around)), None)
        if not why and one is not None and any(sent.is_far for sent in one.ends.values()):
            why = "sequence numbers farther apart than 2^30"
        if why:
            outcomes[f"not compared: {why}"] += 1
            continue
        found = list(differences(row, ends, one))
        outcomes["different" if found else "equal"] += 1
        lines += [f"{path.name}: flow {row['flow']} of packet {row['first_packet']}: {text}" for text in found]
    for number, pair in ours:
        known = frozenset((str(ipaddress.ip_address(address)), port) for address, port in pair)
        if len(pair) > 1 and not around.excluded(known):
            outcomes["different"] += 1
            lines.append(f"{path.name}: connection of packet {number} is not in `connection`")
    return outcomes, lines


def differences(row: dict[str, Any], ends: list[End], one: Connection | None) -> Iterator[str]:
    """How a row of `connection` differs from what was counted."""
    if one is None:
        yield "not found"
        return
    for side, end in zip(SIDES, ends, strict=True):
        values = {**one.ends[end].counts, "missed_bytes": one.ends[end].missed()}
        for name in FIELDS:
            if row[f"{side}_{name}"] != values.get(name, 0):
                yield f"{side}_{name} is {row[f'{side}_{name}']}, counted {values.get(name, 0)}"


def capture_files(folder: Path, largest: float) -> Iterator[Path]:
    """The captures of a folder up to a size in MB."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and ".pcap" in path.name and path.stat().st_size <= largest * 1e6:
            yield path


def main(arguments: list[str] | None = None) -> int:
    """Compare the captures of a folder; 1 if a difference is not explained."""
    parser = argparse.ArgumentParser(description="Count TCP connections with dpkt, and compare them with `connection`.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--largest", type=float, default=20.0, help="skip larger files (MB)")
    parser.add_argument("--jobs", type=int, default=1)
    chosen = parser.parse_args(arguments)
    total: Counter[str] = Counter()
    with ProcessPoolExecutor(chosen.jobs) as pool:
        for outcomes, lines in pool.map(compared, capture_files(chosen.folder, chosen.largest), chunksize=16):
            total += outcomes
            for line in lines:
                sys.stdout.write(f"{line}\n")
    for outcome, count in sorted(total.items()):
        sys.stdout.write(f"{count:8,}  {outcome}\n")
    return 1 if total["different"] else 0


if __name__ == "__main__":
    sys.exit(main())

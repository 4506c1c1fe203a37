"""The state of a flow in the twin, and its row of `connection`."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from typing import Any

from netlake.flows import tcp_tables
from netlake.kernels.flow_state import End
from netlake.kernels.numbers import IpProtocol
from netlake.layers.pools import ip_text
from netlake.packets import NO_TIME

SECOND = 1_000_000_000
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
Key = tuple[Any, ...]


def microseconds(ns: int | None) -> int | None:
    """A time as a row has it."""
    return None if ns is None or ns == NO_TIME else ns // 1000


@dataclass
class Side:
    """One direction."""

    packets: int = 0
    wire: list[int] = field(default_factory=list)
    ip_bytes: int = 0
    payload: int = 0
    first: int | None = None
    last: int | None = None
    intervals: list[int] = field(default_factory=list)
    mac: str | None = None
    ttls: list[int] = field(default_factory=list)
    flags: list[int] = field(default_factory=lambda: [0] * 8)
    windows: list[int] = field(default_factory=list)
    first_window: int | None = None
    next: int | None = None
    begin: int | None = None
    answered_begin: bool = False
    floor: int | None = None
    early: int = 0
    holes: list[list[int]] = field(default_factory=list)
    acked: int = -(1 << 62)
    pending: int | None = None
    retransmitted: int = 0
    out_of_order: int = 0
    late: int = 0
    zero_windows: int = 0
    gaps: int = 0
    missed: int = 0
    letters: set[str] = field(default_factory=set)
    seqs: dict[str, int] = field(default_factory=dict)
    state: int = End.INACTIVE
    scale: int | None = None
    saw_syn: bool = False
    answered: bool = False

    def unwrapped(self, number: int) -> int:
        """A sequence number as the nearest to `next`, which does not wrap."""
        assert self.next is not None
        return self.next + ((number - self.next + 2**31) % 2**32 - 2**31)

    def add_hole(self, start: int, end: int) -> None:
        """Add the bytes that are missing before a segment, or before an acknowledgement; numbers do not wrap."""
        if end > start:
            self.holes.append([start, end])

    def acknowledge(self, ack: int) -> int:
        """Acknowledge everything below `ack`; the bytes that are missing."""
        assert self.next is not None
        self.add_hole(self.next, ack)
        self.next = max(self.next, ack)
        counted = self.acked if self.floor is None else max(self.acked, self.floor)
        missed = sum(max(0, min(end, ack) - max(start, counted)) for start, end in self.holes)
        self.acked = max(self.acked, ack)
        self.missed += missed
        return missed

    def fill(self, begin: int, end: int) -> None:
        """Remove bytes from the holes, and from those that are missed."""
        rest = []
        for start, stop in self.holes:
            inside = max(start, begin), max(start, begin, min(stop, end))
            if self.floor is None or start >= self.floor:
                self.missed -= max(0, min(inside[1], self.acked) - inside[0])
            parts = ([start, min(stop, begin)], [max(start, end), stop])
            rest += [part for part in parts if part[1] > part[0]] if inside[1] > inside[0] else [[start, stop]]
        self.holes = rest

    def row(self, *, is_tcp: bool) -> dict[str, Any]:
        """Its columns of `connection`, without prefix."""
        values: dict[str, Any] = {
            "packets": self.packets, "wire_bytes": sum(self.wire), "ip_bytes": self.ip_bytes,
            "payload_bytes": self.payload, "undecoded_bytes": None, "mac": self.mac,
            "first_ts": microseconds(self.first), "last_ts": microseconds(self.last),
        }  # fmt: skip
        values |= self.spread("length", self.wire, 1)
        for name in ("length_min", "length_max"):
            values[name] = min(values[name], 2**31 - 1) if self.wire else None
        values |= self.spread("interarrival", self.intervals, SECOND)
        values["ttl_first"] = self.ttls[0] if self.ttls else None
        values["ttl_min"], values["ttl_max"] = min(self.ttls, default=None), max(self.ttls, default=None)
        segments = {"flags": sum((count > 0) << bit for bit, count in enumerate(self.flags))}
        segments |= dict(zip(FLAGS, self.flags, strict=True))
        segments |= {
            "retransmitted": self.retransmitted, "out_of_order": self.out_of_order,
            "zero_windows": self.zero_windows, "missed_bytes": self.missed,
        }  # fmt: skip
        values |= {name: value if is_tcp else None for name, value in segments.items()}
        values["window_first"], values["window_scale"] = self.first_window, self.scale
        values["window_min"], values["window_max"] = min(self.windows, default=None), max(self.windows, default=None)
        return values

    @staticmethod
    def spread(name: str, values: list[int], unit: int) -> dict[str, float | None]:
        """Least, mean, greatest, deviation."""
        if not values:
            return {f"{name}_{what}": None for what in ("min", "mean", "max", "std")}
        mean, deviation = statistics.fmean(values), statistics.pstdev(values)
        return {f"{name}_min": min(values) / unit, f"{name}_mean": mean / unit, f"{name}_max": max(values) / unit,
                f"{name}_std": deviation / unit}  # fmt: skip


@dataclass
class Flow:
    """One flow."""

    number: int
    key: Key
    first_packet: int
    first_ts: int
    outer: int
    originator: int = 0
    clock: int = NO_TIME
    last_packet: int = 0
    quoted: int = 0
    ending: str = ""
    has_data: bool = False
    first_payload_ts: int | None = None
    history: str = ""
    icmp: tuple[int, int] | None = None
    vlans: set[int] = field(default_factory=set)
    sides: tuple[Side, Side] = field(default_factory=lambda: (Side(), Side()))

    @property
    def protocol(self) -> int:
        return int(self.key[4])

    def patience(self) -> int:
        if self.ending:
            return 5 * SECOND
        if self.protocol == IpProtocol.TCP:
            return (3600 if self.has_data else 300) * SECOND
        return 180 * SECOND

    def is_over(self, now: int) -> bool:
        return self.clock != NO_TIME and now - self.clock > self.patience()

    def write(self, letter: str, *, upper: bool) -> None:
        if len(self.history) < 32:
            self.history += letter if upper else letter.lower()

    def repeat(self, letter: str, count: int, *, upper: bool) -> None:
        if count == 10 ** round(math.log10(count)):
            self.write(letter, upper=upper)

    def row(self) -> dict[str, Any]:
        """Its row of `connection`, without the columns that other tests compare."""
        orig, resp = self.sides[self.originator], self.sides[1 - self.originator]
        is_tcp, is_icmp = self.protocol == IpProtocol.TCP, self.protocol in (IpProtocol.ICMPV4, IpProtocol.ICMPV6)
        ends = [(self.key[0], self.key[1]), (self.key[2], self.key[3])]
        ends = [ends[self.originator], ends[1 - self.originator]]
        times = [side.last for side in self.sides if side.last is not None] + [self.first_ts]
        last = max(times)
        begin = self.first_ts
        if begin != NO_TIME:
            begin = min([side.first for side in self.sides if side.first is not None] + [begin])
        row: dict[str, Any] = {
            "flow": self.number, "ts": microseconds(begin), "last_ts": microseconds(last),
            "first_payload_ts": microseconds(self.first_payload_ts), "service": [],
            "duration": None if self.first_ts == NO_TIME else (last - begin) / SECOND,
            "first_packet": self.first_packet, "last_packet": self.last_packet, "protocol": self.protocol,
            "outer_flow": self.outer or None, "quoted_flow": self.quoted or None, "tunnel_key": self.key[5] or None,
            "icmp_type": self.icmp[0] if self.icmp else None, "icmp_code": self.icmp[1] if self.icmp else None,
            "end_reason": self.ending, "conn_state": self.conn_state(orig, resp),
            "history": self.history if self.protocol in (IpProtocol.TCP, IpProtocol.UDP) else None,
        }  # fmt: skip
        for prefix, (address, port), side in zip(("orig", "resp"), ends, (orig, resp), strict=True):
            row[f"{prefix}_ip"] = ip_text(address)
            row[f"{prefix}_port"] = None if port < 0 or is_icmp else port
            row |= {f"{prefix}_{name}": value for name, value in side.row(is_tcp=is_tcp).items()}
        return row

    def conn_state(self, orig: Side, resp: Side) -> str:
        if self.protocol == IpProtocol.TCP:
            return tcp_tables.conn_state(orig.state, resp.state, is_empty=orig.payload == resp.payload == 0)
        if self.protocol != IpProtocol.UDP:
            return "OTH"
        return {(0, 0): "OTH", (0, 1): "SHR", (1, 0): "S0", (1, 1): "SF"}[orig.packets > 0, resp.packets > 0]

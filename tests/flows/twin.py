"""The tracker once more, in plain Python: one object a conversation, lists where the kernel keeps sums."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from typing import Any

from netlake.flows import tcp_tables
from netlake.kernels import flow_state as s
from netlake.layers.pools import ip_text
from netlake.packets import DATAGRAM, FRAGMENT, NO_TIME, QUOTED, Conversations, Packets

SECOND = 1_000_000_000
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
Key = tuple[Any, ...]


def less(a: int, b: int) -> int:
    """How far `a` lies behind `b`."""
    difference = (a - b) % 2**32
    return difference - 2**32 if difference >= 2**31 else difference


@dataclass
class Side:
    """One direction."""

    packets: int = 0
    wire: list[int] = field(default_factory=list)
    ip_bytes: int = 0
    payload: int = 0
    last: int | None = None
    gaps: list[int] = field(default_factory=list)
    ttls: list[int] = field(default_factory=list)
    flags: list[int] = field(default_factory=lambda: [0] * 8)
    windows: list[int] = field(default_factory=list)
    first_window: int | None = None
    next: int | None = None
    hole: tuple[int, int] | None = None
    retransmitted: int = 0
    out_of_order: int = 0
    late: int = 0
    zero_windows: int = 0
    holes: int = 0
    missed: int = 0
    letters: set[str] = field(default_factory=set)
    seqs: dict[str, int] = field(default_factory=dict)
    state: int = s.INACTIVE
    scale: int | None = None
    saw_syn: bool = False

    def row(self, *, is_tcp: bool) -> dict[str, Any]:
        """Its columns of `connection`, without prefix."""
        values: dict[str, Any] = {
            "packets": self.packets, "bytes": sum(self.wire), "ip_bytes": self.ip_bytes, "payload_bytes": self.payload
        }  # fmt: skip
        values |= self.spread("length", self.wire, 1)
        for name in ("length_min", "length_max"):
            values[name] = min(values[name], 2**31 - 1) if self.wire else None
        values |= self.spread("interarrival", self.gaps, SECOND)
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
    """One conversation."""

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
    history: str = ""
    icmp: tuple[int, int] | None = None
    sides: tuple[Side, Side] = field(default_factory=lambda: (Side(), Side()))

    @property
    def protocol(self) -> int:
        return int(self.key[4])

    def patience(self) -> int:
        if self.ending:
            return 5 * SECOND
        if self.protocol == 6:
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
        """Its row of `connection`, without names that other tests look at."""
        orig, resp = self.sides[self.originator], self.sides[1 - self.originator]
        ends = [(self.key[0], self.key[1]), (self.key[2], self.key[3])]
        ends = [ends[self.originator], ends[1 - self.originator]]
        times = [side.last for side in self.sides if side.last is not None] + [self.first_ts]
        last = max(times)
        row: dict[str, Any] = {
            "flow": self.number, "ts": None if self.first_ts == NO_TIME else self.first_ts // 1000,
            "last_ts": None if last == NO_TIME else last // 1000,
            "duration": None if self.first_ts == NO_TIME else (last - self.first_ts) / SECOND,
            "first_packet": self.first_packet, "last_packet": self.last_packet, "protocol": self.protocol,
            "outer_flow": self.outer or None, "quoted_flow": self.quoted or None, "tunnel_key": self.key[5] or None,
            "icmp_type": self.icmp[0] if self.icmp else None, "icmp_code": self.icmp[1] if self.icmp else None,
            "end_reason": self.ending, "conn_state": self.conn_state(orig, resp),
            "history": self.history if self.protocol in (6, 17) else None,
        }  # fmt: skip
        for prefix, (address, port), side in zip(("orig", "resp"), ends, (orig, resp), strict=True):
            row[f"{prefix}_ip"] = ip_text(address)
            row[f"{prefix}_port"] = port if port >= 0 and self.protocol not in (1, 58) else None
            row |= {f"{prefix}_{name}": value for name, value in side.row(is_tcp=self.protocol == 6).items()}
        return row

    def conn_state(self, orig: Side, resp: Side) -> str:
        if self.protocol == 6:
            return tcp_tables.conn_state(orig.state, resp.state, is_empty=orig.payload == resp.payload == 0)
        if self.protocol != 17:
            return "OTH"
        return {(0, 0): "OTH", (0, 1): "SHR", (1, 0): "S0", (1, 1): "SF"}[orig.packets > 0, resp.packets > 0]


class Twin:
    """As Tracker; `rows` are the ended conversations."""

    def __init__(self, most: int = 1 << 19) -> None:
        self.most = most
        self.live: dict[Key, Flow] = {}
        self.ended: list[Flow] = []
        self.exported = 0
        self.now = self.sweep_at = NO_TIME
        self.count = self.evictions = 0
        self.answers: list[dict[str, Any]] = []

    def retire(self, flow: Flow, why: str) -> None:
        flow.ending = flow.ending or why
        self.ended.append(flow)
        if self.live.get(flow.key) is flow:
            del self.live[flow.key]

    def sweep(self) -> None:
        over = []
        for flow in self.live.values():
            if flow.clock == NO_TIME:
                flow.clock = self.now
            elif flow.is_over(self.now):
                over.append((flow.clock + flow.patience(), flow.number, flow))
        for _, _, flow in sorted(over, key=lambda one: one[:2]):
            self.retire(flow, "timeout")
        self.sweep_at = self.now + 60 * SECOND

    def make_room(self) -> None:
        if self.exported == len(self.ended):
            self.sweep()
        if self.exported == len(self.ended):
            order = sorted(self.live.values(), key=lambda f: (not f.ending, f.clock, f.last_packet, f.number))
            for flow in order[: max(1, self.most // 8)]:
                self.evictions += not flow.ending
                self.retire(flow, "evicted")
        self.exported = len(self.ended)

    def finish(self) -> list[dict[str, Any]]:
        if self.now != NO_TIME:
            self.sweep()
        for flow in sorted(self.live.values(), key=lambda flow: flow.number):
            self.retire(flow, "end_of_capture")
        return [flow.row() for flow in self.ended]

    def update(self, packets: Packets, conversations: Conversations) -> None:
        data = packets.data.tobytes()
        base = len(self.answers)
        flows: list[Flow | None] = []
        for i in range(len(conversations)):
            c = {name: int(getattr(conversations, name)[i]) for name in Conversations.__slots__}
            p = {name: int(getattr(packets, name)[c["row"]]) for name in ("ts", "length", "number", "last")}
            flows.append(self.one(data, c, p, flows, base))

    def one(
        self, data: bytes, c: dict[str, int], p: dict[str, int], flows: list[Flow | None], base: int
    ) -> Flow | None:
        at, size = (c["network"] + 12, 4) if c["version"] == 4 else (c["network"] + 8, 16)
        ends = [(data[at : at + size], c["src_port"]), (data[at + size : at + 2 * size], c["dst_port"])]
        side = int(ends[0] > ends[1])
        low, high = sorted(ends)
        key = (low[0], low[1], high[0], high[1], c["protocol"], c["key"])
        self.now = max(self.now, p["ts"])
        if self.now >= self.sweep_at:
            self.sweep()
        at = -1 if c["kind"] == FRAGMENT else c["transport"]
        header = data[at : c["end"]] if at >= 0 else b""
        flow = self.live.get(key)
        why = ""
        if flow is not None and flow.is_over(self.now):
            why = "timeout"
        elif flow is not None and c["kind"] != QUOTED and c["protocol"] == 6 and is_new_syn(flow, header, side):
            why = "new_syn"
        addresses = [ip_text(end[0]) for end in ends]
        if c["kind"] == QUOTED and (flow is None or why):
            self.answers.append({"flow": 0, "from": -1, "addresses": addresses, "shift": -1})
            return None
        if flow is None or why:
            while len(self.live) + len(self.ended) - self.exported >= self.most:
                self.make_room()
                flow = self.live.get(key)
            if flow is not None:
                self.retire(flow, why)
            flow = self.begin(key, c, p, header, side, flows)
        answer = {"flow": flow.number, "from": int(side == flow.originator), "addresses": addresses, "shift": -1}
        self.answers.append(answer)
        outer = flows[c["outer"]] if 0 <= c["outer"] < len(flows) else None
        if c["kind"] == QUOTED:
            if outer is not None and not outer.quoted and self.live.get(outer.key) is outer:
                outer.quoted = flow.number
            return flow
        flow.clock, flow.last_packet = self.now, p["last"]
        ttl = data[c["network"] + (8 if c["version"] == 4 else 7)]
        if c["kind"] != DATAGRAM:
            see_packet(flow.sides[side], p, c["ip_length"], ttl)
        if c["kind"] != FRAGMENT:
            answer["shift"] = see_transport(flow, side, header, c["payload"])
        return flow

    def begin(
        self, key: Key, c: dict[str, int], p: dict[str, int], header: bytes, side: int, flows: list[Flow | None]
    ) -> Flow:
        self.count += 1
        outer = flows[c["outer"]] if 0 <= c["outer"] < len(flows) else None
        flow = Flow(self.count, key, p["number"], p["ts"], outer.number if outer else 0, side)
        is_syn_ack = key[4] == 6 and len(header) >= 14 and header[13] & 22 == 18
        if is_syn_ack or (key[4] == 132 and len(header) >= 13 and header[12] == 2):
            flow.originator = 1 - side
            if is_syn_ack:
                flow.write("^", upper=True)
        self.live[key] = flow
        return flow


def is_new_syn(flow: Flow, header: bytes, side: int) -> bool:
    if len(header) < 14 or header[13] & 22 != 2:
        return False
    mine, other = flow.sides[side], flow.sides[1 - side]
    if "S" in mine.letters:
        return int.from_bytes(header[4:8], "big") != mine.seqs["S"]
    return bool(flow.ending) or bool(mine.letters) or (bool(other.letters) and "S" not in other.letters)


def see_packet(side: Side, p: dict[str, int], ip_length: int, ttl: int) -> None:
    if p["ts"] != NO_TIME:
        if side.last is not None:
            side.gaps.append(max(0, p["ts"] - side.last))
        side.last = p["ts"] if side.last is None else max(side.last, p["ts"])
    side.packets += 1
    side.wire.append(p["length"])
    side.ip_bytes += ip_length
    side.ttls.append(ttl)


def see_transport(flow: Flow, side: int, header: bytes, payload: int) -> int:
    mine, other, upper = flow.sides[side], flow.sides[1 - side], side == flow.originator
    mine.payload += payload
    flow.has_data |= payload > 0
    if flow.protocol == 17 and "D" not in mine.letters:
        mine.letters.add("D")
        flow.write("D", upper=upper)
    if flow.protocol == 132 and len(header) >= 13 and header[12] in (6, 14):
        flow.ending = flow.ending or {6: "abort", 14: "shutdown"}[header[12]]
    if flow.protocol in (1, 58) and len(header) >= 2 and flow.icmp is None:
        flow.icmp = header[0], header[1]
    if flow.protocol != 6 or len(header) < 14:
        return -1
    shift = see_scale(mine, other, header)
    see_segment(flow, mine, other, header, payload, upper=upper)
    return shift


def see_scale(mine: Side, other: Side, header: bytes) -> int:
    if header[13] & 2:
        mine.saw_syn, mine.scale = True, None
        options = header[20 : (header[12] >> 4) * 4]
        while len(options) >= 2 and options[0]:
            size = 1 if options[0] == 1 else options[1]
            if options[0] != 1 and (size < 2 or size > len(options)):
                break
            if options[0] == 3 and size == 3:
                mine.scale = min(options[2], 14)
                break
            options = options[size:]
        return 0
    if not (mine.saw_syn and other.saw_syn):
        return -1
    return 0 if mine.scale is None or other.scale is None else mine.scale


def see_segment(flow: Flow, mine: Side, other: Side, header: bytes, payload: int, *, upper: bool) -> None:
    flags = header[13]
    seq, ack = int.from_bytes(header[4:8], "big"), int.from_bytes(header[8:12], "big")
    for bit in range(8):
        mine.flags[bit] += flags >> bit & 1
    segment = flags & 7 | (8 if flags & 16 else 0) | (16 if payload else 0)
    letter, _, place = tcp_tables.letter(segment)
    if letter:
        kind = "S" if letter == "H" else letter
        where = (seq + payload) % 2**32 if kind == "F" else seq
        if kind not in mine.letters or (place and mine.seqs[kind] != where):
            flow.write(letter, upper=upper)
        mine.letters.add(kind)
        mine.seqs[kind] = where
    if len(header) >= 16:
        window = int.from_bytes(header[14:16], "big")
        mine.first_window = window if mine.first_window is None else mine.first_window
        if not flags & 6:
            mine.windows.append(window)
        if window == 0 and not flags & 4 and other.state != s.CLOSED and mine.state not in (s.RESET, s.RESET_CLOSED):
            mine.zero_windows += 1
            flow.repeat("W", mine.zero_windows, upper=upper)
    if not flags & 4:
        if flags & 16 and other.next is not None:
            see_acknowledgement(flow, other, ack, is_fin=bool(flags & 1), upper=upper)
        size = payload + (flags & 1) + (flags >> 1 & 1)
        if size:
            see_sequence(flow, mine, seq, payload, size, upper=upper)
    mine.state, other.state = tcp_tables.following(mine.state, other.state, segment, is_originator=upper)
    if flags & 4:
        flow.ending = flow.ending or "rst"
    elif flags & 1 and other.flags[0]:
        flow.ending = flow.ending or "fin"


def see_acknowledgement(flow: Flow, other: Side, ack: int, *, is_fin: bool, upper: bool) -> None:
    missed = 0
    if other.hole is not None:
        start, stop = other.hole
        reached = min(less(ack, start), less(stop, start))
        if reached > 0:
            missed += reached
            other.hole = ((start + reached) % 2**32, stop) if less(stop, start) > reached else None
    assert other.next is not None
    beyond = less(ack, other.next)
    if beyond > 0:
        missed += beyond
        other.next = ack
    if missed:
        other.missed += missed
        other.holes += 1
        if not is_fin:
            flow.repeat("G", other.holes, upper=not upper)


def see_sequence(flow: Flow, mine: Side, seq: int, payload: int, size: int, *, upper: bool) -> None:
    end = (seq + size) % 2**32
    if mine.next is None:
        mine.next = end
        return
    ahead = less(seq, mine.next)
    if ahead >= 0:
        if ahead > 0:
            mine.hole = (mine.next if mine.hole is None else mine.hole[0], seq)
        mine.next = end
        return
    if ahead == -1 and size == payload == 1:
        return
    beyond = less(end, mine.next)
    if payload and beyond <= 0:
        mine.late += 1
        flow.repeat("T", mine.late, upper=upper)
    if fill(mine, seq, end):
        mine.out_of_order += 1
    else:
        mine.retransmitted += 1
    if beyond > 0:
        mine.next = end


def fill(mine: Side, seq: int, end: int) -> bool:
    """Take seq to end away from the hole; whether it begins inside."""
    if mine.hole is None or less(end, mine.hole[0]) <= 0 or less(mine.hole[1], seq) <= 0:
        return False
    start, stop = mine.hole
    begins = less(seq, start)
    if begins <= 0 and less(end, stop) >= 0:
        mine.hole = None
    elif begins <= 0:
        mine.hole = end, stop
    elif less(end, stop) >= 0:
        mine.hole = start, seq
    return begins >= 0

"""The tracker in plain Python: one object a flow, and lists where the kernel keeps sums."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import Any

from netlake.flows import beginning, tcp_tables
from netlake.flows.answers import ANSWERS
from netlake.kernels.flow_state import End, Letter
from netlake.kernels.numbers import IpProtocol
from netlake.layers.pools import ip_text, mac
from netlake.packets import DATAGRAM, FRAGMENT, NO_TIME, QUOTED, Headers, Packets
from tests.flows.twin_answers import has_sign
from tests.flows.twin_sequence import LATE, see_acknowledgement, see_answer, see_sequence, seq_diff
from tests.flows.twin_state import SECOND, Flow, Key, Side


class Twin:
    """As Tracker, with one batch; `finish` returns the rows of `connection`, `answers` has an entry for each header."""

    def __init__(self, most: int = 1 << 19, flow_key: Collection[str] = ()) -> None:
        self.most, self.flow_key = most, flow_key
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

    @property
    def in_vlans(self) -> int:
        return sum(len(flow.vlans) > 1 for flow in [*self.live.values(), *self.ended])

    def finish(self) -> list[dict[str, Any]]:
        if self.now != NO_TIME:
            self.sweep()
        for flow in sorted(self.live.values(), key=lambda flow: flow.number):
            self.retire(flow, "end_of_capture")
        return [flow.row() for flow in self.ended]

    def update(self, packets: Packets, headers: Headers) -> None:
        data = packets.data.tobytes()
        base = len(self.answers)
        flows: list[Flow | None] = []
        for i in range(len(headers)):
            c = {name: int(headers[name][i]) for name in headers.dtype.names}
            p = {
                name: int(getattr(packets, name)[c["row"]]) for name in ("ts", "length", "number", "last", "interface")
            }
            flows.append(self.one(data, c, p, flows, base))

    def one(
        self, data: bytes, c: dict[str, int], p: dict[str, int], flows: list[Flow | None], base: int
    ) -> Flow | None:
        at, size = (c["network"] + 12, 4) if c["version"] == 4 else (c["network"] + 8, 16)
        ends = [(data[at : at + size], c["source_port"]), (data[at + size : at + 2 * size], c["destination_port"])]
        side = int(ends[0] > ends[1])
        low, high = sorted(ends)
        apart = [c["vlan"] if "vlan" in self.flow_key else 0, p["interface"] if "interface" in self.flow_key else 0]
        key = (low[0], low[1], high[0], high[1], c["protocol"], c["key"], *apart)
        self.now = max(self.now, p["ts"])
        if self.now >= self.sweep_at:
            self.sweep()
        at = -1 if c["kind"] == FRAGMENT else c["transport"]
        header = data[at : c["end"]] if at >= 0 else b""
        flow = self.live.get(key)
        why = ""
        if flow is not None and flow.is_over(self.now):
            why = "timeout"
        elif (
            flow is not None
            and c["kind"] != QUOTED
            and c["protocol"] == IpProtocol.TCP
            and is_new_syn(flow, header, side, c["payload"])
        ):
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
            flow = self.begin(key, c, p, data[c["transport"] : c["end"]] if c["transport"] >= 0 else b"", side, flows)
        answer = {"flow": flow.number, "from": int(side == flow.originator), "addresses": addresses, "shift": -1}
        self.answers.append(answer)
        outer = flows[c["outer"]] if 0 <= c["outer"] < len(flows) else None
        if c["kind"] == QUOTED:
            if outer is not None and not outer.quoted and self.live.get(outer.key) is outer:
                outer.quoted = flow.number
            return flow
        flow.clock, flow.last_packet = self.now, p["last"]
        flow.vlans |= {c["vlan"]} - {0}
        ttl = data[c["network"] + (8 if c["version"] == 4 else 7)]
        if c["kind"] != DATAGRAM:
            see_packet(
                flow.sides[side], p, ip_length(data, c), ttl, data[c["mac"] : c["mac"] + 6] if c["mac"] >= 0 else b""
            )
        if c["kind"] != FRAGMENT:
            answer["shift"] = see_transport(flow, side, header, c["payload"], p["ts"])
        return flow

    def begin(
        self, key: Key, c: dict[str, int], p: dict[str, int], header: bytes, side: int, flows: list[Flow | None]
    ) -> Flow:
        self.count += 1
        outer = flows[c["outer"]] if 0 <= c["outer"] < len(flows) else None
        flow = Flow(self.count, key, p["number"], p["ts"], outer.number if outer else 0, side)
        if is_from_responder(key, header, side):
            flow.originator = 1 - side
            if key[4] in (IpProtocol.TCP, IpProtocol.UDP):
                flow.write("^", upper=True)
        self.live[key] = flow
        return flow


def is_from_responder(key: Key, header: bytes, side: int) -> bool:
    """Whether the first packet of a flow was sent by the side that did not begin it."""
    low, high = (key[0], key[1]), (key[2], key[3])
    (_, source), (address, target) = (low, high) if side == 0 else (high, low)
    if ipaddress.ip_address(address).is_multicast or address == b"\xff" * 4:
        return False
    if key[4] == IpProtocol.TCP:
        if len(header) >= 14 and header[13] & 6 == 2:
            return header[13] & 16 > 0
        ranks = [2 if 0 < port < 1024 else int(port in beginning.SERVERS) for port in (source, target)]
        return ranks[0] > ranks[1] and source >= 0
    signs = [one for one in ANSWERS if one.protocol == key[4] and (not one.ports or source in one.ports)]
    return any(has_sign(header, one) for one in signs)


def is_new_syn(flow: Flow, header: bytes, side: int, payload: int) -> bool:
    if len(header) < 14 or header[13] & 6 != 2:
        return False
    mine, other = flow.sides[side], flow.sides[1 - side]
    seq, ack = int.from_bytes(header[4:8], "big"), int.from_bytes(header[8:12], "big")
    if header[13] & 16:
        if not flow.ending or "S" not in mine.letters or mine.seqs["S"] == seq:
            return False
        return "S" not in other.letters or (other.seqs["S"] + 1) % 2**32 != ack
    if "S" in mine.letters:
        return bool(flow.ending) or seq != mine.seqs["S"]
    return not is_late_syn(mine, other, seq, payload, has_ended=bool(flow.ending))


def is_late_syn(mine: Side, other: Side, seq: int, payload: int, *, has_ended: bool) -> bool:
    if mine.begin is None:
        awaited = not other.letters or "S" in other.letters
        if mine.next is None and mine.pending is not None:
            awaited = awaited or 0 <= seq_diff(mine.pending, seq + 1) <= LATE
        return awaited and not has_ended and not mine.letters
    before = seq_diff(mine.begin, seq + 1)
    if before == 0 or mine.answered_begin:
        return before in (0, payload)
    agreed = not other.flags[4] or mine.pending is not None or mine.next is None or mine.acked > mine.unwrapped(seq)
    return agreed and not has_ended and 0 < before <= LATE and mine.payload <= LATE


def ip_length(data: bytes, c: dict[str, int]) -> int:
    """The length of the header, at least to the end of the frame."""
    at = c["network"] + (2 if c["version"] == 4 else 4)
    length = int.from_bytes(data[at : at + 2], "big")
    return max(c["ip_length"], length + 40 if c["version"] == 6 and length else length)


def see_packet(side: Side, p: dict[str, int], ip_length: int, ttl: int, source: bytes) -> None:
    if p["ts"] != NO_TIME:
        if side.last is not None:
            side.intervals.append(max(0, p["ts"] - side.last))
        side.first = p["ts"] if side.first is None else min(side.first, p["ts"])
        side.last = p["ts"] if side.last is None else max(side.last, p["ts"])
    if not side.packets and source:
        side.mac = mac(source)
    side.packets += 1
    side.wire.append(p["length"])
    side.ip_bytes += ip_length
    side.ttls.append(ttl)


def see_transport(flow: Flow, side: int, header: bytes, payload: int, ts: int) -> int:
    mine, other, upper = flow.sides[side], flow.sides[1 - side], side == flow.originator
    mine.payload += payload
    if payload and (flow.first_payload_ts in (None, NO_TIME) or NO_TIME < ts < flow.first_payload_ts):
        flow.has_data, flow.first_payload_ts = True, ts
    if flow.protocol == IpProtocol.UDP and "D" not in mine.letters:
        mine.letters.add("D")
        flow.write("D", upper=upper)
    if flow.protocol == IpProtocol.SCTP and len(header) >= 13 and header[12] in (6, 14):
        flow.ending = flow.ending or {6: "abort", 14: "shutdown"}[header[12]]
    if flow.protocol in (IpProtocol.ICMPV4, IpProtocol.ICMPV6) and len(header) >= 2 and flow.icmp is None:
        flow.icmp = header[0], header[1]
    if flow.protocol != IpProtocol.TCP or len(header) < 14:
        return -1
    shift = see_scale(mine, other, header)
    see_segment(flow, mine, other, header, payload, upper=upper)
    return shift


def see_scale(mine: Side, other: Side, header: bytes) -> int:
    if header[13] & 2:
        mine.saw_syn, first = True, mine.scale
        mine.scale = None
        options = header[20 : (header[12] >> 4) * 4]
        while len(options) >= 2 and options[0]:
            size = 1 if options[0] == 1 else options[1]
            if options[0] != 1 and (size < 2 or size > len(options)):
                break
            if options[0] == 3 and size == 3:
                mine.scale = min(options[2], 14)
                break
            options = options[size:]
        mine.scale = mine.scale if first is None else first
        other.answered = other.answered or (header[13] & 16 > 0 and mine.scale is not None and not other.saw_syn)
        return 0
    if any(side.saw_syn and side.scale is None for side in (mine, other)):
        return 0
    if mine.scale is None or not (other.saw_syn or other.answered):
        return -1
    return mine.scale


def see_segment(flow: Flow, mine: Side, other: Side, header: bytes, payload: int, *, upper: bool) -> None:
    flags = header[13]
    seq, ack = int.from_bytes(header[4:8], "big"), int.from_bytes(header[8:12], "big")
    for bit in range(8):
        mine.flags[bit] += flags >> bit & 1
    segment = flags & 7 | (8 if flags & 16 else 0) | (16 if payload else 0)
    letter, bit = tcp_tables.letter(segment)
    if letter:
        kind = "S" if letter == "H" else letter
        where = (seq + payload) % 2**32 if kind == "F" else seq
        if kind not in mine.letters or (bit in (Letter.SYN, Letter.FIN, Letter.RST) and mine.seqs[kind] != where):
            flow.write(letter, upper=upper)
        mine.letters.add(kind)
        mine.seqs[kind] = where
    if len(header) >= 16:
        window = int.from_bytes(header[14:16], "big")
        mine.first_window = window if mine.first_window is None else mine.first_window
        if not flags & 6:
            mine.windows.append(window)
        if (
            window == 0
            and not flags & 4
            and other.state != End.CLOSED
            and mine.state not in (End.RESET, End.RESET_CLOSED)
        ):
            mine.zero_windows += 1
            flow.repeat("W", mine.zero_windows, upper=upper)
    if not flags & 4:
        mine.begin = seq if mine.begin is None else mine.begin
        if flags & 18 == 18:
            see_answer(flow, other, ack, upper=not upper)
        if flags & 16:
            see_acknowledgement(flow, mine, other, ack, flags=flags, upper=upper)
        size = payload + (flags & 1) + (flags >> 1 & 1)
        if size:
            see_sequence(flow, mine, seq, payload, size, first_syn=flags & 2 > 0 and mine.flags[1] == 1, upper=upper)
    mine.state, other.state = tcp_tables.following(mine.state, other.state, segment, is_originator=upper)
    if flags & 4:
        flow.ending = flow.ending or "rst"
    elif flags & 1 and other.flags[0]:
        flow.ending = flow.ending or "fin"

"""Segmentation and the features of `cic`, written a second time by their definitions: plain Python, one packet a time.

Packets come from one SQL join over the lake, so that the reader of netlake.features is checked too.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from netlake import Lake
from netlake.features import Policy

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))
PACKETS = """
SELECT p.packet, epoch_us(p.ts) AS time, p.flow, p.from_originator, p.length, c.protocol, c.orig_ip, c.resp_ip,
  c.orig_port, c.resp_port, c.tunnel_key, t.flags & 255 AS flags, t."window" AS win, t.seq, t.ack,
  i.type * 256 + i.code AS icmp4, j.type::INTEGER * 256 + j.code AS icmp6,
  CASE c.protocol WHEN 6 THEN t.payload_length WHEN 17 THEN u.payload_length WHEN 1 THEN i.payload_length
    WHEN 58 THEN greatest(j.payload_length - 4, 0) ELSE coalesce(v6.payload_length, v4.payload_length) END AS payload,
  CASE c.protocol WHEN 6 THEN t.header_length WHEN 17 THEN if(u.flow IS NULL, 0, 8)
    WHEN 1 THEN if(i.flow IS NULL, 0, 8) WHEN 58 THEN if(j.flow IS NULL, 0, 8) ELSE 0 END AS header
FROM packet p
JOIN connection c ON c.capture = p.capture AND c.flow = p.flow
LEFT JOIN tcp t ON t.capture = p.capture AND t.packet = p.packet AND t.flow = p.flow
LEFT JOIN udp u ON u.capture = p.capture AND u.packet = p.packet AND u.flow = p.flow
LEFT JOIN (SELECT capture, packet, flow, type::INTEGER AS type, code, payload_length FROM icmpv4) i
  ON i.capture = p.capture AND i.packet = p.packet AND i.flow = p.flow
LEFT JOIN icmpv6 j ON j.capture = p.capture AND j.packet = p.packet AND j.flow = p.flow
LEFT JOIN (SELECT capture, packet, arg_max(payload_length, place) AS payload_length FROM ipv4 GROUP BY ALL) v4
  ON v4.capture = p.capture AND v4.packet = p.packet AND NOT contains(c.orig_ip, ':')
LEFT JOIN (SELECT capture, packet, arg_max(payload_length, place) AS payload_length FROM ipv6 GROUP BY ALL) v6
  ON v6.capture = p.capture AND v6.packet = p.packet AND contains(c.orig_ip, ':')
WHERE p.capture = ? ORDER BY p.packet
"""


@dataclass
class Segment:
    """Packets, and which of their sides is forward."""

    forward: Any
    reason: str
    number: int
    packets: list[dict[str, Any]] = field(default_factory=list)
    directions: list[int] = field(default_factory=list)
    state: str = "open"
    fins: set[Any] = field(default_factory=set)
    dialogue: int = 0


def packets(lake: Lake, capture: str) -> list[dict[str, Any]]:
    """The packets of a capture that have a flow, in order."""
    found = lake.sql(PACKETS.replace("?", f"'{capture}'")).arrow().to_pylist()
    for one in found:
        one["icmp"] = one["icmp4"] if one["icmp4"] is not None else one["icmp6"]
        one["payload"] = one["payload"] or 0
        one["header"] = one["header"] or 0
        one["flags"] = one["flags"] or 0
        ends = [(one["orig_ip"], one["orig_port"]), (one["resp_ip"], one["resp_port"])]
        one["source"] = ends[0 if one["from_originator"] is not False else 1]
        one["target"] = ends[1 if one["from_originator"] is not False else 0]
    return found


def cut(found: list[dict[str, Any]], policy: Policy) -> list[Segment]:
    """All segments of the packets of one capture."""
    keys: dict[Any, list[dict[str, Any]]] = {}
    for one in found:
        ends = sorted([one["source"], one["target"]], key=lambda end: (end[0], end[1] or 0))
        key = one["flow"] if policy.key == "connection" else (one["protocol"], one["tunnel_key"], *ends)
        keys.setdefault(key, []).append(one)
    return [segment for members in keys.values() for segment in _segments(members, policy)]


def _side(one: dict[str, Any]) -> Any:
    # two ends that are equal are told apart by who began
    return one["source"] if one["source"] != one["target"] else bool(one["from_originator"])


def _segments(members: list[dict[str, Any]], policy: Policy) -> Iterator[Segment]:
    clock, current, number = None, None, 0
    for one in members:
        clock = one["time"] if clock is None or (one["time"] is not None and one["time"] > clock) else clock
        one["now"] = clock
        why = _why(current, one, policy) if current else "first"
        if why:
            following = _begin(current, one, why, policy)
            following.number = number
            number += 1
            if current:
                current.reason = why
                yield current
            current = following
            if policy.closing == "at-close":
                _state(current, one, one["flags"], policy)
            elif one["flags"] & FIN:
                current.fins.add(_side(one))
        else:
            _state(current, one, one["flags"], policy)
        backward = policy.backward_after_split and why in ("idle", "active")
        current.packets.append(one)
        current.directions.append(1 if backward or _side(one) != current.forward else 0)
    if current:
        yield current


def _begin(current: Segment | None, one: dict[str, Any], why: str, policy: Policy) -> Segment:
    made = Segment(_side(one), "end", 0, dialogue=one["now"])
    if policy.swap_syn_ack and one["flags"] & SYN and one["flags"] & ACK:
        made.forward = one["target"]
    if current and why in ("idle", "active"):
        silent = (one["now"] - current.packets[-1]["now"]) / 1e6
        continues = one["protocol"] == 6 or (one["protocol"] == 17 and silent <= policy.active)
        made.dialogue = current.dialogue if continues else made.dialogue
        if policy.orientation == "kept" or (policy.orientation == "kept-in-dialogue" and continues):
            made.forward = current.forward
    if policy.orientation == "originator":
        began = one["from_originator"] is not False
        made.forward = one["source" if began else "target"] if one["source"] != one["target"] else True
    return made


def _why(current: Segment, one: dict[str, Any], policy: Policy) -> str:
    flags = one["flags"]
    if current.state in ("closed", "reset") and (
        policy.closing in ("first-fin", "at-close") or (policy.closing == "syn-after-close" and flags & SYN)
    ):
        return "fin" if current.state == "closed" else "rst"
    idle = {6: policy.idle, 17: policy.idle if policy.idle_udp is None else policy.idle_udp}.get(
        one["protocol"], policy.idle if policy.idle_other is None else policy.idle_other
    )
    timed = [packet["now"] for packet in current.packets if packet["now"] is not None]
    for name, limit, since in (("idle", idle, timed[-1:]), ("active", policy.active, timed[:1])):
        unit = 1000 if policy.milliseconds else 1
        passed = (one["now"] // unit - since[0] // unit) * unit if since else 0
        if limit and (passed > limit * 1e6 or (policy.inclusive and passed == limit * 1e6)):
            return name
    if policy.split_icmp and one["protocol"] in (1, 58):
        first = current.packets[0]["icmp"]
        if None not in (first, one["icmp"]) and first // 256 != one["icmp"] // 256 and first % 256 != one["icmp"] % 256:
            return "new_icmp"
    return ""


def _state(current: Segment, one: dict[str, Any], flags: int, policy: Policy) -> None:
    if policy.closing == "first-fin":
        if flags & FIN:
            current.state = "closed"
    elif policy.closing == "at-close":
        current.fins |= {_side(one)} if flags & FIN else set()
        current.state = (
            "closed" if len(current.fins) == 2 and flags & FIN else "reset" if flags & RST else current.state
        )
    elif flags & FIN:
        current.fins.add(_side(one))
        if current.state == "open":
            current.state = "half"
        elif current.state == "half" and len(current.fins) == 2:
            current.state = "both"
    elif flags & RST:
        current.state = "reset"
    elif flags & ACK and current.state == "both":
        current.state = "closed"


def _four(values: list[float], prefix: str) -> dict[str, float | None]:
    return {
        f"{prefix} Max": max(values) if values else None,
        f"{prefix} Min": min(values) if values else None,
        f"{prefix} Mean": statistics.fmean(values) if values else None,
        f"{prefix} Std": math.sqrt(_variance(values)) if len(values) > 1 else None,
    }


def _variance(values: list[float]) -> float:
    middle = math.fsum(values) / len(values)
    return math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1)


def _by(top: float, bottom: float) -> float | None:
    return top / bottom if bottom else None


def bulks(events: list[tuple[int, int, int]], own: int) -> tuple[int, int, int, int]:
    """(bulks, packets, bytes, time) of direction `own` in (time, direction, payload)."""
    runs: list[list[tuple[int, int]]] = []
    run: list[tuple[int, int]] = []
    other_last: int | None = None
    for now, direction, size in events:
        if direction != own:
            # a packet of the other direction matters once it carries payload
            if size > 0:
                other_last = now
            continue
        broken = bool(run) and other_last is not None and other_last > run[0][0]
        if broken:
            runs.append(run)
            run = []
        if size <= 0:
            continue
        if run and now - run[-1][0] > 1_000_000:
            runs.append(run)
            run = []
        run.append((now, size))
    runs.append(run)
    chosen = [run for run in runs if len(run) >= 4]
    return (
        len(chosen),
        sum(map(len, chosen)),
        sum(size for run in chosen for _, size in run),
        sum(run[-1][0] - run[0][0] for run in chosen),
    )


def retransmissions(members: list[dict[str, Any]]) -> int:
    """Segments of one direction that begin before the end of what was sent."""
    end, count = None, 0
    for one in members:
        length = one["payload"] + bool(one["flags"] & SYN) + bool(one["flags"] & FIN)
        if not length:
            continue
        stop = (one["seq"] + length) % 2**32
        if end is None:
            end = stop
            continue
        count += (one["seq"] - end) % 2**32 >= 2**31
        if (stop - end) % 2**32 < 2**31:
            end = stop
    return count


def cic(segment: Segment) -> dict[str, Any]:
    """The features of `cic` of one segment, without its addresses."""
    members, directions = segment.packets, segment.directions
    sides = [[one for one, d in zip(members, directions, strict=True) if d == side] for side in (0, 1)]
    times = [one["now"] for one in members]
    first = members[0]
    tcp, duration = first["protocol"] == 6, times[-1] - times[0]
    seconds = duration / 1e6
    sizes = [one["payload"] for one in members]
    gaps = [b - a for a, b in pairwise(times)]
    row: dict[str, Any] = {
        "Protocol": first["protocol"], "Flow Duration": duration,
        "Total Fwd Packet": len(sides[0]), "Total Bwd packets": len(sides[1]),
        "Flow Bytes/s": _by(sum(sizes), seconds), "Flow Packets/s": _by(len(members), seconds),
        "Packet Length Variance": _variance(sizes) if len(sizes) > 1 else None,
        "Down/Up Ratio": _by(len(sides[1]), len(sides[0])), "Average Packet Size": sum(sizes) / len(sizes),
        **_four(sizes, "Packet Length"), **_four(gaps, "Flow IAT"),
        "ICMP Type": None if first["icmp"] is None else first["icmp"] // 256,
        "ICMP Code": None if first["icmp"] is None else first["icmp"] % 256,
        "Total Connection Flow Time": times[-1] - segment.dialogue if first["protocol"] in (6, 17) else None,
    }  # fmt: skip
    for flag in ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "CWR", "ECE"):
        row[f"{flag} Flag Count"] = sum(bool(one["flags"] & globals()[flag]) for one in members) if tcp else None
    splits = sum(gap > 1_000_000 for gap in gaps)
    events = [(one["now"], d, one["payload"]) for one, d in zip(members, directions, strict=True)]
    for side, name in enumerate(("Fwd", "Bwd")):
        row |= _of_side(sides[side], name, seconds, splits, tcp=tcp)
        count, packets_, data, time = bulks(events, side)
        row |= {f"{name} Bytes/Bulk Avg": _by(data, count), f"{name} Packet/Bulk Avg": _by(packets_, count),
                f"{name} Bulk Rate Avg": _by(data, time / 1e6)}  # fmt: skip
    row["Total TCP Retrans. Count"] = sum(map(retransmissions, sides)) if tcp else None
    row["FWD Init Win Bytes"] = sides[0][0]["win"] if sides[0] else None
    windows = [one["win"] for one in sides[1] if one["win"] is not None]
    row["Bwd Init Win Bytes"] = next((window for window in windows if window), 0) if windows else None
    return row | _periods(times)


def _of_side(members: list[dict[str, Any]], name: str, seconds: float, splits: int, *, tcp: bool) -> dict[str, Any]:
    sizes = [one["payload"] for one in members]
    times = [one["now"] for one in members]
    gaps = [b - a for a, b in pairwise(times)]
    row: dict[str, Any] = {
        f"Total Length of {name} Packet": sum(sizes), **_four(sizes, f"{name} Packet Length"),
        f"{name} IAT Total": sum(gaps) if gaps else None, **_four(gaps, f"{name} IAT"),
        f"{name} Header Length": sum(one["header"] for one in members),
        f"{name} Packets/s": _by(len(members), seconds),
        f"{name} Segment Size Avg": statistics.fmean(sizes) if sizes else None,
        f"Subflow {name} Packets": _by(len(members), splits), f"Subflow {name} Bytes": _by(sum(sizes), splits),
        f"{name} Act Data Pkts": sum(size > 0 for size in sizes),
        f"{name} Seg Size Min": min((one["header"] for one in members), default=None),
        f"{name} TCP Retrans. Count": retransmissions(members) if tcp else None,
    }  # fmt: skip
    for flag in ("PSH", "URG", "RST"):
        row[f"{name} {flag} Flags"] = sum(bool(one["flags"] & globals()[flag]) for one in members) if tcp else None
    return row


def _periods(times: list[int]) -> dict[str, Any]:
    active, idle, begin = [], [], times[0]
    for before, now in pairwise(times):
        if now - before > 5_000_000:
            idle.append(now - before)
            if before > begin:
                active.append(before - begin)
            begin = now
    return _four(active, "Active") | _four(idle, "Idle")

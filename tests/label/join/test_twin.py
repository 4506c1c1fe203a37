"""The join against a plain twin: every rule with every packet and connection, one comparison after the other.

The twin knows the frames that it built, not the decoder's packets. Flows are taken from the lake, as their limits are
not the subject here. The second property: order of rules, of sources and of applications does not matter.
"""

from __future__ import annotations

import functools
import ipaddress
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import frames
from frames import at
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from truths import ask, edges, put, rule

import netlake
from netlake.label.join import NoMatchError, Options, apply

HOSTS = ("10.0.0.1", "10.0.0.2", "10.0.1.1", "10.0.1.9", "2001:db8::1", "2001:db8::7")
NETWORKS = (*HOSTS, "10.0.0.0/24", "10.0.0.0/15", "10.0.1.8/30", "2001:db8::/64", "0.0.0.0/0", "::/0")
PORTS = (1025, 1026, 80, 53)
SECOND = 1_000_000
LAST = 60 * SECOND


def traffic() -> list[frames.Frame]:
    """Sessions, datagrams and echoes between random hosts, in the order of time."""
    chance = random.Random(9)  # noqa: S311 - not for secrets
    made: list[frames.Frame] = []
    for _ in range(40):
        family = chance.choice((HOSTS[:4], HOSTS[4:]))
        one, two = chance.sample(family, 2)
        start, ports = chance.randrange(LAST), (chance.choice(PORTS[:2]), chance.choice(PORTS[2:]))
        kind = chance.choice(("session", "udp", "echo"))
        if kind == "session":
            made += frames.session(start, one, two, *ports, step=chance.choice((1, 1000, 3 * SECOND)))
        elif kind == "udp" or ":" in one:
            made += [(start, frames.udp(one, two, ports)), (start + 5000, frames.udp(two, one, ports[::-1]))]
        else:
            made += [(start, frames.echo(one, two)), (start + 3, frames.echo(two, one, reply=True))]
    return sorted(made, key=lambda frame: frame[0])


@functools.cache
def lake() -> tuple[Path, list[dict[str, Any]], list[dict[str, Any]]]:
    """(a lake, its packets, its connections), made once."""
    folder = Path(tempfile.mkdtemp(prefix="netlake-twin-"))
    netlake.capture([str(frames.write(folder / "x.pcap", traffic()))], str(folder / "lake"))
    packet = ("packet", "flow", "from_originator", "ts", "src_ip", "src_port", "dst_ip", "dst_port")
    flow = ("flow", "protocol", "ts", "last_ts", "orig_ip", "orig_port", "resp_ip", "resp_port")
    found = [
        [
            dict(zip(columns, row, strict=True))
            for row in ask(folder / "lake", f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608
        ]
        for table, columns in (("packet", packet), ("connection", flow))
    ]
    return folder / "lake", found[0], found[1]


def inside(address: str, networks: Sequence[str]) -> bool:
    return not networks or any(
        (parsed := ipaddress.ip_network(text)).version == ipaddress.ip_address(address).version
        and ipaddress.ip_address(address) in parsed
        for text in networks
    )


def side(one: dict[str, Any], letter: str, address: str, port: int | None) -> bool:
    ports = one.get(f"{letter}_ports", [])
    return inside(address, one[f"{letter}_networks"]) and (not ports or port in ports)


def flows_of(one: dict[str, Any], flow: dict[str, Any]) -> tuple[bool, bool]:
    """Whether the originator, and whether the responder, may be the attacker."""
    ends = ((flow["orig_ip"], flow["orig_port"]), (flow["resp_ip"], flow["resp_port"]))
    if one.get("protocol") not in (None, flow["protocol"]):
        return False, False
    return (
        side(one, "a", *ends[0]) and side(one, "v", *ends[1]),
        side(one, "a", *ends[1]) and side(one, "v", *ends[0]),
    )


def allowed(one: dict[str, Any], forward: bool, reverse: bool, sent: bool) -> bool:  # noqa: FBT001
    """Whether the direction of a rule allows a record that the originator (`sent`) or the responder sent."""
    if one["direction"] == "both" or (forward and reverse):
        return True
    return (forward if sent else reverse) == (one["direction"] == "a2v")


def twin(rules: Sequence[dict[str, Any]], mode: str, tolerance: float) -> set[tuple[str, int, int]]:
    """(table, number, rule) of all direct matches."""
    _, packets, flows = lake()
    by_flow = {flow["flow"]: flow for flow in flows}
    slack = at(round(tolerance * 1e6)) - at(0)
    found = set()
    for number, one in enumerate(rules, 1):
        low, high = one["begin_ts"] - slack, one["end_ts"] + slack
        for flow in flows:
            forward, reverse = flows_of(one, flow)
            times = {
                "overlap": flow["ts"] <= high and flow["last_ts"] >= low,
                "start": low <= flow["ts"] <= high,
                "contained": low <= flow["ts"] and flow["last_ts"] <= high,
            }
            if (forward or reverse) and times[mode] and allowed(one, forward, reverse, sent=True):
                found.add(("connection", flow["flow"], number))
        for packet in packets:
            forward, reverse = flows_of(one, by_flow[packet["flow"]])
            sent = allowed(one, forward, reverse, sent=packet["from_originator"])
            if (forward or reverse) and low <= packet["ts"] <= high and sent:
                found.add(("packet", packet["packet"], number))
    return found


@st.composite
def windows(draw: st.DrawFn) -> dict[str, Any]:
    begin = draw(st.integers(0, LAST))
    networks, ports = st.lists(st.sampled_from(NETWORKS), max_size=2), st.lists(st.sampled_from(PORTS), max_size=2)
    return rule(
        "x", draw(networks), draw(networks), begin=at(begin), end=at(begin + draw(st.integers(0, 20 * SECOND))),
        a_ports=draw(ports), v_ports=draw(ports), protocol=draw(st.sampled_from((None, None, 6, 17, 1))),
        direction=draw(st.sampled_from(("both", "a2v", "v2a"))), kind=draw(st.sampled_from(("window", "tuple"))),
    )  # fmt: skip


RULES = st.lists(windows(), min_size=4, max_size=16)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@FEW
@given(RULES, st.sampled_from(("overlap", "start", "contained")), st.sampled_from((0.0, 0.5, 1e-6)))
def test_direct_matches_are_those_of_the_twin(rules: list[dict[str, Any]], mode: str, tolerance: float) -> None:
    path, *_ = lake()
    put(path, "s", rules)
    expected = twin(rules, mode, tolerance)
    try:
        apply(path, Options(version="twin", mode=mode, tolerance=tolerance))
    except NoMatchError:
        assert expected == set()
        return
    query = (
        "SELECT record_table, coalesce(packet, flow), rule FROM label WHERE version = 'twin' AND scope = 'direct'"
        " AND record_table IN ('packet', 'connection')"
    )
    assert set(ask(path, query)) == expected


@settings(FEW, max_examples=6)
@given(RULES, st.randoms(use_true_random=False))
def test_order_does_not_matter(rules: list[dict[str, Any]], chance: random.Random) -> None:
    """Rules in another order, split into sources, applied before and after other versions: the same edges."""
    path, *_ = lake()
    numbered = [(f"r{place}", given | {"label": f"r{place}"}) for place, given in enumerate(rules)]
    columns = (
        "record_table, capture, flow, packet, place, label, scope, direction, overlap, distance, fraction, ambiguous"
    )
    found = []
    for turn in range(2):
        order = numbered if turn == 0 else chance.sample(numbered, len(numbered))
        half = len(order) if turn == 0 else len(order) // 2
        put(path, "s", [given for _, given in order[:half]])
        put(path, "t", [given for _, given in order[half:]])
        try:
            apply(path, Options(version="other", sources=("s",)))
            apply(path, Options(version=f"turn{turn}"))
        except NoMatchError:
            return
        query = f"SELECT {columns} FROM label WHERE version = 'turn{turn}' ORDER BY ALL"  # noqa: S608
        found.append(ask(path, query))
    assert found[0] == found[1]
    assert found[0] == ask(path, f"SELECT {columns} FROM label WHERE version = 'turn0' ORDER BY ALL")  # noqa: S608
    assert edges(path, "turn0")

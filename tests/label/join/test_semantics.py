"""What matches what: modes, tolerance, direction, networks, ports, ICMP, tunnels of VLANs, events, numbers, scopes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import frames
import pytest
from communityid import CommunityID, FlowTuple
from frames import at, echo, session, udp, unreachable
from truths import ask, connections, packets, put, rule

from netlake.errors import LakeError, OptionError, QueryError
from netlake.label.join import Finding, NoMatchError, Options, apply

A, B, V, W, SIX, SEVEN = "10.0.0.1", "10.0.0.2", "10.0.1.1", "10.0.1.2", "2001:db8::1", "2001:db8::7"
SECOND = 1_000_000
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path, decode: Any) -> Make:
    """`make(frames, ...)`: a lake with one capture for each list of frames."""

    def run(*captures: list[frames.Frame]) -> Path:
        paths = [frames.write(tmp_path / f"{place}.pcap", made) for place, made in enumerate(captures)]
        lake: Path = decode(*paths)
        return lake

    return run


def window(begin: int, end: int, a: str = A, v: str = V, **more: Any) -> dict[str, Any]:
    return rule("x", [a] if a else [], [v] if v else [], begin=at(begin), end=at(end), **more)


# a session of 0.6 s that begins at 10 s has its packets 1 to 7 at 10.0, 10.1, ... 10.6 s
WINDOWS: dict[str, tuple[dict[str, Any], dict[str, Any], set[int], bool]] = {
    "all of it": (window(10 * SECOND, 11 * SECOND), {}, {1, 2, 3, 4, 5, 6, 7}, True),
    "both ends are included": (window(10_100_000, 10_300_000), {}, {2, 3, 4}, True),
    "a microsecond less": (window(10_100_001, 10_299_999), {}, {3}, True),
    "silence within the flow": (window(10_110_000, 10_190_000), {}, set(), True),
    "begins in it": (window(9 * SECOND, 10_050_000), {"mode": "start"}, {1}, True),
    "began before it": (window(10_050_000, 12 * SECOND), {"mode": "start"}, {2, 3, 4, 5, 6, 7}, False),
    "lies in it": (window(9 * SECOND, 11 * SECOND), {"mode": "contained"}, {1, 2, 3, 4, 5, 6, 7}, True),
    "ends after it": (window(9 * SECOND, 10_550_000), {"mode": "contained"}, {1, 2, 3, 4, 5, 6}, False),
    "within the tolerance": (window(5 * SECOND, 9 * SECOND), {"tolerance": 1.1}, {1, 2}, True),
    "sides are exchanged": (window(10 * SECOND, 11 * SECOND, V, A), {}, {1, 2, 3, 4, 5, 6, 7}, True),
    "sent by the attacker": (window(10 * SECOND, 11 * SECOND, direction="a2v"), {}, {1, 3, 4, 6}, True),
    "sent by the victim": (window(10 * SECOND, 11 * SECOND, direction="v2a"), {}, {2, 5, 7}, False),
    "one list of hosts": (window(10 * SECOND, 11 * SECOND, V, ""), {}, {1, 2, 3, 4, 5, 6, 7}, True),
    "networks": (window(10 * SECOND, 11 * SECOND, "10.0.0.0/24", "10.0.1.0/31"), {}, {1, 2, 3, 4, 5, 6, 7}, True),
    "port of the victim": (window(10 * SECOND, 11 * SECOND, v_ports=[80]), {}, {1, 2, 3, 4, 5, 6, 7}, True),
    "ports": (window(10 * SECOND, 11 * SECOND, a_ports=[1, 1025], v_ports=[80, 90]), {}, {1, 2, 3, 4, 5, 6, 7}, True),
    "both ports": (window(10 * SECOND, 11 * SECOND, a_ports=[1025], v_ports=[80]), {}, {1, 2, 3, 4, 5, 6, 7}, True),
    "protocol": (window(10 * SECOND, 11 * SECOND, protocol=6), {}, {1, 2, 3, 4, 5, 6, 7}, True),
    "condition": (
        window(10 * SECOND, 11 * SECOND, condition="resp_payload_bytes = 5"),
        {},
        {1, 2, 3, 4, 5, 6, 7},
        True,
    ),
    "no hosts": (window(10 * SECOND, 10_300_000, "", ""), {}, {1, 2, 3, 4}, True),
    "no time": (rule("x", [A], [V]), {}, {1, 2, 3, 4, 5, 6, 7}, True),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_windows(make: Make, name: str) -> None:
    given, options, numbers, labelled = WINDOWS[name]
    lake = make(session(10 * SECOND, A, V, 1025))
    put(lake, "s", [given])
    apply(lake, Options(**options))
    assert packets(lake) == numbers
    assert connections(lake) == ({1} if labelled else set())
    if labelled:
        found = ask(lake, "SELECT fraction, scope FROM label WHERE record_table = 'connection'")
        assert found == [(len(numbers) / 7, "direct")]


MISSES: dict[str, tuple[dict[str, Any], str]] = {
    "outside": (window(20 * SECOND, 30 * SECOND), "outside the time"),
    "host": (window(10 * SECOND, 11 * SECOND, A, "10.9.9.9"), "of an unknown victim"),
    "port": (window(10 * SECOND, 11 * SECOND, v_ports=[81]), "of an unknown tuple"),
    "port of the other side": (window(10 * SECOND, 11 * SECOND, a_ports=[80]), "of an unknown tuple"),
    "protocol": (window(10 * SECOND, 11 * SECOND, protocol=17), "of an unknown tuple"),
    "condition": (window(10 * SECOND, 11 * SECOND, condition="false"), "with a false condition"),
    "capture": (window(10 * SECOND, 11 * SECOND, capture="0" * 16), "of an unknown capture"),
    "number": (rule("x", kind="packet", packet=8), "of an unknown packet"),
    "other packet": (rule("x", [V], [A], kind="event", direction="a2v", begin=at(10 * SECOND), packet=1),
                     "of another packet"),
    "id": (rule("x", kind="event", community_id="1:x", begin=at(0)), "of an unknown Community ID"),
    "event": (rule("x", [A], [V], kind="event", begin=at(12 * SECOND)), "outside the time"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISSES)
def test_rule_that_matches_nothing_has_a_reason(make: Make, name: str) -> None:
    given, reason = MISSES[name]
    lake = make(session(10 * SECOND, A, V, 1025))
    put(lake, "s", [rule("all", [A], [V]), given])
    assert [(missed.rule, missed.place, missed.reason) for missed in apply(lake).missed] == [(2, "truth.csv:3", reason)]


def test_packet_number_without_a_capture_is_lost_among_several(make: Make) -> None:
    lake = make(session(0, A, V, 1025), session(0, B, V, 1025))
    put(lake, "s", [rule("x", kind="packet", packet=2), rule("y", [A], [V])])
    assert [(one.rule, one.reason) for one in apply(lake).missed] == [(1, "without a capture")]
    capture = ask(lake, f"SELECT capture FROM connection WHERE orig_ip = '{B}'")[0][0]  # noqa: S608
    put(lake, "s", [rule("x", kind="packet", packet=2, capture=capture), rule("z", kind="packet", capture=capture)])
    apply(lake)
    assert ask(lake, "SELECT DISTINCT capture FROM label") == [(capture,)]
    assert ask(lake, "SELECT packet FROM label WHERE label = 'x' AND record_table = 'packet'") == [(2,)]
    assert ask(lake, "SELECT count(*) FROM label WHERE label = 'z' AND record_table = 'packet'") == [(7,)]


def test_several_rules_on_one_record(make: Make) -> None:
    """Overlapping windows are all kept; the view shows the one of the highest priority, attack before benign."""
    lake = make(session(10 * SECOND, A, V, 1025))
    rules = [window(0, 20 * SECOND) | {"label": "wide"}, window(10_200_000, 20 * SECOND) | {"label": "late"}]
    rules += [window(0, 20 * SECOND) | {"label": "fine", "state": "benign"}]
    rules += [window(10_500_000, 20 * SECOND) | {"label": "top", "priority": 5, "state": "benign", "attempted": 3}]
    put(lake, "s", rules)
    apply(lake)
    found = ask(lake, "SELECT packet, label, labels, state, attempted FROM labelled.packet ORDER BY packet")
    assert found[0] == (1, "wide", ["wide", "fine"], "attack", None)
    assert found[3] == (4, "late", ["late", "wide", "fine"], "attack", None)
    assert found[6] == (7, "top", ["top", "late", "wide", "fine"], "benign", 3)


def test_tuple_reuse_and_misordered_packets(make: Make) -> None:
    """The same tuple is benign, then an attack, then benign; packets of the attack are stored in another order."""
    attack = session(100 * SECOND, A, V, 1025)
    stored = [attack[place] for place in (0, 1, 3, 2, 4, 6, 5)]
    lake = make([*session(10 * SECOND, A, V, 1025), *stored, *session(200 * SECOND, A, V, 1025)])
    given = rule("x", [A], [V], a_ports=[1025], v_ports=[80], protocol=6, kind="tuple", begin=at(100 * SECOND),
                 end=at(101 * SECOND))  # fmt: skip
    put(lake, "s", [given])
    apply(lake)
    assert packets(lake) == set(range(8, 15))
    assert ask(lake, "SELECT flow, fraction FROM label WHERE record_table = 'connection'") == [(2, 1.0)]


def test_icmp_has_types_instead_of_ports(make: Make) -> None:
    lake = make([(0, echo(A, V)), (1, echo(V, A, reply=True)), (2, echo(A, V, number=2))])
    put(lake, "s", [
        rule("request", [A], [V], icmp_type=8, protocol=1), rule("reply", [A], [V], icmp_type=0, icmp_code=0),
        rule("alert", [V], [A], icmp_type=0, icmp_code=0, kind="event", direction="a2v", begin=at(1), protocol=1),
    ])  # fmt: skip
    apply(lake)
    found = ask(lake, "SELECT label, packet FROM label WHERE record_table = 'packet' ORDER BY ALL")
    assert found == [("alert", 2), ("reply", 2), ("request", 1), ("request", 3)]
    found = ask(lake, "SELECT label, scope, fraction FROM label WHERE record_table = 'connection' ORDER BY ALL")
    assert found == [("alert", "from_packet", 1 / 3), ("reply", "from_packet", 1 / 3), ("request", "direct", 2 / 3)]
    found = ask(
        lake,
        "SELECT label, type FROM label JOIN icmpv4 USING (capture, packet) WHERE record_table = 'icmpv4' ORDER BY ALL",
    )
    assert found == [("alert", 0), ("reply", 0), ("request", 8), ("request", 8)]


def test_error_that_quotes_an_attack_belongs_to_it(make: Make) -> None:
    """A router between attacker and victim answers; only the lake's column quoted_flow tells."""
    probe = udp(A, V, (5000, 9))
    lake = make([(0, probe), (10, unreachable("10.0.9.9", A, probe)), (20, udp(B, V, (5000, 9)))])
    put(lake, "s", [rule("flood", [A], [V])])
    apply(lake)
    found = ask(lake, "SELECT flow, scope FROM label WHERE record_table = 'connection' ORDER BY 1")
    assert found == [(1, "direct"), (2, "from_flow")]
    assert packets(lake) == {1}


def test_vlan_does_not_matter(make: Make) -> None:
    lake = make([(0, udp(A, V, (5000, 9), vlan=5)), (SECOND, udp(A, V, (5001, 9)))])
    put(lake, "s", [
        rule(f"alert {port}", [A], [V], a_ports=[port], v_ports=[9], protocol=17, kind="event", direction="a2v",
             begin=at(time))
        for port, time in ((5000, 0), (5001, SECOND))
    ])  # fmt: skip
    apply(lake)
    assert packets(lake) == {1, 2}


def test_events_by_community_id_and_time(make: Make) -> None:
    """The oracle is another implementation of Community ID."""
    lake = make(
        [(0, udp(A, V, (5000, 9))), (10, udp(V, A, (9, 5000))), (20, udp(SIX, SEVEN, (5000, 9))), (30, echo(A, V))]
    )
    ids = [
        FlowTuple.make_udp(A, V, 5000, 9), FlowTuple.make_udp(SEVEN, SIX, 9, 5000), FlowTuple.make_icmp(A, V, 8, 0),
    ]  # fmt: skip
    rules = [
        rule(f"alert {time}", kind="event", begin=at(time), community_id=CommunityID().calc(one))
        for one, time in zip(ids, (10, 20, 30), strict=True)
    ]
    put(lake, "s", rules)
    apply(lake)
    assert ask(lake, "SELECT label, packet FROM label WHERE record_table = 'packet' ORDER BY 2") == [
        ("alert 10", 2), ("alert 20", 3), ("alert 30", 4),
    ]  # fmt: skip


def test_event_between_packets_labels_the_flow_that_contains_it(make: Make) -> None:
    lake = make([*session(0, A, V, 1025), *session(10 * SECOND, A, V, 1026)])
    event = rule("alert", [A], [V], v_ports=[80], kind="event", direction="a2v", begin=at(10_250_000))
    put(lake, "s", [event])
    apply(lake)
    assert packets(lake) == set()
    assert ask(lake, "SELECT flow, scope, fraction, ambiguous FROM label WHERE record_table = 'connection'") == [
        (2, "direct", 0.0, False)
    ]


def test_event_in_two_flows_is_ambiguous(make: Make) -> None:
    lake = make(sorted([*session(0, A, V, 1025), *session(10_000, A, V, 1026)]))
    put(lake, "s", [rule("alert", [A], [V], v_ports=[80], kind="event", direction="a2v", begin=at(250_000))])
    apply(lake)
    assert ask(lake, "SELECT flow, ambiguous FROM label WHERE record_table = 'connection' ORDER BY 1") == [
        (1, True), (2, True)
    ]  # fmt: skip


def test_nearest_packet_of_an_event_with_a_tolerance(make: Make) -> None:
    lake = make(session(10 * SECOND, A, V, 1025))
    put(lake, "s", [rule("alert", [A], [V], kind="event", direction="a2v", begin=at(10_180_000))])
    apply(lake, Options(tolerance=0.2))
    assert packets(lake) == {3}
    assert ask(lake, "SELECT distance FROM label WHERE record_table = 'packet'") == [(pytest.approx(0.02),)]


def test_label_of_a_flow_reaches_its_records(make: Make) -> None:
    """DNS over UDP: a window over the query also labels the answer's record, and packets only if asked for."""
    query = bytes.fromhex("0001010000010000000000000161 0000010001".replace(" ", ""))
    answer = bytes.fromhex("0001818000010000000000000161 0000010001".replace(" ", ""))
    lake = make([(0, udp(A, V, (5000, 53), query)), (SECOND, udp(V, A, (53, 5000), answer))])
    put(lake, "s", [window(0, 10)])
    apply(lake)
    found = ask(lake, "SELECT packet, scope FROM label WHERE record_table = 'dns' ORDER BY 1")
    assert found == [(1, "direct"), (2, "from_flow")]
    assert packets(lake) == {1}
    apply(lake, Options(version="spread", spread=True))
    assert packets(lake, "spread") == {1, 2}
    assert packets(lake, "spread", "scope = 'direct'") == {1}
    assert ask(lake, 'SELECT state FROM "labelled:spread".udp ORDER BY packet') == [("attack",), ("attack",)]


def test_lake_without_connections(tmp_path: Path) -> None:
    import netlake

    path = frames.write(tmp_path / "x.pcap", session(10 * SECOND, A, V, 1025))
    netlake.capture([str(path)], str(tmp_path / "lake"), include=["packet", "tcp"])
    put(tmp_path / "lake", "s", [window(10 * SECOND, 10_300_000, v_ports=[80], protocol=6)])
    report = apply(tmp_path / "lake")
    assert packets(tmp_path / "lake") == {1, 2, 3, 4}
    assert report.tables["tcp"] == 4


CONDITIONS = {
    "(SELECT count(*) FROM packet) > 0": "subquery is not allowed",
    "flow IN (SELECT flow FROM packet)": "subquery is not allowed",
    "true) UNION SELECT (true": "more than one expression",
    "true), (false": "more than one expression",
    "true) FROM read_csv('/etc/passwd') --": "syntax error",
    "getenv('HOME') = 'x'": "function getenv is not allowed",
    "length(read_text('/etc/passwd')) > 0": "is not allowed",
    "nonsense = 1": "nonsense",
    "orig_packets >": "syntax error",
    "count(*) > 1": "function count_star is not allowed",
    "": "it is empty",
}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_condition_is_an_expression_over_connections(make: Make, condition: str) -> None:
    lake = make(session(0, A, V, 1025))
    put(lake, "s", [rule("x", [A], [V], condition=condition)])
    with pytest.raises(QueryError, match=r"rule 1 of s \(truth.csv:2\) cannot be used") as error:
        apply(lake)
    assert CONDITIONS[condition] in str(error.value)


def test_mistakes_are_one_sentence(make: Make, tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="There is no lake"):
        apply(tmp_path / "absent")
    lake = make(session(0, A, V, 1025))
    with pytest.raises(LakeError, match="has no ground truth; import a file first"):
        apply(lake)
    put(lake, "s", [rule("x", [A], [V])])
    with pytest.raises(LakeError, match="has no source 'other' of ground truth; it has: s"):
        apply(lake, Options(sources=("other",)))
    for wrong in (Options(version="two words"), Options(mode="near"), Options(tolerance=float("nan"))):
        with pytest.raises(OptionError, match=r"^--"):
            apply(lake, wrong)


def findings(lake: Path, rules: list[dict[str, Any]]) -> list[Finding]:
    put(lake, "s", rules)
    try:
        return apply(lake).findings
    except NoMatchError as error:
        return error.report.findings


def test_truth_of_another_capture_is_reported(make: Make) -> None:
    lake = make(session(10 * SECOND, A, V, 1025))
    (found,) = findings(lake, [rule("x", ["192.0.2.1"], ["192.0.2.2"], begin=at(0), end=at(SECOND))])
    assert (found.kind, "it is probably the truth of another capture" in found.sentence) == ("hosts", True)
    far = 40 * 86_400 * SECOND
    (found,) = findings(lake, [rule("x", [A], [V], begin=at(far), end=at(far + SECOND))])
    assert (found.kind, "those of the captures 2023-11-14 22:13:30 to" in found.sentence) == ("other_capture", True)


HOUR = 3600 * SECOND


@pytest.mark.parametrize("shift", [-3 * HOUR, HOUR, 5 * HOUR + HOUR // 2, HOUR // 4 * 23, 14 * HOUR])
def test_shift_by_quarter_hours_is_reported(make: Make, shift: int) -> None:
    lake = make([frame for place in range(6) for frame in session(place * 60 * SECOND, A, V, 1025 + place)])
    rules = [window(place * 60 * SECOND + shift - 1, place * 60 * SECOND + shift + SECOND) for place in range(6)]
    found = findings(lake, rules)
    assert [(one.kind, one.seconds) for one in found] == [("zone", -shift / 1e6)]


def test_times_of_a_twelve_hour_clock_are_reported(make: Make) -> None:
    lake = make([*session(0, A, V, 1025), *session(5 * HOUR, A, V, 1026), *session(6 * HOUR, A, V, 1027)])
    moments = (0, 5 * HOUR - 12 * HOUR, 6 * HOUR - 12 * HOUR)
    found = findings(lake, [window(moment - SECOND, moment + SECOND) for moment in moments])
    assert [(one.kind, one.seconds) for one in found] == [("zone", 43_200.0)]
    assert "12-hour clock" in found[0].sentence


def test_windows_that_fit_are_not_suspected(make: Make) -> None:
    lake = make([frame for place in range(6) for frame in session(place * 60 * SECOND, A, V, 1025 + place)])
    assert findings(lake, [window(place * 60 * SECOND, place * 60 * SECOND + SECOND) for place in range(6)]) == []
    assert findings(lake, [window(-HOUR, HOUR)]) == []

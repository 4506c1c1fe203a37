"""Real captures with known answers: a web attack, alerts on packets, and addresses in other spellings.

Packets and times come from tshark; the windows of the web attack are those published for CIC-IDS2017 and their
correction by Engelen, Rimmer and Joosen.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import truths
from truths import ask, connections, packets, put, rule

from netlake.errors import LakeError
from netlake.label.join import apply
from netlake.lake import Catalog

ATTACKER, VICTIM, OUTSIDE = "172.16.0.1", "192.168.10.50", "205.174.165.73"
CORRECTED = {"begin": "1499348145.732950", "end": "1499348575.320284"}
WEB = {"v_ports": [80], "protocol": 6}


def official(zone: dt.tzinfo) -> dict[str, dt.datetime]:
    """The published window, 10:40 to 10:42 local time, to the end of its last minute."""
    begin = dt.datetime(2017, 7, 6, 10, 40, tzinfo=zone)
    return {
        "begin": begin.astimezone(dt.UTC),
        "end": (begin + dt.timedelta(minutes=3, microseconds=-1)).astimezone(dt.UTC),
    }


@pytest.fixture
def web(shared_captures: Path, decode: Any) -> Path:
    """A lake with the SQL injection of CIC-IDS2017: 94 packets, 9 connections."""
    lake: Path = decode(shared_captures / "labelled" / "WebattackSQLinj.pcap")
    return lake


@pytest.mark.parametrize("window", [CORRECTED, official(ZoneInfo("America/Halifax"))], ids=["corrected", "official"])
def test_window_labels_all_connections_and_packets(web: Path, window: dict[str, Any]) -> None:
    put(web, "cic", [rule("SQL injection", [ATTACKER], [VICTIM], **WEB, **window)])
    report = apply(web)
    assert connections(web, where="direction = 'a2v' AND fraction = 1 AND overlap > 0") == set(range(1, 10))
    assert packets(web) == set(range(1, 95))
    assert report.tables["tcp"] == report.tables["ipv4"] == 94
    assert report.labels == {"SQL injection": 9}


@pytest.mark.parametrize("zone", [dt.UTC, dt.timezone(dt.timedelta(hours=2))], ids=["utc", "host"])
def test_window_in_another_zone_matches_nothing(web: Path, zone: dt.tzinfo) -> None:
    put(web, "cic", [rule("SQL injection", [ATTACKER], [VICTIM], **WEB, **official(zone))])
    hours = 3 if zone is dt.UTC else 5
    with pytest.raises(
        LakeError, match=f"No record of the lake matches.* if all times are {hours} h later: the time zone"
    ):
        apply(web)
    assert Catalog(web).owners("label") == {}


def test_attempt_is_a_column_of_its_own(web: Path) -> None:
    """The correction calls connections without payload of the attacker attempts; here all have payload."""
    attack = {**WEB, **CORRECTED}
    rules = [
        rule("SQL injection", [ATTACKER], [VICTIM], **attack),
        rule("SQL injection", [ATTACKER], [VICTIM], attempted=0, condition="orig_payload_bytes = 0", **attack),
        rule("large", [ATTACKER], [VICTIM], attempted=1, condition="orig_payload_bytes > 500 -- a lot", **attack),
    ]
    put(web, "cic", rules)
    apply(web)
    found = ask(
        web, "SELECT label, attempted, count(*) FROM label WHERE record_table = 'connection' GROUP BY ALL ORDER BY 1"
    )
    large = ask(web, "SELECT count(*) FROM connection WHERE orig_payload_bytes > 500")[0][0]
    assert 0 < large < 9
    assert found == [("SQL injection", None, 9), ("large", 1, large)]


def test_many_alerts_on_one_packet(shared_captures: Path, decode: Any, tshark: Any) -> None:
    """Requests of one of eight flows have two to six alerts each; neither answers nor other flows have any."""
    path = shared_captures / "labelled" / "nfs3-01.pcap"
    fields = ("frame.number", "frame.time_epoch", "ip.src", "udp.srcport", "ip.dst", "udp.dstport")
    requests = tshark(path, "udp.stream == 5 && udp.dstport == 2049", *fields)[:56]
    signatures = {3: 56, 6: 56, 15: 29, 11: 24, 12: 24, 10: 8}
    rules = [
        rule(f"sid {sid}", [one[2]], [one[4]], a_ports=[int(one[3])], v_ports=[int(one[5])], protocol=17, kind="event",
             direction="a2v", begin=one[1], packet=int(one[0]))
        for sid, count in signatures.items()
        for one in requests[:count]
    ]  # fmt: skip
    lake = decode(path)
    put(lake, "suricata", rules)
    apply(lake)
    where = "record_table = 'packet' AND scope = 'direct' AND NOT ambiguous AND direction = 'a2v'"
    assert ask(lake, f"SELECT count(*), count(DISTINCT packet) FROM label WHERE {where}") == [(197, 56)]  # noqa: S608
    counts = ask(lake, f"SELECT label, count(*) FROM label WHERE {where} GROUP BY label")  # noqa: S608
    assert dict(counts) == {f"sid {sid}": count for sid, count in signatures.items()}
    assert packets(lake) == {int(one[0]) for one in requests}
    flows = ask(lake, "SELECT flow, orig_packets + resp_packets FROM connection SEMI JOIN label USING (capture, flow)")
    assert [count for _, count in flows] == [114]
    found = ask(lake, "SELECT scope, fraction FROM label WHERE record_table = 'connection' AND rule = 1")
    assert found == [("from_packet", 1 / 114)]
    assert ask(lake, "SELECT count(*) FROM label WHERE record_table = 'rpc' AND scope = 'direct'")[0][0] >= 197


def test_alerts_at_equal_times_are_ambiguous_without_numbers(shared_captures: Path, decode: Any, tshark: Any) -> None:
    """The clock of this capture has steps of 10 ms: the alert may be on any of the requests of its step."""
    path = shared_captures / "labelled" / "nfs3-01.pcap"
    requests = tshark(path, "udp.stream == 5 && udp.dstport == 2049", "frame.number", "frame.time_epoch")
    time = requests[0][1]
    lake = decode(path)
    put(lake, "suricata", [rule("alert", ["139.25.22.2"], ["139.25.22.102"], a_ports=[1022], v_ports=[2049],
                                protocol=17, kind="event", direction="a2v", begin=time)])  # fmt: skip
    apply(lake)
    equal = {int(number) for number, at in requests if at == time}
    assert len(equal) > 1
    assert packets(lake, where="ambiguous AND scope = 'direct'") == equal
    assert ask(lake, "SELECT scope, ambiguous FROM label WHERE record_table = 'connection'") == [("from_packet", True)]


@pytest.mark.parametrize("numbered", [True, False])
def test_alerts_by_number_and_by_time(shared_captures: Path, decode: Any, tshark: Any, *, numbered: bool) -> None:
    path = shared_captures / "labelled" / "sctp-keywords.pcap"
    alerts = [1, 2, 3, 3, 5]
    fields = ("frame.number", "frame.time_epoch", "ip.src", "sctp.srcport", "ip.dst", "sctp.dstport")
    by_number = {int(one[0]): one for one in tshark(path, "sctp", *fields)}
    rules = []
    for place, number in enumerate(alerts):
        _, time, source, port, destination, other = by_number[number]
        rules.append(
            rule(f"alert {place}", [source], [destination], a_ports=[int(port)], v_ports=[int(other)], protocol=132,
                 kind="event", direction="a2v", begin=time, packet=number if numbered else None)
        )  # fmt: skip
    lake = decode(path)
    put(lake, "suricata", rules)
    apply(lake)
    assert ask(lake, "SELECT packet FROM label WHERE record_table = 'packet' ORDER BY 1") == [(one,) for one in alerts]
    flows = "SELECT orig_port, resp_port FROM connection SEMI JOIN label ON label.flow = connection.flow"
    assert ask(lake, flows) == [(2906, 6303)]


def test_address_of_another_spelling(shared_captures: Path, decode: Any) -> None:
    """The alert prints IPv6 addresses in full; the reader writes them as the lake does."""
    source, destination = "fe80:0000:0000:0000:020c:29ff:fef3:cf38", "fe80:0000:0000:0000:020c:29ff:faf2:ab42"
    alert = rule("alert", [source], [destination], a_ports=[58307], v_ports=[80], protocol=6, kind="event",
                 direction="a2v", begin="1391789728.394075")  # fmt: skip
    lake = decode(shared_captures / "labelled" / "bug-814.pcap")
    put(lake, "suricata", [alert])
    apply(lake)
    assert (packets(lake), connections(lake)) == ({3}, {1})
    assert ask(lake, "SELECT fraction FROM label WHERE record_table = 'connection'") == [(1 / 7,)]


def test_moments_are_exact() -> None:
    assert truths.moment("1499348145.732950").isoformat() == "2017-07-06T13:35:45.732950+00:00"


def test_attacker_behind_address_translation_is_reported(web: Path) -> None:
    put(web, "cic", [rule("SQL injection", [OUTSIDE], [VICTIM], **WEB, **CORRECTED)])
    with pytest.raises(LakeError, match=f"{OUTSIDE} .* never occurs .*{ATTACKER}") as error:
        apply(web)
    assert "translation" in str(error.value)

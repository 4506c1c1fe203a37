"""Captures with answer keys: windows with actors, victims and local times.

NETLAKE_LABELLED names their folder, which has `capture.pcap` and `answers.json` for each of SCENARIOS.
The expected packets are those that a display filter of tshark finds in the window; the expected connections are the
conversations of these packets. So neither the decoder nor the join is its own judge.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from truths import ask, connections, packets, put, rule

import netlake
from netlake.label.join import NoMatchError, Options, apply

FOLDER = Path(os.environ.get("NETLAKE_LABELLED", "absent"))
SCENARIOS = (
    "it-baseline-operations", "it-bulk-upload", "it-https-beaconing", "it-rogue-dhcp", "it-scan-auth-failures",
    "ot-bacnet-unauthorized-write", "ot-iec104-command-injection", "ot-modbus-discovery",
)  # fmt: skip
ATTACKS = SCENARIOS[1:]
ZONE = ZoneInfo("Europe/Warsaw")
PORTS = ("tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport")
SLACK = dt.timedelta(seconds=5)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not FOLDER.is_dir(), reason="NETLAKE_LABELLED names no folder")]


def moments(value: Any) -> Iterator[float]:
    """Every moment in the facts about an actor."""
    if isinstance(value, dict):
        if "epoch" in value:
            yield value["epoch"]
        for part in value.values():
            yield from moments(part)
    elif isinstance(value, list):
        for part in value:
            yield from moments(part)


def addresses(value: Any) -> set[str]:
    """Every address in a fact."""
    if isinstance(value, dict):
        own = {value["ip"]} if isinstance(value.get("ip"), str) else set()
        return own.union(*(addresses(part) for part in value.values()))
    return set().union(*(addresses(part) for part in value)) if isinstance(value, list) else set()


def windows(scenario: str) -> list[dict[str, Any]]:
    """A window for each incident: actors, victims, and begin and end in local time without a zone."""
    answers = json.loads((FOLDER / scenario / "answers.json").read_text())
    hosts = {host["id"]: {face["ip"] for face in host["interfaces"]} for host in answers["topology"]["hosts"]}
    found = []
    for actor in answers["actors"]:
        if not actor["incident"] or actor["id"] == "rogue_dhcp":
            continue
        facts = answers["facts"][actor["id"]]
        own = set().union(*(hosts[host] for host in actor["hosts"]))
        others = set().union(
            *(addresses(facts.get(name, [])) for name in ("dest", "destination", "target", "targets", "dc", "server"))
        )
        times = [event["epoch"] for event in answers["timeline"] if event["actor"] == actor["id"]]
        times += moments(facts)
        begin, end = (dt.datetime.fromtimestamp(time, ZONE) for time in (min(times), max(times)))
        found.append(
            {"label": actor["type"], "a": sorted(own), "v": sorted(others - own),
             "begin": begin.replace(tzinfo=None), "end": (end + SLACK).replace(tzinfo=None)}
        )  # fmt: skip
    return found


def rules(scenario: str, zone: dt.tzinfo = ZONE, skew: float = 0) -> list[dict[str, Any]]:
    """The windows as rules: times in `zone`, later by `skew` seconds."""
    moved = dt.timedelta(seconds=skew)
    return [
        rule(one["label"], one["a"], one["v"], **{
            name: (one[name].replace(tzinfo=zone) + moved).astimezone(dt.UTC) for name in ("begin", "end")
        })
        for one in windows(scenario)
    ]  # fmt: skip


def expected(scenario: str, tshark: Any) -> tuple[set[int], Counter[tuple[str, ...]]]:
    """(numbers of the packets, number of conversations by addresses and ports) in the windows."""
    path = FOLDER / scenario / "capture.pcap"
    numbers: set[int] = set()
    flows: set[tuple[str, ...]] = set()
    for one in windows(scenario):
        begin, end = (one[name].replace(tzinfo=ZONE).timestamp() for name in ("begin", "end"))
        sides = (f"ip.addr in {{{', '.join(one[side])}}}" for side in "av")
        times = f"frame.time_epoch >= {begin:.6f} && frame.time_epoch <= {end:.6f}"
        # a packet of a pair: one address on each side, and neither side talking to itself
        fields = ("frame.number", "ip.src", "ip.dst", "ip.proto", "tcp.stream", *PORTS)
        for number, source, destination, protocol, stream, *ports in tshark(
            path, " && ".join((*sides, times)), *fields
        ):
            if {source in one["a"], destination in one["a"]} == {True, False}:
                numbers.add(int(number))
                flows.add((*sorted((source, destination)), protocol, *sorted(port for port in ports if port), stream))
    return numbers, Counter(flow[:-1] for flow in flows)


def conversations(lake: Path) -> Counter[tuple[str, ...]]:
    """The labelled connections in the same form; those of UDP count once, because tshark has no timeout for them."""
    query = (
        "SELECT orig_ip, resp_ip, protocol::VARCHAR, orig_port::VARCHAR, resp_port::VARCHAR FROM labelled.connection"
        " WHERE state = 'attack'"
    )
    found = Counter(
        (*sorted((one, two)), protocol, *sorted(port for port in ports if port))
        for one, two, protocol, *ports in ask(lake, query)
    )
    return Counter({flow: 1 if flow[2] == "17" else count for flow, count in found.items()})


@pytest.fixture(scope="module", params=SCENARIOS)
def scenario(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The name of a scenario, and a lake with its capture."""
    lake = tmp_path_factory.mktemp("scenario") / "lake"
    netlake.capture([str(FOLDER / request.param / "capture.pcap")], str(lake))
    return request.param, lake


def test_packets_and_connections_are_those_of_tshark(scenario: tuple[str, Path], tshark: Any) -> None:
    name, lake = scenario
    if name not in ATTACKS:
        assert windows(name) == []
        return
    put(lake, "key", rules(name))
    report = apply(lake)
    numbers, flows = expected(name, tshark)
    assert numbers
    assert packets(lake) == numbers
    assert conversations(lake) == flows
    assert {flow for (flow,) in ask(lake, "SELECT flow FROM labelled.packet WHERE state = 'attack'")} == connections(
        lake
    )
    # the key has times of requests: a connection may begin some seconds before
    assert [finding for finding in report.findings if abs(finding.seconds or 0) > 5] == []
    assert report.missed == []


@pytest.mark.parametrize("skew", [30, -30])
def test_skew_is_diagnosed_and_tolerated(scenario: tuple[str, Path], tshark: Any, skew: float) -> None:
    """A skew that loses packets is found, within ten seconds; with the tolerance nothing is lost."""
    name, lake = scenario
    if name not in ATTACKS:
        pytest.skip("no attack")
    put(lake, "key", rules(name, skew=skew))
    numbers, flows = expected(name, tshark)
    try:
        report, lost = apply(lake, Options(tolerance=0)), numbers - packets(lake)
    except NoMatchError as error:
        report, lost = error.report, numbers
    found = [finding.seconds for finding in report.findings if finding.kind == "skew"]
    assert bool(found) == bool(lost), (len(lost), len(numbers))
    assert all(found_one == pytest.approx(-skew, abs=10) for found_one in found)
    apply(lake, Options(tolerance=30))
    assert packets(lake) >= numbers
    assert conversations(lake) >= flows


@pytest.mark.parametrize("zone", ["UTC", "America/Halifax", "Asia/Kolkata"])
def test_wrong_zone_is_diagnosed(scenario: tuple[str, Path], zone: str) -> None:
    name, lake = scenario
    if name not in ATTACKS:
        pytest.skip("no attack")
    put(lake, "key", rules(name, ZoneInfo(zone)))
    right, wrong = rules(name)[0]["begin_ts"], rules(name, ZoneInfo(zone))[0]["begin_ts"]
    with pytest.raises(NoMatchError, match="zone is probably wrong") as error:
        apply(lake)
    hours = (right - wrong) / dt.timedelta(hours=1)
    span = f"{abs(hours):.0f} h" if hours == round(hours) else f"{int(abs(hours))} h 30 min"
    assert f"all times are {span} {'later' if hours > 0 else 'earlier'}" in str(error.value)

"""What a version of labels covers: rules without records, traffic outside windows, records hit twice, unnamed hosts.

Traffic outside windows: connections between the sides of a window rule, with its ports and protocol, that no rule
labels. Each is counted for the rule whose interval is nearest. The suggested interval extends that of the rule as long
as the next such connection begins within GAP of the end so far (and likewise towards the begin), because published
schedules are wrong by minutes to an hour at either end.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netlake.label.join import flows, rules, versions
from netlake.label.join.endpoints import Endpoints
from netlake.label.join.opened import Opened, groups
from netlake.label.join.options import Options, Progress
from netlake.schema.sql import literal

GAP = dt.timedelta(minutes=10)
HOSTS = 1_000
# the nearest rule of each flow that no rule labels
_OUTSIDE = """
WITH relaxed AS ({matching}), alone AS (
    SELECT r.id, f.ts, f.last_ts, f.flow, r.cap,
        greatest(epoch_us(f.ts) - epoch_us(u.hi), epoch_us(u.lo) - epoch_us(f.last_ts)) AS distance
    FROM relaxed r JOIN flow f ON f.cap = r.cap AND f.flow = r.flow JOIN active u USING (id)
    WHERE (f.cap, f.flow) NOT IN (SELECT (cap.id, l.flow) FROM label l JOIN cap ON cap.capture = l.capture
        WHERE l.version = {version} AND l.record_table = 'connection'))
SELECT arg_min(id, distance) AS id, any_value(ts) AS ts, any_value(last_ts) AS last_ts FROM alone
WHERE distance > 0 GROUP BY cap, flow ORDER BY ts
"""
_SILENT = """
SELECT t.source, t.rule, t.file, t.line, t.label FROM truth t ANTI JOIN (
    SELECT DISTINCT source, rule FROM label WHERE version = $1) l USING (source, rule)
WHERE t.source IN ({sources}) ORDER BY t.source, t.rule
"""
_TWICE = """
SELECT record_table, labels, count(*) FROM (
    SELECT record_table, list_sort(list(DISTINCT label)) AS labels FROM label WHERE version = $1
    GROUP BY record_table, capture, packet, place, flow HAVING count(DISTINCT (source, rule)) > 1)
GROUP BY ALL ORDER BY ALL
"""


@dataclass(frozen=True, slots=True)
class Outside:
    """Traffic of a rule outside its interval, and the interval that would include it."""

    source: str
    rule: int
    label: str
    before: int
    after: int
    begin: dt.datetime
    end: dt.datetime
    suggested: tuple[dt.datetime, dt.datetime]


@dataclass(slots=True)
class Coverage:
    """`silent`: (source, rule, place, label) of rules without records; `twice`: (table, labels) and its records.

    `hosts`: (address, packets, connections) of the busiest hosts on no side of any rule, `unnamed` their number.
    """

    silent: list[tuple[str, int, str, str]] = field(default_factory=list)
    outside: list[Outside] = field(default_factory=list)
    twice: list[tuple[str, list[str], int]] = field(default_factory=list)
    hosts: list[tuple[str, int, int]] = field(default_factory=list)
    unnamed: int = 0


def coverage(lake: Path, version: str, progress: Progress = lambda *_: None) -> Coverage:
    """The coverage of a version. LakeError if it does not exist, or its ground truth was removed."""
    with Opened(lake) as opened:
        versions.known(opened.catalog, version)
        facts = json.loads(opened.catalog.owners("label")[version])
        sources = tuple(facts["sources"])
        captures = opened.captures()
        rules.load(opened, Options(version, sources, tolerance=facts["tolerance"]), len(captures))
        opened.bind("label")
        result = Coverage()
        names = ", ".join(map(literal, sources))
        result.silent = [
            (source, rule, rules.place(file, line), label)
            for source, rule, file, line, label in opened.rows(_SILENT.format(sources=names), [version])
        ]
        result.twice = [(row[0], row[1], row[2]) for row in opened.rows(_TWICE, [version])]
        endpoints = Endpoints(rules.networks(opened))
        outside: dict[int, list[tuple[Any, Any]]] = {}
        hosts: Counter[str] = Counter()
        connections: Counter[str] = Counter()
        for number, group in enumerate(groups(captures), 1):
            progress(f"{len(captures)} captures", number / len(captures))
            flows.prepare(opened, [one.facts.capture for one in group], connections=True)
            endpoints.resolve(opened)
            flows.find(opened)
            _add_outside(opened, version, outside)
            _add_hosts(opened, hosts, connections)
        result.outside = [found for rule, times in sorted(outside.items()) if (found := _suggest(opened, rule, times))]
        result.unnamed = len(hosts)
        busiest = sorted(hosts.items(), key=lambda item: (-item[1], item[0]))[:HOSTS]
        result.hosts = [(host, packets, connections[host]) for host, packets in busiest]
        return result


def _add_outside(lake: Opened, version: str, outside: dict[int, list[tuple[Any, Any]]]) -> None:
    only = "u.timed AND u.shape IN ('pair', 'tuple') AND NOT u.timeless"
    matching = flows.matching(lake, (), only)
    for rule, begin, end in lake.rows(_OUTSIDE.format(matching=matching, version=literal(version))):
        outside.setdefault(rule, []).append((begin, end))


def _add_hosts(lake: Opened, hosts: Counter[str], connections: Counter[str]) -> None:
    query = (
        "SELECT ip, sum(packets)::BIGINT, count(*) FROM (SELECT orig_ip AS ip, orig_packets + resp_packets AS packets"
        " FROM connection UNION ALL SELECT resp_ip, orig_packets + resp_packets FROM connection)"
        " WHERE ip NOT IN (SELECT ip FROM host JOIN member ON host.id = member.host) GROUP BY ip"
    )
    for host, packets, count in lake.rows(query):
        hosts[host] += packets
        connections[host] += count


def _suggest(lake: Opened, rule: int, times: Sequence[tuple[Any, Any]]) -> Outside | None:
    query = "SELECT source, rule, label, begin_ts, end_ts FROM rule WHERE id = $1"
    source, number, label, begin, end = lake.rows(query, [rule])[0]
    before = [time for time in times if time[0] < begin]
    after = [time for time in times if time[0] >= begin]
    first, last = begin, end
    for start, stop in sorted(before, key=lambda time: time[1], reverse=True):
        if first - stop <= GAP:
            first = min(first, start)
    for start, stop in sorted(after):
        if start - last <= GAP:
            last = max(last, stop)
    return Outside(source, number, label, len(before), len(after), begin, end, (first, last))

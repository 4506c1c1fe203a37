"""Explains the labels of one record: its rules with their lines, and how they match; without a label, why not.

For a record without a label the rules are joined again with its flow alone, without their times: these are rules that
only time, direction, condition or mode keep away. If there is none, the rules that name one of its hosts are shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netlake.errors import LakeError, OptionError
from netlake.label.join import flows, rules
from netlake.label.join.endpoints import Endpoints
from netlake.label.join.opened import Opened
from netlake.label.join.options import Options
from netlake.query import names
from netlake.query.labelled import key
from netlake.schema.sql import name as quoted

MOST = 5
_RECORD = re.compile(r"(?P<table>\w+)[ :](?P<capture>[0-9a-f]+):(?P<number>\d{1,18})(?::(?P<place>\d{1,5}))?", re.ASCII)
_EDGES = """
SELECT l.*, t.file, t.line, t.kind, t.begin_ts, t.end_ts, t.note FROM label l LEFT JOIN truth t USING (source, rule)
WHERE l.record_table = $1 AND l.capture = $2 AND {which} ORDER BY l.version, l.priority DESC, l.source, l.rule
"""
_HALF = """
SELECT DISTINCT u.id FROM flow f JOIN member m ON m.host = f.o OR m.host = f.r
JOIN active u ON u.a_side = m.side OR u.v_side = m.side ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Edge:
    """A label of the record: `place` is the line of its rule, `how` says how the rule matches."""

    version: str
    label: str
    state: str
    attempted: int | None
    source: str
    rule: int
    place: str
    how: str


@dataclass(slots=True)
class Explanation:
    """`record` describes the record. `edges` are its labels, `near` (rule, place, label, reason) rules that miss it."""

    record: str
    edges: list[Edge] = field(default_factory=list)
    near: list[tuple[str, str, str, str]] = field(default_factory=list)


def explain(lake: Path, record: str, version: str | None = None) -> Explanation:
    """Explain `record`: `connection CAPTURE:FLOW`, or `TABLE CAPTURE:PACKET`, with `:PLACE` for later ones of a packet.

    A unique prefix of the capture's id is enough. OptionError for another text, LakeError for a record that is not
    there.
    """
    match = _RECORD.fullmatch(record.strip())
    if match is None:
        raise OptionError(
            f"{record!r} names no record; give a table, a capture and a number: `connection CAPTURE:FLOW` or"
            " `packet CAPTURE:PACKET`."
        )
    with Opened(lake) as opened:
        columns = key(match["table"], opened.snapshot) if opened.snapshot.has(match["table"]) else ()
        if not columns:
            raise OptionError(f"{names.unknown('table', match['table'], opened.snapshot.names(), ' with labels')}")
        capture = _capture(opened, match["capture"])
        which = f"flow = {match['number']}" if "flow" in columns else f"packet = {match['number']}"
        if "place" in columns:
            which += f" AND place = {match['place'] or 0}"
        opened.bind(match["table"], [capture])
        row = _one(opened, f"SELECT * FROM {quoted(match['table'])} WHERE capture = '{capture}' AND {which}")  # noqa: S608
        if row is None:
            raise LakeError(f"The lake has no record {record}; look for it with `netlake dump {match['table']}`.")
        result = Explanation(_described(match["table"], row))
        truth = bool(opened.catalog.owners("truth"))
        if truth and opened.catalog.owners("label"):
            result.edges = _edges(opened, match["table"], capture, which, version)
        if truth and not result.edges:
            result.near = _near(opened, capture, _flow(opened, capture, row))
        return result


def _capture(lake: Opened, prefix: str) -> str:
    found = [one.facts.capture for one in lake.captures() if one.facts.capture.startswith(prefix)]
    if len(found) != 1:
        what = "no capture" if not found else f"{len(found)} captures"
        raise LakeError(f"{what.capitalize()} in the lake has an id that starts with {prefix}; list: netlake captures.")
    return found[0]


def _one(lake: Opened, query: str) -> dict[str, Any] | None:
    cursor = lake.sql.execute(query)
    row, heads = cursor.fetchone(), [column[0] for column in cursor.description or ()]
    return dict(zip(heads, row, strict=True)) if row else None


def _described(table: str, row: Mapping[str, Any]) -> str:
    """The record in one line: table, time, ends."""
    one, two = ("orig", "resp") if table == "connection" else ("src", "dst")

    def end(side: str) -> str:
        address, port = row.get(f"{side}_ip"), row.get(f"{side}_port")
        return f"{address}" + (f" port {port}" if port is not None else "")

    number = f"flow {row['flow']}" if table == "connection" else f"packet {row['packet']}"
    time = f"{row['ts']:%Y-%m-%d %H:%M:%S.%f}" if row.get("ts") else "without a time"
    if table == "connection" and row.get("last_ts"):
        time += f" to {row['last_ts']:%Y-%m-%d %H:%M:%S.%f}"
    ends = f", {end(one)} to {end(two)}" if row.get(f"{one}_ip") else ""
    return f"{table}, {number} of capture {row['capture']}, {time}{ends}"


def _edges(lake: Opened, table: str, capture: str, which: str, version: str | None) -> list[Edge]:
    lake.bind("label", [capture])
    lake.bind("truth")
    which = " AND ".join(f"l.{part}" for part in which.split(" AND "))
    cursor = lake.sql.execute(_EDGES.format(which=which), [table, capture])
    heads = [column[0] for column in cursor.description or ()]
    found = [dict(zip(heads, row, strict=True)) for row in cursor.fetchall()]
    return [
        Edge(
            row["version"], row["label"], row["state"], row["attempted"], row["source"], row["rule"],
            "a rule that was removed" if row["file"] is None else rules.place(row["file"], row["line"]), _how(row),
        )
        for row in found
        if version in (None, row["version"])
    ]  # fmt: skip


def _how(edge: Mapping[str, Any]) -> str:
    """How a rule matches a record."""
    scope = {
        "direct": "matches by itself",
        "from_flow": "its connection matches",
        "from_packet": "packets of it match",
    }[edge["scope"]]
    parts = [f"{scope}, rule of kind {edge['kind']}" if edge["kind"] else scope]
    if edge["begin_ts"] is not None:
        parts.append(f"{edge['begin_ts']:%Y-%m-%d %H:%M:%S} to {edge['end_ts']:%Y-%m-%d %H:%M:%S} UTC")
    sender = {"a2v": "the attacker's side began it or sent it", "v2a": "the victim's side began it or sent it"}
    parts += [sender[edge["direction"]]] if edge["direction"] else []
    parts += [f"overlap {edge['overlap']:,.6g} s"] if edge["overlap"] else []
    parts += [f"{edge['distance']:,.6g} s apart, within the tolerance"] if edge["distance"] else []
    parts += [f"{edge['fraction']:.1%} of its packets match"] if edge["fraction"] is not None else []
    parts += ["ambiguous: others match as well"] if edge["ambiguous"] else []
    return ", ".join(parts)


def _flow(lake: Opened, capture: str, row: Mapping[str, Any]) -> int | None:
    if "flow" in row or "packet" not in row:
        return row.get("flow")
    lake.bind("packet", [capture])
    query = f"SELECT flow FROM packet WHERE capture = '{capture}' AND packet = {row['packet']}"  # noqa: S608
    found = lake.rows(query)
    return found[0][0] if found else None


def _near(lake: Opened, capture: str, flow: int | None) -> list[tuple[str, str, str, str]]:
    """Rules that would match the flow but for one reason, the nearest in time first."""
    if flow is None:
        return []
    rules.load(lake, Options(), len(lake.captures()))
    flows.prepare(lake, [capture], connections=True)
    lake.sql.execute(
        f"CREATE OR REPLACE TABLE connection AS SELECT * FROM temp.connection WHERE flow = {flow}"  # noqa: S608
    )
    lake.sql.execute("DROP VIEW temp.connection")
    Endpoints(rules.networks(lake)).resolve(lake)
    flows.find(lake)
    ids = [row[0] for row in lake.rows(f"SELECT DISTINCT id FROM ({flows.matching(lake, ())}) ORDER BY 1")]  # noqa: S608
    if ids:
        listed = ", ".join(map(str, ids))
        query = (
            "SELECT u.source, u.rule, u.file, u.line, u.label, u.condition, u.need, u.timeless,"  # noqa: S608
            " greatest(0, epoch_us(f.ts) - epoch_us(u.hi)) / 1e6 AS after,"
            " greatest(0, epoch_us(u.lo) - epoch_us(f.last_ts)) / 1e6 AS before"
            f" FROM rule u, flow f WHERE u.id IN ({listed}) ORDER BY NOT u.timeless, greatest(after, before), u.id"
            f" LIMIT {MOST}"
        )
        return [_missing(row) for row in lake.rows(query)]
    query = f"SELECT source, rule, file, line, label FROM ({_HALF}) JOIN rule USING (id) LIMIT {MOST}"  # noqa: S608
    reason = "it names one of its hosts, but another peer, port or protocol"
    return [
        (f"{rule} of {source}", rules.place(file, line), label, reason)
        for source, rule, file, line, label in lake.rows(query)
    ]  # fmt: skip


def _missing(row: tuple[Any, ...]) -> tuple[str, str, str, str]:
    source, rule, file, line, label, condition, need, timeless, after, before = row
    if not timeless and (after or before):
        reason = f"it ends {after:,.3f} s before the flow" if after else f"it begins {before:,.3f} s after the flow"
    elif condition is not None:
        reason = f"the connection may not fulfil {condition}"
    elif need is not None:
        reason = "it is about the other direction"
    else:
        reason = "no version was applied with it, or the mode excludes it"
    return f"{rule} of {source}", rules.place(file, line), label, reason

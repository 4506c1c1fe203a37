"""Zeek's conn.log with the columns `label` and `detailedlabel`, as netflowlabeler and Slips write them.

- A row is a tuple: originator and responder, ports, and its time from `ts` to `ts` + `duration`. The labels say
  nothing of sides, so the originator is taken as the attacker's side and the direction is both.
- `Benign` and `Normal` rows are benign rules. `Background`, `Unknown` and rows without a label are no rules.
- For ICMP, `id.orig_p` is the type; `id.resp_p` is the type of the answer or the code, and is not used.
"""

from __future__ import annotations

from collections.abc import Iterator

from netlake.label.truth import times, values, zeek
from netlake.label.truth.files import Head
from netlake.label.truth.reader import Reader, Task
from netlake.label.truth.rules import BENIGN, TUPLE, Rule, state_of
from netlake.label.truth.values import BadValueError
from netlake.label.truth.zeek import Row

_DETAILED = ("detailedlabel", "detailed-label", "detailed_label")
UNKNOWN = "rows without a label, background or unknown"


def detect(head: Head) -> bool:
    """Whether the log has endpoints, and a label."""
    names = zeek.fields_of(head)
    return "id.orig_h" in names and "note" not in names and bool(names & {"label", *_DETAILED})


def read(task: Task) -> Iterator[Rule]:
    """A tuple for every labelled row."""
    for line, row in zeek.rows(task):
        label = row.get("label", "")
        detailed = next((row[name] for name in _DETAILED if name in row), "")
        if (label or detailed).lower() in {"", "background", "unknown"}:
            task.notes.skip(UNKNOWN)
            continue
        try:
            rule = _rule(row, task, detailed or label)
        except BadValueError as error:
            task.notes.wrong(line, str(error))
            continue
        rule.line = line
        rule.category = label or None
        rule.state = state_of(label or detailed, task.benign)
        rule.priority = -1 if rule.state == BENIGN else 0
        yield rule


def _rule(row: Row, task: Task, label: str) -> Rule:
    rule = Rule(label, TUPLE, capture=task.capture, community_id=row.get("community_id"), note=zeek.identity(row))
    begin = times.moment(row.get("ts", ""))
    rule.begin = rule.end = task.utc(begin)
    if "duration" in row:
        rule.end = rule.begin + max(0, times.moment(row["duration"]).value)
    rule.resolution, rule.zone = 1, task.zone_of(begin)
    for name in ("id.orig_h", "id.resp_h"):
        if name not in row:
            raise BadValueError(f"the row has no {name}.")
    rule.a_networks, rule.v_networks = (values.host(row["id.orig_h"]),), (values.host(row["id.resp_h"]),)
    rule.protocol = values.protocol(row.get("proto")) if values.known_protocol(row.get("proto")) else None
    first, second = row.get("id.orig_p"), row.get("id.resp_p")
    if rule.protocol == 1 and ":" in rule.a_networks[0]:
        rule.protocol = 58  # Zeek calls both icmp
    if rule.protocol in {1, 58}:
        rule.icmp_type = values.whole(first, "id.orig_p", 0, 255) if first else None
    elif values.has_ports(rule.protocol):
        rule.a_ports, rule.v_ports = values.ports(first), values.ports(second)
    return rule


READER = Reader("zeek-conn", "Zeek's conn.log with the columns label and detailedlabel.", detect, read)

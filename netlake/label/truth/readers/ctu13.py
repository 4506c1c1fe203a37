"""Labelled flows of CTU-13 and its successors (*.binetflow), written by Argus in the local time of Prague.

Facts
- The header names the columns; three variants exist, which differ in the columns between State and Label.
- `From-Botnet` is an attack, `From-Normal` and `Normal` are benign. `Background` is unknown. The other side of a known
  host (`To-Botnet`, `To-Normal`) is not labelled by its own behaviour, so these rows are no rules either.
- `Dir` says who sent: `->` and `<-` are one-sided, all others both. The source of the row is the side of the label.
- The columns `srcUdata` and `dstUdata` of the variant with payload may contain commas without quotes; the label is the
  last cell of a row in every case.
- Ports of ICMP are hexadecimal: the lower byte of the source port is the type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from netlake.label.truth import files, times, values
from netlake.label.truth.files import Head
from netlake.label.truth.reader import Reader, Task
from netlake.label.truth.rules import ATTACK, BENIGN, TUPLE, Rule
from netlake.label.truth.values import BadValueError

_NEEDED = {"starttime", "dur", "proto", "srcaddr", "dstaddr", "label"}
BACKGROUND = "background flows, of which nothing is known"
OTHER_SIDE = "flows to a known host, which the data set does not label by their own behaviour"
NOT_IP = "flows without IP, such as arp"


def detect(head: Head) -> bool:
    """Whether the header has the columns of the file."""
    return set(head.columns) >= _NEEDED


def read(task: Task) -> Iterator[Rule]:
    """A tuple for every flow from a known host."""
    for line, row in _rows(task):
        try:
            label = row["label"].removeprefix("flow=")
            state, reason = _state(label)
            if state is None:
                task.notes.skip(reason)
            elif not values.known_protocol(row["proto"]):
                task.notes.skip(NOT_IP)
            else:
                yield _rule(row, line, task, label=label, state=state)
        except KeyError as error:
            task.notes.wrong(line, f"the file has no column {error}.")
            return
        except BadValueError as error:
            task.notes.wrong(line, str(error))


def _rows(task: Task) -> Iterator[tuple[int, dict[str, str]]]:
    """Line and cells by column name of every row."""
    names: list[str] | None = None
    for line, given in files.table(task.path, task.notes, task.progress):
        cells = [cell.strip() for cell in given]
        if names is None:
            names = [cell.lower() for cell in cells]
        elif len(cells) < len(names) or (len(cells) > len(names) and "srcudata" not in names):
            task.notes.wrong(line, f"the row has {len(cells)} cells, and the header {len(names)}.")
        else:
            yield line, dict(zip(names, [*cells[: len(names) - 1], cells[-1]], strict=True))


def _state(label: str) -> tuple[str | None, str]:
    lower = label.lower()
    if lower.startswith(("from-normal", "normal")):
        return BENIGN, ""
    if lower.startswith(("from-botnet", "botnet")):
        return ATTACK, ""
    if lower.startswith("to-"):
        return None, OTHER_SIDE
    return None, BACKGROUND


def _rule(row: dict[str, str], line: int, task: Task, *, label: str, state: str) -> Rule:
    begin = times.moment(row["starttime"])
    rule = Rule(label, TUPLE, state, line, capture=task.capture, priority=-1 if state == BENIGN else 0)
    rule.category = "botnet" if state == ATTACK else "normal"
    rule.begin = task.utc(begin)
    rule.end = rule.begin + max(0, times.moment(row["dur"] or "0").value)
    rule.resolution, rule.zone = begin.unit, task.zone_of(begin)
    rule.protocol = values.protocol(row["proto"])
    rule.a_networks, rule.v_networks = (values.host(row["srcaddr"]),), (values.host(row["dstaddr"]),)
    rule.note = f"state {row['state']}" if row.get("state") else None
    source = row.get("sport", "")
    if rule.protocol in {1, 58}:
        if re.fullmatch(r"0x[0-9a-fA-F]{1,4}", source):
            rule.icmp_type = int(source, 16) & 0xFF
    elif values.has_ports(rule.protocol):
        rule.a_ports, rule.v_ports = _port(source), _port(row.get("dport", ""))
    return rule


def _port(text: str) -> tuple[int, ...]:
    if re.fullmatch(r"0x[0-9a-fA-F]{1,4}", text):
        return (int(text, 16),)
    return values.ports(text)


READER = Reader("ctu13", "Labelled flows of CTU-13 (*.binetflow); its zone is Europe/Prague.", detect, read, local=True)

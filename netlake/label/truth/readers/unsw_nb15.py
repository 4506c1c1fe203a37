"""The ground truth of UNSW-NB15, NUSW-NB15_GT.csv: one attack a row, times in whole seconds of Unix time.

The row is a tuple; its last second counts to the end. Names contain commas in quotes, blanks around the category, and
the last column is named by a full stop. A port of 0 is no port. Protocols that IP does not have are bad rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from netlake.label.truth import files, times, values
from netlake.label.truth.files import Head
from netlake.label.truth.reader import Reader, Task
from netlake.label.truth.rules import TUPLE, Rule
from netlake.label.truth.values import BadValueError

_NEEDED = ("start time", "last time", "attack category", "protocol", "source ip", "destination ip")
NOT_IP = "rows of protocols without IP, such as arp"
_NOT_IP = {"arp", "udt", "unas", "llc", "stp-bpdu"}


def detect(head: Head) -> bool:
    """Whether the header has the columns of the file."""
    return set(_NEEDED) <= set(head.columns)


def read(task: Task) -> Iterator[Rule]:
    """A tuple for every row."""
    for line, row in files.rows(task.path, task.notes, task.progress):
        try:
            if row["protocol"].lower() in _NOT_IP and not values.known_protocol(row["protocol"]):
                task.notes.skip(NOT_IP)
                continue
            yield _rule(row, line, task)
        except KeyError as error:
            task.notes.wrong(line, f"the file has no column {error}.")
            return
        except BadValueError as error:
            task.notes.wrong(line, str(error))


def _rule(row: dict[str, str], line: int, task: Task) -> Rule:
    begin, end = times.moment(row["start time"]), times.moment(row["last time"])
    rule = Rule(row["attack category"] or "attack", TUPLE, line=line, capture=task.capture)
    rule.category = row.get("attack subcategory") or None
    rule.note = "; ".join(text for text in (row.get("attack name"), row.get("attack reference"))
                          if text and text != "-") or None  # fmt: skip
    rule.begin, rule.end = task.utc(begin), task.utc(end) + end.unit - 1
    rule.resolution = max(begin.unit, end.unit)
    if rule.end < rule.begin:
        raise BadValueError(f"the attack ends ({row['last time']}) before it begins ({row['start time']}).")
    rule.protocol = values.protocol(row["protocol"])
    rule.a_networks, rule.v_networks = (values.host(row["source ip"]),), (values.host(row["destination ip"]),)
    if values.has_ports(rule.protocol):
        rule.a_ports, rule.v_ports = _port(row.get("source port", "")), _port(row.get("destination port", ""))
    return rule


def _port(text: str) -> tuple[int, ...]:
    return () if text in {"", "0", "-"} else values.ports(text)


READER = Reader("unsw-nb15", "The ground truth of UNSW-NB15 (NUSW-NB15_GT.csv).", detect, read)

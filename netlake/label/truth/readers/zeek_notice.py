"""Zeek's notice.log.

- A notice with a connection is an event on it, at `ts`, with direction both: Zeek names originator and responder.
- A notice with a source alone, such as SSH::Password_Guessing, is raised when a threshold is reached, and then
  suppressed for `suppress_for`. It becomes a window from the interval in which Zeek counts, before `ts`, to the end of
  the suppression.
- Notices without addresses (lost packets, ...) are no rules.
"""

from __future__ import annotations

from collections.abc import Iterator

from netlake.label.truth import times, values, zeek
from netlake.label.truth.files import Head
from netlake.label.truth.reader import Reader, Task
from netlake.label.truth.rules import EVENT, Rule
from netlake.label.truth.values import BadValueError
from netlake.label.truth.zeek import Row

# the intervals in which Zeek counts, in minutes (SSH::guessing_timeout, FTP::bruteforce_measurement_interval,
# HTTP::sqli_requests_interval); the scan scripts use 5 minutes as well
_INTERVALS = {"SSH::Password_Guessing": 30, "FTP::Bruteforcing": 15}
_OTHER = 5
PLACELESS = "notices without an address"


def detect(head: Head) -> bool:
    """Whether the log has the fields of notices."""
    return {"note", "msg"} <= zeek.fields_of(head)


def read(task: Task) -> Iterator[Rule]:
    """An event or a window for every notice with an address."""
    for line, row in zeek.rows(task):
        if "id.orig_h" not in row and "src" not in row:
            task.notes.skip(PLACELESS)
            continue
        try:
            rule = _rule(row, task)
        except BadValueError as error:
            task.notes.wrong(line, str(error))
            continue
        rule.line = line
        yield rule


def _rule(row: Row, task: Task) -> Rule:
    given = times.moment(row.get("ts", ""))
    at = task.utc(given)
    note = "; ".join(text for text in (row.get("msg"), row.get("sub"), zeek.identity(row)) if text)
    rule = Rule(row.get("note", "notice"), note=note or None, begin=at, end=at, resolution=1, capture=task.capture)
    rule.category = rule.label.partition("::")[0] if "::" in rule.label else None
    rule.community_id = row.get("community_id")
    rule.protocol = values.protocol(row.get("proto")) if values.known_protocol(row.get("proto")) else None
    if "id.orig_h" in row and "id.resp_h" in row:
        rule.kind = EVENT
        _connection(rule, row)
        return rule
    rule.a_networks = (values.host(row.get("src") or row["id.orig_h"]),)
    rule.v_networks = (values.host(row["dst"]),) if "dst" in row else ()
    if values.has_ports(rule.protocol):
        rule.v_ports = values.ports(row.get("p"))
    rule.begin = at - _INTERVALS.get(rule.label, _OTHER) * times.MINUTE
    rule.end = at + (times.moment(row["suppress_for"]).value if "suppress_for" in row else 0)
    return rule


def _connection(rule: Rule, row: Row) -> None:
    rule.a_networks, rule.v_networks = (values.host(row["id.orig_h"]),), (values.host(row["id.resp_h"]),)
    if rule.protocol == 1 and ":" in rule.a_networks[0]:
        rule.protocol = 58
    if rule.protocol in {1, 58}:
        rule.icmp_type = values.whole(row["id.orig_p"], "id.orig_p", 0, 255) if "id.orig_p" in row else None
    elif values.has_ports(rule.protocol):
        rule.a_ports, rule.v_ports = values.ports(row.get("id.orig_p")), values.ports(row.get("id.resp_p"))


READER = Reader("zeek-notice", "Zeek's notice.log.", detect, read)

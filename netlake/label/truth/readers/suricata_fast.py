"""Suricata's fast.log: one alert a line, with the local time of the machine that ran Suricata.

Facts: the port follows the last colon, also of an IPv6 address written out in full; for ICMP it is type and code
(Suricata prints the type as the first port and the code as the second). Snort's alert_fast lines have no port for ICMP
and no year unless it was run with -y; those without a year are bad rows. Type and code 0 are also printed if they are
unknown, so they are not used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from netlake.label.truth import files, times, values
from netlake.label.truth.files import Head
from netlake.label.truth.reader import Reader, Task
from netlake.label.truth.rules import A2V, EVENT, Rule
from netlake.label.truth.values import BadValueError

_LINE = re.compile(
    r"(?P<month>\d\d)/(?P<day>\d\d)(?:/(?P<year>\d{2,4}))?-(?P<clock>\d\d:\d\d:\d\d\.\d+)\s+(?:\[\w+\]\s+)?"
    r"\[\*\*\]\s+\[(?P<ids>\d+:\d+:\d+)\]\s+(?P<label>.*?)\s+\[\*\*\]"
    r"(?:\s+\[Classification: (?P<category>.*?)\])?(?:\s+\[Priority: (?P<priority>\d+)\])?"
    r"(?:\s+\{(?P<protocol>[^}]*)\})?\s+(?P<source>\S+) -> (?P<destination>\S+)\s*"
)


def detect(head: Head) -> bool:
    """Whether the first line looks like an alert."""
    return bool(re.match(r"\d\d/\d\d(/\d{2,4})?-\d\d:\d\d:\d\d\.\d+\s.*\[\*\*\]", head.first))


def read(task: Task) -> Iterator[Rule]:
    """An event for every line."""
    for line, data in files.lines(task.path, task.notes, task.progress):
        text = data.decode("utf-8", "replace").strip()
        if not text:
            continue
        try:
            yield _rule(text, line, task)
        except BadValueError as error:
            task.notes.wrong(line, str(error))


def _rule(text: str, line: int, task: Task) -> Rule:
    match = _LINE.fullmatch(text)
    if match is None:
        raise BadValueError("the line is not an alert of fast.log.")
    if match["year"] is None:
        raise BadValueError("the alert has no year.")
    year = match["year"] if len(match["year"]) == 4 else f"20{match['year']}"
    given = times.moment(f"{year}-{match['month']}-{match['day']} {match['clock']}")
    at = task.utc(given)
    rule = Rule(match["label"], EVENT, line=line, begin=at, end=at, resolution=given.unit, zone=task.zone_of(given))
    rule.category = match["category"] if match["category"] not in {None, "", "(null)"} else None
    rule.severity = int(match["priority"]) if match["priority"] else None
    group, sid, revision = match["ids"].split(":")
    rule.note = f"gid {group} sid {sid} rev {revision}"
    rule.capture, rule.direction = task.capture, A2V
    name = (match["protocol"] or "").removeprefix("PROTO:")
    number = name.lstrip("0") or "0"
    rule.protocol = values.protocol(number if name.isdigit() else name) if values.known_protocol(name) else None
    source, first = _end(match["source"])
    destination, second = _end(match["destination"])
    rule.a_networks, rule.v_networks = (values.host(source),), (values.host(destination),)
    if rule.protocol in {1, 58}:
        if first is not None and second is not None and (first or second) and max(first, second) < 256:
            rule.icmp_type, rule.icmp_code = first, second
    elif values.has_ports(rule.protocol):
        rule.a_ports = () if first is None else (first,)
        rule.v_ports = () if second is None else (second,)
    return rule


def _end(text: str) -> tuple[str, int | None]:
    """Address and port; a text that is no address without its last part has no port."""
    address, colon, port = text.rpartition(":")
    if colon and port.isdigit() and int(port) < values.MOST_PORTS:
        try:
            values.host(address)
        except BadValueError:
            return text, None
        return address, int(port)
    return text, None


READER = Reader("suricata-fast", "Suricata's fast.log.", detect, read, local=True)

"""Schedules: entries with named fields, of our own YAML and CSV files, the built-in packs, and netcap's files.

Theory of operation
- A reader turns its file into entries, mappings of field names to texts or lists of texts, each with its line. `rules`
  turns entries into rules. Fields are documented in docs/ground-truth.md; an unknown field is an error of its entry,
  because a misspelled one would otherwise widen the rule silently.
- All entries are read before the first rule is made: whether the clock has 12 hours can be seen only from all of them.
- An entry without `end` is an instant (kind event); one with `begin` alone and a packet number is a packet. A rule
  without attackers and victims has its hosts in `hosts` (no sides).
- `end` with a time of day alone is on the day of `begin`. `end` is closed: its last microsecond is that of its unit.
- A condition (`where`) is one SQL expression over the columns of `connection`. It is parsed here, so that a mistake is
  reported with its line and not by the join.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from netlake.errors import OptionError, TruthError
from netlake.label import conditions
from netlake.label.truth import times, values
from netlake.label.truth.reader import Task
from netlake.label.truth.rules import A2V, ATTACK, BENIGN, BOTH, EVENT, PACKET, TUPLE, V2A, WINDOW, Rule
from netlake.label.truth.times import Moment
from netlake.label.truth.values import BadValueError

Value = str | list[str]

FIELDS = frozenset(
    [
        "label",
        "state",
        "begin",
        "end",
        "date",
        "attackers",
        "victims",
        "hosts",
        "attacker_ports",
        "victim_ports",
        "ports",
        "protocol",
        "icmp_type",
        "icmp_code",
        "direction",
        "category",
        "tactics",
        "techniques",
        "attempted",
        "severity",
        "priority",
        "confidence",
        "where",
        "capture",
        "packet",
        "community_id",
        "note",
        "zone",
        "kind",
    ]
)
_CAPTURE = re.compile(r"[0-9a-f]{16}")


@dataclass(slots=True)
class Entry:
    """One entry: its fields by name, and its line."""

    fields: Mapping[str, Value]
    line: int | None


def text_of(fields: Mapping[str, Value], name: str) -> str:
    """A field as one text, empty if it is missing; BadValueError for a list."""
    value = fields.get(name) or ""
    if isinstance(value, list):
        raise BadValueError(f"{name} is a list, and takes one value.")
    return value.strip()


def rules(entries: Iterable[Entry], task: Task, *, clock: times.Clock | None = None) -> Iterator[Rule]:
    """The rules of all entries; bad ones go to the notes. TruthError for a 12-hour clock without AM and PM.

    `clock` is what the file says of its clock; `task.clock` precedes it.
    """
    known = task.clock or clock
    every = list(entries)
    if known is None:
        _check_clock(every, task)
    builder = Builder(task, afternoon=known == "12")
    for entry in every:
        try:
            yield builder.rule(entry)
        except BadValueError as error:
            task.notes.wrong(entry.line, str(error))


def _check_clock(entries: Iterable[Entry], task: Task) -> None:
    seen = times.HalfDay()
    for entry in entries:
        place = f"{task.notes.file}, line {entry.line}" if entry.line else task.notes.file
        for name in ("begin", "end"):
            try:
                seen.see(_moment(entry.fields, name), place)
            except BadValueError:  # an error of the row, reported when its rule is made
                continue
    if seen.found:
        raise TruthError(seen.found)


def _moment(fields: Mapping[str, Value], name: str) -> Moment:
    """The time of a field; one without a date is on the day of `date`, or else of `begin`."""
    text = text_of(fields, name)
    day = text_of(fields, "date")
    if not day and name == "end":
        day = text_of(fields, "begin")
    return times.moment(text, _day(day))


_DAY = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\b.*", re.DOTALL)


def _day(text: str) -> dt.date | None:
    match = _DAY.fullmatch(text)
    if match is None:
        return None
    try:
        return dt.date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError as error:
        raise BadValueError(f"{text!r} is not a date: {error}.") from None


class Builder:
    """Makes rules of entries; with `afternoon`, 1:00 to 7:59 are p.m."""

    def __init__(self, task: Task, *, afternoon: bool = False) -> None:
        self.task, self.afternoon = task, afternoon

    def rule(self, entry: Entry) -> Rule:
        """The rule of an entry; BadValueError says what is wrong with it."""
        fields = entry.fields
        if strange := sorted(set(fields) - FIELDS):
            raise BadValueError(f"there is no field {strange[0]!r}; fields are {', '.join(sorted(FIELDS))}.")
        label = text_of(fields, "label")
        if not label:
            raise BadValueError("the entry has no label.")
        rule = Rule(label, line=entry.line, note=text_of(fields, "note") or None)
        self._class(rule, fields)
        self._time(rule, fields)
        self._ends(rule, fields)
        self._record(rule, fields)
        rule.kind = self._kind(rule, text_of(fields, "kind"))
        return rule

    def _class(self, rule: Rule, fields: Mapping[str, Value]) -> None:
        state = text_of(fields, "state")
        rule.state = values.chosen(state, "state", (ATTACK, BENIGN)) if state else ATTACK
        rule.category = text_of(fields, "category") or None
        rule.tactics = tuple(_words(fields.get("tactics")))
        rule.techniques = tuple(values.listed(fields.get("techniques")))
        if text := text_of(fields, "attempted"):
            rule.attempted = values.whole(text, "attempted", 0, 32_767)
        if text := text_of(fields, "severity"):
            rule.severity = values.whole(text, "severity", -32_768, 32_767)
        if text := text_of(fields, "priority"):
            rule.priority = values.whole(text, "priority", -1_000_000, 1_000_000)
        elif rule.state == BENIGN:
            rule.priority = -1  # a benign rule is usually wide, and an attack in it wins
        if text := text_of(fields, "confidence"):
            rule.confidence = values.share(text, "confidence")

    def _time(self, rule: Rule, fields: Mapping[str, Value]) -> None:
        if not text_of(fields, "begin"):
            if text_of(fields, "end"):
                raise BadValueError("the entry has an end and no begin.")
            return
        begin = self._local(_moment(fields, "begin"))
        end = self._local(_moment(fields, "end")) if text_of(fields, "end") else begin
        zone = _zone(text_of(fields, "zone")) or self.task.zone
        if zone is None and (begin.local or end.local):
            self.task.utc(begin)
        rule.begin = begin.utc(zone)
        instant = not text_of(fields, "end")
        rule.end = rule.begin if instant and begin.unit == 1 else end.utc(zone) + end.unit - 1
        rule.resolution = max(begin.unit, end.unit)
        rule.zone = zone.name if zone and (begin.local or end.local) else None
        if rule.end < rule.begin:
            raise BadValueError(f"the entry ends ({times.text(rule.end)}) before it begins ({times.text(rule.begin)}).")

    def _local(self, given: Moment) -> Moment:
        return times.afternoon(given) if self.afternoon else given

    def _ends(self, rule: Rule, fields: Mapping[str, Value]) -> None:
        rule.a_networks = values.networks(fields.get("attackers"))
        rule.v_networks = values.networks(fields.get("victims"))
        hosts = values.networks(fields.get("hosts"))
        rule.a_ports = values.ports(fields.get("attacker_ports"))
        rule.v_ports = values.ports(fields.get("victim_ports"))
        ports = values.ports(fields.get("ports"))
        if hosts and (rule.a_networks or rule.v_networks):
            raise BadValueError("the entry has hosts, and also attackers or victims; give one or the other.")
        if ports and (rule.a_ports or rule.v_ports):
            raise BadValueError("the entry has ports, and also those of a side; give one or the other.")
        direction = text_of(fields, "direction")
        rule.direction = values.chosen(direction, "direction", (BOTH, A2V, V2A)) if direction else BOTH
        if hosts:
            rule.a_networks, rule.a_ports = hosts, ports
            if rule.direction != BOTH:
                raise BadValueError("an entry with hosts has no sides, so its direction is both.")
        elif ports:
            rule.v_ports = ports
        rule.protocol = values.protocol(text_of(fields, "protocol"))
        for name in ("icmp_type", "icmp_code"):
            if text := text_of(fields, name):
                setattr(rule, name, values.whole(text, name, 0, 255))

    def _record(self, rule: Rule, fields: Mapping[str, Value]) -> None:
        rule.capture = text_of(fields, "capture") or self.task.capture
        if rule.capture and not _CAPTURE.fullmatch(rule.capture):
            raise BadValueError(f"{rule.capture!r} is not the id of a capture; list ids with `netlake captures`.")
        if text := text_of(fields, "packet"):
            rule.packet = values.whole(text, "packet", 1, (1 << 63) - 1)
        rule.community_id = text_of(fields, "community_id") or None
        if text := text_of(fields, "where"):
            rule.condition = condition(text)
        if rule.packet and not rule.capture:
            raise BadValueError("the entry has a packet number and no capture; give its capture, or --capture.")

    @staticmethod
    def _kind(rule: Rule, given: str) -> str:
        if given:
            return values.chosen(given, "kind", (WINDOW, TUPLE, EVENT, PACKET))
        if rule.packet:
            return PACKET
        return EVENT if rule.begin is not None and rule.begin == rule.end else WINDOW


def _zone(name: str) -> times.Zone | None:
    """The zone of an entry, None without one."""
    try:
        return times.zone(name, "zone") if name else None
    except OptionError as error:
        raise BadValueError(str(error)) from None


def _words(value: Value | None) -> list[str]:
    """The items of a list, or of a text separated by commas or semicolons; items may have blanks."""
    if isinstance(value, list):
        return values.listed(value)
    return [item.strip() for item in re.split(r"[;,]", value or "") if item.strip()]


@lru_cache(1 << 10)
def condition(text: str) -> str:
    """An SQL condition over `connection`; BadValueError if it is none, or reads anything else."""
    if fault := conditions.declared().fault(text):
        raise BadValueError(f"where: {text!r} cannot be used: {fault}.")
    return text

"""Explained differences, read from `exceptions.toml`, each with the condition that proves it and its greatest number.

An entry `[[exception]]` applies to a difference if all of its conditions are true:
- `table`, `field` (Wireshark's name, or `row` for a row that only one of the two has): patterns;
- `ours`, `theirs`: `none`, `some`, or patterns of the value as text;
- `stop`: patterns of the packet's stop_reason, or of stop_reason and stop_value, such as `unknown_llc 0x31`, which is a
  proof;
- proofs, of which an entry has at least one:
  `capture`    patterns of the capture's name; `format`, its file format (`pcap`, `pcapng` or `other`);
  `fault`      words of the row's fault; `none` for null, `some` for any;
  `transport`  `tcp`, `udp`, `sctp`, the transport layer around the row; `port`, one of its two ports;
  `layers`     tshark shows one of these layers in the frame;
  `columns`    patterns of the text of other columns of netlake's row;
  `flow`       patterns of the text of columns of the row's connection;
  `shows`      patterns of the first value of other fields of tshark's layer; `none` if it does not show the field.
Proofs must be more than the name of a table's own protocol or a pattern that every value has: see `proofs`.

`most` is the greatest number over all captures; more are an error. `shown = false`: one of the two programs does not
give the value by design, so it does not count as compared; a row always counts.

An entry `[[outside]]` has the same conditions, and describes rows outside of what is compared: rows of tshark from the
stream of a protocol that netlake does not read. They are counted separately.

An entry `[[setting]]` gives tshark further `options` for a `capture` that it misreads without them, with `reason`: its
values are compared instead of explained.

An entry `[[justified]]` permits a table more explained differences than SHARE: with `reason`, and the exact `number` in
a run on all captures; a run on some captures may have fewer.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as attribute
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("exceptions.toml")
# greatest share of explained differences of a table without justification, in percent
SHARE = 2.0
PATTERNS = ("table", "field", "capture", "format")
WORDS = ("ours", "theirs", "fault", "transport")
SETS = ("layers", "port", "stop")
TABLES = ("columns", "shows", "flow")
PROOFS = frozenset({"capture", "format", "fault", "transport", "port", "layers", *TABLES})
KNOWN = frozenset({"reason", "most", "shown", *PATTERNS, *WORDS, *SETS, *TABLES})


@dataclass(frozen=True, slots=True)
class Difference:
    """One value or row that differs; None is a missing value. `values` is the number of values that it counts for."""

    table: str
    field: str
    ours: Any
    theirs: Any
    capture: str
    frame: int
    fault: str | None = None
    stop: frozenset[str] = frozenset()
    layers: frozenset[str] = frozenset()
    format: str = "other"
    transport: str | None = None
    port: frozenset[str] = frozenset()
    columns: Mapping[str, Any] = attribute(default_factory=dict)
    shows: Mapping[str, str] = attribute(default_factory=dict)
    flow: Mapping[str, Any] = attribute(default_factory=dict)
    values: int = 1


@dataclass(frozen=True, slots=True)
class Exception_:  # noqa: N801 - Exception is a builtin
    """One entry of the file; `number` counts the entries of its kind."""

    number: int
    kind: str
    reason: str
    most: int
    shown: bool
    conditions: tuple[tuple[str, tuple[str, ...]], ...]
    details: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    def applies(self, found: Difference) -> bool:
        """Whether it applies to a difference."""
        return all(_condition(name, wanted, found) for name, wanted in self.conditions) and all(
            _word(getattr(found, where).get(name), wanted) for where, name, wanted in self.details
        )

    @property
    def proofs(self) -> list[str]:
        """The conditions that prove it: those of PROOFS that are not true for every value."""
        simple = [name for name, wanted in self.conditions if name in PROOFS and "*" not in wanted]
        # a stop reason with its value names the header that netlake does not decode
        simple += ["stop" for name, wanted in self.conditions if name == "stop" and all(" " in one for one in wanted)]
        return simple + [f"{where}.{name}" for where, name, wanted in self.details if "*" not in wanted]


@dataclass(frozen=True, slots=True)
class Justified:
    """A table with more explained differences than SHARE."""

    table: str
    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Setting:
    """Options of tshark for captures that it misreads without them."""

    capture: str
    options: tuple[str, ...]
    reason: str


def _word(value: Any, wanted: tuple[str, ...]) -> bool:
    """Whether a value is one of `wanted`: `none`, `some`, or patterns."""
    if value is None:
        return "none" in wanted
    return "some" in wanted or any(fnmatchcase(str(value), pattern) for pattern in wanted)


def _condition(name: str, wanted: tuple[str, ...], found: Difference) -> bool:
    value = getattr(found, name)
    if name in PATTERNS:
        return any(fnmatchcase(value, pattern) for pattern in wanted)
    if name == "stop":
        return any(_word(one, wanted) for one in value or (None,))
    if name in SETS:
        return not value.isdisjoint(wanted)
    return _word(value, wanted)


@cache
def entries() -> tuple[Exception_, ...]:
    """All entries in order; the first that applies explains a difference. Those of `outside` precede."""
    both = [(kind, entry) for kind in ("outside", "exception") for entry in _read(kind)]
    return tuple(make(number, entry, kind) for number, (kind, entry) in enumerate(both))


@cache
def justified() -> dict[str, Justified]:
    """The justifications by table."""
    return {one["table"]: Justified(**one) for one in _read("justified")}


@cache
def settings() -> tuple[Setting, ...]:
    """The settings of tshark for single captures."""
    return tuple(Setting(one["capture"], tuple(one["options"]), one["reason"]) for one in _read("setting"))


def options(capture: str) -> tuple[str, ...]:
    """The options of tshark for a capture."""
    return tuple(word for one in settings() if fnmatchcase(capture, one.capture) for word in one.options)


def _read(kind: str) -> list[dict[str, Any]]:
    return list(tomllib.loads(FILE.read_text(encoding="utf-8")).get(kind, []))


def _words(value: Any) -> tuple[str, ...]:
    return tuple(str(one) for one in (value if isinstance(value, list) else [value]))


def make(number: int, entry: dict[str, Any], kind: str = "exception") -> Exception_:
    """An entry from its content; ValueError if it breaks a rule of this file."""
    where = f"exceptions.toml, {kind} {number} ({entry.get('reason', '')[:40]})"
    if strange := entry.keys() - KNOWN:
        raise ValueError(f"{where}: {', '.join(sorted(strange))} is not a condition")
    conditions = tuple((name, _words(value)) for name, value in entry.items() if name in (*PATTERNS, *WORDS, *SETS))
    details = tuple((name, key, _words(value)) for name in TABLES for key, value in entry.get(name, {}).items())
    made = Exception_(number, kind, entry["reason"], entry["most"], entry.get("shown", True), conditions, details)
    if not made.proofs:
        raise ValueError(f"{where}: no condition proves it; add one of {', '.join(sorted(PROOFS))}")
    fields = dict(conditions).get("field", ("row",))
    if not made.shown and any(fnmatchcase("row", pattern) for pattern in fields):
        raise ValueError(f"{where}: shown = false is for values that one program does not give, not for rows")
    if kind == "outside" and (dict(conditions).get("transport"), dict(conditions).get("ours"), fields) != (
        ("tcp",), ("none",), ("row",),
    ):  # fmt: skip
        raise ValueError(f"{where}: only rows of tshark over TCP are outside of the comparison")
    return made


def explained(found: Difference) -> Exception_ | None:
    """The first entry that applies to a difference, or None."""
    return next((entry for entry in _by_table(found.table) if entry.applies(found)), None)


@cache
def _by_table(table: str) -> tuple[Exception_, ...]:
    """The entries that may apply to differences of a table."""
    return tuple(
        entry
        for entry in entries()
        if any(fnmatchcase(table, pattern) for pattern in dict(entry.conditions).get("table", ("*",)))
    )


@cache
def asked(table: str, where: str) -> tuple[str, ...]:
    """The columns or fields (`where`: one of TABLES) whose values the entries for a table need."""
    return tuple(
        dict.fromkeys(name for entry in _by_table(table) for place, name, _ in entry.details if place == where)
    )

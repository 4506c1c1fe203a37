"""Explained differences, read from `exceptions.toml`, each with its reason and greatest number.

An entry applies to a difference if all of its conditions are true:
- `table`, `field` (Wireshark's name, or `row` for a row that only one of the two has), `capture`: patterns;
- `ours`, `theirs`: `none`, `some`, or patterns of the value as text;
- `fault`, `stop`: words of the row's fault and of the packet's stop_reason; `none` for null, `some` for any;
- `layers`: tshark shows one of these layers in the frame.
`most` is the greatest number over all captures; more are an error. `shown = false`: one of the two programs does not
give the value at all, so it does not count as compared.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("exceptions.toml")
PATTERNS = ("table", "field", "capture")
WORDS = ("ours", "theirs", "fault", "stop", "layers")
KNOWN = frozenset({"reason", "most", "shown", *PATTERNS, *WORDS})


@dataclass(frozen=True, slots=True)
class Difference:
    """One value or row that differs; None is a missing value."""

    table: str
    field: str
    ours: Any
    theirs: Any
    capture: str
    frame: int
    fault: str | None
    stop: str | None
    layers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Exception_:  # noqa: N801 - Exception is a builtin
    """One entry of the file."""

    number: int
    reason: str
    most: int
    shown: bool
    conditions: tuple[tuple[str, tuple[str, ...]], ...]

    def applies(self, found: Difference) -> bool:
        """Whether it applies to a difference."""
        return all(_condition(name, wanted, found) for name, wanted in self.conditions)


def _condition(name: str, wanted: tuple[str, ...], found: Difference) -> bool:
    value = getattr(found, name)
    if name in PATTERNS:
        return any(fnmatchcase(value, pattern) for pattern in wanted)
    if name == "layers":
        return not value.isdisjoint(wanted)
    if value is None:
        return "none" in wanted
    return "some" in wanted or any(fnmatchcase(str(value), pattern) for pattern in wanted)


@cache
def entries() -> tuple[Exception_, ...]:
    """All entries in order; the first that applies explains a difference."""
    return tuple(_entry(number, entry) for number, entry in enumerate(_read()))


def _read() -> list[dict[str, Any]]:
    return list(tomllib.loads(FILE.read_text(encoding="utf-8")).get("exception", []))


def _entry(number: int, entry: dict[str, Any]) -> Exception_:
    if strange := entry.keys() - KNOWN:
        raise ValueError(f"exceptions.toml, entry {number}: {', '.join(sorted(strange))} is not a condition")
    conditions = tuple(
        (name, (value,) if isinstance(value, str) else tuple(value))
        for name, value in entry.items()
        if name not in ("reason", "most", "shown")
    )
    return Exception_(number, entry["reason"], entry["most"], entry.get("shown", True), conditions)


def explained(found: Difference) -> Exception_ | None:
    """The first entry that applies to a difference, or None."""
    return next((entry for entry in entries() if entry.applies(found)), None)

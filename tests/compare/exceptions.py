"""Differences that are understood: read from `exceptions.toml`, each with the reason and the most that there may be.

An entry holds where every condition that it names holds:
- `table`, `field` (Wireshark's name, or `row` for a row that stands on one side only), `capture`: patterns;
- `ours`, `theirs`: `none`, `some`, or patterns of the value as text;
- `fault`, `stop`: words of the row's fault and of the packet's stop_reason; `none` for null, `some` for any;
- `layers`: tshark shows one of these layers in the frame.
`most` is how many there may be over all captures: more than that is a difference again. `shown = false` says that one
of the two does not give the value at all, so that it was not compared: such values are counted apart.
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
    """One value, or one row, that differs; None is a value that is not there."""

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
class Exception_:  # noqa: N801 - the word is taken
    """One entry of the file."""

    number: int
    reason: str
    most: int
    shown: bool
    conditions: tuple[tuple[str, tuple[str, ...]], ...]

    def holds(self, found: Difference) -> bool:
        """Whether it explains a difference."""
        return all(_holds(name, wanted, found) for name, wanted in self.conditions)


def _holds(name: str, wanted: tuple[str, ...], found: Difference) -> bool:
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
    """Every entry, in order: the first that holds explains."""
    return tuple(_entry(number, entry) for number, entry in enumerate(_read()))


def _read() -> list[dict[str, Any]]:
    return list(tomllib.loads(FILE.read_text(encoding="utf-8")).get("exception", []))


def _entry(number: int, entry: dict[str, Any]) -> Exception_:
    if strange := entry.keys() - KNOWN:
        raise ValueError(f"exceptions.toml, entry {number}: {', '.join(sorted(strange))} is no condition")
    conditions = tuple(
        (name, (value,) if isinstance(value, str) else tuple(value))
        for name, value in entry.items()
        if name not in ("reason", "most", "shown")
    )
    return Exception_(number, entry["reason"], entry["most"], entry.get("shown", True), conditions)


def explained(found: Difference) -> Exception_ | None:
    """The entry that explains a difference, None if none does."""
    return next((entry for entry in entries() if entry.holds(found)), None)

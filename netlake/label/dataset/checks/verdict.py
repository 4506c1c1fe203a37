"""The result of a check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

PASS, WARN, FAIL = "pass", "warn", "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """The result of a check: `status` is pass, warn or fail; `numbers` are what the sentence summarizes."""

    name: str
    status: str
    sentence: str
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The check as an entry of checks.json."""
        return {"check": self.name, "status": self.status, "sentence": self.sentence, "numbers": dict(self.numbers)}


def percent(share: float) -> str:
    """A share as text, with as many digits as small shares need."""
    if share in (0, 1):
        return f"{share:.0%}"
    return (
        f"{share:.2%}" if 0.0001 < share < 0.9999 else f"{100 * share:.3g}%" if share < 1 / 2 else f"{100 * share:.6g}%"
    )


def counted(count: int, what: str, plural: str | None = None) -> str:
    """A number and its noun: `1 feature`, `2 features`."""
    return f"{count:,} {what if count == 1 else plural or what + 's'}"


def some(names: Sequence[str], most: int = 5) -> str:
    """The first of many names, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"

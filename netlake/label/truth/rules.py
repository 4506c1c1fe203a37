"""A rule of a ground truth, and the notes that a reader makes while it reads one file.

A reader yields rules only. What it cannot use it passes to `Notes`: a bad row (an error of the file, with its line) or
a skipped one (a valid row that is no rule, such as background traffic, counted by reason).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

ATTACK, BENIGN = "attack", "benign"
WINDOW, TUPLE, EVENT, PACKET = "window", "tuple", "event", "packet"
BOTH, A2V, V2A = "both", "a2v", "v2a"

# labels that say of themselves that a record is benign, in lower case
BENIGN_LABELS = frozenset({"benign", "normal", "legitimate"})


@dataclass(slots=True)
class Rule:
    """One row of the table `truth`, without its owner and file: the attributes are the columns.

    `begin` and `end` are microseconds since 1970 in UTC, both None without a time; `resolution` is the unit of the
    times in the file, microseconds. Networks are canonical (see netlake.label.truth.values).
    """

    label: str
    kind: str = WINDOW
    state: str = ATTACK
    line: int | None = None
    category: str | None = None
    tactics: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    attempted: int | None = None
    severity: int | None = None
    priority: int = 0
    confidence: float | None = None
    begin: int | None = None
    end: int | None = None
    resolution: int | None = None
    zone: str | None = None
    a_networks: tuple[str, ...] = ()
    a_ports: tuple[int, ...] = ()
    v_networks: tuple[str, ...] = ()
    v_ports: tuple[int, ...] = ()
    protocol: int | None = None
    icmp_type: int | None = None
    icmp_code: int | None = None
    direction: str = BOTH
    capture: str | None = None
    packet: int | None = None
    community_id: str | None = None
    condition: str | None = None
    note: str | None = None


@dataclass(slots=True)
class Notes:
    """What a reader could not use: bad rows (the first `most` with their sentence), and skipped rows by reason."""

    file: str
    most: int = 20
    bad: int = 0
    sentences: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    def wrong(self, line: int | None, sentence: str) -> None:
        """Record a bad row; `sentence` says what is wrong, without file and line."""
        self.bad += 1
        if len(self.sentences) < self.most:
            place = f"{self.file}, line {line}" if line else self.file
            self.sentences.append(f"{place}: {sentence}")

    def skip(self, reason: str) -> None:
        """Count a valid row that is no rule."""
        self.skipped[reason] += 1


def state_of(label: str, benign: frozenset[str] = BENIGN_LABELS) -> str:
    """`benign` if the label is among `benign` (lower case), else `attack`."""
    return BENIGN if label.strip().lower() in benign else ATTACK

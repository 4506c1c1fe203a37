"""What `apply` reports: counts, findings about the ground truth, and rules that matched nothing, with the reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from netlake.errors import LakeError


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is probably wrong with a source.

    `kind` is zone (whole or quarter hours, or 12 hours), skew (seconds), nat, other_capture or hosts. `seconds` is what
    must be added to the times of the source; None for other kinds.
    """

    kind: str
    source: str
    sentence: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Missed:
    """A rule that matched nothing, its place in the file, and the reason."""

    source: str
    rule: int
    place: str
    label: str
    reason: str
    sentence: str


class NoMatchError(LakeError):
    """No record matches any rule; nothing was written. `report` has the findings and the reasons."""

    def __init__(self, sentence: str, report: Report) -> None:
        super().__init__(sentence)
        self.report = report


@dataclass(slots=True)
class Report:
    """The result of `apply`: `tables` has the number of edges by table, `labels` that of connections by label."""

    version: str
    sources: tuple[str, ...] = ()
    rules: int = 0
    tables: dict[str, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    missed: list[Missed] = field(default_factory=list)
    snapshot: int | None = None

    @property
    def edges(self) -> int:
        """Number of edges in all tables."""
        return sum(self.tables.values())

    @property
    def reasons(self) -> dict[str, int]:
        """Number of rules that matched nothing, by reason, most frequent first."""
        return dict(Counter(one.reason for one in self.missed).most_common())

"""The results for one table: numbers of rows and values, differences by cause, and examples."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.compare.exceptions import Difference, explained

EXAMPLES = 4
# most differences stored for one field and entry of exceptions.toml, for one table of one capture
KEPT = 100


@dataclass(slots=True)
class Tally:
    """The results for one table.

    `values` counts compared values, `equal` those that are equal. A row that only one program has is one value:
    `single` counts these rows, `further` their other values. `explained` counts the differences by entry of
    exceptions.toml, `unshown` those that one program does not give and are no part of `values`. `different` counts
    unexplained differences by field. `outside` counts rows outside of the comparison. `columns` counts the values
    that both programs gave, by Wireshark name.
    """

    rows: int = 0
    values: int = 0
    equal: int = 0
    single: int = 0
    further: int = 0
    explained: Counter[int] = field(default_factory=Counter)
    unshown: Counter[int] = field(default_factory=Counter)
    outside: Counter[int] = field(default_factory=Counter)
    different: Counter[str] = field(default_factory=Counter)
    columns: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    found: dict[tuple[str, int | None], list[Difference]] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Add the results of `other`."""
        self.rows += other.rows
        self.values += other.values
        self.equal += other.equal
        self.single += other.single
        self.further += other.further
        for mine, theirs in (
            (self.explained, other.explained), (self.unshown, other.unshown), (self.outside, other.outside),
        ):  # fmt: skip
            mine.update(theirs)
        self.different.update(other.different)
        self.columns.update(other.columns)
        for name, examples in other.examples.items():
            mine_examples = self.examples.setdefault(name, [])
            mine_examples.extend(examples[: EXAMPLES - len(mine_examples)])

    def same(self, name: str, number: int) -> None:
        """Count equal values of a field."""
        self.values += number
        self.equal += number
        self.columns[name] += number

    def differs(self, found: Difference) -> None:
        """Count a difference and its values, as explained or not; those outside of the comparison are not compared."""
        entry = explained(found)
        self._keep(found, entry.number if entry else None)
        if entry is not None and entry.kind == "outside":
            self.outside[entry.number] += 1
            return
        if entry is not None and not entry.shown:
            self.unshown[entry.number] += 1
            return
        self.values += 1
        if found.field == "row":
            self.rows += 1
            self.single += 1
            self.further += found.values - 1
        elif found.ours is not None and found.theirs is not None:
            self.columns[found.field] += 1
        if entry is not None:
            self.explained[entry.number] += 1
        else:
            self._unexplained(found)

    def _keep(self, found: Difference, entry: int | None) -> None:
        stored = self.found.setdefault((found.field, entry), [])
        if len(stored) < KEPT:
            stored.append(found)

    def _unexplained(self, found: Difference) -> None:
        self.different[found.field] += 1
        examples = self.examples.setdefault(found.field, [])
        if len(examples) < EXAMPLES:
            words = [*sorted(found.stop, key=len)[-1:], *([found.fault] if found.fault else [])]
            state = f" [{' '.join(words)}]" if words else ""
            examples.append(
                f"{found.capture} packet {found.frame}{state}: {_short(found.ours)} / {_short(found.theirs)}"
            )

    @property
    def reasons(self) -> int:
        """Number of values with an explained difference, including those that one program does not give."""
        return self.explained.total() + self.unshown.total()

    @property
    def share(self) -> float:
        """Percentage of equal values among those compared."""
        return 100.0 * self.equal / self.values if self.values else 0.0

    @property
    def strict(self) -> float:
        """Percentage of equal values if a row that only one program has counted for all of its values."""
        return 100.0 * self.equal / (self.values + self.further) if self.values else 0.0

    @property
    def excused(self) -> float:
        """Percentage of values with an explained difference."""
        return 100.0 * self.reasons / (self.values + self.unshown.total()) if self.reasons else 0.0


def _short(value: Any) -> str:
    text = "nothing" if value is None else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in str(value))
    return text if len(text) <= 60 else text[:57] + "..."

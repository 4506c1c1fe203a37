"""The rules that a comparison must meet, and its results on the console; `page` writes docs/comparison.md.

Rules, each of which fails the run:
- at least GOAL percent of all values are equal, and no difference is unexplained;
- no entry of exceptions.toml explains more differences than its `most`;
- a table with rows has values that both programs gave; in a run on all captures every table that is compared has some;
- at most SHARE percent of a table's values have an explained difference, or the table is justified: in a run on all
  captures by the exact number, else by at least that number;
- every capture was compared, with equal numbers of packets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.compare.capture import Outcome
from tests.compare.exceptions import SHARE, Justified, entries, justified
from tests.compare.layers import compared
from tests.compare.tally import Tally

GOAL = 99.97
FINE = ("compared", "neither", "not read by tshark")
HERE = "tests/compare"


@dataclass(slots=True)
class Findings:
    """The results of all captures; `full` for a run on all captures of the test suites."""

    tshark: str
    command: str
    full: bool = False
    outcomes: list[Outcome] = field(default_factory=list)
    tables: dict[str, Tally] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Add the results of one capture, and release its stored differences."""
        self.outcomes.append(outcome)
        for name, tally in outcome.tables.items():
            self.tables.setdefault(name, Tally()).add(tally)
        outcome.tables = {}

    @property
    def total(self) -> Tally:
        """All tables together."""
        total = Tally()
        for tally in self.tables.values():
            total.add(tally)
        return total

    @property
    def troubles(self) -> list[Outcome]:
        """Captures that were not compared, or with different numbers of packets."""
        return [outcome for outcome in self.outcomes if outcome.state not in FINE]

    @property
    def broken(self) -> list[str]:
        """The broken rules, each as a sentence; captures that were not compared are listed separately."""
        found = [*_total(self.total), *_excess(self.total)]
        for name in sorted({one.table.name for one in compared()} | self.tables.keys()):
            tally = self.tables.get(name, Tally())
            found += [*_without_values(name, tally, full=self.full), *_share(name, tally, full=self.full)]
        return found

    @property
    def good(self) -> bool:
        """Whether all rules are met."""
        return not self.troubles and not self.broken


def _total(total: Tally) -> Iterator[str]:
    if not total.values:
        yield "No value was compared."
    elif total.share < GOAL:
        yield f"{total.share:.4f} % of all values are equal, fewer than {GOAL} %."
    if total.different:
        yield f"{total.different.total():,} differences have no entry in {HERE}/exceptions.toml."


def _excess(total: Tally) -> Iterator[str]:
    for entry in entries():
        used = total.explained[entry.number] + total.unshown[entry.number] + total.outside[entry.number]
        if used > entry.most:
            yield f"The entry of exceptions.toml ({entry.reason}) applies to {used:,} values, at most {entry.most:,}."


def _without_values(name: str, tally: Tally, *, full: bool) -> Iterator[str]:
    if tally.columns.total() or not full:  # a few captures may have rows without a value of both programs
        return
    if tally.rows:
        yield f"Table {name} has {tally.rows:,} rows, but no value was given by both programs."
    else:
        yield f"Table {name} has no row in any capture: add cases = true to its entry in {HERE}/layers.toml."


def _share(name: str, tally: Tally, *, full: bool) -> Iterator[str]:
    entry = justified().get(name, Justified(name, 0, ""))
    number = tally.reasons
    if full and entry.number and entry.number != number:
        yield f"Table {name} has {number:,} explained differences: correct its entry [[justified]], {entry.number:,}."
    elif number > entry.number and tally.excused > SHARE and (full or number > ALLOWED):
        yield (
            f"Table {name} has {number:,} explained differences, {tally.excused:.2f} % of its values, more than"
            f" {SHARE} %: justify it in exceptions.toml, number {number}."
        )


# explained differences of a table that a run on some captures may have in any share
ALLOWED = 20


def console(findings: Findings) -> Iterator[str]:
    """Lines of the console: figures by table, then problems."""
    yield (
        f"{'table':<32}{'rows':>10}{'single':>8}{'values':>12}{'equal':>10}{'explained':>11}{'one-sided':>11}"
        f"{'outside':>9}{'different':>11}"
    )
    for name, tally in [*sorted(findings.tables.items()), ("total", findings.total)]:
        if tally.rows or tally.outside:
            yield (
                f"{name:<32}{tally.rows:>10,}{tally.single:>8,}{tally.values:>12,}{tally.share:>9.3f}%{tally.explained.total():>11,}"
                f"{tally.unshown.total():>11,}{tally.outside.total():>9,}{tally.different.total():>11,}"
            )
    for name, tally in sorted(findings.tables.items()):
        for column, count in tally.different.most_common():
            yield f"{name}: {column}: {count:,} differ (netlake / tshark)"
            yield from (f"    {example}" for example in tally.examples.get(column, ()))
    for outcome in findings.troubles:
        yield f"{outcome.capture}: {outcome.state}, {outcome.ours:,} / {outcome.theirs:,} packets. {outcome.message}"
    yield from findings.broken
    yield summary(findings)


def summary(findings: Findings) -> str:
    """The totals in one line."""
    states = Counter(outcome.state for outcome in findings.outcomes)
    packets = sum(outcome.theirs for outcome in findings.outcomes)
    by_state = ", ".join(f"{count:,} {state}" for state, count in states.most_common())
    total = findings.total
    return (
        f"{len(findings.outcomes):,} captures ({by_state}), {packets:,} packets, {total.values:,} values:"
        f" {total.share:.4f} % equal, {total.explained.total():,} differ for an explained reason,"
        f" {total.different.total():,} for none; {total.unshown.total():,} further values that one program does not"
        f" give, {total.outside.total():,} rows outside of the comparison. {total.single:,} rows were in the results of"
        f" one program only; if each counted for all of its values, {total.strict:.4f} % would be equal."
    )

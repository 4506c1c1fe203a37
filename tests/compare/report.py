"""The results of a comparison: a summary for the console, and docs/comparison.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.compare.capture import Outcome
from tests.compare.exceptions import entries
from tests.compare.tally import Tally

GOAL = 99.9
FINE = ("compared", "neither", "not read by tshark")


@dataclass(slots=True)
class Findings:
    """The results of all captures."""

    tshark: str
    command: str
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
    def excess(self) -> list[str]:
        """Entries of exceptions.toml that apply to more differences than `most`."""
        used = self.total.explained
        return [
            f"exception {entry.number} ({entry.reason}) explains {used[entry.number]:,}, at most {entry.most:,}"
            for entry in entries()
            if used[entry.number] > entry.most
        ]

    @property
    def troubles(self) -> list[Outcome]:
        """Captures that were not compared, or with different numbers of packets."""
        return [outcome for outcome in self.outcomes if outcome.state not in FINE]

    @property
    def good(self) -> bool:
        """Whether all goals are met: the share of equal values, no excess, no troubles."""
        total = self.total
        return bool(total.values) and not self.troubles and not self.excess and share(total) >= GOAL


def share(tally: Tally) -> float:
    """Percentage of equal values."""
    return 100.0 * tally.equal / tally.values if tally.values else 100.0


def console(findings: Findings) -> Iterator[str]:
    """Lines of the console: figures by table, then problems."""
    yield f"{'table':<32}{'rows':>10}{'values':>12}{'equal':>10}{'explained':>11}{'different':>11}"
    for name, tally in [*sorted(findings.tables.items()), ("total", findings.total)]:
        yield (
            f"{name:<32}{tally.rows:>10,}{tally.values:>12,}{share(tally):>9.3f}%"
            f"{tally.explained.total():>11,}{tally.different.total():>11,}"
        )
    for name, tally in sorted(findings.tables.items()):
        for column, count in tally.different.most_common():
            yield f"{name}: {column}: {count:,} differ (netlake / tshark)"
            yield from (f"    {example}" for example in tally.examples.get(column, ()))
    for outcome in findings.troubles:
        yield f"{outcome.capture}: {outcome.state}, {outcome.ours:,} / {outcome.theirs:,} packets. {outcome.message}"
    yield from findings.excess
    yield _summary(findings)


def _summary(findings: Findings) -> str:
    states = Counter(outcome.state for outcome in findings.outcomes)
    packets = sum(outcome.theirs for outcome in findings.outcomes)
    by_state = ", ".join(f"{count:,} {state}" for state, count in states.most_common())
    total = findings.total
    return (
        f"{len(findings.outcomes):,} captures ({by_state}), {packets:,} packets, {total.values:,} values:"
        f" {share(total):.4f} % equal, {total.explained.total():,} differences explained,"
        f" {total.different.total():,} not explained."
    )


def page(findings: Findings) -> Iterator[str]:
    """Lines of docs/comparison.md."""
    yield "# Comparison with tshark"
    yield ""
    yield f"Written by `{findings.command}` with tshark {findings.tshark}; see `tests/compare/__init__.py`."
    yield "Every field of every table that declares a Wireshark name is compared, on captures from the test suites of"
    yield "tcpdump, nDPI, Zeek and Suricata: real traffic, and hundreds of files with malformed packets."
    yield ""
    yield _summary(findings)
    yield ""
    yield "| table | rows | values | equal | explained | not explained |"
    yield "|---|---:|---:|---:|---:|---:|"
    met = [(name, tally) for name, tally in sorted(findings.tables.items()) if tally.rows]
    for name, tally in [*met, ("**total**", findings.total)]:
        yield (
            f"| {name} | {tally.rows:,} | {tally.values:,} | {share(tally):.4f} % |"
            f" {tally.explained.total():,} | {tally.different.total():,} |"
        )
    if absent := [name for name, tally in sorted(findings.tables.items()) if not tally.rows]:
        yield from ("", f"Without rows in these captures: {', '.join(absent)}.")
    yield from _explained(findings)
    yield from _unexplained(findings)
    yield from _captures(findings)


def _explained(findings: Findings) -> Iterator[str]:
    used = findings.total.explained
    yield from ("", "## Explained differences", "")
    yield "*Not shown* marks values that only one of the two programs gives; they do not count as compared."
    yield from ("", "| where | number | reason |", "|---|---:|---|")
    for entry in entries():
        where = ", ".join(
            f"{name} {' or '.join(f'`{_plain(word)}`' for word in words)}" for name, words in entry.conditions
        )
        if used[entry.number]:
            mark = "" if entry.shown else "*not shown*: "
            yield f"| {where} | {used[entry.number]:,} | {mark}{entry.reason} |"


def _unexplained(findings: Findings) -> Iterator[str]:
    yield from ("", "## Unexplained differences", "")
    found = [(name, tally) for name, tally in sorted(findings.tables.items()) if tally.different]
    if not found:
        yield "None."
        return
    yield from ("| field | number | examples (netlake / tshark) |", "|---|---:|---|")
    for name, tally in found:
        for column, count in tally.different.most_common():
            examples = "<br>".join(_plain(example) for example in tally.examples.get(column, ())[:2])
            yield f"| {name}: {column} | {count:,} | {examples} |"


def _plain(text: str) -> str:
    """`text` escaped for a Markdown table, on one line, without control characters."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("\n", " ")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in text)


def _captures(findings: Findings) -> Iterator[str]:
    yield from ("", "## Captures that were not compared, or with different numbers of packets", "")
    unread = sorted(outcome.capture for outcome in findings.outcomes if outcome.state == "not read by tshark")
    if unread:
        yield from (f"tshark does not read {', '.join(unread)}; netlake does.", "")
    if not findings.troubles:
        yield "None: both read the same number of packets from every file that tshark opens."
        return
    yield from ("| capture | state | packets, netlake / tshark | message |", "|---|---|---:|---|")
    for outcome in sorted(findings.troubles, key=lambda one: one.capture):
        packets = f"{outcome.ours:,} / {outcome.theirs:,}"
        yield f"| {outcome.capture} | {outcome.state} | {packets} | {_plain(outcome.message)} |"

"""The page docs/comparison.md, from the results of a comparison."""

from __future__ import annotations

from collections.abc import Iterator

from tests.compare.exceptions import SHARE, Exception_, entries, justified
from tests.compare.layers import compared
from tests.compare.report import GOAL, Findings, summary
from tests.compare.tally import Tally


def page(findings: Findings) -> Iterator[str]:
    """Lines of docs/comparison.md."""
    yield "# Comparison with tshark"
    yield ""
    yield f"Written by `{findings.command}` with tshark {findings.tshark}; see `tests/compare/__init__.py`."
    yield "Every field of every table that declares a Wireshark name is compared, on captures from the test suites of"
    yield "tcpdump, nDPI, Zeek and Suricata: real traffic, and hundreds of files with malformed packets. Tables that"
    yield "are rare in them are also compared on captures built from the test cases, `cases/*`."
    yield ""
    yield "- A row that only one of the programs has (*single*) counts as a differing value."
    yield "- A difference with a known reason (*explained*) has a condition that proves it, such as a fault or a port."
    yield "- *One-sided* values are not given by one of the programs by design; they do not count as compared."
    yield "- Rows from streams of protocols that netlake does not read are *outside* of the comparison."
    yield "- *Columns* is the number of a table's columns of which both programs gave a value."
    yield f"- At least {GOAL} % of all values are equal, at most {SHARE:g} % of a table's are explained or one-sided;"
    yield "  a table with more is justified below."
    yield ""
    yield summary(findings)
    yield ""
    yield "| table | rows | single | values | equal | explained | one-sided | outside | not explained | columns |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    met = [(name, tally) for name, tally in sorted(findings.tables.items()) if tally.rows or tally.outside]
    for name, tally in [*met, ("**total**", findings.total)]:
        yield (
            f"| {name} | {tally.rows:,} | {tally.single:,} | {tally.values:,} | {tally.share:.4f} % |"
            f" {tally.explained.total():,} | {tally.unshown.total():,} | {tally.outside.total():,} |"
            f" {tally.different.total():,} |"
            f" {_columns(name, tally)} |"
        )
    if absent := [name for name, tally in sorted(findings.tables.items()) if not (tally.rows or tally.outside)]:
        yield from ("", f"Without rows in these captures: {', '.join(absent)}.")
    yield from _uncompared(findings)
    yield from _justified(findings)
    yield from _explained(findings)
    yield from _unexplained(findings)
    yield from _captures(findings)


def _fields() -> dict[str, list[tuple[str, str]]]:
    """Table -> (column, Wireshark name) of all fields that are compared."""
    return {one.table.name: [(field.column, field.name) for field in one.fields] for one in compared()}


def _columns(name: str, tally: Tally) -> str:
    """How many of a table's columns had a value that both programs gave."""
    own = _fields().get(name, [])
    return f"{sum(tally.columns[field] > 0 for _, field in own)} of {len(own)}" if own else ""


def _uncompared(findings: Findings) -> Iterator[str]:
    yield from ("", "## Columns without a compared value", "")
    yield "No capture has a value of these columns that both programs give."
    yield from ("", "| table | columns |", "|---|---|")
    for name, own in sorted(_fields().items()):
        tally = findings.tables.get(name, Tally())
        if tally.rows and (missing := [column for column, field in own if not tally.columns[field]]):
            yield f"| {name} | {', '.join(missing)} |"


def _justified(findings: Findings) -> Iterator[str]:
    yield from ("", f"## Tables with more than {SHARE:g} % explained differences", "")
    yield from ("| table | number | of its values | reason |", "|---|---:|---:|---|")
    for name, entry in sorted(justified().items()):
        if (tally := findings.tables.get(name)) and tally.reasons:
            yield f"| {name} | {tally.reasons:,} | {tally.excused:.2f} % | {entry.reason} |"


def _where(entry: Exception_) -> str:
    """The conditions of an entry, for a table."""
    conditions = [(name, words) for name, words in entry.conditions]
    conditions += [(f"{where[:-1]} {name}", words) for where, name, words in entry.details]
    return ", ".join(f"{name} {' or '.join(f'`{plain(word)}`' for word in words)}" for name, words in conditions)


def _explained(findings: Findings) -> Iterator[str]:
    total = findings.total
    yield from ("", "## Explained differences", "")
    for title, counts in (
        ("Rows outside of the comparison:", total.outside),
        ("Values that one of the programs does not give, which do not count as compared:", total.unshown),
        ("Values that differ:", total.explained),
    ):
        yield from (title, "", "| where | number | reason |", "|---|---:|---|")
        for entry in entries():
            if counts[entry.number]:
                yield f"| {_where(entry)} | {counts[entry.number]:,} | {entry.reason} |"
        yield ""


def _unexplained(findings: Findings) -> Iterator[str]:
    yield from ("## Unexplained differences", "")
    found = [(name, tally) for name, tally in sorted(findings.tables.items()) if tally.different]
    if not found:
        yield "None."
        return
    yield from ("| field | number | examples (netlake / tshark) |", "|---|---:|---|")
    for name, tally in found:
        for column, count in tally.different.most_common():
            examples = "<br>".join(plain(example) for example in tally.examples.get(column, ())[:2])
            yield f"| {name}: {column} | {count:,} | {examples} |"


def plain(text: str) -> str:
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
        yield f"| {outcome.capture} | {outcome.state} | {packets} | {plain(outcome.message)} |"

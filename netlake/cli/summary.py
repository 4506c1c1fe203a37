"""What `capture` prints at its end: what became of each capture, the tables, and how good the captures are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from netlake.cli import listing
from netlake.query.output.visible import harmless, say

if TYPE_CHECKING:
    from netlake.pipeline.report import CaptureReport, Report

# captures told of one by one; of more, only those with which something is wrong
FEW = 20
MOST = 12


def show(report: Report) -> None:
    """Print it; what could not be read goes to stderr, where it is seen when the report goes to a file."""
    told = report.captures
    if len(told) > FEW:
        states = Counter(capture.state for capture in told)
        click.echo(
            f"{len(told):,} captures: " + ", ".join(f"{count:,} {state}" for state, count in states.items()) + "."
        )
        told = [capture for capture in told if capture.state == "failed" or capture.partial]
    for capture in told:
        if capture.state == "failed":
            say(_line(capture))
        else:
            click.echo(harmless(_line(capture)))
        for table, failure in capture.quality.get("failures", {}).items():
            say(f"the reader of table {table} failed, so some of its rows are not whole: {failure}.")
        for problem in capture.problems:
            itself = problem.sentence.startswith(problem.source)  # of a file that could not be opened
            say(problem.sentence if itself else f"{problem.source}, byte {problem.offset:,}: {problem.sentence}")
    if any(capture.tables for capture in report.captures):
        _tables(report)
        _quality(report.captures)
        _speed(report)


def _line(capture: CaptureReport) -> str:
    line = capture.message or f"{capture.name}: {capture.state}."
    if capture.packets:
        line += f" {capture.packets:,} packets, {listing.size(capture.bytes)}, {capture.seconds:.2f} s."
    return line


def _tables(report: Report) -> None:
    rows: Counter[str] = Counter()
    size: Counter[str] = Counter()
    for capture in report.captures:
        for name, table in capture.tables.items():
            rows[name] += table.rows
            size[name] += table.bytes
    lines = [
        (name, f"{rows[name]:,}", f"{size[name]:,}", f"{size[name] / rows[name]:.1f}" if rows[name] else "")
        for name in sorted(rows)
    ]
    total = ("total", f"{rows.total():,}", f"{size.total():,}", "")
    click.echo()
    listing.show([*lines, total], right=(1, 2, 3), head=("table", "rows", "bytes", "bytes/row"))


def _speed(report: Report) -> None:
    packets = sum(capture.packets for capture in report.captures if capture.tables)
    read = sum(capture.bytes for capture in report.captures if capture.tables)
    if packets and report.seconds:
        speed = f"{packets / report.seconds:,.0f} packets/s, {read / report.seconds / 1e6:.1f} MB/s"
        click.echo(f"\n{packets:,} packets in {report.seconds:.2f} s: {speed}.")


def _quality(captures: list[CaptureReport]) -> None:
    """How good the captures are; nothing where there is nothing to say."""
    lines = list(_remarks(captures))
    if lines:
        click.echo("\nquality")
        listing.show(lines, right=(0,))


def _remarks(captures: list[CaptureReport]) -> Iterator[tuple[str, str]]:
    """(count, what it counts), most first within each kind."""
    said = [capture.quality for capture in captures]
    for name, words in _COUNTS.items():
        if count := sum(int(quality.get(name, 0)) for quality in said):
            yield f"{count:,}", words
    faults: Counter[str] = Counter()
    stops: Counter[str] = Counter()
    for quality in said:
        for table, kinds in quality.get("faults", {}).items():
            faults.update({f"{table} rows: {fault}": count for fault, count in kinds.items()})
        for stop in quality.get("undecoded", ()):
            stops[_stop(stop)] += stop["packets"]
        faults.update({f"fragmentation: {name}": count for name, count in quality.get("fragments", {}).items()})
        faults.update(
            {f"blocks passed over, of type {kind}": n for kind, n in quality.get("skipped_blocks", {}).items()}
        )
        faults.update({f"{table} rows of days without a partition": n
                       for table, n in quality.get("rows_beyond_days", {}).items()})  # fmt: skip
    yield from _most(faults, "further kinds of faults")
    yield from _most(stops, "packets not decoded to their end for other reasons")


_COUNTS = {
    "cut": "packets that the capture did not keep whole",
    "salvaged": "packets salvaged behind corrupt records",
    "clock_steps_back": "times the clock stepped back from one packet to the next",
    "evicted_conversations": "conversations ended early, for want of memory",
    "problems_not_listed": "further problems, not listed",
}


def _stop(stop: dict[str, Any]) -> str:
    value = "" if stop.get("value") is None else f" {stop['value']}"
    return f"packets not decoded to their end: {stop['reason']}{value}"


def _most(counts: Counter[str], rest: str) -> Iterator[tuple[str, str]]:
    for what, count in counts.most_common(MOST):
        yield f"{count:,}", what
    if len(counts) > MOST:
        left = sum(count for _, count in counts.most_common()[MOST:])
        yield f"{left:,}", rest

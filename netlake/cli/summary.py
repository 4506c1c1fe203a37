"""The report that `capture` prints at its end: state of each capture, tables, quality, speed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from netlake.cli import listing
from netlake.query.output.visible import harmless, say

if TYPE_CHECKING:
    from netlake.pipeline.report import CaptureReport, Report

# up to this many captures are listed one by one; of more, only those with a problem
FEW = 20
# lines of each kind of remark; the others are summed up in one line
MOST = 12


def show(report: Report) -> None:
    """Print the report to stdout; problems go to stderr, so that they are visible when stdout is a file."""
    listed = report.captures
    if len(listed) > FEW:
        states = Counter(_STATES.get(capture.state, capture.state) for capture in listed)
        click.echo(
            f"{len(listed):,} captures: " + ", ".join(f"{count:,} {state}" for state, count in states.items()) + "."
        )
        listed = [capture for capture in listed if capture.state == "failed" or capture.partial or capture.notices]
    for capture in listed:
        if capture.state == "failed":
            say(_line(capture))
        else:
            click.echo(harmless(_line(capture)))
        for notice in capture.notices:
            say(notice)
        for table, failure in capture.quality.get("failures", {}).items():
            say(f"the reader of table {table} failed, some of its rows have the fault reader_failed: {failure}.")
        for problem in capture.problems:
            complete = problem.sentence.startswith(problem.source)  # of a file that could not be opened
            say(problem.sentence if complete else f"{problem.source}, byte {problem.offset:,}: {problem.sentence}")
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
    """Print what limits the quality of the captures, if anything does."""
    lines = list(_remarks(captures))
    if lines:
        click.echo("\nquality")
        listing.show(lines, right=(0,))


def _remarks(captures: list[CaptureReport]) -> Iterator[tuple[str, str]]:
    """(count, what is counted), the greatest count first within each kind."""
    qualities = [capture.quality for capture in captures]
    for name, words in _COUNTS.items():
        if count := sum(int(quality.get(name, 0)) for quality in qualities):
            yield f"{count:,}", of(count, words)
    faults: Counter[str] = Counter()
    stops: Counter[str] = Counter()
    streams: Counter[str] = Counter()
    for quality in qualities:
        for table, kinds in quality.get("faults", {}).items():
            faults.update({f"{table} rows: {fault}": count for fault, count in kinds.items()})
        for stop in quality.get("undecoded", ()):
            stops[_stop(stop)] += stop["packets"]
        for stream in quality.get("undecoded_streams", ()):
            service = f" ({stream['service']})" if stream["service"] else ""
            streams[f"bytes of TCP streams not decoded: port {stream['port']}{service}"] += stream["bytes"]
        for name, words in _STREAMS.items():
            streams[words] += quality.get("streams", {}).get(name, 0)
        for name, words in _DECRYPTION.items():
            streams[words] += quality.get("decryption", {}).get(name, 0)
        faults.update({f"fragmentation: {name}": count for name, count in quality.get("fragments", {}).items()})
        faults.update({f"skipped blocks of type {kind}": n for kind, n in quality.get("skipped_blocks", {}).items()})
        faults.update({f"{table} rows in the partition without a day": n
                       for table, n in quality.get("rows_beyond_days", {}).items()})  # fmt: skip
    yield from _most(faults, "rows with other faults, fragments and blocks")
    yield from _most(stops, "payload not decoded: other reasons")
    yield from _most(+streams, "others of TCP streams")


_COUNTS = {
    "cut": "packets truncated by snaplen",
    "rejected_by_bpf": "packets rejected by the BPF expression",
    "lost_before_packets": "packets lost before others of their interface, by options of packets",
    "dropped_by_interfaces": "packets dropped by interfaces, by their statistics",
    "dropped_by_os": "packets dropped by the operating system, by the statistics of interfaces",
    "untimed": "packets without a time, or with one outside the years 1 to 9999",
    "salvaged": "packets found after corrupt records (--salvage)",
    "clock_steps_back": "packets with an earlier timestamp than the one before",
    "evicted_flows": "flows ended early to limit memory",
    "flows_in_several_vlans": "connections seen in more than one VLAN (--flow-key vlan separates them)",
    "forgotten_gaps": "gaps of TCP streams given up to limit memory",
    "problems_not_listed": "more problems, not listed",
}
# what reassembly met (netlake.kernels.stream_state.ARENA) that makes streams incomplete
_STREAMS = {
    "missed": "bytes missing in TCP streams",
    "conflicts": "bytes of TCP segments that differ from other segments with the same numbers",
    "given_up": "gaps of TCP streams not waited for, to limit memory",
    "cut_off": "TCP segments not reassembled, because there were too many flows",
    "lost": "times that a TCP stream violated its protocol",
}
# what decryption with key logs met (netlake.pipeline.decrypted)
_DECRYPTION = {
    "bad_lines": "lines of key logs that have another form",
    "forgotten_secrets": "connections whose secrets were forgotten, because key logs have too many",
    "decrypted": "connections decrypted",
    "partial": "connections decrypted in part: records are missing, or cannot be decrypted",
    "failed": "connections not decrypted, although a key log has secrets for them",
    "failed_records": "encrypted records that are damaged, or have other secrets than the key log",
    "failed_packets": "packets of QUIC that are damaged, or have other secrets than the key log",
    "bad_packets": "packets of QUIC with frames that cannot be read",
    "given_up": "connections no longer decrypted, to limit memory",
}
# the noun of these words, and their verbs
_PLURAL = re.compile(
    r"^((?:more |TCP |encrypted )?)(packet|flow|connection|gap|byte|segment|time|line|record|problem)s\b"
)
_VERBS = {
    " that have ": " that has ",
    " that are ": " that is ",
    " that differ ": " that differs ",
    ", or have ": ", or has ",
}
_STATES = {"unchanged": "already in the lake"}
_STOPS = {"unknown_port": "port", "unknown_ethertype": "EtherType"}


def _stop(stop: dict[str, Any]) -> str:
    reason, value = stop["reason"], stop.get("value")
    words = _STOPS.get(reason, reason.removeprefix("unknown_").replace("_", " "))
    if value is None:
        return f"payload not decoded: {words}"
    return f"payload not decoded: {words} {f'0x{value:04x}' if reason == 'unknown_ethertype' else value}"


def of(count: int, words: str) -> str:
    """What is counted, in the plural, as words behind a count."""
    if count != 1:
        return words
    words = _PLURAL.sub(lambda found: found[1] + found[2], words, count=1)
    for several, one in _VERBS.items():
        words = words.replace(several, one, 1)
    return words


def _most(counts: Counter[str], rest: str) -> Iterator[tuple[str, str]]:
    for what, count in counts.most_common(MOST):
        yield f"{count:,}", of(count, what)
    if len(counts) > MOST:
        left = sum(count for _, count in counts.most_common()[MOST:])
        yield f"{left:,}", rest

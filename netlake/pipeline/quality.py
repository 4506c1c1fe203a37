"""The quality report of a capture: what was incomplete or invalid, with counts."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any

import numpy as np

from netlake.kernels.answers import STOPS, Stop
from netlake.kernels.times import microsecond
from netlake.pipeline.decoder import Decoder
from netlake.pipeline.source_rows import SourceRows
from netlake.sources.bpf import Filtered


def quality(rows: SourceRows) -> dict[str, Any]:
    """The quality report of a run: what was incomplete or invalid, with counts; entries that are empty are left out."""
    decoder, source = rows.decoder, rows.source
    by_table: dict[str, dict[str, int]] = defaultdict(dict)
    for (table, fault), count in sorted(decoder.rows.faults.items()):
        if fault != "cut":
            by_table[table][fault] = count
    report = {
        "begin": _iso(rows.begin),
        "end": _iso(rows.end),
        "cut": decoder.packet_rows.cut,
        "untimed": decoder.packet_rows.untimed,
        "lost_before_packets": rows.lost,
        "dropped_by_interfaces": sum(interface.dropped or 0 for interface in source.interfaces),
        "dropped_by_os": sum(interface.os_dropped or 0 for interface in source.interfaces),
        "faults": dict(by_table),
        "failures": decoder.failures.by_table,
        "undecoded": _undecoded(decoder),
        "streams": {name: count for name, count in decoder.streams.problems.items() if count},
        "stream_protocols": dict(sorted(decoder.streams.found.items())),
        "decryption": decoder.streams.decryption,
        "undecoded_streams": _undecoded_streams(decoder),
        "fragments": {name: count for name, count in sorted(decoder.walker.fragments.counts.items()) if count},
        "salvaged": source.salvaged,
        "clock_steps_back": source.clock_steps_back,
        "evicted_flows": decoder.tracker.evictions,
        "flows_in_several_vlans": decoder.tracker.in_vlans,
        "forgotten_gaps": decoder.tracker.forgotten_holes,
        "skipped_blocks": {f"0x{kind:08x}": count for kind, count in sorted(source.skipped_blocks.items())},
        "problems_not_listed": source.unlisted,
    }
    if isinstance(source, Filtered):
        report |= {"bpf": source.expression, "rejected_by_bpf": source.rejected}
    return {name: value for name, value in report.items() if value}


def _undecoded(decoder: Decoder) -> list[dict[str, Any]]:
    """Number of packets by stop reason and value, largest first; those that stopped as fragments are not counted."""
    stops = dict(decoder.packet_rows.stops)
    ports = decoder.packet_rows.ports
    reason = str(STOPS[Stop.UNKNOWN_PORT])
    stops.update({(reason, port): int(ports[port]) for port in np.flatnonzero(ports).tolist()})
    stops = {key: count for key, count in stops.items() if key[0] != STOPS[Stop.FRAGMENT]}
    ordered = sorted(stops.items(), key=lambda item: (-item[1], item[0]))
    return [
        {"reason": why, "value": value if value >= 0 else None, "packets": count} for (why, value), count in ordered
    ]


def _undecoded_streams(decoder: Decoder) -> list[dict[str, Any]]:
    """Bytes of TCP streams that no protocol decoded, by protocol (None: none was found) and port, largest first."""
    ordered = sorted(decoder.streams.undecoded.items(), key=lambda item: (-item[1], item[0][0] or "", item[0][1]))
    return [{"service": name, "port": port, "bytes": count} for (name, port), count in ordered]


def _iso(time: int | None) -> str | None:
    """ISO 8601 in UTC, microseconds, of a time (netlake.kernels.times)."""
    if time is None:
        return None
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (epoch + dt.timedelta(microseconds=microsecond(time))).isoformat()

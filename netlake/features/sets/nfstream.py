"""`nfstream`: the features of NFStream 6.6 by their names, with statistics and without dissection.

Sizes are bytes of the frame on the wire (its accounting mode 0). Times are whole milliseconds: times of packets are cut
to milliseconds before they are subtracted. What the tool writes as 0 where a value is undefined is null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow.compute as pc

from netlake.features.blocks import Block
from netlake.features.definition import Accumulator, Array, Derived, FeatureSet, Rows, Values, column
from netlake.features.sets import common
from netlake.features.sets.common import FLAG, NOT_TCP, TIME, Source, both, endpoint, extreme, field, is_tcp, of, only
from netlake.kernels.feature_records import MOMENTS
from netlake.kernels.feature_segments import Reason
from netlake.kernels.feature_sequence import first_packets
from netlake.kernels.feature_statistics import by_direction, by_segment

MILLISECOND = 1000
SIZES = ("packet.length",)
SPLT = 32
SIDES = ((None, "bidirectional", "both directions"), (0, "src2dst", "forward direction"),
         (1, "dst2src", "backward direction"))  # fmt: skip


def whole(gaps: Array, times: Array) -> Array:
    """Gaps between times that are cut to milliseconds; -1 without a gap."""
    return np.where(gaps >= 0, times // MILLISECOND - (times - gaps) // MILLISECOND, -1)


FRAME = common.by_side("frame", "frame")
GAP = Accumulator(
    "gap_ms", MOMENTS, 0,
    lambda block, records: by_segment(block["row"], gaps_in_milliseconds(block), records["gap_ms"]),
)  # fmt: skip
SIDE_GAP = Accumulator(
    "side_gap_ms", MOMENTS, 2,
    lambda block, records: by_direction(block["row"], block["direction"], whole(block["side_gap"], block["time"]),
                                        records["side_gap_ms"]),
)  # fmt: skip


def gaps_in_microseconds(block: Block) -> Array:
    """The gaps of packets as they are."""
    return block["gap"]


def gaps_in_milliseconds(block: Block) -> Array:
    """The gaps between times that are cut to milliseconds."""
    return whole(block["gap"], block["time"])


def splt(size: int, values: str, gaps: Callable[[Block], Array]) -> tuple[Accumulator, ...]:
    """Size, direction and gap of the first packets; sizes are of a column of packets."""

    def nothing(_block: object, _records: object) -> None:
        """The last accumulator follows for all."""

    return (
        Accumulator("splt_count", np.dtype(np.int64), 0, nothing),
        Accumulator("splt_sizes", np.dtype(np.int32), size, nothing),
        Accumulator("splt_directions", np.dtype(np.int8), size, nothing),
        Accumulator(
            "splt_gaps", np.dtype(np.int64), size,
            lambda block, records: first_packets(
                block["row"], block["direction"], block[values], gaps(block), records["splt_count"],
                records["splt_sizes"], records["splt_directions"], records["splt_gaps"]),
            (values,),
        ),
    )  # fmt: skip


def lists(name: str) -> common.Value:
    """The first values of each segment as lists."""

    def found(rows: Rows) -> Values:
        counts, values = rows["splt_count"], rows[name]
        shown = np.arange(values.shape[1]) < counts[:, None]
        offsets = np.concatenate(([0], np.cumsum(counts)))
        return common.listed(values[shown], offsets)

    return found


def _gaps(side: int | None) -> Source:
    return of("gap_ms") if side is None else of("side_gap_ms", side)


def _sizes(side: int | None) -> Source:
    return both("frame") if side is None else of("frame", side)


def _first(side: int | None) -> Source:
    name = "first" if side is None else f"{('forward', 'backward')[side]}_first"
    return lambda rows: rows.segments[name] // MILLISECOND


def _last(side: int | None) -> Source:
    name = "last" if side is None else f"{('forward', 'backward')[side]}_last"
    return lambda rows: rows.segments[name] // MILLISECOND


def _seen(side: int | None) -> Source:
    if side is None:
        return common.timed
    return lambda rows: common.timed(rows) & (rows.segments[f"{('forward', 'backward')[side]}_packets"] > 0)


def _expiration(rows: Rows) -> Values:
    return np.where(rows.segments["reason"] == Reason.ACTIVE.value, 1, 0)


def _version(rows: Rows) -> Values:
    return pc.if_else(rows.flows.column("six").combine_chunks(), 6, 4)


def _identity() -> Iterator[Derived]:
    doc = "0 idle or end of the capture, 1 active timeout."
    yield column("expiration_id", "i8", "", doc, _expiration).leak("outcome").reads(*TIME)
    for name, source, verb in (("src", True, "sends"), ("dst", False, "receives")):
        for part, kind, doc, null in (
            ("ip", "text", "Address that {} forward.", ""),
            ("mac", "text", "MAC address that {} forward.", "no link header has one"),
            ("oui", "text", "First three bytes of the MAC address that {} forward.", "no link header has one"),
            ("port", "i32", "Port that {} forward; 0 without ports.", ""),
        ):
            made = column(f"{name}_{part}", kind, "", doc.format(verb), _part(part, source=source))
            source_of = "mac" if part == "oui" else part
            yield made.null(null).leak("identity").reads(f"connection.orig_{source_of}", f"connection.resp_{source_of}")
    yield column("ip_version", "i8", "", "Version of IP, 4 or 6.", _version).reads("connection.orig_ip")


def _part(part: str, *, source: bool) -> common.Value:
    if part == "oui":
        return lambda rows: pc.utf8_slice_codeunits(endpoint("mac", source=source)(rows), 0, 8)
    if part == "port":
        return lambda rows: pc.fill_null(endpoint("port", source=source)(rows), 0)
    return endpoint(part, source=source)


def _totals() -> Iterator[Derived]:
    for side, name, words in SIDES:
        no_time = f"no packet in {words} has a time"
        yield (column(f"{name}_first_seen_ms", "i64", "ms", f"Time of the first packet, {words}, since 1970.",
                      only(_first(side), _seen(side))).null(no_time).leak("time").reads(*TIME))  # fmt: skip
        yield (column(f"{name}_last_seen_ms", "i64", "ms", f"Time of the last packet, {words}, since 1970.",
                      only(_last(side), _seen(side))).null(no_time).leak("time").reads(*TIME))  # fmt: skip
        yield (column(f"{name}_duration_ms", "i64", "ms", f"Time from the first to the last packet, {words}.",
                      only(_span(side), _seen(side))).null(no_time).reads(*TIME))  # fmt: skip
        sizes = _sizes(side)
        yield (column(f"{name}_packets", "i64", "packets", f"Packets, {words}.", _count(sizes))
               .reads("packet.from_originator"))  # fmt: skip
        yield column(f"{name}_bytes", "i64", "bytes", f"Bytes of frames, {words}.", _total(sizes)).reads(*SIZES)


def _span(side: int | None) -> Source:
    return lambda rows: _last(side)(rows) - _first(side)(rows)


def _count(source: Source) -> Source:
    return lambda rows: source(rows)["count"]


def _total(source: Source) -> Source:
    return lambda rows: source(rows)["total"]


def _statistics() -> Iterator[Derived]:
    for suffix, unit, what, values, sources in (
        ("ps", "bytes", "the size of a frame", _sizes, SIZES),
        ("piat_ms", "ms", "the time between consecutive packets", _gaps, TIME),
    ):
        null = "packets" if suffix == "ps" else "gap"
        for side, name, words in SIDES:
            source = values(side)
            for word, kind, doc, value in (
                ("min", "i64", "Minimum", extreme(source, "low")),
                ("mean", "f64", "Mean", common.mean(source)),
                ("stddev", "f64", "Standard deviation of the sample (n - 1)", common.deviation(source)),
                ("max", "i64", "Maximum", extreme(source, "high")),
            ):
                made = column(f"{name}_{word}_{suffix}", kind, unit, f"{doc} of {what}, {words}.", value)
                yield made.null(f"{'fewer than two' if word == 'stddev' else 'no'} {null}, {words}").reads(*sources)


def _flags() -> Iterator[Derived]:
    for side, name, words in SIDES:
        for flag in ("syn", "cwr", "ece", "urg", "ack", "psh", "rst", "fin"):
            doc = f"Packets with {flag.upper()}, {words}."
            made = column(f"{name}_{flag}_packets", "i32", "packets", doc, only(_flag(flag, side), is_tcp))
            yield made.null(NOT_TCP).reads(*FLAG)


def _flag(flag: str, side: int | None) -> Source:
    if side is None:
        return lambda rows: rows["flags"][flag].sum(axis=1)
    return field("flags", flag, side)


def _splt() -> Iterator[Derived]:
    first = f"of the first {SPLT} packets"
    yield (column("splt_direction", "list<i8>", "", f"Directions {first}: 0 forward, 1 backward.",
                  lists("splt_directions")).reads("packet.from_originator"))  # fmt: skip
    yield column("splt_ps", "list<i32>", "bytes", f"Sizes of the frames {first}.", lists("splt_sizes")).reads(*SIZES)
    yield (column("splt_piat_ms", "list<i64>", "ms", f"Gaps before each {first}, 0 for the first one.",
                  lists("splt_gaps")).reads(*TIME))  # fmt: skip


SET = FeatureSet(
    "nfstream",
    "NFStream 6.6, statistical",
    "nfstream",
    tuple(made for part in (_identity, _totals, _statistics, _flags, _splt) for made in part()),
    (FRAME, GAP, SIDE_GAP, common.FLAGS, *splt(SPLT, "frame", gaps_in_milliseconds)),
    references=("Z. Aouini, A. Pekar, NFStream: A flexible network data analysis framework, Computer Networks 2022",),
    flow_columns=("orig_mac", "resp_mac"),
)

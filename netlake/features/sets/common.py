"""Accumulators of records, and formulas over them, that several sets share.

A formula is a function of `Rows`; the functions here make formulas from names of records and fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from netlake.features.definition import Accumulator, Array, Derived, Rows, Values, column
from netlake.kernels.feature_cic import BULKS, HEADERS, PERIODS, headers, order
from netlake.kernels.feature_records import FLAG_COUNTS, MOMENTS
from netlake.kernels.feature_statistics import by_direction, by_segment, flag_counts
from netlake.kernels.feature_tcp import SEQUENCE, retransmitted

MICROSECOND = 1e6
US, BYTES, PACKETS = "us", "bytes", "packets"
NOT_TCP = "the protocol is not TCP"
ZERO = "the duration is 0"
TIME, FLAG = ("packet.ts",), ("tcp.flags",)
PAYLOADS = ("tcp.payload_length", "udp.payload_length", "icmpv4.payload_length", "icmpv6.payload_length",
            "ipv4.payload_length", "ipv6.payload_length")  # fmt: skip
SEQUENCES = ("tcp.seq", "tcp.payload_length", "tcp.flags")

Value = Callable[[Rows], Values]
Source = Callable[[Rows], Array]


def by_side(name: str, values: str) -> Accumulator:
    """Statistics of a column of packets for each direction."""
    return Accumulator(
        name, MOMENTS, 2,
        lambda block, records: by_direction(block["row"], block["direction"], block[values], records[name]),
        (values,) if values != "side_gap" else (),
    )  # fmt: skip


GAP = Accumulator("gap", MOMENTS, 0, lambda block, records: by_segment(block["row"], block["gap"], records["gap"]))
SIDE_GAP = by_side("side_gap", "side_gap")
PAYLOAD = by_side("payload", "payload")
FLAGS = Accumulator(
    "flags", FLAG_COUNTS, 2,
    lambda block, records: flag_counts(block["row"], block["direction"], block["flags"], records["flags"]),
)  # fmt: skip
# the records that `order` follows besides its own
PERIOD = Accumulator("period", PERIODS, 0, lambda _block, _records: None)
ACTIVITY = Accumulator("activity", MOMENTS, 2, lambda _block, _records: None)
BULK = Accumulator(
    "bulk", BULKS, 2,
    lambda block, records: order(block["row"], block["direction"], block["time"], block["gap"], block["payload"],
                                 records["period"], records["activity"], records["bulk"]),
    ("payload",),
)  # fmt: skip
HEADER = Accumulator(
    "header", HEADERS, 2,
    lambda block, records: headers(block["row"], block["direction"], block["payload"], block["header"],
                                   block["window"], records["header"]),
    ("payload", "header", "window"),
)  # fmt: skip


def sequence(sizes: str) -> Accumulator:
    """Retransmissions of TCP, whose bytes are the sum of `sizes`, a column of packets."""
    return Accumulator(
        "sequence", SEQUENCE, 2,
        lambda block, records: retransmitted(block["row"], block["direction"], block["seq"], block["payload"],
                                             block[sizes], block["flags"], records["sequence"]),
        ("seq", "payload", sizes),
    )  # fmt: skip


def joined(one: Array, other: Array) -> Array:
    """The statistics of the values of both records together (Chan et al. 1979)."""
    result = np.zeros(len(one), MOMENTS)
    result["count"] = one["count"] + other["count"]
    result["total"] = one["total"] + other["total"]
    count = np.maximum(result["count"], 1)
    change = other["mean"] - one["mean"]
    result["mean"] = result["total"] / count
    result["squares"] = one["squares"] + other["squares"] + change * change * one["count"] * other["count"] / count
    for field, choose in (("low", np.minimum), ("high", np.maximum)):
        result[field] = np.where(
            one["count"] == 0, other[field],
            np.where(other["count"] == 0, one[field], choose(one[field], other[field])),
        )  # fmt: skip
    return result


def of(name: str, side: int | None = None) -> Source:
    """The records of an accumulator, of one direction if it has two."""
    return lambda rows: rows[name] if side is None else rows[name][:, side]


def both(name: str) -> Source:
    """The statistics of both directions together, of an accumulator with two records a segment."""

    def found(rows: Rows) -> Array:
        if name not in rows.notes:
            rows.notes[name] = joined(rows[name][:, 0], rows[name][:, 1])
        result: Array = rows.notes[name]
        return result

    return found


def field(name: str, of_record: str, side: int | None = None) -> Source:
    """One field of the records of an accumulator."""
    source = of(name, side)
    return lambda rows: source(rows)[of_record]


def segment(name: str) -> Source:
    """One field of the records of segments."""
    return lambda rows: rows.segments[name]


def duration(rows: Rows) -> Array:
    """Microseconds from the first to the last packet."""
    return rows.duration


def packets(rows: Rows) -> Array:
    """Packets of both directions."""
    return rows.packets


def timed(rows: Rows) -> Array:
    """Whether a packet has a time."""
    found: Array = rows.segments["timed"] > 0
    return found


def is_tcp(rows: Rows) -> Array:
    """Whether the protocol is TCP."""
    found: Array = rows.segments["protocol"] == 6
    return found


def only(value: Source, *valid: Source) -> Value:
    """A value that is null unless all conditions hold."""

    def found(rows: Rows) -> Values:
        holds = valid[0](rows)
        for condition in valid[1:]:
            holds = holds & condition(rows)
        return value(rows), holds

    return found


def above(value: Source) -> Source:
    """Whether a value is above 0."""
    return lambda rows: value(rows) > 0


def ratio(top: Source, bottom: Source, scale: float = 1) -> Value:
    """`scale` times a quotient, null where the denominator is 0."""

    def found(rows: Rows) -> Values:
        below = bottom(rows)
        return top(rows) * scale / np.where(below == 0, 1, below), below != 0

    return found


def rate(top: Source, scale: float = MICROSECOND) -> Value:
    """A value a second, null where the duration is 0."""
    return ratio(top, duration, scale)


def mean(source: Source, scale: float = 1) -> Value:
    """The mean of MOMENTS, null without values."""
    return ratio(lambda rows: source(rows)["total"], lambda rows: source(rows)["count"], scale)


def extreme(source: Source, name: str) -> Value:
    """The minimum (low) or maximum (high) of MOMENTS, or their sum (total), null without values."""
    return lambda rows: (source(rows)[name], source(rows)["count"] > 0)


def variance(source: Source) -> Value:
    """The variance of the sample (n - 1), null below two values."""

    def found(rows: Rows) -> Values:
        moments = source(rows)
        return moments["squares"] / np.maximum(moments["count"] - 1, 1), moments["count"] > 1

    return found


def deviation(source: Source, scale: float = 1) -> Value:
    """The standard deviation of the sample (n - 1), null below two values."""

    def found(rows: Rows) -> Values:
        moments = source(rows)
        return np.sqrt(moments["squares"] / np.maximum(moments["count"] - 1, 1)) * scale, moments["count"] > 1

    return found


@dataclass(frozen=True, slots=True)
class Statistics:
    """Columns `prefix` Max, Min, Mean, Std of `what`; `null` names the values of which there are none."""

    prefix: str
    unit: str
    what: str
    null: str
    sources: tuple[str, ...]

    def columns(self, source: Source, order: tuple[str, ...]) -> Iterator[Derived]:
        """The columns in the given order."""
        words = {"Max": "Maximum", "Min": "Minimum", "Mean": "Mean", "Std": "Standard deviation of the sample (n - 1)"}
        values = {"Max": extreme(source, "high"), "Min": extreme(source, "low"), "Mean": mean(source),
                  "Std": deviation(source)}  # fmt: skip
        for name in order:
            kind = "i64" if name in ("Max", "Min") else "f64"
            made = column(f"{self.prefix} {name}", kind, self.unit, f"{words[name]} of {self.what}.", values[name])
            yield made.null(f"{'fewer than two' if name == 'Std' else 'no'} {self.null}").reads(*self.sources)


def endpoint(name: str, *, source: bool) -> Callable[[Rows], pa.Array]:
    """A column of `connection` (`ip` or `port`) of the source or destination in the forward direction."""

    def found(rows: Rows) -> pa.Array:
        forward = pa.array(rows.forward_is_originator == source)
        orig, resp = (rows.flows.column(f"{side}_{name}").combine_chunks() for side in ("orig", "resp"))
        return pc.if_else(forward, orig, resp)

    return found


def listed(values: Array, offsets: Array) -> pa.Array:
    """Lists of `values`, list k from `offsets[k]` to `offsets[k + 1]`."""
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values))

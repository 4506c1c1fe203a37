"""Plan -> lazy frames of Polars: the sets of packets are frames with `capture` and `packet`, joined by both.

The frame of all packets is that of the rows to be selected, so that `not` needs no other table. Addresses become
hexadecimal digits once for each different value of a frame.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import reduce

import polars as pl

from netlake.query.filter import plan
from netlake.query.filter.fields import Source
from netlake.query.filter.frames_values import condition, value
from netlake.query.filter.plan import Condition, Const, Plan, Value
from netlake.query.filter.syntax import Span

Scan = Callable[[str], pl.LazyFrame]
KEY = ["capture", "packet"]


def rows(of: Plan, frame: pl.LazyFrame, scan: Scan) -> pl.LazyFrame:
    """The rows of `frame`, of a table or view, whose packet, or one of whose flow, is in the plan."""
    columns = frame.collect_schema().names()
    maker = _Maker(scan)
    if "packet" not in columns:
        packets = scan("packet").select(*KEY, "flow")
        found = packets.join(maker.packets(of, packets.select(KEY).unique()), on=KEY, how="semi")
        return frame.join(found, on=["capture", "flow"], how="semi", maintain_order="left")
    number = _packet(late="last_packet" in columns).alias("packet_")
    keyed = frame.with_columns(number)
    every = keyed.select("capture", pl.col("packet_").alias("packet")).unique()
    found = maker.packets(of, every).rename({"packet": "packet_"})
    return keyed.join(found, on=["capture", "packet_"], how="semi", maintain_order="left").drop("packet_")


def _packet(*, late: bool) -> pl.Expr:
    return pl.coalesce("last_packet", "packet") if late else pl.col("packet")


class _Maker:
    def __init__(self, scan: Scan) -> None:
        self.scan = scan

    def packets(self, of: Plan, every: pl.LazyFrame) -> pl.LazyFrame:  # noqa: PLR0911 - a return for each kind
        """The packets of `every` that are in the plan."""
        if isinstance(of, plan.Known):
            return every if of.all else every.clear()
        if isinstance(of, plan.Listed):
            return every.join(_listed(of), on=KEY, how="semi")
        if isinstance(of, plan.Not):
            return every.join(self.packets(of.of, every), on=KEY, how="anti")
        if isinstance(of, plan.And):
            return reduce(lambda left, one: self.packets(one, left), of.of, every)
        if isinstance(of, plan.Or):
            return pl.concat([self.packets(one, every) for one in of.of]).unique()
        if isinstance(of, plan.Xor):
            together = pl.concat([self.packets(one, every) for one in of.of])
            return together.group_by(KEY).len().filter(pl.col("len") % 2 == 1).select(KEY)
        return every.join(self.test(of), on=KEY, how="semi")

    def test(self, of: plan.Test) -> pl.LazyFrame:
        """The packets of a test."""
        if isinstance(of, plan.Layer):
            return pl.concat([self.source(one, layer=True).select(KEY) for one in of.sources])
        if isinstance(of, plan.Exists):
            return self.values(of.of).select(KEY)
        every = self.relations(of.of)
        holds = condition(of.of)
        if isinstance(of, plan.Some):
            return every.filter(holds).select(KEY)
        return every.select(KEY).join(every.filter(~holds).select(KEY), on=KEY, how="anti")

    def relations(self, of: Value | Condition) -> pl.LazyFrame:
        """The pairs of all values in `of`, as columns v0, v1 ..."""
        parts = [self.leaf(leaf).rename({"v": f"v{number}"}) for number, leaf in enumerate(plan.leaves(of))]
        return reduce(lambda left, right: left.join(right, on=KEY, how="inner"), parts)

    def values(self, of: Value) -> pl.LazyFrame:
        """Capture, packet and v of all values."""
        return self.relations(of).select(*KEY, value(of).alias("v")).filter(pl.col("v").is_not_null())

    def leaf(self, of: plan.Leaf) -> pl.LazyFrame:
        """Capture, packet and v of a set of values."""
        if isinstance(of, plan.Group):
            return self.group(of)
        if isinstance(of, plan.Bytes):
            raise TypeError(f"{of.name} is not in a table")
        parts = pl.concat([self.source(one) for one in of.sources], how="vertical_relaxed")
        return parts.filter(pl.col("v").is_not_null())

    def group(self, of: plan.Group) -> pl.LazyFrame:
        """Capture, packet and v of one value for each packet."""
        parts = [self.values(one) for one in of.of if not isinstance(one, Const)]
        together = pl.concat(parts, how="vertical_relaxed").group_by(KEY)
        grouped = together.agg(
            {"count": pl.col("v").count(), "max": pl.col("v").max(), "min": pl.col("v").min()}[of.name]
        )
        constants = [pl.lit(one.value) for one in of.of if isinstance(one, Const)]
        if not constants:
            return grouped
        function = pl.max_horizontal if of.name == "max" else pl.min_horizontal
        return grouped.with_columns(function("v", *constants).alias("v"))

    def source(self, of: Source, *, layer: bool = False) -> pl.LazyFrame:
        """Capture, packet and v, or without v for the rows of a layer."""
        frame = self.scan(of.table)
        if of.computed is not None:
            found = frame.with_columns(of.computed.frame().alias("v"))
            found = found.select("capture", _packet(late=of.late).alias("packet"), "v")
            return found.explode("v") if of.computed.listed else found
        if of.flow:
            packets = self.scan("packet").select("capture", "packet", "flow")
            frame = packets.join(frame.drop("packet", strict=False), on=["capture", "flow"], how="inner")
        elif of.late:
            frame = frame.with_columns(_packet(late=True).alias("packet"))
        frame = _chosen(of, frame)
        return frame.select(KEY) if layer or not of.path else _of_path(of, frame)


def _listed(of: plan.Listed) -> pl.LazyFrame:
    return pl.DataFrame(of.packets).lazy()


def _chosen(of: Source, frame: pl.LazyFrame) -> pl.LazyFrame:
    """The rows that the conditions of a source choose."""
    if of.ports:
        among = pl.any_horizontal(pl.col(name).is_in(of.ports).fill_null(False) for name in ("src_port", "dst_port"))
        frame = frame.filter(~among if of.without else among)
    if of.equal:
        frame = frame.filter(pl.col(of.equal[0]) == of.equal[1])
    if of.layers:
        order = ["packet", "place"]
        size = pl.len().over(KEY)
        nth = pl.int_range(pl.len()).over(KEY) + 1
        frame = frame.sort("capture", *order).with_columns(nth.alias("nth_"), (size - nth + 1).alias("nth_last_"))
        frame = frame.filter(reduce(operator.or_, map(_counted, of.layers))).drop("nth_", "nth_last_")
    if of.needed:
        frame = frame.filter(pl.any_horizontal(_filled(path) for path in of.needed))
    return frame


def _filled(path: Sequence[object]) -> pl.Expr:
    step = path[0]
    column = pl.col(step.name)  # type: ignore[attr-defined]
    return column.list.len() > 0 if step.listed else column.is_not_null()  # type: ignore[attr-defined]


def _counted(span: Span) -> pl.Expr:
    """Whether the number of a layer in its packet is in `span`."""
    nth, last = pl.col("nth_"), pl.col("nth_last_")
    first = nth if span.first > 0 else -last
    if span.mode == "":
        return first == span.first
    begins = first >= span.first
    if span.second is None:
        return begins
    if span.mode == ":":
        return begins & (first < span.first + span.second)
    return begins & (nth <= span.second if span.second > 0 else -last <= span.second)


def _of_path(of: Source, frame: pl.LazyFrame) -> pl.LazyFrame:
    """Capture, packet and the values at the path of a source."""
    is_ts = of.table == "packet" and of.path[0].name == "ts"
    extra = [pl.col("ts_nanos").fill_null(0).alias("n")] if is_ts else []
    first = of.path[0]
    frame = frame.select(*KEY, pl.col(first.name).alias("v"), *extra) if first.name != "packet" else frame.select(
        *KEY, pl.col("packet").alias("v")
    )  # fmt: skip
    for number, step in enumerate(of.path):
        if number:
            frame = frame.with_columns(pl.col("v").struct.field(step.name).alias("v"))
        if step.listed:
            frame = frame.explode("v")
    if of.type == "time":
        micro = pl.col("v").dt.timestamp("us").cast(pl.Int128) * 1000
        return frame.select(*KEY, (micro + pl.col("n") if is_ts else micro).alias("v"))
    return frame.select(*KEY, pl.col("v").cast(pl.String) if of.type == "day" else "v")

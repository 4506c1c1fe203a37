"""Fields that no single column has: each is a query over one table, in SQL and for Polars.

Both give `capture`, `packet` and the value `v`, which is null in rows without the field.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Computed:
    """A field: the `kind` of its values, the `columns` of `table` that it needs, `sql` and `frame` of the value.

    `sql` is an expression over these columns, and over `begins` if there is an expression of this name; `frame` is the
    same as an expression of Polars.
    """

    table: str
    kind: str
    columns: tuple[str, ...]
    sql: str
    frame: Callable[[], pl.Expr]
    begins: str | None = None


def _stream() -> pl.Expr:
    import polars as pl

    return pl.col("flow").rank("dense").over("capture").cast(pl.Int64) - 1


def _conversation() -> pl.Expr:
    import polars as pl

    ends = [pl.concat_str([f"{way}_ip", f"{way}_port"], separator=" ") for way in ("src", "dst")]
    begins = pl.col("packet").min().over("capture", pl.min_horizontal(ends), pl.max_horizontal(ends))
    return begins.rank("dense").over("capture").cast(pl.Int64) - 1


def _relative() -> pl.Expr:
    import polars as pl

    ts = pl.col("ts")
    return (ts - ts.sort_by("packet").first().over("capture")).dt.total_microseconds() / 1e6


def _delta() -> pl.Expr:
    import polars as pl

    ts = pl.col("ts")
    before = ts.shift(1).over("capture", order_by="packet")
    first = (pl.col("packet") == pl.col("packet").min().over("capture")) & ts.is_not_null()
    return pl.when(first).then(0.0).otherwise((ts - before).dt.total_microseconds() / 1e6)


def _zero_window() -> pl.Expr:
    import polars as pl

    return pl.when((pl.col("window") == 0) & (pl.col("flags").cast(pl.Int32) & 7 == 0)).then(1)


_ENDS = "src_ip || ' ' || src_port, dst_ip || ' ' || dst_port"
_OF_CAPTURE = "OVER (PARTITION BY capture ORDER BY packet)"
COMPUTED = {
    # Wireshark numbers the conversations of a transport from 0, in the order of their first packets; those of UDP have
    # no end, while netlake's flows end when they are idle
    "tcp.stream": Computed(
        "tcp", "i64", ("flow",), "dense_rank() OVER (PARTITION BY capture ORDER BY flow) - 1", _stream
    ),
    "udp.stream": Computed(
        "udp",
        "i64",
        ("src_ip", "src_port", "dst_ip", "dst_port"),
        "dense_rank() OVER (PARTITION BY capture ORDER BY begins) - 1",
        _conversation,
        f"min(packet) OVER (PARTITION BY capture, least({_ENDS}), greatest({_ENDS}))",
    ),
    "frame.time_relative": Computed(
        "packet", "f64", ("ts",), f"(epoch_us(ts) - epoch_us(first_value(ts) {_OF_CAPTURE})) / 1e6", _relative
    ),
    "frame.time_delta": Computed(
        "packet",
        "f64",
        ("ts",),
        f"CASE WHEN lag(packet) {_OF_CAPTURE} IS NULL THEN 0.0 * epoch_us(ts)"
        f" ELSE (epoch_us(ts) - epoch_us(lag(ts) {_OF_CAPTURE})) / 1e6 END",
        _delta,
    ),
    # a window of 0 in a segment without SYN, FIN and RST
    "tcp.analysis.zero_window": Computed(
        "tcp", "i64", ("window", "flags"), 'CASE WHEN "window" = 0 AND flags & 7 = 0 THEN 1 END', _zero_window
    ),
}

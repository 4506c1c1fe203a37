"""Fields that no single column has: each is one or several queries over a table, in SQL and for Polars.

All give `capture`, `packet` and the value `v`, which is null in rows without the field.
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
    same as an expression of Polars. With `listed` both are lists, of whose elements each is a value.
    """

    table: str
    kind: str
    columns: tuple[str, ...]
    sql: str
    frame: Callable[[], pl.Expr]
    begins: str | None = None
    listed: bool = False


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


def _row(table: str, value: int | bool) -> tuple[Computed, ...]:  # noqa: FBT001 - a value
    """A field with this value in each row of a table."""

    def frame() -> pl.Expr:
        import polars as pl

        return pl.lit(value)

    return (Computed(table, "bool" if value is True else "u8", (), str(value).lower(), frame),)


def _records(column: str, *types: int) -> tuple[Computed, ...]:
    """A field with `column` of each DNS record of these types; a message has them in three sections."""

    def of(section: str) -> Computed:
        def frame() -> pl.Expr:
            import polars as pl

            one = pl.element().struct
            chosen = pl.when(one.field("type").is_in(types)).then(one.field(column))
            return pl.col(section).list.eval(chosen.drop_nulls())

        chosen = f"list_filter({section}, lambda r: r.type IN ({', '.join(map(str, types))}))"
        sql = f"list_transform({chosen}, lambda r: r.{column})"
        return Computed("dns", "ip" if column == "address" else "text", (section,), sql, frame, listed=True)

    return tuple(map(of, ("answers", "authorities", "additionals")))


_ENDS = "src_ip || ' ' || src_port, dst_ip || ' ' || dst_port"
_OF_CAPTURE = "OVER (PARTITION BY capture ORDER BY packet)"
_ALONE = {
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
# every field by its name, with all queries that give its values
COMPUTED: dict[str, tuple[Computed, ...]] = {
    **{name: (one,) for name, one in _ALONE.items()},
    "http.request": _row("http_request", True),
    "http.response": _row("http_response", True),
    # the handshake messages that have tables
    "tls.handshake.type": (
        *_row("tls_client_hello", 1),
        *_row("tls_server_hello", 2),
        *_row("x509", 11),
    ),
    "dns.a": _records("address", 1),
    "dns.aaaa": _records("address", 28),
    "dns.ns": _records("target", 2),
    "dns.cname": _records("target", 5),
    "dns.ptr.domain_name": _records("target", 12),
    "dns.mx.mail_exchange": _records("target", 15),
    "dns.srv.target": _records("target", 33),
}

"""The same traffic in any year has the same rows: times are numbers of netlake.kernels.times, not all nanoseconds."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pyarrow as pa
import pytest

from netlake.flows.tracker import Tracker
from netlake.kernels.times import FAR, FAR_MICROSECONDS, SHIFT
from netlake.layers.pools import new_pools
from tests.flows.build import Header, batch

YEAR = 31_556_952 * 10**6
# where the traffic begins, microseconds since 1970: years, and just before the first far time on either side
BEGINS = {
    "1": -62_135_596_800 * 10**6, "1700": -270 * YEAR, "before 1823": -FAR_MICROSECONDS - 30 * 10**6,
    "1969": -20 * 10**6, "before 2116": FAR_MICROSECONDS - 30 * 10**6, "2300": 330 * YEAR, "9990": 8020 * YEAR,
}  # fmt: skip


def number(micros: int) -> int:
    """The number of a time in whole microseconds."""
    if -FAR <= micros * 1000 < FAR:
        return micros * 1000
    return micros + SHIFT if micros > 0 else micros - SHIFT


def traffic(seed: int) -> tuple[list[Header], list[int]]:
    """Packets of a few flows, and their times in microseconds from the first one: silences end flows."""
    rng = random.Random(seed)  # noqa: S311
    headers, times, now = [], [], 0
    for _ in range(300):
        now += rng.choice([0, 1, 999, 10**6, 4 * 10**6, 200 * 10**6] if len(headers) > 20 else [10**6, 3 * 10**6])
        port = rng.randrange(3)
        ends = {"src": "10.0.0.1", "dst": "10.0.0.2", "src_port": 1000 + port, "dst_port": 53}
        headers.append(Header(protocol=17, payload=rng.randrange(90), **ends))  # type: ignore[arg-type]
        times.append(now)
    return headers, times


def rows(seed: int, begin: int, size: int = 50) -> list[dict[str, Any]]:
    headers, times = traffic(seed)
    tracker, found = Tracker(new_pools()), []
    for at in range(0, len(headers), size):
        packets, records = batch(headers[at : at + size], at + 1)
        packets.ts[:] = [number(begin + time) for time in times[at : at + size]]
        tracker.update(packets, records)
    tracker.finish()
    while (ended := tracker.ended()) is not None:
        found.append(ended)
    table = pa.Table.from_batches(found)
    plain = [
        table[name].cast(pa.int64()) if pa.types.is_timestamp(table[name].type) else table[name]
        for name in table.schema.names
    ]
    times_of = {name for name in table.schema.names if pa.types.is_timestamp(table.schema.field(name).type)}
    return [
        {name: value - begin if name in times_of and value is not None else value for name, value in row.items()}
        for row in pa.Table.from_arrays(plain, names=table.schema.names).to_pylist()
    ]


@pytest.mark.parametrize("begin", BEGINS.values(), ids=BEGINS)
def test_rows_do_not_depend_on_the_year(begin: int) -> None:
    for seed in range(3):
        expected, found = rows(seed, 1_700_000_000 * 10**6), rows(seed, begin)
        assert len(expected) > 10
        assert found == [{name: pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
                          for name, value in row.items()} for row in expected]  # fmt: skip


def test_a_flow_over_many_years_has_their_times() -> None:
    """A silence of any length ends a flow; a packet of an earlier time does not."""
    headers = [Header(protocol=17, src_port=1000, dst_port=53) for _ in range(4)]
    packets, records = batch(headers)
    years = [dt.datetime(year, 1, 1, tzinfo=dt.UTC) for year in (1, 9999, 2300, 2000)]
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    packets.ts[:] = [number((year - epoch) // dt.timedelta(microseconds=1)) for year in years]
    tracker = Tracker(new_pools())
    tracker.update(packets, records)
    tracker.finish()
    ended = tracker.ended()
    assert ended is not None
    assert ended["ts"].to_pylist() == years[:2]
    assert ended["last_ts"].to_pylist() == years[:2]
    assert ended["orig_packets"].to_pylist() == [1, 3]

"""More rows than a row group has are added in parts; the rows are the same."""

from __future__ import annotations

import ipaddress
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from netlake import tables
from netlake.layers.pools import new_pools
from netlake.packets import Codes, Nullable
from netlake.records import rows
from netlake.records.context import Context
from netlake.schema import Table, faults
from tests.messages import build

COUNT = 20


class Sink:
    """Keeps the row groups."""

    def __init__(self) -> None:
        self.groups: list[pa.RecordBatch] = []

    def write(self, _table: Table, batch: pa.RecordBatch) -> None:
        """Keep one."""
        self.groups.append(batch)


@pytest.mark.parametrize(("most", "sizes"), [(7, [7, 7, 6]), (10, [10, 10]), (19, [19, 1]), (20, [20]), (64, [20])])
def test_rows_in_parts(most: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns of all kinds of values: numbers, numbers with nulls, codes of a pool, text, lists; and faults."""
    monkeypatch.setattr(rows, "ROWS", most)
    numbers, pools, sink = np.arange(COUNT, dtype=np.int64), new_pools(), Sink()
    hosts = [ipaddress.ip_address(f"10.0.0.{number}") for number in range(COUNT)]
    data = np.frombuffer(b"".join(host.packed for host in hosts), np.uint8).copy()
    addresses = pools["ip"].codes(data, 4 * numbers, 4)
    messages = build([b""] * COUNT)
    messages.fault[15] = faults.OUT_OF_RANGE
    context = Context(
        number=numbers + 1, ts=numbers, last=numbers + 1, flow=numbers, from_originator=numbers % 2 == 0,
        src=addresses, dst=addresses, src_port=numbers.astype(np.int32), dst_port=numbers.astype(np.int32),
    )  # fmt: skip
    columns = {
        "size": numbers * 3, "missing_bytes": Nullable(numbers, numbers % 3 > 0),
        "subject": pa.array([f"s{number}" for number in range(COUNT)]),
        "links": pa.array([[str(number)] * (number % 3) for number in range(COUNT)]),
    }  # fmt: skip
    written = rows.Rows(sink, "capture", pools)
    written.put(tables.table("mail"), messages, columns, context)
    written.flush_all()
    written.end()
    assert [group.num_rows for group in sink.groups] == sizes
    found: list[dict[str, Any]] = [row for group in sink.groups for row in group.to_pylist()]
    for number, row in enumerate(found):
        assert row["packet"] == number + 1
        assert (row["src_ip"], row["src_port"]) == (str(hosts[number]), number)
        assert (row["size"], row["subject"]) == (3 * number, f"s{number}")
        assert row["missing_bytes"] == (number if number % 3 else None)
        assert row["links"] == [str(number)] * (number % 3)
        assert row["fault"] == ("out_of_range" if number == 15 else None)
    assert written.written == {"mail": COUNT}
    assert written.faults == {("mail", "out_of_range"): 1}


def test_codes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column of codes that a reader returned."""
    monkeypatch.setattr(rows, "ROWS", 1)
    pools, sink = new_pools(), Sink()
    codes = pools["ip"].codes(np.array([10, 0, 0, 1, 10, 0, 0, 2], np.uint8), np.array([0, 4]), 4)
    written = rows.Rows(sink, "capture", pools)
    numbers = np.arange(2, dtype=np.int64)
    written.put(tables.table("arp"), build([b"", b""]), {"sender_ip": Codes(codes, "ip")}, Context(numbers, numbers))
    written.flush_all()
    written.end()
    assert [group.column("sender_ip").to_pylist() for group in sink.groups] == [["10.0.0.1"], ["10.0.0.2"]]

"""The table `connection`: rows have the declared columns, each flow has one row, and memory is bounded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from netlake.flows import address, connection
from netlake.flows.tracker import MOST_FLOWS, Tracker
from netlake.layers.pools import new_pools
from netlake.schema import CONTEXT_IDS, arrow
from tests.flows.build import Header, batch

TABLE = connection.TABLES[0]


def rows_of(tracker: Tracker) -> list[pa.RecordBatch]:
    """Every row of a tracker, which is finished."""
    tracker.finish()
    return list(iter(tracker.ended, None))


def spoofed(count: int, first: int) -> list[Header]:
    """Packets of `count` sources."""
    return [
        Header(ts=0.0, src=f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}", flags="S")
        for n in range(first, first + count)
    ]


def test_rows_have_the_columns_of_the_table() -> None:
    tracker = Tracker(new_pools())
    tracker.update(*batch([Header(flags="S"), Header(protocol=17), Header(protocol=1), Header(src="::1", dst="::2")]))
    (rows,) = rows_of(tracker)
    schema = arrow.schema(TABLE)
    assert sorted([*rows.schema.names, "capture", "day"]) == sorted(schema.names)
    for field in rows.schema:
        value_type = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        assert value_type == schema.field(field.name).type, field.name
        if not schema.field(field.name).nullable:
            assert rows.column(field.name).null_count == 0
        if pa.types.is_dictionary(field.type):
            assert set(rows.column(field.name).to_pylist()) - {None} == set(
                rows.column(field.name).dictionary.to_pylist()
            )


def test_connection_has_the_context_of_flows() -> None:
    assert [column.name for column in TABLE.all_columns if column.name in CONTEXT_IDS][:4] == [
        "day",
        "ts",
        "capture",
        "flow",
    ]


def test_each_flow_has_one_row() -> None:
    """(capture, flow) is the key, however a flow ends and however often `ended` is called."""
    tracker = Tracker(new_pools(), max_flows=50)
    found: list[int] = []
    for round_ in range(20):
        tracker.update(*batch([*spoofed(30, 17 * round_), Header(ts=99.0 * round_, flags="S", seq=round_)]))
        for rows in iter(lambda: tracker.ended(least=1), None):
            found += rows["flow"].to_pylist()
    found += [flow for rows in rows_of(tracker) for flow in rows["flow"].to_pylist()]
    assert sorted(found) == list(range(1, tracker.count + 1))
    assert tracker.count > 300


def test_memory_is_bounded_with_many_sources() -> None:
    """With many more sources than rows of state, arrays do not grow, and every flow has its row."""
    most = 2000
    tracker = Tracker(pools := new_pools(limit=3000), max_flows=most)
    count, rows = 0, 0
    packets, headers = batch(spoofed(4000, 0))
    sources = headers["network"] + 13
    for round_ in range(50):
        packets.data[sources] = round_
        tracker.update(packets, headers)
        count += len(headers)
        rows += sum(ended.num_rows for ended in iter(tracker.ended, None))
        if pools["ip"].full:
            pools["ip"].reset()
        assert len(tracker.state.flows) == most
        assert len(tracker.state.table) <= 8 * most
        assert len(pools["ip"].keys) <= 16_384
    assert tracker.count == count
    assert tracker.evictions >= count - most
    assert rows + sum(ended.num_rows for ended in rows_of(tracker)) == count


def test_hash_table_is_rebuilt_without_ended_flows() -> None:
    """Entries of ended flows do not fill the hash table."""
    tracker = Tracker(new_pools(), max_flows=100)
    for round_ in range(60):
        headers = spoofed(50, 50 * round_)
        for header in headers:
            header.ts = 400.0 * round_
        tracker.update(*batch(headers))
    assert len(tracker.state.table) <= 1024
    used = np.count_nonzero(tracker.state.table)
    assert used <= len(tracker.state.table) // 2
    assert tracker.control["live"] <= 100


def test_state_of_a_flow_is_small() -> None:
    """State and hash table of the default number of flows have less than 200 MB."""
    state = Tracker(new_pools(), max_flows=1000).state
    arrays = (state.flows, state.sides, state.free, state.ended)
    each = sum(array.nbytes for array in arrays) / 1000 + 4 * state.table.itemsize
    assert each * MOST_FLOWS < 200e6


@pytest.mark.parametrize("network", [-1, 1 << 40])
def test_header_outside_the_data_has_no_flow(network: int) -> None:
    packets, headers = batch([Header(), Header()])
    headers["network"][0] = network
    flows = Tracker(new_pools()).update(packets, headers)
    assert flows.flow.tolist() == [0, 1]
    assert (flows.from_originator[0], flows.src[0], flows.dst[0]) == (-1, -1, -1)


def test_end_outside_the_data_is_limited() -> None:
    packets, headers = batch([Header(flags="S", seq=7)])
    headers["end"][0] = 1 << 40
    tracker = Tracker(new_pools())
    tracker.update(packets, headers)
    assert rows_of(tracker)[0].to_pylist()[0]["orig_syn"] == 1


def test_headers_without_ports_have_port_minus_one() -> None:
    headers = [
        Header(protocol=17),
        Header(protocol=1),
        Header(protocol=58),
        Header(protocol=47, src_port=-1, dst_port=-1),
    ]
    flows = Tracker(new_pools()).update(*batch(headers))
    assert [ports.tolist() for ports in flows.ports] == [[1000, -1, -1, -1], [80, -1, -1, -1]]


def test_shift_is_that_of_the_handshake() -> None:
    """-1 where a SYN was not seen, 0 for a SYN itself and where only one of the two has the option."""
    to: dict[str, Any] = {"src": "10.0.0.1", "dst": "10.0.0.2"}
    back: dict[str, Any] = {"src": "10.0.0.2", "dst": "10.0.0.1", "src_port": 80, "dst_port": 1000}
    headers = [
        Header(**to, flags="A"), Header(**to, flags="S", seq=1, scale=7), Header(**to, flags="A", seq=2),
        Header(**back, flags="SA", scale=3), Header(**to, flags="A", seq=2), Header(**back, flags="A"),
        Header(**to, flags="S", seq=100, scale=7), Header(**back, flags="SA"), Header(**to, flags="A"),
        Header(protocol=17),
    ]  # fmt: skip
    flows = Tracker(new_pools()).update(*batch(headers))
    assert flows.shift.tolist() == [-1, 0, -1, 0, 7, 3, 0, 0, 0, -1]


def test_addresses_of_a_pool_are_rows_of_address() -> None:
    pools = new_pools()
    headers = [Header(), Header(src="::ffff:10.0.0.1", dst="2001:db8::1"), Header(src="10.0.0.2", dst="10.0.0.1")]
    Tracker(pools).update(*batch(headers))
    rows = address.rows(pools["ip"])
    schema = arrow.schema(address.TABLES[0])
    assert rows.schema.names == schema.names
    assert [field.type for field in rows.schema] == [field.type for field in schema]
    found = {row["address"]: (row["family"], row["sortable"].hex()) for row in rows.to_pylist()}
    assert found == {
        "10.0.0.1": (4, "00000000000000000000ffff0a000001"),
        "10.0.0.2": (4, "00000000000000000000ffff0a000002"),
        "::ffff:10.0.0.1": (6, "00000000000000000000ffff0a000001"),
        "2001:db8::1": (6, "20010db8000000000000000000000001"),
    }

"""Rows do not depend on how long messages wait before they are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import netlake
from netlake import tables
from netlake.flows.tracker import Flows, Ports
from netlake.kernels.flow_state import FLOW_OF_HEADER
from netlake.packets import COPIED, NO_TIME, Messages, Packets
from netlake.pipeline import decoder, run
from netlake.records import waiting
from netlake.records.context import NAMES, BatchContext, Context
from tests.messages import build

CAPTURES = Path(__file__).resolve().parent.parent / "captures"


def plain(found: dict[str, pa.Table]) -> dict[str, list[dict[str, object]]]:
    # addresses are in order of interning, which is not part of the contract
    return {
        name: (table.sort_by("sortable") if name == "address" else table).to_pylist() for name, table in found.items()
    }


@pytest.mark.parametrize("name", ["demo.pcapng", "tunnel.pcap", "snaplen.pcap", "classic.pcap"])
def test_rows_do_not_depend_on_waiting(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "BATCH", 200)
    monkeypatch.setattr(decoder, "COMMON", 0)
    at_once = plain(netlake.decode(CAPTURES / name))
    monkeypatch.setattr(decoder, "COMMON", 20)
    monkeypatch.setattr(waiting, "MOST_MESSAGES", 30)
    some = plain(netlake.decode(CAPTURES / name))
    monkeypatch.setattr(decoder, "COMMON", 1 << 40)
    monkeypatch.setattr(waiting, "MOST_MESSAGES", 1 << 40)
    late = plain(netlake.decode(CAPTURES / name))
    assert at_once == some
    assert at_once == late


def messages(rows: list[int], headers: list[int]) -> Messages:
    """Messages of three bytes; the first byte is the row."""
    found = build([bytes([row, 7, 7]) for row in rows], rows=rows)
    found.header = np.array(headers, np.int32)
    return found


def context(first: int) -> BatchContext:
    """Three packets and two headers; the second packet completes a datagram that ends later, the third has no time."""
    packets = Packets.empty(3, 0)
    packets.rows, packets.count = 3, 2
    packets.number[:] = np.arange(first, first + 3)
    packets.last[:] = packets.number + np.array([0, 9, 0])
    packets.ts[:] = [first * 10_000, first * 20_000, NO_TIME]
    ports = np.array([53, 54], np.int32)
    found = np.zeros(2, FLOW_OF_HEADER)
    found["flow"], found["from_originator"] = [1, 2], [1, 0]
    found["src"] = found["dst"] = [5, 6]
    return BatchContext(packets, Flows(found, Ports(ports, ports)))


def test_waiting_message_keeps_bytes_and_context() -> None:
    kept = waiting.Waiting(tables.table("udp"))
    kept.add(messages([0, 0, 2], [0, -1, 1]), context(100))
    kept.add(messages([1], [1]), context(200))
    found = kept.take()
    assert kept.count == 0
    assert not kept.full
    assert [bytes(one)[0] for one in found] == [0, 0, 2, 1]
    around = found.context
    assert around.number.tolist() == [100, 100, 102, 201]
    assert around.last.tolist() == [100, 100, 102, 210]
    assert around.untimed.tolist() == [False, False, True, False]
    assert around.flow.tolist() == [1, 0, 2, 2]
    assert around.src.tolist() == [5, -1, 6, 6]
    assert around.src_port.tolist() == [53, -1, 54, 54]


def test_rows_of_different_packets_and_batches_differ() -> None:
    kept = waiting.Waiting(tables.table("udp"))
    kept.add(messages([1, 1, 2], [0, 0, 1]), context(100))
    kept.add(messages([1], [0]), context(200))
    assert kept.take().row.tolist() == [0, 0, 1, 2]


def test_context_follows_its_messages() -> None:
    """`take` repeats and drops context like messages."""
    kept = waiting.Waiting(tables.table("udp"))
    kept.add(messages([0, 1, 2], [0, 1, -1]), context(100))
    taken = kept.take().take(np.array([2, 0, 0]))
    assert taken.context.number.tolist() == [102, 100, 100]
    assert taken.context.flow.tolist() == [0, 1, 1]


def test_concat_fills_missing_context_with_defaults() -> None:
    whole = context(100).of(messages([0, 1], [0, 1]), tables.table("udp"))
    plain = Context(whole.number + 50, whole.ts, None, None, *(getattr(whole, name) for name in NAMES[4:]))
    whole.untimed = np.array([True, False])
    joined = Context.concat([whole, plain])
    assert joined.untimed is not None
    assert joined.untimed.tolist() == [True, False, False, False]
    assert joined.last is not None
    assert joined.last.tolist() == [100, 110, 150, 151]


def test_concat_of_messages_joins_their_contexts() -> None:
    parts = [messages([0, 1], [0, 1]), messages([2], [1])]
    for first, part in zip((100, 200), parts, strict=True):
        part.context = context(first).of(part, tables.table("udp"))
    joined = Messages.concat([part.compact() for part in parts]).context
    assert joined.number.tolist() == [100, 101, 202]
    assert joined.flow.tolist() == [1, 2, 2]


def test_concat_of_messages_with_and_without_context_raises() -> None:
    with_context, without = messages([0], [0]), messages([1], [1])
    with_context.context = context(100).of(with_context, tables.table("udp"))
    with pytest.raises(ValueError, match="only some parts have a context"):
        Messages.concat([with_context, without])


@pytest.mark.parametrize("name", ["flow", "from_originator", "src", "dst", "src_port", "dst_port"])
def test_concat_of_contexts_of_different_tables_raises(name: str) -> None:
    whole, part = (context(first).of(messages([0], [0]), tables.table("udp")) for first in (100, 200))
    setattr(part, name, None)
    with pytest.raises(ValueError, match=f"only some parts have the column {name},"):
        Context.concat([whole, part])


def test_link_tables_have_neither_flow_nor_addresses() -> None:
    found = context(100).of(messages([0], [0]), tables.table("ethernet"))
    assert (found.flow, found.src, found.src_port, found.last) == (None, None, None, None)


def test_waiting_messages_do_not_refer_to_the_batch() -> None:
    """A view would keep the batch's arrays in memory: 60 MiB for each million packets."""
    kept = waiting.Waiting(tables.table("udp"))
    part = messages([0, 1, 2], [0, 1, 1])
    for name in COPIED:
        setattr(part, name, getattr(part, name)[:])
    kept.add(part, context(200))
    copied, around = kept.parts[0], kept.parts[0].context
    assert all(getattr(copied, name).base is None for name in COPIED)
    assert all(column.base is None for name in NAMES if (column := getattr(around, name)) is not None)
    assert copied.data.base is not part.data

"""Whether messages wait for more of their kind or are read at once makes no difference to any row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import netlake
from netlake import tables
from netlake.layers.pools import new_pools
from netlake.packets import Messages
from netlake.pipeline import decoder, run, waiting
from netlake.sinks.rows import Context

CAPTURES = Path(__file__).resolve().parent.parent / "captures"


def plain(found: dict[str, pa.Table]) -> dict[str, list[dict[str, object]]]:
    # addresses stand in the order in which they were met, which is no promise
    return {
        name: (table.sort_by("sortable") if name == "address" else table).to_pylist() for name, table in found.items()
    }


@pytest.mark.parametrize("name", ["demo.pcapng", "tunnel.pcap", "snaplen.pcap", "classic.pcap"])
def test_rows_are_the_same_however_long_messages_wait(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
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


def messages(rows: list[int], conversations: list[int]) -> Messages:
    """Messages of three bytes each, the first of them the number of the row."""
    count = len(rows)
    data = np.frombuffer(b"".join(bytes([row, 7, 7]) for row in rows), np.uint8).copy()
    start = np.arange(count, dtype=np.int64) * 3
    zeros = np.zeros(count, np.int32)
    return Messages(
        data, start, start + 3, np.array(rows, np.int32), zeros, zeros.astype(np.int8),
        np.array(conversations, np.int32), zeros.astype(np.int16), zeros, zeros, zeros.astype(np.int64), new_pools(),
    )  # fmt: skip


def context(first: int) -> Context:
    """Three rows and two conversations; the second row is a datagram that ended later."""
    number = np.arange(first, first + 3)
    none = np.array([5, 6, -1], np.int32)
    return Context(
        number, number * 10, np.array([False, False, True]), number + np.array([0, 9, 0]), np.array([1, 2, 0]),
        np.array([True, False, False]), none, none, none, none,
    )  # fmt: skip


def test_each_message_keeps_its_bytes_its_packet_and_its_conversation() -> None:
    kept = waiting.Waiting(tables.table("udp"))
    kept.add(messages([0, 0, 2], [0, -1, 1]), context(100))
    kept.add(messages([1], [1]), context(200))
    found, around = kept.take()
    assert kept.count == 0
    assert [bytes(one)[0] for one in found] == [0, 0, 2, 1]
    assert around.number[found.row].tolist() == [100, 100, 102, 201]
    assert around.last is not None
    assert around.last[found.row].tolist() == [100, 100, 102, 210]
    assert around.untimed is not None
    assert around.untimed[found.row].tolist() == [False, False, True, False]
    assert around.flow[found.header].tolist() == [1, 0, 2, 2]
    assert around.src[found.header].tolist() == [5, -1, 6, 6]
    assert not kept.full


def test_what_waits_holds_nothing_of_the_batch() -> None:
    """A view of a batch's arrays would keep all of them: 60 MiB more with every million packets."""
    kept = waiting.Waiting(tables.table("udp"))
    whole = messages([0, 0, 2], [0, -1, 1])
    kept.add(whole.take(np.arange(3)), context(100))
    part = messages([0, 1, 2], [0, 1, 1])
    for name in ("missing", "fault", "place", "source_port", "destination_port", "hint"):
        setattr(part, name, getattr(part, name)[:])
    kept.add(part, context(200))
    assert all(array.base is None for group in (*kept.parts, *kept.contexts) for array in group)

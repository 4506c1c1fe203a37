"""Filters on the bytes of packets, which no table has: they are read again from the originals.

1. The rest of the filter selects candidates in SQL: each test on bytes counts as fulfilled, or under `not` as not
   fulfilled, so that no packet is missed.
2. The original of each capture with candidates is opened and must be as it was when it was decoded
   (netlake.originals.opened). Its batches are read up to the last candidate, and walked if the filter needs to find
   where layers begin; nothing else is decoded. A test is computed for all candidates of a batch at once.
3. Each test becomes an Arrow table of the candidates that fulfil it, and the filter is compiled again with these
   tables. A statement with them needs them (`Plan.tables`): they are given to the connection beside the SQL.

The value of a layer is from the start of its header to the end of the packet or datagram around it, as in Wireshark.
Commands do all of this in the guarded child (netlake.query.guard), which may read the originals for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from netlake import tables
from netlake.errors import FilterError, InputError
from netlake.lake.facts import CaptureFacts
from netlake.layers.pools import new_pools
from netlake.layers.steps import dispatch
from netlake.layers.walk import Walker
from netlake.originals import opened
from netlake.packets import Bytes as Buffer
from netlake.packets import Ints, Messages, Packets
from netlake.query.connection import Connection
from netlake.query.filter import fields, narrowed, plan, sql
from netlake.query.filter.frames_values import condition, value
from netlake.query.filter.plan import Bytes, Exists, Layer, Plan, Test
from netlake.query.snapshot import Snapshot
from netlake.sources import Source

BATCH = 4096
TCP, UDP_HEADER = "tcp", 8
# values of a part of packets: their numbers, and start and end in the buffer of the batch
Places = tuple[Ints, Ints, Ints]
Found = dict[Test, list[tuple[str, Ints]]]


def read(of: Plan, snapshot: Snapshot, connection: Connection) -> Plan:
    """The plan with tables of packets instead of tests on bytes; FilterError if an original is gone or changed."""
    wanted = [test for test in dict.fromkeys(plan.tests(of)) if plan.is_bytes(test)]
    leaves = {test: _leaf(test) for test in wanted}
    near = plan.bounds(of, positive=True)
    relation, _ = connection.run(sql.packets(near, narrowed.captures(near, snapshot, connection)), snapshot)
    found: Found = {test: [] for test in wanted}
    known = {entry.facts.capture: entry.facts for entry in snapshot.catalog.captures()}
    for capture, numbers in _candidates(relation.to_arrow_table()):
        if capture not in known:
            raise FilterError(f"Capture {capture} is not in the lake any more, so its packets cannot be read.")
        for test, fulfilling in _of_capture(known[capture], numbers, leaves).items():
            found[test].append((capture, fulfilling))
    return plan.replaced(of, {test: _listed(number, by) for number, (test, by) in enumerate(found.items(), 1)})


def _candidates(table: pa.Table) -> Iterator[tuple[str, Ints]]:
    """The captures in a table with `capture` and `packet`, in order, each with its packets."""
    table = table.combine_chunks()
    codes = table.column("capture").dictionary_encode().combine_chunks()
    codes = codes.chunk(0) if isinstance(codes, pa.ChunkedArray) else codes
    numbers, index = table.column("packet").to_numpy(), codes.indices.to_numpy()
    ends = np.flatnonzero(np.append(index[1:] != index[:-1], True)[: len(index)]) + 1
    for begin, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=False):
        yield codes.dictionary[int(index[begin])].as_py(), numbers[begin:end]


def _listed(number: int, by: list[tuple[str, Ints]]) -> plan.Listed:
    names = pa.array([capture for capture, _ in by], pa.string())
    codes = np.repeat(np.arange(len(by), dtype=np.int32), [len(numbers) for _, numbers in by])
    packets = np.concatenate([np.zeros(0, np.int64), *(numbers for _, numbers in by)])
    captures = pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), names).cast(pa.string())
    return plan.Listed(f"{plan.LISTED}{number}", pa.table({"capture": captures, "packet": pa.array(packets)}))


def _leaf(test: Test) -> Bytes:
    """The bytes that a test is about; FilterError if it is about other values too."""
    if not isinstance(test, Layer):
        leaves = list(plan.leaves(test.of))
        if len(leaves) == 1 and isinstance(leaves[0], Bytes):
            return leaves[0]
    raise FilterError("Bytes of packets can be compared with constants only, and not in max(), min() and count().")


def _of_capture(facts: CaptureFacts, numbers: Ints, leaves: dict[Test, Bytes]) -> dict[Test, Ints]:
    """The packets of `numbers`, ascending, that fulfil each test."""
    found: dict[Test, list[Ints]] = {test: [np.zeros(0, np.int64)] for test in leaves}
    names = {leaf.name for leaf in leaves.values()}
    reach = {test: None if isinstance(test, Layer) else plan.reach(test.of) for test in leaves}
    try:
        with opened.source_of(facts, opened.files_of(facts)) as source:
            for data, places in _places(source, numbers, names):
                for test, leaf in leaves.items():
                    found[test].append(_fulfilling(test, _values(data, places[leaf.name], reach[test])))
    except InputError as error:
        raise FilterError(f"--filter: {error}") from error
    return {test: np.concatenate(parts) for test, parts in found.items()}


def _places(source: Source, numbers: Ints, names: set[str]) -> Iterator[tuple[Buffer, dict[str, Places]]]:
    """For each batch with packets of `numbers`, its buffer and the places of their values by name."""
    layers = {name: _tables(name) for name in names if name != "frame"}
    walker = Walker(dispatch(tables.every()), new_pools()) if layers else None
    for batch in source.batches(BATCH):
        source.comments.clear()
        source.options.clear()
        first, last = int(batch.number[0]), int(batch.number[batch.count - 1])
        if first > numbers[-1]:
            return
        among = numbers[slice(*np.searchsorted(numbers, (first, last + 1)).tolist())]
        found: dict[str, list[Places]] = {name: [] for name in names}
        if "frame" in names and len(among):
            found["frame"].append(_frames(batch, among))
        if walker is not None:
            # also without candidates: a datagram may begin in this batch
            walked = walker.walk(batch)
            chosen = np.zeros(last + 2 - first, np.bool_)
            chosen[among - first] = True
            for table, messages in walker.tables(walked) if len(among) else ():
                for name in (name for name, tables_ in layers.items() if table.name in tables_):
                    found[name].append(_parts(messages, walked.last, chosen, first, name))
        if len(among):
            yield batch.data, {name: _joined(parts) for name, parts in found.items()}


def _joined(parts: list[Places]) -> Places:
    if not parts:
        none = np.zeros(0, np.int64)
        return none, none, none
    packets, starts, ends = (np.concatenate(column) for column in zip(*parts, strict=True))
    return packets, starts, ends


def _tables(name: str) -> set[str]:
    """The tables whose messages have the bytes of a name."""
    layer = name.removesuffix(".payload")
    return {one.table for one in fields.names().layers[layer] if fields.in_packets(one)}


def _frames(batch: Packets, among: Ints) -> Places:
    rows = np.searchsorted(batch.number[: batch.count], among)
    rows = rows[batch.number[rows] == among]
    return batch.number[rows], batch.start[rows], batch.start[rows] + batch.captured[rows]


def _parts(messages: Messages, last: Ints, chosen: Any, first: int, name: str) -> Places:
    """The messages in packets that are `chosen`, an array from packet `first` on; of payloads those with bytes."""
    packets = last[messages.row]
    index = np.flatnonzero(chosen[np.clip(packets - first, -1, len(chosen) - 1)] & (packets >= first))
    packets, starts, ends = packets[index], messages.start[index].astype(np.int64), messages.end[index]
    if name == "udp.payload":
        starts += UDP_HEADER
    elif name == "tcp.payload":
        known = ends - starts > 12
        size = messages.data[np.where(known, starts + 12, 0)] >> 4
        starts += np.where(known, 4 * size.astype(np.int64), 20)
    some = starts < ends
    return packets[some], starts[some], ends[some].astype(np.int64)


def _values(data: Buffer, places: Places, reach: int | None) -> pl.DataFrame:
    """A frame with `packet` and the bytes `v0`, of each value the first `reach` bytes at most."""
    packets, starts, ends = places
    if reach is not None:
        ends = np.minimum(ends, starts + reach)
    view = data.data
    whole = b"".join([view[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)])
    offsets = np.concatenate([[0], np.cumsum(ends - starts)]).astype(np.int64)
    values = pa.Array.from_buffers(pa.large_binary(), len(packets), [None, pa.py_buffer(offsets), pa.py_buffer(whole)])
    return pl.DataFrame({"packet": packets, "v0": pl.from_arrow(values)})


def _fulfilling(test: Test, values: pl.DataFrame) -> Ints:
    """The packets whose values fulfil a test, ascending."""
    if isinstance(test, Layer) or not len(values):
        return np.zeros(0, np.int64)
    if isinstance(test, Exists):
        return _numbers(values.filter(value(test.of).is_not_null()))
    holds = condition(test.of)
    if isinstance(test, plan.Every):
        return np.setdiff1d(_numbers(values), _numbers(values.filter(~holds)))
    return _numbers(values.filter(holds))


def _numbers(values: pl.DataFrame) -> Ints:
    return np.unique(values["packet"].to_numpy())

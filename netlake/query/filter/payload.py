"""Filters on the bytes of packets, which no table has: they are read again from the originals.

1. The rest of the filter selects candidates in SQL: each test on bytes counts as fulfilled, or under `not` as not
   fulfilled, so that no packet is missed.
2. The original of each capture with candidates is opened and must be as it was when it was decoded (`stamps`). Its
   batches are walked up to the last candidate, which finds where layers begin; nothing else is decoded.
3. Each test becomes the list of candidates that fulfil it, and the filter is compiled again with these lists.

The value of a layer is from the start of its header to the end of the packet or datagram around it, as in Wireshark.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from netlake import tables
from netlake.errors import FilterError, InputError
from netlake.lake.facts import CaptureFacts
from netlake.lake.identity import STAMPS
from netlake.layers.pools import new_pools
from netlake.layers.steps import dispatch
from netlake.layers.walk import Walker
from netlake.packets import Ints, Messages, Packets
from netlake.query.connection import Connection
from netlake.query.filter import fields, narrowed, plan, sql
from netlake.query.filter.frames_values import condition, value
from netlake.query.filter.plan import Bytes, Exists, Layer, Plan, Test
from netlake.query.snapshot import Snapshot
from netlake.sources import Source, as_one, open_capture
from netlake.sources.raw import stamp_of
from netlake.spelling import unspelled

BATCH = 4096
TCP, UDP_HEADER = "tcp", 8
Found = dict[Test, dict[str, list[int]]]


def read(of: Plan, snapshot: Snapshot, connection: Connection) -> Plan:
    """The plan with lists of packets instead of tests on bytes; FilterError if an original is gone or changed."""
    wanted = [test for test in dict.fromkeys(plan.tests(of)) if plan.is_bytes(test)]
    leaves = {test: _leaf(test) for test in wanted}
    near = plan.bounds(of, positive=True)
    relation, _ = connection.run(sql.packets(near, narrowed.captures(near, snapshot, connection)), snapshot)
    candidates: dict[str, list[int]] = defaultdict(list)
    for capture, number in relation.fetchall():
        candidates[capture].append(number)
    found: Found = {test: {} for test in wanted}
    known = {entry.facts.capture: entry.facts for entry in snapshot.catalog.captures()}
    for capture, numbers in candidates.items():
        if capture not in known:
            raise FilterError(f"Capture {capture} is not in the lake any more, so that its packets cannot be read.")
        for test, fulfilling in _of_capture(known[capture], np.array(numbers), leaves).items():
            if fulfilling:
                found[test][capture] = fulfilling
    listed = {
        test: plan.Listed(tuple((capture, tuple(numbers)) for capture, numbers in by.items()))
        for test, by in found.items()
    }
    return plan.replaced(of, listed)


def _leaf(test: Test) -> Bytes:
    """The bytes that a test is about; FilterError if it is about other values too."""
    if not isinstance(test, Layer):
        leaves = list(plan.leaves(test.of))
        if len(leaves) == 1 and isinstance(leaves[0], Bytes):
            return leaves[0]
    raise FilterError("Bytes of packets can be compared with constants only, and not in max(), min() and count().")


def _of_capture(facts: CaptureFacts, numbers: Ints, leaves: dict[Test, Bytes]) -> dict[Test, list[int]]:
    """The packets of `numbers`, ascending, that fulfil each test."""
    found: dict[Test, list[int]] = {test: [] for test in leaves}
    names = {leaf.name for leaf in leaves.values()}
    try:
        with _opened(facts) as source:
            for values in _values(source, numbers, names):
                for test, leaf in leaves.items():
                    found[test] += _fulfilling(test, values[leaf.name])
    except (OSError, InputError) as error:
        raise FilterError(f"{_path(facts)} cannot be read, and the filter needs the bytes of its packets.") from error
    return found


def _path(facts: CaptureFacts) -> str:
    return facts.path.partition("\n")[0]


def _opened(facts: CaptureFacts) -> Source:
    """The original of a capture; FilterError unless it is there and unchanged."""
    paths = [Path(unspelled(line)) for line in facts.path.split("\n")]
    if facts.kind != "file":
        raise FilterError(f"{facts.path} was a stream, so that the bytes of its packets cannot be read again.")
    for path in paths:
        if not path.is_file():
            raise FilterError(f"{path} is gone, and the filter needs the bytes of its packets; restore it.")
    stamps = facts.report.get(STAMPS)
    if stamps and [stamp_of(path.stat()) for path in paths] != stamps:
        raise FilterError(
            f"{_path(facts)} was changed since it was decoded, so that its packets are not those of the lake."
        )
    salvage = bool(facts.report.get("options", {}).get("salvage"))
    if len(paths) == 1:
        return open_capture(paths[0], salvage=salvage, sha256=False)
    return as_one(paths, salvage=salvage, sha256=False)


def _values(source: Source, numbers: Ints, names: set[str]) -> Iterator[dict[str, pl.DataFrame]]:
    """For each batch with packets of `numbers`, their values by name: frames with `packet` and `v0`."""
    layers = {name: _tables(name) for name in names if name != "frame"}
    walker = Walker(dispatch(tables.every()), new_pools())
    for batch in source.batches(BATCH):
        if not batch.count or batch.number[0] > numbers[-1]:
            return
        found: dict[str, list[tuple[int, bytes]]] = {name: [] for name in names}
        if "frame" in names:
            found["frame"] = list(_frames(batch, numbers))
        if layers:
            walked = walker.walk(batch)
            for table, messages in walker.tables(walked):
                for name in (name for name, among in layers.items() if table.name in among):
                    found[name] += _parts(messages, walked.last, numbers, name)
        schema = {"packet": pl.Int64, "v0": pl.Binary}
        yield {name: pl.DataFrame(rows, schema=schema, orient="row") for name, rows in found.items()}


def _tables(name: str) -> set[str]:
    """The tables whose messages have the bytes of a name."""
    layer = name.removesuffix(".payload")
    return {one.table for one in fields.names().layers[layer] if fields.in_packets(one)}


def _frames(batch: Packets, numbers: Ints) -> Iterator[tuple[int, bytes]]:
    rows = np.flatnonzero(np.isin(batch.number[: batch.count], numbers))
    for row in rows.tolist():
        start = int(batch.start[row])
        yield int(batch.number[row]), batch.data[start : start + int(batch.captured[row])].tobytes()


def _parts(messages: Messages, last: Ints, numbers: Ints, name: str) -> Iterator[tuple[int, bytes]]:
    """(packet, bytes) of the messages in packets of `numbers`; of payloads those that are not empty."""
    packets = last[messages.row]
    for index in np.flatnonzero(np.isin(packets, numbers)).tolist():
        start, end = int(messages.start[index]), int(messages.end[index])
        if name == "udp.payload":
            start += UDP_HEADER
        elif name == "tcp.payload":
            start += 4 * (int(messages.data[start + 12]) >> 4) if end - start > 12 else 20
        if start < end:
            yield int(packets[index]), messages.data[start:end].tobytes()


def _fulfilling(test: Test, values: pl.DataFrame) -> Sequence[int]:
    """The packets whose values fulfil a test."""
    if isinstance(test, Exists):
        return sorted(set(values.filter(value(test.of).is_not_null())["packet"].to_list()))
    if isinstance(test, Layer):
        return []
    holds = condition(test.of)
    chosen = values.filter(holds)["packet"].to_list()
    if isinstance(test, plan.Every):
        chosen = set(values["packet"].to_list()) - set(values.filter(~holds)["packet"].to_list())  # type: ignore[assignment]
    return sorted(set(chosen))

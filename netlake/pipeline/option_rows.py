"""Rows of table `packet_option`, from the options that a source read with a batch of packets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pyarrow as pa

from netlake.kernels.times import microseconds
from netlake.packets import NO_TIME, Packets
from netlake.protocols.packet_option import TABLES
from netlake.schema import arrow
from netlake.sources.facts import OtherOption, PacketOptions, Typed

# by two bits, and by three bits, of the flags
DIRECTIONS = np.array([None, "inbound", "outbound", None], object)
RECEPTIONS = np.array([None, "unicast", "multicast", "broadcast", "promiscuous", None, None, None], object)
LIMIT = 1 << 63


def rows_of_options(options: PacketOptions, packets: Packets) -> pa.RecordBatch:
    """A row for each packet of `options`, which are packets of the batch."""
    count = len(options.packet)
    ts = packets.ts[np.searchsorted(packets.number[: packets.count], options.packet)]
    flags, flagged = options.numbers["flags"]
    flags = flags.astype(np.int64)
    fcs = flags >> 5 & 15
    columns: dict[str, pa.Array] = {
        "ts": pa.array(microseconds(ts), mask=ts == NO_TIME).cast(pa.timestamp("us", "UTC")),
        "packet": pa.array(options.packet),
        "place": pa.array(np.zeros(count, np.int16)),
        "direction": pa.array(DIRECTIONS[flags & 3], pa.string()),
        "reception": pa.array(RECEPTIONS[flags >> 2 & 7], pa.string()),
        "fcs_length": pa.array(fcs.astype(np.int16), mask=fcs == 0),
        "flags": pa.array(flags, mask=~flagged),
    }
    wide = np.zeros(count, np.bool_)
    for name in ("dropped", "packet_id", "queue"):
        values, known = options.numbers[name]
        large = values >= LIMIT
        wide |= large
        columns[name] = pa.array(values.astype(np.int64), mask=~known | large)
    if wide.any() or options.malformed:
        faults = np.array([None, "out_of_range"], object)[wide.astype(np.int8)]
        faults[np.isin(options.packet, list(options.malformed))] = "bad_length"
        columns["fault"] = pa.array(faults, pa.string())
    schema = arrow.schema(TABLES[0])
    every: dict[str, Mapping[int, Sequence[Typed | OtherOption]]] = {
        "verdicts": options.verdicts, "hashes": options.hashes, "others": options.others,
    }  # fmt: skip
    for name, lists in every.items():
        listed = [_structs(name, lists.get(number, ())) for number in options.packet.tolist()]
        columns[name] = pa.array(listed, schema.field(name).type)
    return pa.RecordBatch.from_pydict(columns)


def _structs(name: str, found: Iterable[Typed | OtherOption]) -> list[dict[str, object]]:
    if name == "hashes":
        return [{"algorithm": one.type, "value": one.value} for one in found if isinstance(one, Typed)]
    return [one._asdict() for one in found]

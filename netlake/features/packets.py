"""Sets with one row for each packet: the columns that identify it, and what computes the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from netlake.features.definition import Feature
from netlake.features.reader import CaptureReader

IDENTITY = (
    Feature("capture", "text", "", "Id of the capture.", "", "identity", ("packet.capture",)),
    Feature("packet", "i64", "", "Number of the packet.", "", "identity", ("packet.packet",)),
    Feature("flow", "i64", "", "Flow of the packet.", "it has none", "identity", ("packet.flow",)),
    Feature("ts", "ts", "", "Time of the packet.", "it has none", "identity", ("packet.ts",)),
)


@dataclass(frozen=True, slots=True)
class PacketSet:
    """A named set with a row for each packet.

    `read` yields the arrays of all columns but `capture`, in batches, for the packets of one capture in order. `inputs`
    and `flow_columns` are read besides the flow and time of packets, see netlake.features.reader.
    """

    name: str
    title: str
    features: tuple[Feature, ...]
    read: Callable[[CaptureReader], Iterator[list[pa.Array]]]
    inputs: frozenset[str] = frozenset()
    flow_columns: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    aliases: Mapping[str, tuple[str, ...]] | None = None
    policy: str = ""
    rows: str = "packet"

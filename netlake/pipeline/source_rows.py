"""Rows of tables that are read from a source's metadata, not from packets: comments, names and interfaces.

A source collects them in lists while it reads. `batch` writes what belongs to the packets of a batch and empties these
lists; `finish` writes the rest. Interfaces are written last, because their statistics are at the end of a file, with
the comments on them and on their section.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from netlake.kernels.times import microsecond
from netlake.packets import NO_TIME, Packets
from netlake.pipeline.decoder import Decoder
from netlake.pipeline.option_rows import rows_of_options
from netlake.schema import Table, arrow
from netlake.sources import Comment, Interface, Source


class SourceRows:
    """Comments, names and interfaces of one source; times `begin` and `end` of the packets.

    `begin` and `end` are the least and greatest time, numbers of netlake.kernels.times; `lost` are the packets that
    options of packets count as lost.
    """

    def __init__(self, decoder: Decoder, source: Source) -> None:
        self.decoder, self.source = decoder, source
        self.begin: int | None = None
        self.end: int | None = None
        self.lost = 0
        self.remarks: dict[tuple[str, int], list[str]] = defaultdict(list)

    def batch(self, packets: Packets) -> None:
        """Write comments and names read with a batch, and empty the source's lists, which would otherwise grow."""
        times = packets.ts[: packets.count]
        times = times[times != NO_TIME]
        if len(times):
            least, greatest = int(times.min()), int(times.max())
            self.begin = least if self.begin is None else min(self.begin, least)
            self.end = greatest if self.end is None else max(self.end, greatest)
        self._options(packets)
        self._comments(packets)
        self._names()

    def finish(self) -> None:
        """Write what follows the last packet, and the interfaces, whose statistics are at the end of a file."""
        self._comments(None)
        self._names()
        sections = {section.number: section for section in self.source.sections}
        rows = []
        for interface in self.source.interfaces:
            section = sections.get(interface.section)
            rows.append({
                **_interface(interface),
                "comments": self.remarks["interface", interface.number],
                "section_hardware": section.hardware if section else None,
                "section_os": section.os if section else None,
                "section_application": section.application if section else None,
                "section_comments": self.remarks["section", interface.section],
            })  # fmt: skip
        self._put("interface", rows)

    def _comments(self, packets: Packets | None) -> None:
        """Write comments on packets as rows; keep others for the row of their interface or section."""
        rows: list[dict[str, Any]] = []
        for comment in self.source.comments:
            if comment.packet is not None:
                rows.append(_remark(comment, packets, rows))
            elif comment.interface is not None:
                self.remarks["interface", comment.interface].append(comment.text)
            else:
                self.remarks["section", len(self.source.sections) - 1].append(comment.text)
        self.source.comments.clear()
        self._put("packet_comment", rows)

    def _options(self, packets: Packets) -> None:
        """Write the options of the packets of a batch."""
        for options in self.source.options:
            self.lost += sum(options.numbers["dropped"][0].tolist())  # a sum of uint64 could overflow
            self.decoder.put("packet_option", rows_of_options(options, packets))
        self.source.options.clear()

    def _names(self) -> None:
        rows = [{"address": name.address, "name": name.name, "kind": name.kind} for name in self.source.names]
        self.source.names.clear()
        self._put("name_resolution", rows)

    def _put(self, name: str, rows: list[dict[str, Any]]) -> None:
        if rows:
            self.decoder.put(name, batch_of(self.decoder.tables[name], rows))


def batch_of(table: Table, rows: Iterable[Mapping[str, Any]]) -> pa.RecordBatch:
    """A record batch of rows given as dictionaries, with the columns that occur in any of them."""
    rows = list(rows)
    present = {name for row in rows for name in row}
    fields = [field for field in arrow.schema(table) if field.name in present]
    arrays = [_array([row.get(field.name) for row in rows], field.type) for field in fields]
    return pa.RecordBatch.from_arrays(arrays, names=[field.name for field in fields])


def _array(values: list[Any], data_type: pa.DataType) -> pa.Array:
    """An Arrow array; a value that does not fit `data_type` is null, because captures may contain any number."""
    try:
        return pa.array(values, data_type)
    except (pa.ArrowInvalid, OverflowError):
        return pa.concat_arrays([_one(value, data_type) for value in values])


def _one(value: object, data_type: pa.DataType) -> pa.Array:
    try:
        return pa.array([value], data_type)
    except (pa.ArrowInvalid, OverflowError):
        return pa.nulls(1, data_type)


def _remark(comment: Comment, packets: Packets | None, before: list[dict[str, Any]]) -> dict[str, Any]:
    number = comment.packet or 0
    place = before[-1]["place"] + 1 if before and before[-1]["packet"] == number else 0
    ts = None
    if packets is not None and packets.count:
        row = int(np.searchsorted(packets.number[: packets.count], number))
        if row < packets.count and packets.number[row] == number and packets.ts[row] != NO_TIME:
            ts = microsecond(int(packets.ts[row]))
    return {"ts": ts, "packet": number, "place": place, "comment": comment.text}


def _interface(interface: Interface) -> dict[str, Any]:
    names = (
        "number", "section", "name", "description", "link_type", "snaplen", "filter", "os", "hardware", "mac", "speed",
        "fcs_length", "resolution", "received", "dropped", "filter_accepted", "os_dropped", "delivered",
    )  # fmt: skip
    return {
        **{name: getattr(interface, name) for name in names},
        "offset_seconds": interface.ts_offset,
        "started": None if interface.started is None else interface.started // 1000,
        "ended": None if interface.ended is None else interface.ended // 1000,
    }

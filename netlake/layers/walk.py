"""The walk of a batch: the kernel's records, made into Messages and Headers.

Rules
- The kernel writes to arrays that this file owns; they are kept from batch to batch and grow as needed. What `walk`
  returns refers to them, so it is valid until the next batch.
- A batch with fragments is walked again for the datagrams that they complete, as often as datagrams contain fragments,
  at most MOST_ROUNDS times. A datagram is a row of Packets behind those of packets (netlake.layers.fragments).
- Headers and messages are in the order of the packets that complete them, so that the tracker sees time advance. A
  packet that completes a datagram has the datagram's stack, and its reason to stop.
- `place` counts a table's messages in one packet. A datagram begins in the packet of its first fragment, so its
  messages are counted from those of that packet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from netlake.kernels.regroup import regroup
from netlake.kernels.walk import MOST_FRAGMENTS, MOST_MESSAGES, MOST_NEW_HEADERS, walk
from netlake.kernels.walk_state import (
    FRAGMENT,
    MESSAGE,
    ORIGIN,
    PACKET,
    WALK,
    MessageArrays,
    PacketArrays,
)
from netlake.layers.fragments import Fragments
from netlake.layers.stacks import Stacks
from netlake.layers.steps import Dispatch
from netlake.packets import HEADER, Headers, Messages, Packets, undivided
from netlake.schema import Table

MOST_ROUNDS = 4

Records = npt.NDArray[np.void]


@dataclass(slots=True)
class Walked:
    """One batch: messages by group, Headers, and records of PACKET, whose offsets are offsets in the batch's data.

    `completing[row]` is the packet that completed a row of Packets: itself, or the one with the last fragment; `last`
    its number.
    """

    by_group: dict[int, Messages]
    headers: Headers
    packets: Records
    completing: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]


class Walker:
    """Walks the batches of one capture."""

    def __init__(self, dispatch: Dispatch, pools: Mapping[str, Any]) -> None:
        self.dispatch, self.pools = dispatch, pools
        self.stacks = Stacks(dispatch.groups)
        self.fragments = Fragments()
        self.messages = np.empty(1024 + MOST_MESSAGES, MESSAGE)
        self.headers = np.empty(1024 + MOST_NEW_HEADERS, HEADER)
        self.found = np.empty(256 + MOST_FRAGMENTS, FRAGMENT)
        self.packets = np.zeros(0, PACKET)
        self.state = np.zeros(1, WALK)

    def walk(self, packets: Packets) -> Walked:
        """Walk a batch; reassembled datagrams are appended to `packets`."""
        for count in ("message_count", "header_count"):
            self.state[count] = 0
        self.origins = np.zeros(packets.count, ORIGIN)
        self.origins["header"] = self.origins["mac"] = -1
        self.completing = np.arange(packets.count)
        self.before: dict[int, dict[int, int]] = {}
        if len(self.packets) < packets.count:
            self.packets = np.zeros(packets.count, PACKET)
        first = 0
        for _ in range(MOST_ROUNDS):
            self._rows(packets, first)
            first = packets.rows
            if not self._datagrams(packets):
                break
        if packets.rows > packets.count:
            self._in_order(packets)
        headers, last = self.headers[: self._count("header")], packets.last[: packets.rows]
        return Walked(self._groups(packets), headers, self.packets, self.completing, last)

    def tables(self, walked: Walked) -> Iterator[tuple[Table, Messages]]:
        """Every table that has messages in a batch, with them."""
        for group, messages in walked.by_group.items():
            for table in self.dispatch.tables.get(group, ()) if len(messages) else ():
                yield table, messages

    def _count(self, name: str) -> int:
        return int(self.state[f"{name}_count"][0])

    def _rows(self, packets: Packets, first: int) -> None:
        rows = PacketArrays(packets.start, packets.captured, packets.length, packets.link_type, packets.depth)
        self.state["fragment_count"] = 0
        self.state["stack_count"] = self.stacks.count
        while True:
            first = walk(
                packets.data, rows, first, packets.rows, self.dispatch.keys, self.messages, self.headers, self.found,
                self.packets, self.stacks.above, self.origins, self.state,
            )  # fmt: skip
            if first == packets.rows:
                break
            self.messages = _grown(self.messages, self._count("message") + MOST_MESSAGES)
            self.headers = _grown(self.headers, self._count("header") + MOST_NEW_HEADERS)
            self.found = _grown(self.found, self._count("fragment") + MOST_FRAGMENTS)
        self.stacks.count = self._count("stack")

    def _datagrams(self, packets: Packets) -> bool:
        """Reassemble fragments; whether there are new rows to walk."""
        pieces = self.found[: self._count("fragment")]
        if not len(pieces):
            return False
        before = packets.rows
        self.message_rows = self.messages["row"][: self._count("message")].copy()
        made = self.fragments.add(packets, pieces, self.headers, self._messages_of)
        if not made:
            return False
        self.before.update({before + index: datagram.before for index, datagram in enumerate(made)})
        rows = np.array([datagram.row for datagram in made])
        headers = self.headers[[datagram.header for datagram in made]]
        origins = np.empty(len(made), ORIGIN)
        origins["header"] = headers["outer"]
        for name in ("key", "mac", "vlan"):
            origins[name] = headers[name]
        origins["stack"] = self.packets["stack"][rows]
        self.origins = np.concatenate([self.origins, origins])
        self.completing = np.concatenate([self.completing, self.completing[rows]])
        if len(self.packets) < packets.rows:
            more = np.zeros(packets.rows - before + len(self.packets) // 8, PACKET)
            self.packets = np.concatenate([self.packets[:before], more])
        # what a row has that is not walked because of MOST_ROUNDS
        new = self.packets[before : packets.rows]
        new["stop"], new["header"] = 0, -1
        new["stack"] = new["below"] = origins["stack"]
        return True

    def _messages_of(self, row: int) -> dict[int, int]:
        """Messages of a row by group, and those before it in its packet; rows of messages only rise within a batch."""
        first, last = np.searchsorted(self.message_rows, (row, row + 1))
        counts = Counter(self.messages["group"][first:last].tolist())
        counts.update(self.before.get(row, {}))
        return counts

    def _in_order(self, packets: Packets) -> None:
        """Headers of datagrams behind those of the packet that completes them, whose stack and stop they give."""
        datagrams, completed = self.packets[packets.count : packets.rows], self.completing[packets.count :]
        for name in ("stack", "below", "stop", "stop_value"):
            self.packets[name][completed] = datagrams[name]
        has_header = datagrams["header"] >= 0
        self.packets["header"][completed[has_header]] = datagrams["header"][has_header]
        headers = self.headers[: self._count("header")]
        order = np.argsort(self.completing[headers["row"]], kind="stable")
        moved = np.empty(len(headers) + 1, np.int32)
        moved[order] = np.arange(len(headers))
        moved[-1] = -1  # none stays none
        undivided(headers)[:] = undivided(headers)[order]
        headers["outer"] = moved[headers["outer"]]
        of_packets = self.packets["header"][: packets.rows]
        of_packets[:] = moved[of_packets]
        of_messages = self.messages["header"][: self._count("message")]
        of_messages[:] = moved[of_messages]

    def _groups(self, packets: Packets) -> dict[int, Messages]:
        count = self._count("message")
        bounds = np.empty(self.dispatch.size + 2, np.int64)
        columns = MessageArrays(
            start=np.empty(count, np.int64), end=np.empty(count, np.int64), row=np.empty(count, np.int32),
            missing=np.empty(count, np.int32), fault=np.empty(count, np.int8), header=np.empty(count, np.int32),
            place=np.empty(count, np.int16), source_port=np.empty(count, np.int32),
            destination_port=np.empty(count, np.int32), hint=np.empty(count, np.int64),
        )  # fmt: skip
        regroup(self.messages, count, bounds, columns)
        if self.before:
            for at in np.flatnonzero(columns.row >= packets.count).tolist():
                group = int(np.searchsorted(bounds[:-1], at, side="right")) - 1
                columns.place[at] += self.before[int(columns.row[at])].get(group, 0)
        result = {}
        for group in np.flatnonzero(np.diff(bounds[:-1])).tolist():
            part = slice(bounds[group], bounds[group + 1])
            arrays = {name: column[part] for name, column in columns._asdict().items()}
            found = Messages(packets.data, **arrays, pools=self.pools)
            if self.before and found.row[-1] >= packets.count:
                # messages of a datagram are behind those of the packet that completes it
                found = found.take(np.argsort(self.completing[found.row], kind="stable"))
            result[group] = found
        return result


def _grown(array: Records, needed: int) -> Records:
    """`array` with room for `needed` records, the present ones included."""
    if needed <= len(array):
        return array
    larger = np.empty(max(needed, 2 * len(array)), array.dtype)
    larger[: len(array)] = array
    return larger

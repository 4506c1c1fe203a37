"""netlake's rows by frame; Wireshark shows a row in the frame coalesce(last_packet, packet)."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Row = dict[str, Any]
Ints = npt.NDArray[np.int64]
SLICE = 4096
CONTEXT = ("packet", "place", "fault", "src_port", "dst_port", "flow", "from_originator")


class Rows:
    """The rows of one table by frame and place, read in increasing order of frames.

    `shown` is the number of headers of the table in the stack of each packet. `at` are the column with the frame and
    the one that a row must have, for a part of the rows (layers.toml). Tables of the link and network layers
    have no `last_packet`; their headers inside a reassembled datagram are moved to the packet that completed it.
    """

    def __init__(
        self,
        table: pa.Table,
        columns: tuple[str, ...],
        shown: Counter[int],
        at: tuple[str | None, str | None] = (None, None),
    ) -> None:
        if at[1] is not None:
            table = table.filter(pa.compute.is_valid(table[at[1]]))
        packet = table["packet"].to_numpy()
        place = table["place"].to_numpy()
        if at[0] is not None:
            last = table[at[0]].fill_null(0).to_numpy()
        elif "last_packet" in table.column_names:
            last = table["last_packet"].fill_null(0).to_numpy()
        else:
            last = late(packet, shown)
        frames = np.where(last > 0, last, packet)
        order = np.lexsort((place, packet, last > 0, frames))
        self.frames = frames[order]
        context = [name for name in CONTEXT if name in table.column_names and name not in columns]
        chosen = table.select([*context, *columns])
        if "ts" in columns:
            at = chosen.schema.get_field_index("ts")
            chosen = chosen.set_column(at, "ts", chosen["ts"].cast(pa.int64()))
        self.table = chosen.take(pa.array(order))
        self.slice: list[Row] = []
        self.first = 0
        self.at = 0

    def of(self, frame: int) -> list[Row]:
        """The rows of `frame`, which must be greater than in earlier calls."""
        begin = self.at + int(np.searchsorted(self.frames[self.at :], frame, "left"))
        end = begin + int(np.searchsorted(self.frames[begin:], frame, "right"))
        self.at = end
        return [self._row(index) for index in range(begin, end)]

    def _row(self, index: int) -> Row:
        if not self.first <= index < self.first + len(self.slice):
            self.first = index
            self.slice = self.table.slice(index, SLICE).to_pylist()
        return self.slice[index - self.first]

    def __len__(self) -> int:
        return len(self.frames)


def late(packet: Ints, shown: Counter[int]) -> Ints:
    """For each row the packet that completed the datagram that contains it, 0 for a row in its own packet.

    If a packet has more rows than headers in its stack, the last rows are assigned to the next packets with more
    headers in the stack than rows.
    """
    last = np.zeros(len(packet), np.int64)
    have = Counter(packet.tolist())
    lacking = sorted(number for number, count in shown.items() for _ in range(count - have[number]))
    seen: Counter[int] = Counter()
    for index, number in enumerate(packet.tolist() if lacking else ()):
        seen[number] += 1
        later = bisect_right(lacking, number)
        if seen[number] > shown[number] and later < len(lacking):
            last[index] = lacking.pop(later)
    return last


def stacks(packets: pa.Table) -> dict[str, Counter[int]]:
    """Table -> (packet -> number of headers of the table in its stack)."""
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for number, stack in zip(packets["packet"].to_pylist(), packets["stack"].to_pylist(), strict=True):
        for name in (stack or "").split(":"):
            found[name][number] += 1
    return found


def leaves(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """All values at `path`, through lists and structs, without nulls."""
    if value is None:
        return
    if isinstance(value, list):
        for element in value:
            yield from leaves(element, path)
    elif path:
        yield from leaves(value[path[0]], path[1:])
    else:
        yield value

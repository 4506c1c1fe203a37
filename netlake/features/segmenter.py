"""Segments of one capture: cut each block of packets, follow accumulators, and hand on the segments that have ended.

What is kept between blocks are the records of keys with further packets, and those of their open segments. So memory
depends on the flows that are open at the same time, not on the capture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.features.blocks import Block
from netlake.features.definition import Accumulator, Rows
from netlake.features.policy import Policy
from netlake.kernels.feature_records import NO_TIME
from netlake.kernels.feature_segments import KEY, SEGMENT, PacketArrays, PlaceArrays, Reason, State, segment

Array = npt.NDArray[Any]


class Segmenter:
    """Cuts the blocks of one capture, in order, by `policy`."""

    def __init__(self, policy: Policy, accumulators: Sequence[Accumulator], capture: str) -> None:
        self.policy, self.accumulators, self.capture = policy, accumulators, capture
        self._rules = policy.rules
        self._ids = np.zeros(0, np.int64)
        self._keys = np.zeros(0, KEY)
        self._segments = np.zeros(0, SEGMENT)
        self._records: dict[str, Array] = {made.name: made.empty(0) for made in accumulators}

    def cut(self, block: Block) -> Rows:
        """The segments that ended in `block`, which gets the columns row, direction, gap and side_gap."""
        block.sort()
        ids, slots, keys = self._open(block["key"])
        count, segments = self._cut(block, slots, keys)
        block.extras["segments"] = segments
        for made in self.accumulators:
            grown = made.empty(count)
            grown[: len(self._segments)] = self._records[made.name]
            self._records[made.name] = grown
        if len(block):
            for made in self.accumulators:
                made.follow(block, self._records)
        return self._close(block, ids, keys, segments[:count])

    def _open(self, key: Array) -> tuple[Array, Array, Array]:
        """(ids of all keys, the row of each packet's key, the state of keys)."""
        fresh = np.flatnonzero(np.diff(key, prepend=-1)) if len(key) else np.zeros(0, np.int64)
        ids = np.union1d(self._ids, key[fresh])
        keys = np.zeros(len(ids), KEY)
        keys["row"] = -1
        keys["clock"] = NO_TIME
        keys[np.searchsorted(ids, self._ids)] = self._keys
        runs = np.diff(np.append(fresh, len(key)))
        return ids, np.repeat(np.searchsorted(ids, key[fresh]), runs), keys

    def _cut(self, block: Block, slots: Array, keys: Array) -> tuple[int, Array]:
        """(number of segments, their records); adds the columns of `block` that segmentation makes."""
        size, before = len(block), len(self._segments)
        # memory that the kernel does not reach is never used
        segments = np.empty(before + size, SEGMENT)
        segments[:before] = self._segments
        places = PlaceArrays(
            np.empty(size, np.int64), np.empty(size, np.uint8), np.empty(size, np.int64), np.empty(size, np.int64)
        )
        packets = PacketArrays(slots, *(block[name] for name in PacketArrays._fields[1:]))
        count = segment(self._rules, packets, keys, segments, before, places)
        block.columns |= places._asdict()
        return int(count), segments

    def _close(self, block: Block, ids: Array, keys: Array, segments: Array) -> Rows:
        """Hand on what has ended, and keep the rest."""
        # a key is the number of its first flow, which is in `flows` as long as the key has packets
        place = np.searchsorted(block.flows.column("flow").to_numpy(), ids)
        going_on = block.flows.column("key_last").to_numpy()[place] > block.last
        going_on &= not block.final
        self._end_of_keys(keys[~going_on], segments)
        kept_rows = keys["row"][going_on]
        kept = np.zeros(len(segments), bool)
        kept[kept_rows] = True
        ended = np.flatnonzero(~kept)
        # in the order of their first packets, which no two segments share
        ended = ended[np.argsort(segments["first_packet"][ended])]
        chosen = segments[ended]
        rows = Rows(
            chosen, {name: records[ended] for name, records in self._records.items()},
            _flows_of(block.flows, chosen["flow"]), self.capture,
        )  # fmt: skip
        stay = np.flatnonzero(kept)
        new_rows = np.zeros(len(segments), np.int64)
        new_rows[stay] = np.arange(len(stay))
        self._ids, self._keys = ids[going_on], keys[going_on]
        self._keys["row"] = new_rows[kept_rows]
        self._segments = segments[stay]
        self._records = {name: records[stay] for name, records in self._records.items()}
        return rows

    @staticmethod
    def _end_of_keys(keys: Array, segments: Array) -> None:
        """Write the reason for which the last segment of each key ended."""
        reason = np.full(len(keys), Reason.END_OF_FLOW.value, np.uint8)
        reason[keys["state"] == State.CLOSED] = Reason.FIN.value
        reason[keys["state"] == State.RESET] = Reason.RST.value
        segments["reason"][keys["row"]] = reason


def _flows_of(flows: pa.Table, numbers: Array) -> pa.Table:
    """The rows of `flows`, which are in the order of `flow`, of these flow numbers."""
    return flows.take(pa.array(np.searchsorted(flows.column("flow").to_numpy(), numbers)))

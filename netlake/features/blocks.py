"""A block of packets as arrays, in the order of the capture or sorted by key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Array = npt.NDArray[Any]


@dataclass(slots=True)
class Block:
    """Packets with a flow, and the flows that begin in the block.

    `columns` are arrays with one element a packet: `packet`, `time` (microseconds, NO_TIME without one), `flow`, `side`
    (0 from the originator of the key's first flow), `protocol`, `key`, and those of netlake.features.reader. After
    segmentation also `row` (of `extras["segments"]`), `direction`, `gap` and `side_gap`, see
    netlake.kernels.feature_segments. `flows` are rows
    of `connection` in the order of `flow`; `last` is the last packet that the block covers, `final` whether the capture
    ends with it.
    """

    columns: dict[str, Array]
    flows: pa.Table
    last: int
    final: bool
    extras: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns["packet"])

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]

    def sort(self) -> None:
        """Sort by key; the order of packets within a key stays."""
        count = len(self)
        if count == 0:
            return
        # one sort of numbers is faster than a stable argsort; a key has at most 42 bits, a place 21
        places = np.sort(self["key"] << 21 | np.arange(count)) & ((1 << 21) - 1)
        self.columns = {name: values[places] for name, values in self.columns.items()}

"""The words of the column `anomalies`, and the column from bits of netlake.kernels.http1_state.Anomaly."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from netlake.kernels.http1_state import Anomaly
from netlake.layers.read import lists
from netlake.packets import Ints
from netlake.schema import Table

ANOMALIES = tuple(bit.name.lower() for bit in Anomaly)
_BITS = np.array([bit.value for bit in Anomaly], np.int64)


def anomalies(table: Table, bits: Ints) -> pa.Array:
    """The list column: the words of each number."""
    given = (bits[:, None] & _BITS) != 0
    offsets = np.concatenate([[0], np.cumsum(given.sum(axis=1))]).astype(np.int32)
    words = pa.array(ANOMALIES, pa.string()).take(pa.array(np.nonzero(given)[1]))
    return lists(table, "anomalies", offsets, words)

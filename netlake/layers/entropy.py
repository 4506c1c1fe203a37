"""Optional column `entropy`: Shannon entropy of a payload; only with `--entropy`, because it reads every byte."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from netlake.kernels.entropy import entropy
from netlake.packets import Messages, Nullable
from netlake.schema import Column

ENTROPY = Column("entropy", "f64",
                 "Shannon entropy of the captured payload, bits per byte, 0 to 8; null if empty or not enabled.",
                 why="Wireshark has no such field")  # fmt: skip


def payload_entropy(messages: Messages, header: npt.NDArray[np.int64] | int) -> Nullable:
    """Shannon entropy in bits per byte of the captured bytes after the first `header` bytes; null if there are none."""
    start = messages.start + header
    result = np.zeros(len(start), np.float64)
    entropy(messages.data, start, np.ascontiguousarray(messages.end), np.zeros(256, np.int64), result)
    return Nullable(result, start < messages.end)

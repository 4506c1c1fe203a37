"""The TCP segments of a batch, which streams are reassembled from."""

from __future__ import annotations

import numpy as np

from netlake.flows.tracker import Flows
from netlake.kernels import flow_segments as kernels
from netlake.kernels.flow_state import SEGMENT, Records
from netlake.packets import Bytes, Headers


def segments(data: Bytes, headers: Headers, flows: Flows) -> Records:
    """A record of dtype SEGMENT for each TCP segment among `headers`, in their order; `data` is that of the Packets.

    Segments without payload are included: their flags and acknowledgements count. Fragments and headers quoted by ICMP
    errors are not. The slot is -1 where the row of the flow was freed in the batch (Flows.slot).
    """
    found = np.empty(len(headers), SEGMENT)
    return found[: kernels.segments(np.ascontiguousarray(headers), flows.found, data, found)]

"""DNS messages in TCP segments: those that are complete in one segment, each after its length (RFC 1035 section 4.2.2).

Decided here: a segment has rows only if its messages fill it exactly. Without the stream, a segment that starts or ends
within a message cannot be recognized; such segments have no rows here, and the streams of the tracker read them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from netlake.kernels.dns import HEADER
from netlake.packets import Ints, Messages

Index = npt.NDArray[np.intp]


def unpacked(messages: Messages, tcp: npt.NDArray[np.bool_]) -> Messages:
    """`messages` with each TCP payload replaced by the messages in it, in wire order, with new places."""
    index, start, end = _framed(messages, np.flatnonzero(tcp))
    plain = np.flatnonzero(~tcp)
    index = np.concatenate([plain, index])
    order = np.argsort(index, kind="stable")
    starts = np.concatenate([messages.start[plain], start])[order]
    promised = np.concatenate([messages.end[plain], end])[order]
    index = index[order]
    result = messages.take(index)
    framed = tcp[index]
    result.start = starts
    result.end = np.where(framed, np.minimum(promised, result.end), result.end)
    result.missing = np.where(framed, promised - result.end, result.missing).astype(np.int32)
    result.place = _places(messages, index)
    return result


def _framed(messages: Messages, segments: Index) -> tuple[Index, Ints, Ints]:
    """Segment, start, and end on the wire (perhaps after the end of the capture) of each message in `segments`."""
    captured, wire = messages.end[segments], messages.end[segments] + messages.missing[segments]
    at = messages.start[segments].copy()
    rounds: list[tuple[Index, Ints, Ints]] = []
    whole = np.zeros(len(segments), np.bool_)
    active = np.arange(len(segments))
    while len(active):
        active = active[at[active] + 2 <= captured[active]]
        start = at[active] + 2
        end = start + (messages.data[start - 2].astype(np.int64) << 8 | messages.data[start - 1])
        fits = (end - start >= HEADER) & (end <= wire[active])
        active, start, end = active[fits], start[fits], end[fits]
        rounds.append((active, start, end))
        at[active] = end
        whole[active[end == wire[active]]] = True
        active = active[end < wire[active]]
    kept = [(part[whole[part]], start[whole[part]], end[whole[part]]) for part, start, end in rounds]
    position = np.concatenate([part for part, _, _ in kept]) if kept else np.zeros(0, np.intp)
    start = np.concatenate([part for _, part, _ in kept]) if kept else np.zeros(0, np.int64)
    end = np.concatenate([part for _, _, part in kept]) if kept else np.zeros(0, np.int64)
    # each round finds one message per segment: a stable sort by segment keeps their order
    order = np.argsort(position, kind="stable")
    return segments[position[order]], start[order], end[order]


def _places(messages: Messages, index: Index) -> npt.NDArray[np.int16]:
    """Places of the rows `index`: consecutive in each packet, from the place of its first message."""
    row = messages.row[index]
    if len(row) == 0:
        return np.zeros(0, np.int16)
    _, base, inverse = np.unique(messages.row, return_index=True, return_inverse=True)
    begins = np.r_[True, row[1:] != row[:-1]]
    first = np.maximum.accumulate(np.where(begins, np.arange(len(row)), 0))
    return (np.arange(len(row)) - first + messages.place[base[inverse[index]]]).astype(np.int16)

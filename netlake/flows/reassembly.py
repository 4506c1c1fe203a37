"""Reassembly: the bytes of TCP streams in order, as events, without any protocol.

Rules
- A stream is one direction of a flow of the tracker. Its events are DATA, LATE (bytes that waited), GAP (bytes that are
  missing) and one END, in the order in which they are due. They depend on the packets only, not on batches.
- A stream begins with its first payload: behind its SYN, also in the SYN itself, or, without a SYN, in the middle. Of
  two SYNs (or SYN+ACKs) with other numbers before any payload, the last one counts. Connections without payload have no
  events and no state but the number of their SYN. A FIN behind bytes that are missing begins a stream too.
- Sequence numbers wrap at 2^32; one that is more than 1 GiB ahead of the next byte is not of the stream (`dropped`).
  Bytes below the first ones of a stream without SYN come too late to be handed on (`dropped`).
- Bytes that were handed on stay; repeats of them and keep-alives are trimmed to what is new. Among bytes that wait, the
  first or the last ones stay (`overlap`); this is also so for those that a segment in order overlaps. Bytes that differ
  are counted (`conflicts`), and the stream has Known.CONFLICT.
- A hole is given up, as a GAP, when three segments of the other end have acknowledged beyond it (captures that were
  merged from two interfaces can contain an acknowledgement before the bytes); when 1 MiB or 1,024 segments wait behind
  it; when its sender's RST is captured, or its FIN is due; when the flow leaves; or when the arena is full and no other
  stream has waited longer (`given_up`).
- Payload that the capture cut is a GAP at once.
- END follows the last byte before the FIN; or RST, whose number has to be within 1 MiB of the next byte: it ends the
  direction of its sender, because bytes of the other end are still on their way; or the flow leaves the tracker. Bytes
  behind END are counted as `dropped`. A FIN below bytes that were handed on is ignored, as a receiver does.
- Segments of flows that left the tracker within the batch (Flows.slot is -1) are not read (`cut_off`).

Memory: 112 bytes for a stream with payload and 8 for one with a SYN, of at most 2 * `flows` streams; the arena; 8 MiB
of late bytes and 131,072 events, which are reused. Pages are taken when first used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from netlake.flows.tracker import MOST_FLOWS
from netlake.kernels import reassembly as kernels
from netlake.kernels.flow_state import Batch, Records
from netlake.kernels.stream_state import ARENA, new_arena, new_streams
from netlake.packets import Packets, Shorts

EVENTS = 1 << 17
TAIL = 8 << 20
# fields of ARENA that are no counters
WORKING = ("events", "tail", "free", "used")


class Reassembly:
    """The streams of one capture, with room for those of `flows` flows and `arena` bytes that wait."""

    def __init__(
        self, flows: int = MOST_FLOWS, *, overlap: Literal["first", "last"] = "first", arena: int = 64 << 20
    ) -> None:
        self.streams, self.arena = new_streams(flows), new_arena(arena, EVENTS, TAIL)
        self._replace = int(overlap == "last")
        self._last, self._heads = np.zeros(2 * flows, np.int32), np.zeros(EVENTS, np.int32)

    @property
    def states(self) -> Records:
        """The state of each stream: (2 * flows) of dtype STREAM."""
        return self.streams.states

    @property
    def counters(self) -> dict[str, int]:
        """What the quality report counts, by the names of ARENA."""
        control = self.arena.control[0]
        return {name: int(control[name]) for name in ARENA.names or () if name not in WORKING}

    def batch(self, packets: Packets, segments: Records) -> Iterator[int]:
        """Reassemble the segments of a batch (netlake.flows.segments); all of the iterator has to be consumed.

        Yields the number of events in `arena.events`, once or, if there are many, several times. They, and the bytes in
        `arena.tail`, are valid until the next one.
        """
        batch = Batch(packets.data, packets.ts, packets.length, packets.number, packets.last)
        at = 0
        while at < len(segments):
            self._begin()
            at = kernels.segments(at, segments, batch, self._replace, self.streams, self.arena)
            yield int(self.arena.control["events"][0])

    def finish(self, slots: Shorts) -> Iterator[int]:
        """End the flows of these rows of the tracker's state, which leave it; as `batch`. Afterwards `clear` them."""
        at, slots = 0, np.ascontiguousarray(slots, np.int32)
        while at < len(slots):
            self._begin()
            at = kernels.finish(at, slots, self.streams, self.arena)
            yield int(self.arena.control["events"][0])

    def clear(self, slots: Shorts) -> None:
        """Free these rows of flows that were ended, and all that was kept for them."""
        kernels.clear(np.ascontiguousarray(slots, np.int32), self.streams, self.arena)

    def mute(self, streams: Shorts) -> None:
        """Hand on nothing more of these streams, and keep nothing of them, until their flows leave."""
        kernels.mute(np.ascontiguousarray(streams, np.int32), self.streams, self.arena)

    def chain(self, count: int) -> Shorts:
        """Link the first `count` events of each stream (EVENT.link); returns the first event of each, in order."""
        return self._heads[: kernels.chain(self.arena.events, count, self._last, self._heads)]

    def _begin(self) -> None:
        control = self.arena.control[0]
        control["events"] = control["tail"] = 0

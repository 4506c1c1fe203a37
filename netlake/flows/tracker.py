"""The tracker: the conversation of every IP header, numbered, directed, counted, ended. Its verdict is the only one.

What a conversation is
- Addresses, ports, protocol and `key` (the tunnel around it), both directions. Rows with and without ports differ.
- Numbers run from 1 in order of first packet, the outer before the inner.
- The originator is the sender of the first packet; where that is an answer (SYN+ACK, SCTP INIT ACK) the other end.
- A SYN without ACK on ports in use begins another conversation, unless it repeats the last SYN of its direction (same
  sequence number) or is the first segment of its end, and the other has sent a SYN or none that could be read.

When it ends
- By silence: 1 h for TCP, 5 min for TCP without any payload, 180 s for everything else; then `timeout`.
- By FIN both ways, RST, SCTP SHUTDOWN COMPLETE or ABORT, and 5 s of silence behind it (LINGER): what still comes
  belongs to it. `fin`, `rst`, `shutdown`, `abort`: the first of these stands.
- By a new SYN (`new_syn`), at the end of the capture (`end_of_capture`), or because the table of conversations is full
  (`evicted`): then an eighth of them goes, those that had ended first, then those silent for longest.
- There is no active timeout. Time is that of the packets, and never runs backwards: a packet from the past, or without
  a time, comes now. The conversations that are over are looked for every minute of that time.

What is counted
- A packet's wire length counts in full for every conversation whose header it carries, the tunnel's and the inner one.
- Fragments count as packets (wire and IP bytes, times, TTL), the datagram put together from them for its transport
  header and payload. What an ICMP error quotes is looked up, counted nowhere, and begins nothing.
- A segment is ahead, and leaves a hole, where it begins beyond the highest sequence number that its direction has sent.
  Below that it is `out_of_order` if it begins in the hole, which it then fills, else `retransmitted` (it repeats at
  least its first byte). Segments without payload, SYN or FIN, those with RST and repeats of the last single byte
  (keep-alives) are not looked at. This is decided by what was seen alone: Wireshark's verdict also weighs times and
  acknowledgements, so a late repeat of a segment that the capture never saw is a retransmission there and out of
  order here.
  One hole is known in each direction, from the first byte missing to the last; it closes from its ends.
- Bytes that the other end acknowledges and the capture lacks are `missed`.
- Windows are as sent; the least and greatest are those of segments without SYN and RST. A zero window with RST, after
  the other's FIN or after an own RST is none.

History and states
- Letters as in Zeek's conn.log: s h a d f r q i, upper case for the originator, `^` where the first packet was an
  answer; f, h, r, s again when the sequence number moved; w (zero window), t (payload that brings nothing beyond the
  highest sequence number) and g (missed bytes) at the first, tenth, hundredth ... time. 32 letters at most. c (bad
  checksum) is not looked for. UDP has d alone, other protocols none.
- conn_state follows netlake.flows.tcp_tables; UDP: S0, SF, SHR; others OTH, as in Zeek.

Memory is bounded: 600 bytes a conversation with its share of the hash table, taken as they are first used.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.flows import tcp_tables
from netlake.flows.ended import record_batch
from netlake.kernels import flow as kernels
from netlake.kernels import flow_state as s
from netlake.kernels import flow_table
from netlake.layers.pools import Pool
from netlake.packets import HEADER, NO_TIME, Headers, Ints, Packets, Shorts, Tiny

# 155 MB at most, and some 70 while rows are made of them
MOST_FLOWS = 1 << 18
# rows of one record batch
MOST_ROWS = 1 << 14
# fewer are not worth it: the columns of a batch cost 3 ms whatever its size
LEAST_ROWS = 1 << 12
# places of the smallest hash table
LEAST_TABLE = 1 << 10
WITHOUT_PORTS = (s.ICMP, s.ICMPV6)


@dataclass(slots=True)
class Flows:
    """The flow of each row of a batch's Headers.

    `flow` is its number, 0 for what an ICMP error quotes and no conversation is known of; `from_originator` 1, 0, or -1
    where there is no flow; `src` and `dst` are codes of the pool `ip` (-1: no address); `shift` says how far a TCP
    window is shifted left, -1 where the handshake was not seen; `ports` are source and destination, -1 without ports.
    """

    flow: Ints
    from_originator: Tiny
    src: Shorts
    dst: Shorts
    shift: Tiny
    ports: tuple[Shorts, Shorts]


class State:
    """The arrays behind a tracker: rows of `netlake.kernels.flow_state`, hash table, free and ended rows, control."""

    def __init__(self, most: int) -> None:
        self.longs = np.zeros((most, s.WORDS), np.int64)
        self.integers: Shorts = self.longs.view(np.int32)
        self.octets = self.longs.view(np.uint8)
        self.side_longs = np.zeros((most, 2, s.MY_WORDS), np.int64)
        self.side_reals = self.side_longs.view(np.float64)
        self.side_integers: Shorts = self.side_longs.view(np.int32)
        self.side_octets = self.side_longs.view(np.uint8)
        self.table = np.zeros(LEAST_TABLE, np.uint64)
        self.free: Shorts = np.zeros(most, np.int32)
        self.ended: Shorts = np.zeros(most, np.int32)
        self.control: Ints = np.zeros(s.CONTROLS, np.int64)
        self.control[s.NOW] = self.control[s.SWEEP_AT] = NO_TIME

    def live(self) -> npt.NDArray[np.intp]:
        """Rows of the conversations that have not ended."""
        used = int(self.control[s.USED])
        return np.flatnonzero((self.longs[:used, s.FLOW] != 0) & (self.octets[:used, s.RETIRED] == 0))

    def waiting(self, most: int) -> Shorts:
        """The first `most` rows that have ended and were not exported, which are then the caller's."""
        count = min(most, int(self.control[s.ENDED]))
        at = (self.control[s.ENDED_AT] + np.arange(count)) % len(self.ended)
        self.control[s.ENDED_AT] = (self.control[s.ENDED_AT] + count) % len(self.ended)
        self.control[s.ENDED] -= count
        rows: Shorts = self.ended[at]
        return rows


class Tracker:
    """Tracks the conversations of one capture, batch after batch; at most `max_flows` at once.

    After each batch `ended` is to be called until it gives None. `evictions` counts the conversations that were cut
    short because there were too many.
    """

    def __init__(self, pools: Mapping[str, Pool], *, max_flows: int = MOST_FLOWS) -> None:
        self.pool, self.evictions, self._finished = pools["ip"], 0, False
        self.state = State(max(1, max_flows))
        self._batches: deque[pa.RecordBatch] = deque()

    @property
    def count(self) -> int:
        """How many conversations there were so far."""
        return int(self.state.control[s.FLOWS])

    def update(self, packets: Packets, headers: Headers) -> Flows:
        """Track one batch."""
        rows = len(headers)
        self.pool.reserve(2 * rows)
        c = {name: np.ascontiguousarray(headers[name]) for name in HEADER.fields or ()}
        p = packets
        keys = np.empty((rows, s.K_WORDS), np.int64)
        kernels.locate(
            c["network"], c["version"], c["protocol"], c["source_port"], c["destination_port"], c["key"], p.data,
            self.pool.seeds, keys,
        )  # fmt: skip
        asked = (keys, c["row"], c["transport"], c["end"], c["payload"], c["ip_length"], c["outer"], c["kind"], p.data,
                 p.length, p.ts, p.number, p.last)  # fmt: skip
        flow = np.empty(rows, np.int64)
        from_originator, shift = np.empty(rows, np.int8), np.empty(rows, np.int8)
        src, dst, states = (np.empty(rows, np.int32) for _ in range(3))
        answered = (flow, from_originator, src, dst, shift, states)
        at = 0
        while True:
            at = self._track(at, asked, answered)
            if at == rows:
                return Flows(flow, from_originator, src, dst, shift, ports_shown(headers))
            self._react()

    def _track(self, first: int, asked: tuple[npt.NDArray[Any], ...], answered: tuple[npt.NDArray[Any], ...]) -> int:
        state, pool = self.state, self.pool
        return int(kernels.track(
            first, *asked, state.longs, state.integers, state.octets, state.side_longs,
            state.side_reals, state.side_integers, state.side_octets, state.table, state.free, state.ended,
            state.control, tcp_tables.letters(), tcp_tables.moves(), pool.generation + 1, pool.table, pool.keys,
            pool.count, pool.seeds, *answered,
        ))  # fmt: skip

    def _react(self) -> None:
        """Do what the kernel cannot go on without."""
        why = self.state.control[s.WHY]
        if why == s.SWEEP:
            self._sweep()
        elif why == s.MAKE_ROOM:
            self._make_room()
        else:
            self._rebuild()

    def _rebuild(self) -> None:
        """A hash table that is a quarter full at most, of the conversations that are alive."""
        state = self.state
        size = max(LEAST_TABLE, 1 << (4 * int(state.control[s.LIVE]) - 1).bit_length())
        state.table = np.zeros(size, np.uint64)
        flow_table.rebuild(state.table, state.longs, state.integers, state.octets, self.pool.seeds, state.control)

    def _sweep(self) -> None:
        """End the conversations that were silent for too long, in the order in which their patience ended."""
        state, now = self.state, int(self.state.control[s.NOW])
        rows, deadlines = np.empty(len(state.longs), np.int32), np.empty(len(state.longs), np.int64)
        count = flow_table.silent(state.longs, state.octets, state.control, rows, deadlines)
        found = rows[:count]
        self._retire(found[np.lexsort((state.longs[found, s.FLOW], deadlines[:count]))], s.TIMEOUT)
        state.control[s.SWEEP_AT] = min(now + s.BETWEEN_SWEEPS, np.iinfo(np.int64).max)

    def _retire(self, rows: Shorts, why: int) -> None:
        state = self.state
        flow_table.retire_rows(rows, why, state.table, state.integers, state.octets, state.ended, state.control)

    def _make_room(self) -> None:
        """Free rows: export what has ended; if nothing has, end what is over, or else what matters least."""
        if not self.state.control[s.ENDED]:
            self._sweep()
        if not self.state.control[s.ENDED]:
            self._evict(max(1, len(self.state.longs) // 8))
        self._export()

    def _evict(self, count: int) -> None:
        state, rows = self.state, self.state.live()
        has_ended = state.octets[rows, s.ENDING] != 0
        clock = np.where(has_ended, NO_TIME, state.longs[rows, s.CLOCK])
        count = min(count, len(rows))
        rows = rows[clock <= np.partition(clock, count - 1)[count - 1]]
        order = [state.longs[rows, place] for place in (s.FLOW, s.LAST_PACKET, s.CLOCK)]
        chosen = rows[np.lexsort((*order, state.octets[rows, s.ENDING] == 0))[:count]]
        self.evictions += int(np.count_nonzero(state.octets[chosen, s.ENDING] == 0))
        self._retire(chosen.astype(np.int32), s.EVICTED)

    def _export(self) -> None:
        """Turn ended conversations into rows, and free what they held."""
        rows = self.state.waiting(MOST_ROWS)
        if len(rows):
            self._batches.append(record_batch(self.state.longs[rows], self.state.side_longs[rows]))
            flow_table.free_rows(rows, self.state.longs, self.state.free, self.state.control)

    def ended(self, *, least: int = LEAST_ROWS) -> pa.RecordBatch | None:
        """Rows of `connection` that ended, in the order of their end, without `capture` and `day`.

        Nothing while there are fewer than `least`, until `finish`; at most 16,384 at once. To be called until it gives
        None.
        """
        if not self._batches and self.state.control[s.ENDED] >= (1 if self._finished else max(1, least)):
            self._export()
        return self._batches.popleft() if self._batches else None

    def finish(self) -> None:
        """The capture is over: end everything that is open, in the order of its beginning; `ended` then gives it."""
        self._finished = True
        if self.state.control[s.NOW] != NO_TIME:
            self._sweep()
        rows = self.state.live().astype(np.int32)
        self._retire(rows[np.argsort(self.state.longs[rows, s.FLOW])], s.END_OF_CAPTURE)


def ports_shown(headers: Headers) -> tuple[Shorts, Shorts]:
    """Source and destination ports of each row, -1 where there are none (of ICMP, types stand in their place)."""
    hidden = np.isin(headers["protocol"], WITHOUT_PORTS)
    none = np.int32(-1)
    return np.where(hidden, none, headers["source_port"]), np.where(hidden, none, headers["destination_port"])

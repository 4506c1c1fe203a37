"""The tracker: assigns a flow to every IP header, counts, and ends flows. No other code decides what a flow is.

Identity of a flow
- Its key: addresses, ports, protocol and tunnel (`key` in Headers), equal in both directions. Headers with and without
  ports have different keys. By option (`flow_key`) VLAN tags and the interface are part of the key; they are not by
  default, because mirror ports tag both directions differently. A flow whose packets are in more than one VLAN is
  counted (`in_vlans`): it may be several connections.
- Numbers run from 1 in the order of first packets, the outer flow of a packet before the inner one.
- The originator is the sender of the first packet, or its receiver if the packet is an answer or, without a handshake,
  comes from the port of a server: the rules are at the head of netlake.flows.beginning.
- A SYN without ACK on ports in use belongs to the flow if
  - it repeats the last SYN of its direction (same sequence number), and the flow has seen neither RST nor both FINs, or
  - its direction has sent no SYN, and the SYN is only late: its number + 1 is where the direction's lowest segment
    begins, or is acknowledged by the SYN+ACK, whatever else has been seen; or, while the flow has not ended, no SYN+ACK
    was seen and the direction has sent at most 65,536 bytes, its number + 1 is at most 65,536 below the lowest segment
    and not above what the other end has acknowledged, or
  - nothing is known of where its direction begins, and the other end has sent a SYN (a simultaneous open), no segment
    that could be read, or an acknowledgement of the SYN, or of at most 65,536 bytes behind it.
  Any other SYN begins another flow; so does a SYN+ACK with other numbers than those of a flow that has ended. tshark
  and Zeek also begin another connection with a SYN after RST.

End of a flow
- After silence: 1 h for TCP, 5 min for TCP without any payload, 180 s for everything else (`timeout`).
- After FIN both ways, RST, SCTP SHUTDOWN COMPLETE or ABORT, and then 5 s of silence (LINGER): packets before that
  belong to it. The first of the reasons `fin`, `rst`, `shutdown`, `abort` stays.
- By a new SYN (`new_syn`), at the end of the capture (`end_of_capture`), or because there are too many flows
  (`evicted`): then an eighth of them ends, those that had ended first, then those silent for longest.
- There is no active timeout. For silence, time is that of the packets and never runs backwards: a packet from the past,
  or without a time, counts as received now. Flows that are over are looked for every minute of that time.
- `ts`, `first_ts` and `last_ts` are the earliest and latest times of the packets, in whatever order they were captured;
  `ts` and duration are null if the first packet has no time.

Counters
- The wire length of a packet counts in full for every flow whose header it carries: the tunnel's and the inner one.
- IP bytes are those of the length field, also where it exceeds the frame (a frame that was cut without a trace of its
  length); a length of 0 (segmentation offload) is the rest of the frame.
- Fragments count as packets (wire and IP bytes, times, TTL), the datagram reassembled from them for its transport
  header and payload. A header quoted by an ICMP error is looked up; it is not counted, and begins no flow.
- A segment is ahead, and leaves a hole, where it begins beyond the highest sequence number that its direction has
  sent. Below that it is `out_of_order` if it begins in a hole, or if it ends where the first bytes of its direction
  begin (the capture began between the two). A segment farther below these is taken for bytes sent before the capture
  began, and the bytes between are not missed, unless a late SYN or SYN+ACK shows that they are of the capture: then
  all is counted as if the SYN had come in time. Else it is `retransmitted`: its first byte was sent before, because
  it was seen, or because the other end has acknowledged it. It fills what it covers of all holes. Segments without
  payload, SYN or FIN, those with RST and repeats of the last single byte (keep-alives) are ignored. Wireshark also
  weighs times, so a late repeat of a segment that the capture does not contain is a retransmission there and out of
  order here.
- Bytes that the other end acknowledged and the capture lacks are `missed`; they are no longer if they arrive late.
  The holes, and how many are kept, are described in netlake.kernels.flow_holes.
- An acknowledgement beyond the highest sequence number is believed if it is at most the window of its sender beyond
  (at least 1 MiB; Zeek, too, distrusts more than that), or if it is beyond one that was not believed by at most as
  much. It is not if it is in a SYN, or if only the other end has shown that it takes part in this connection (a SYN
  without an answer): then it is of an earlier connection (RFC 9293, section 3.5.1). One that is not believed counts
  when its bytes' sender reaches it. tshark believes all of them.
- Windows are as sent; minimum and maximum are of segments without SYN and RST. A zero window with RST, after the FIN of
  the other end or after an own RST does not count.

History and states
- Letters as in Zeek's conn.log: s h a d f r q i, upper case for the originator, `^` where the first packet was sent by
  the responder; f, h, r, s again when the sequence number moved; w (zero window), t (payload without a byte beyond the
  highest sequence number) and g (missed bytes) at the first, tenth, hundredth ... time. 32 letters at most. Not c (bad
  checksum). UDP has d only, other protocols none.
- conn_state is defined in netlake.flows.tcp_tables; UDP has S0, SF, SHR, other protocols OTH, as in Zeek.

Data structures
- The state is an array of records, one row a flow (netlake.kernels.flow_state), found by a hash table of keys
  (netlake.kernels.flow_table). Kernels do everything that a packet needs; what is rare (a sweep, an eviction, a larger
  table) is done here, between two calls of the kernel.
- A row of the state is the `slot` of its flow until the flow has ended and `leaving` was called; streams keep what they
  need in arrays of their own by slot, without a second hash table. Rows are freed in the midst of a batch only if there
  are too many flows; then the headers of the batch whose flow is no longer in its row have no slot.
- Memory is bounded: 720 bytes a flow with its share of the hash table, taken as they are first used, and 1.5 MB of
  holes that all flows share.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.flows import tcp_tables
from netlake.flows.ended import record_batch
from netlake.kernels import flow as kernels
from netlake.kernels import flow_state as s
from netlake.kernels import flow_table
from netlake.kernels.numbers import IpProtocol
from netlake.layers.pools import Pool
from netlake.packets import NO_TIME, Headers, Ints, Packets, Shorts, Tiny, taken

# 185 MB at most, and some 70 while rows are made of them
MOST_FLOWS = 1 << 18
# rows of one record batch
MOST_ROWS = 1 << 14
# a record batch costs 4 ms whatever its size, so fewer rows than this wait
LEAST_ROWS = 1 << 12
# places of the smallest hash table
LEAST_TABLE = 1 << 10
# plain numbers: NumPy compares an array with a member of an enumeration several times slower
WITHOUT_PORTS = (IpProtocol.ICMPV4.value, IpProtocol.ICMPV6.value)
OPEN = s.Ending.OPEN.value
# what can separate flows by option
FLOW_KEYS = tuple(one.name.lower() for one in s.Separate)


class Ports(NamedTuple):
    """Source and destination ports, -1 without ports."""

    source: Shorts
    destination: Shorts


@dataclass(frozen=True, slots=True)
class Flows:
    """The flow of each row of a batch's Headers; `found` has dtype FLOW_OF_HEADER, the properties are its fields."""

    found: s.Records
    ports: Ports

    @property
    def flow(self) -> Ints:
        """Number of the flow; 0 where an ICMP error quotes a flow that is not known."""
        return self.found["flow"]

    @property
    def from_originator(self) -> Tiny:
        """1, 0, or -1 without a flow."""
        return self.found["from_originator"]

    @property
    def src(self) -> Shorts:
        """Code of the source address in the pool `ip`, -1 without one."""
        return self.found["src"]

    @property
    def dst(self) -> Shorts:
        """Code of the destination address in the pool `ip`, -1 without one."""
        return self.found["dst"]

    @property
    def slot(self) -> Shorts:
        """Row of the flow in the tracker's state, valid until the row is freed (Tracker.leaving).

        -1 without a flow, and where the row was freed in this batch (`flow` is not 0 then): the flow has left.
        """
        return self.found["slot"]

    @property
    def shift(self) -> Tiny:
        """Bits by which a TCP window is to be shifted left, -1 where the handshake was not seen."""
        return self.found["shift"]


def _nothing(_rows: Shorts) -> Mapping[str, pa.Array]:
    """The default of `leaving`: no other state depends on the rows."""
    return {}


class Tracker:
    """Tracks the flows of one capture, batch after batch; at most `max_flows` at once.

    `flow_key` has names of FLOW_KEYS: what separates flows beside the key of every flow.

    After each batch `ended` is to be called until it returns None. `evictions` counts flows that ended early because
    there were too many. `leaving` is called with rows of the state whose flows have ended, before they are turned into
    rows of `connection` and freed: what is kept beside the state by row has to end there. It returns the columns of
    `connection` that it knows, in the order of the rows. This can also be within `update`, when no row is free.
    """

    def __init__(
        self,
        pools: Mapping[str, Pool],
        *,
        max_flows: int = MOST_FLOWS,
        flow_key: Collection[str] = (),
        leaving: Callable[[Shorts], Mapping[str, pa.Array]] = _nothing,
    ) -> None:
        self.pool, self.evictions, self.leaving, self._finished = pools["ip"], 0, leaving, False
        self._separate = sum(s.Separate[name.upper()].value for name in set(flow_key))
        self.state = s.new_state(max(1, max_flows), LEAST_TABLE)
        self._batches: deque[pa.RecordBatch] = deque()

    @property
    def control(self) -> np.void:
        """The numbers that the kernels share with the tracker: a record of dtype CONTROL."""
        return self.state.control[0]  # type: ignore[no-any-return]

    @property
    def count(self) -> int:
        """How many flows there were so far."""
        return int(self.control["flows"])

    @property
    def in_vlans(self) -> int:
        """How many flows had packets in more than one VLAN."""
        return int(self.control["in_vlans"])

    @property
    def forgotten_holes(self) -> int:
        """How many holes in sequence numbers were given up, because a direction or all flows had too many."""
        return int(self.control["forgotten"])

    def update(self, packets: Packets, headers: Headers) -> Flows:
        """Track one batch."""
        headers = np.ascontiguousarray(headers)
        keys = np.empty(len(headers), s.KEY)
        found = np.empty(len(headers), s.FLOW_OF_HEADER)
        kernels.locate(headers, packets.data, self.pool.seeds, packets.interface, self._separate, keys)
        batch = s.Batch(packets.data, packets.ts, packets.length, packets.number, packets.last)
        at, freed = 0, False
        while True:
            # `leaving` may call `context`, which adds addresses and may replace the arrays of the pool
            pool, generation = self.pool.arrays(2 * (len(headers) - at)), self.pool.generation + 1
            at = kernels.track(at, headers, keys, batch, self.state, tcp_tables.rules(), pool, generation, found)
            if at == len(headers):
                break
            freed |= int(self.control["why"]) == int(s.Why.MAKE_ROOM)
            self._react()
        if freed:
            self._clear_slots(found)
        return Flows(found, ports_shown(headers))

    def _clear_slots(self, found: s.Records) -> None:
        """Set the slots of `found` to -1 where the flow is not in the row any more."""
        # a slot of -1 reads the last row; it stays -1 whatever is there
        found["slot"][self.state.flows["number"][found["slot"]] != found["flow"]] = -1

    def context(self, slots: Shorts, from_originator: Tiny) -> Flows:
        """The flows of messages that streams contain: of the rows `slots`, sent by the originator or the responder.

        To be called before the rows are freed, so at the latest in `leaving`; IndexError for a row without a flow. The
        codes of addresses are valid in the pool as it is now, whatever it was when the message was received.
        """
        found = np.empty(len(slots), s.FLOW_OF_HEADER)
        ports = np.empty((len(slots), 2), np.int32)
        slots, directions = np.ascontiguousarray(slots, np.int32), np.ascontiguousarray(from_originator, np.int8)
        pool = self.pool.arrays(2 * len(slots))
        kernels.context(slots, directions, self.state, pool, self.pool.generation + 1, found, ports)
        return Flows(found, Ports(*ports.T))

    def _react(self) -> None:
        """Do what the kernel cannot continue without."""
        why = self.control["why"]
        if why == s.Why.SWEEP:
            self._sweep()
        elif why == s.Why.MAKE_ROOM:
            self._make_room()
        else:
            self._rebuild()

    def _rebuild(self) -> None:
        """Make a hash table that is at most a quarter full, of the flows that are live."""
        size = max(LEAST_TABLE, 1 << (4 * int(self.control["live"]) - 1).bit_length())
        self.state = self.state._replace(table=np.zeros(size, np.uint64))
        flow_table.rebuild(self.state, self.pool.seeds)

    def _live(self) -> npt.NDArray[np.intp]:
        """Rows of the flows that have not ended."""
        flows = self.state.flows[: int(self.control["used"])]
        return np.flatnonzero((flows["number"] != 0) & (flows["retired"] == 0))

    def _sweep(self) -> None:
        """End the flows that were silent for too long, in the order in which they were over."""
        flows = self.state.flows
        rows, deadlines = np.empty(len(flows), np.int32), np.empty(len(flows), np.int64)
        count = flow_table.silent(self.state, rows, deadlines)
        found = rows[:count]
        self._retire(found[np.lexsort((flows["number"][found], deadlines[:count]))], s.Ending.TIMEOUT)

    def _retire(self, rows: Shorts, why: s.Ending) -> None:
        flow_table.retire_rows(rows, int(why), self.state)

    def _make_room(self) -> None:
        """Free rows: export flows that ended; if none has, end those that are over, else evict some."""
        if not self.control["ended"]:
            self._sweep()
        if not self.control["ended"]:
            self._evict(max(1, len(self.state.flows) // 8))
        self._export()

    def _evict(self, count: int) -> None:
        """End `count` flows: first those that had ended, then those silent for longest."""
        flows, rows = self.state.flows, self._live()
        is_open = flows["ending"][rows] == OPEN
        clock = np.where(is_open, flows["clock"][rows], NO_TIME)
        count = min(count, len(rows))
        near = clock <= np.partition(clock, count - 1)[count - 1]
        rows, is_open = rows[near], is_open[near]
        order = [flows[name][rows] for name in ("number", "last_packet", "clock")]
        chosen = np.lexsort((*order, is_open))[:count]
        self.evictions += int(np.count_nonzero(is_open[chosen]))
        self._retire(rows[chosen].astype(np.int32), s.Ending.EVICTED)

    def _export(self) -> None:
        """Turn ended flows into rows of `connection`, and free their rows of the state."""
        control, ring = self.control, self.state.ended
        count = min(MOST_ROWS, int(control["ended"]))
        if not count:
            return
        rows: Shorts = ring[(control["ended_at"] + np.arange(count)) % len(ring)]
        control["ended_at"] = (control["ended_at"] + count) % len(ring)
        control["ended"] -= count
        known = self.leaving(rows)
        sides = taken(self.state.sides.reshape(-1), (2 * rows[:, None] + np.arange(2)).reshape(-1)).reshape(-1, 2)
        self._batches.append(record_batch(taken(self.state.flows, rows), sides, known))
        flow_table.free_rows(rows, self.state)

    def ended(self, *, least: int = LEAST_ROWS) -> pa.RecordBatch | None:
        """Rows of `connection` that ended, in the order of their end, without `capture` and `day`.

        None while there are fewer than `least`, until `finish`; at most 16,384 at once.
        """
        if not self._batches and self.control["ended"] >= (1 if self._finished else max(1, least)):
            self._export()
        return self._batches.popleft() if self._batches else None

    def finish(self) -> None:
        """End everything that is open, in the order of its beginning, at the end of the capture; `ended` returns it."""
        self._finished = True
        if self.control["now"] != NO_TIME:
            self._sweep()
        rows = self._live().astype(np.int32)
        self._retire(rows[np.argsort(self.state.flows["number"][rows])], s.Ending.END_OF_CAPTURE)


def ports_shown(headers: Headers) -> Ports:
    """The ports of each row, -1 without ports; in Headers, the ports of ICMP are types."""
    hidden = np.isin(headers["protocol"], WITHOUT_PORTS)
    none = np.int32(-1)
    return Ports(
        np.where(hidden, none, headers["source_port"]), np.where(hidden, none, headers["destination_port"])
    )  # fmt: skip

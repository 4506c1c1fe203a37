"""Ended conversations as rows of `connection`: the arrays of state turned into columns, a batch at once.

`longs` (n, 20) and `sides` (n, 2, 26) are copies of rows of state; see netlake.kernels.flow_state.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netlake.flows import tcp_tables
from netlake.flows.community_id import community_ids
from netlake.kernels import flow_state as s
from netlake.layers.pools import key_texts
from netlake.packets import NO_TIME

SIDES = ("orig", "resp")
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
REASONS = {
    s.FIN: "fin",
    s.RST: "rst",
    s.SHUTDOWN: "shutdown",
    s.ABORT: "abort",
    s.NEW_SYN: "new_syn",
    s.TIMEOUT: "timeout",
    s.EVICTED: "evicted",
    s.END_OF_CAPTURE: "end_of_capture",
}
STATES_OF_UDP = ("OTH", "SHR", "S0", "SF")

Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def record_batch(longs: Longs, sides: Longs) -> pa.RecordBatch:
    """Rows of `connection` without `capture` and `day`; `ts` and `last_ts` in microseconds."""
    ended = Ended(longs, sides)
    columns = dict(ended.whole())
    for name, end in zip(SIDES, (ended.originator, 1 - ended.originator), strict=True):
        side = np.ascontiguousarray(sides[np.arange(len(sides)), end])
        columns.update((f"{name}_{field}", column) for field, column in direction(side, is_tcp=ended.protocol == s.TCP))
    return pa.RecordBatch.from_pydict(columns)


def masked(values: npt.NDArray[np.generic], valid: Mask) -> pa.Array:
    """An Arrow array, null where not `valid`."""
    return pa.array(values, mask=None if valid.all() else ~valid)


def words(names: list[str | None], codes: npt.NDArray[np.integer]) -> pa.DictionaryArray:
    """dictionary<int32, string> of those of `names` that `codes` use; None becomes null."""
    used, places = np.unique(codes, return_inverse=True)
    return pa.array([names[code] for code in used.tolist()], pa.string()).take(pa.array(places)).dictionary_encode()


def times(ns: Longs) -> pa.Array:
    """Nanoseconds since 1970 as timestamps in microseconds, truncated; null for NO_TIME."""
    return masked(ns // 1000, ns != NO_TIME).cast(pa.timestamp("us", "UTC"))


class Ended:
    """Some ended conversations."""

    def __init__(self, longs: Longs, sides: Longs) -> None:
        self.longs, self.sides = longs, sides
        self.octets = longs.view(np.uint8)
        self.originator = self.octets[:, s.ORIGINATOR].astype(np.int64)
        ports = longs[:, s.PORTS]
        self.protocol = ports & 255
        self.version = np.where(ports >> 42 & 1, 6, 4)
        self.ports = np.stack([(ports >> 25 & 0x1FFFF) - 1, (ports >> 8 & 0x1FFFF) - 1], axis=1)

    def whole(self) -> Iterator[tuple[str, pa.Array]]:
        """The columns that belong to no direction."""
        longs = self.longs
        first, last = longs[:, s.FIRST_TS], self.sides[:, :, s.MY_LAST_TS].max(axis=1)
        # a conversation of reassembled datagrams alone has no packet's time but its first
        last = np.maximum(first, last)
        yield "ts", times(first)
        yield "flow", pa.array(longs[:, s.FLOW])
        yield "last_ts", times(last)
        yield "duration", masked(_seconds(first, last), first != NO_TIME)
        yield "first_packet", pa.array(longs[:, s.FIRST_PACKET])
        yield "last_packet", pa.array(longs[:, s.LAST_PACKET])
        yield "protocol", pa.array(self.protocol.astype(np.int16))
        yield from self._ends()
        for name, place in (("outer_flow", s.OUTER), ("quoted_flow", s.QUOTES)):
            yield name, masked(longs[:, place], longs[:, place] != 0)
        yield "tunnel_key", masked(longs[:, s.KEY], longs[:, s.KEY] != 0)
        yield from self._verdict()
        addresses = longs[:, [s.A_HIGH, s.A_LOW, s.B_HIGH, s.B_LOW]]
        yield "community_id", community_ids(addresses, self.version, self.protocol, self.ports, self.originator)

    def _ends(self) -> Iterator[tuple[str, pa.Array]]:
        """Addresses and ports, ICMP type and code."""
        rows = np.arange(len(self.longs))
        for name, end in zip(SIDES, (self.originator, 1 - self.originator), strict=True):
            keys = np.zeros((len(rows), 4), np.uint64)
            keys[:, 0] = self.longs[rows, s.A_HIGH + 2 * end].view(np.uint64)
            keys[:, 1] = self.longs[rows, s.A_LOW + 2 * end].view(np.uint64)
            keys[:, 2] = self.version
            yield f"{name}_ip", key_texts(keys).dictionary_encode()
            port = self.ports[rows, end]
            has_ports = (port >= 0) & (self.protocol != s.ICMP) & (self.protocol != s.ICMPV6)
            yield f"{name}_port", masked(port.astype(np.int32), has_ports)
        has_icmp = self.octets[:, s.HAS_ICMP] != 0
        for name, place in (("icmp_type", s.ICMP_TYPE), ("icmp_code", s.ICMP_CODE)):
            yield name, masked(self.octets[:, place].astype(np.int16), has_icmp)

    def _verdict(self) -> Iterator[tuple[str, pa.Array]]:
        """How it ended, and Zeek's two columns."""
        reasons = [REASONS.get(code) for code in range(max(REASONS) + 1)]
        yield "end_reason", words(reasons, self.octets[:, s.ENDING])
        rows = np.arange(len(self.longs))
        state = self.sides.view(np.uint8)[:, :, s.MY_STATE].astype(np.int64)
        is_empty = (self.sides[:, :, s.MY_PAYLOAD] == 0).all(axis=1)
        code = (state[rows, self.originator] * s.STATES + state[rows, 1 - self.originator]) * 2 + is_empty
        sent = self.sides[:, :, s.MY_PACKETS] > 0
        udp = sent[rows, self.originator] * 2 + sent[rows, 1 - self.originator]
        names = tcp_tables.conn_states()
        code = np.where(self.protocol == s.TCP, code, len(names) + np.where(self.protocol == s.UDP, udp, 0))
        yield "conn_state", words([*names, *STATES_OF_UDP], code)
        yield "history", self._history()

    def _history(self) -> pa.Array:
        """The letters; null where the protocol has none."""
        size = self.octets[:, s.HISTORY_SIZE].astype(np.int32)
        letters = self.octets[:, s.HISTORY : s.HISTORY + s.LONGEST_HISTORY]
        data = letters[np.arange(s.LONGEST_HISTORY) < size[:, None]]
        offsets = np.zeros(len(size) + 1, np.int32)
        np.cumsum(size, out=offsets[1:])
        text = pa.StringArray.from_buffers(len(size), pa.py_buffer(offsets), pa.py_buffer(data))
        has_history = pa.array((self.protocol == s.TCP) | (self.protocol == s.UDP))
        return pc.if_else(has_history, text, pa.scalar(None, pa.string())).dictionary_encode()


def _seconds(first: Longs, last: Longs) -> npt.NDArray[np.float64]:
    """From `first` to `last`, which is never before it: what is negative did not fit 64 bits."""
    between = last - first
    return np.where(between < 0, last.astype(np.float64) - first, between) / 1e9


def direction(side: Longs, *, is_tcp: Mask) -> Iterator[tuple[str, pa.Array]]:
    """The columns of one direction; those of TCP are null for everything else."""
    reals, integers, octets = side.view(np.float64), side.view(np.int32), side.view(np.uint8)
    packets, gaps = side[:, s.MY_PACKETS], integers[:, s.MY_GAPS].astype(np.int64)
    yield "packets", pa.array(packets)
    for name, place in (("bytes", s.MY_WIRE), ("ip_bytes", s.MY_IP), ("payload_bytes", s.MY_PAYLOAD)):
        yield name, pa.array(side[:, place])
    sent, timed = packets > 0, gaps > 0
    for name, place in (("length_min", s.MY_LEAST_LENGTH), ("length_max", s.MY_GREATEST_LENGTH)):
        yield name, masked(integers[:, place], sent)
    yield "length_mean", masked(reals[:, s.MY_MEAN_LENGTH], sent)
    yield "length_std", masked(_deviation(reals[:, s.MY_SQUARED_LENGTH], packets), sent)
    for name, place in (("interarrival_min", s.MY_LEAST_GAP), ("interarrival_max", s.MY_GREATEST_GAP)):
        yield name, masked(side[:, place] / 1e9, timed)
    yield "interarrival_mean", masked(reals[:, s.MY_MEAN_GAP] / 1e9, timed)
    yield "interarrival_std", masked(_deviation(reals[:, s.MY_SQUARED_GAP], gaps) / 1e9, timed)
    for name, place in (("ttl_first", s.MY_FIRST_TTL), ("ttl_min", s.MY_LEAST_TTL), ("ttl_max", s.MY_GREATEST_TTL)):
        yield name, masked(octets[:, place].astype(np.int16), sent)
    yield from _segments(side, integers, octets, is_tcp)


def _segments(
    side: Longs, integers: npt.NDArray[np.int32], octets: npt.NDArray[np.uint8], is_tcp: Mask
) -> Iterator[tuple[str, pa.Array]]:
    """What TCP adds to a direction."""
    counts = integers[:, s.MY_FLAGS : s.MY_FLAGS + len(FLAGS)]
    yield "flags", masked(((counts > 0) @ (1 << np.arange(len(FLAGS)))).astype(np.int16), is_tcp)
    for bit, name in enumerate(FLAGS):
        yield name, masked(counts[:, bit].astype(np.int64), is_tcp)
    windows = (
        ("window_first", s.MY_FIRST_WINDOW),
        ("window_min", s.MY_LEAST_WINDOW),
        ("window_max", s.MY_GREATEST_WINDOW),
    )
    for name, place in windows:
        yield name, masked(integers[:, place], is_tcp & (integers[:, place] >= 0))
    scale = octets[:, s.MY_SCALE].astype(np.int16)
    yield "window_scale", masked(scale - s.WITH_SCALE, (scale >= s.WITH_SCALE) & (scale < s.OFFERED))
    counters = (
        ("retransmitted", s.MY_RETRANSMITTED),
        ("out_of_order", s.MY_OUT_OF_ORDER),
        ("zero_windows", s.MY_ZERO_WINDOWS),
    )
    for name, place in counters:
        yield name, masked(integers[:, place].astype(np.int64), is_tcp)
    yield "missed_bytes", masked(side[:, s.MY_MISSED], is_tcp)


def _deviation(squared: npt.NDArray[np.float64], count: Longs) -> npt.NDArray[np.float64]:
    """The standard deviation of a whole population; its square may be a hair below 0 by rounding."""
    return np.sqrt(np.maximum(squared, 0) / np.maximum(count, 1))

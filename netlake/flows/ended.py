"""Ended flows as rows of `connection`: records of state turned into Arrow columns, a batch at once.

The columns are declared in netlake.kernels.flow_columns. One with a field is that field, null where its `valid` does
not apply: `_of_field`. One without is the result of the function of its name in COMPUTED, or for a direction in
COMPUTED_OF_SIDE.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from netlake.flows import tcp_tables
from netlake.flows.community_id import community_ids
from netlake.kernels.addresses import MAC
from netlake.kernels.flow_columns import DIRECTION, ENDS, FACTS, SIDES, WHOLE, StateColumn, Valid
from netlake.kernels.flow_state import LONGEST_HISTORY, End, Ending, Records, Scale
from netlake.kernels.numbers import IpProtocol
from netlake.kernels.times import microseconds, seconds_between
from netlake.layers.pools import number_texts
from netlake.packets import NO_TIME, taken
from netlake.schema import SCALARS

FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr")
# plain numbers: NumPy compares an array with a member of an enumeration several times slower
TCP, UDP = IpProtocol.TCP.value, IpProtocol.UDP.value
ICMPV4, ICMPV6 = IpProtocol.ICMPV4.value, IpProtocol.ICMPV6.value
WITH_SCALE, OFFERED = Scale.WITH_SCALE.value, Scale.OFFERED.value
STATES_OF_UDP = ("OTH", "SHR", "S0", "SF")
NANOSECONDS = 1e9

Longs = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def record_batch(flows: Records, sides: Records, known: Mapping[str, pa.Array]) -> pa.RecordBatch:
    """Rows of `connection` without `capture` and `day`, of n `flows` and their `sides` (n, 2): copies of rows of state.

    Times are microseconds. `known` are columns of other origin, in place of those that the state has.
    """
    ended = Ended(flows, sides)
    columns = {"ts": times(ended.first_ts), "flow": pa.array(flows["number"])}
    columns |= {column.name: ended.column(column) for column in (*WHOLE, *FACTS)}
    for prefix, side in zip(SIDES, (ended.orig, ended.resp), strict=True):
        columns |= {f"{prefix}_{column.name}": side.column(column) for column in (*ENDS, *DIRECTION)}
    return pa.RecordBatch.from_pydict(columns | dict(known))


def masked(values: npt.NDArray[np.generic], valid: Mask | None) -> pa.Array:
    """An Arrow array, null where not `valid` (None: nowhere)."""
    return pa.array(values, mask=None if valid is None or valid.all() else ~valid)


def words(names: list[str | None], codes: npt.NDArray[np.integer]) -> pa.DictionaryArray:
    """dictionary<int32, string> of those of `names` that `codes` use; None becomes null."""
    used, places = np.unique(codes, return_inverse=True)
    return pa.array([names[code] for code in used.tolist()], pa.string()).take(pa.array(places)).dictionary_encode()


def times(ts: Longs) -> pa.Array:
    """Times (netlake.kernels.times) as timestamps in microseconds, truncated; null for NO_TIME."""
    return masked(microseconds(ts), ts != NO_TIME).cast(pa.timestamp("us", "UTC"))


class Ended:
    """Some ended flows: copies of their rows of state, `flows` (n) and `sides` (n, 2); `orig` and `resp` are Sides."""

    def __init__(self, flows: Records, sides: Records) -> None:
        self.flows, self.sides = flows, sides
        self.protocol = flows["protocol"].astype(np.int64)
        self.is_tcp: Mask = self.protocol == TCP
        self.is_udp: Mask = self.protocol == UDP
        self.is_icmp: Mask = (self.protocol == ICMPV4) | (self.protocol == ICMPV6)
        self.originator = flows["originator"].astype(np.int64)
        self.orig, self.resp = Side(self, self.originator), Side(self, 1 - self.originator)

    @cached_property
    def first_ts(self) -> Longs:
        """Earliest time, NO_TIME if the first packet has none: that is the least number, so no time is before it."""
        begun, of_sides = self.flows["first_ts"], self.sides["first_ts"]
        for side in of_sides.T:
            begun = np.where((side != NO_TIME) & (side < begun), side, begun)
        return begun

    @cached_property
    def last_ts(self) -> Longs:
        """Latest time; a flow of reassembled datagrams alone has only the time of its first packet."""
        latest: Longs = np.maximum(self.flows["first_ts"], self.sides["last_ts"].max(axis=1))
        return latest

    def column(self, column: StateColumn) -> pa.Array:
        """A column of the whole flow."""
        if column.field is None:
            return COMPUTED[column.name](self)
        return _of_field(column, self.flows[column.name], self.valid(column))

    def valid(self, column: StateColumn) -> Mask | None:
        """Where a column of the whole flow is not null, None: everywhere."""
        if column.valid == Valid.NOT_ZERO:
            return self.flows[column.name] != 0  # type: ignore[no-any-return]
        return self.flows["has_icmp"] != 0 if column.valid == Valid.ICMP else None


class Side:
    """One direction of some ended flows: `end` is its side in each."""

    def __init__(self, whole: Ended, end: Longs) -> None:
        self.whole, self.end = whole, end
        self.state: Records = taken(whole.sides.reshape(-1), 2 * np.arange(len(end)) + end)
        self.masks = {
            Valid.TCP: whole.is_tcp,
            Valid.WITH_PACKETS: self.state["packets"] > 0,
            Valid.WITH_INTERVALS: self.state["intervals"] > 0,
        }

    def column(self, column: StateColumn) -> pa.Array:
        """A column of the direction."""
        if column.field is None:
            return COMPUTED_OF_SIDE[column.name](self)
        return _of_field(column, self.state[column.name], self.valid(column))

    def valid(self, column: StateColumn) -> Mask | None:
        """Where a column of the direction is not null, None: everywhere."""
        if column.valid == Valid.NOT_NEGATIVE:
            return self.state[column.name] >= 0
        return self.masks.get(column.valid)

    def of(self, name: str) -> npt.NDArray[np.generic]:
        """`a_NAME` or `b_NAME` of the flow: that of this end."""
        flows = self.whole.flows
        chosen: npt.NDArray[np.generic] = np.where(self.end == 0, flows[f"a_{name}"], flows[f"b_{name}"])
        return chosen


def _of_field(column: StateColumn, values: npt.NDArray[Any], valid: Mask | None) -> pa.Array:
    """A field as the column that it is: times and durations are nanoseconds in the state."""
    if column.kind == "ts":
        return times(values)
    if column.kind == "duration":
        return masked(values / NANOSECONDS, valid)
    if column.kind == "mac":
        return _mac(values)
    return masked(values.astype(SCALARS[str(column.kind)].arrow, copy=False), valid)


def _mac(values: Longs) -> pa.Array:
    """MAC addresses as text, null for -1."""
    texts = number_texts(0, np.maximum(values, 0), MAC)
    return pc.if_else(pa.array(values >= 0), texts, pa.scalar(None, pa.string())).dictionary_encode()


def _duration(ended: Ended) -> pa.Array:
    """From first to last time, which is never before it."""
    first = ended.first_ts
    return masked(seconds_between(ended.last_ts, first), first != NO_TIME)


def _conn_state(ended: Ended) -> pa.Array:
    orig, resp = ended.orig.state, ended.resp.state
    is_empty = (ended.sides["payload_bytes"] == 0).all(axis=1)
    tcp = (orig["state"].astype(np.int64) * len(End) + resp["state"]) * 2 + is_empty
    udp = (orig["packets"] > 0) * 2 + (resp["packets"] > 0)
    names = tcp_tables.conn_states()
    codes = np.where(ended.is_tcp, tcp, len(names) + np.where(ended.is_udp, udp, 0))
    return words([*names, *STATES_OF_UDP], codes)


def _history(ended: Ended) -> pa.Array:
    size = ended.flows["history_size"].astype(np.int32)
    data = ended.flows["history"][np.arange(LONGEST_HISTORY) < size[:, None]]
    offsets = np.zeros(len(size) + 1, np.int32)
    np.cumsum(size, out=offsets[1:])
    text = pa.StringArray.from_buffers(len(size), pa.py_buffer(offsets), pa.py_buffer(data))
    has_history = pa.array(ended.is_tcp | ended.is_udp)
    return pc.if_else(has_history, text, pa.scalar(None, pa.string())).dictionary_encode()


def _community_id(ended: Ended) -> pa.Array:
    flows = ended.flows
    addresses = np.stack([flows[name].view(np.int64) for name in ("a_high", "a_low", "b_high", "b_low")], axis=1)
    ports = np.stack([flows["a_port"], flows["b_port"]], axis=1).astype(np.int64)
    return community_ids(addresses, flows["version"].astype(np.int64), ended.protocol, ports, ended.originator)


def _service(ended: Ended) -> pa.Array:
    """No protocol of any stream."""
    offsets = pa.array(np.zeros(len(ended.flows) + 1, np.int32))
    words_type = pa.list_(pa.field("element", pa.string(), nullable=False))
    return pa.ListArray.from_arrays(offsets, pa.array([], pa.string()), type=words_type)


def _ip(side: Side) -> pa.Array:
    return number_texts(side.of("high"), side.of("low"), side.whole.flows["version"]).dictionary_encode()


def _port(side: Side) -> pa.Array:
    """The port; of ICMP, types are in its place."""
    port = side.of("port")
    return masked(port, (port >= 0) & ~side.whole.is_icmp)  # type: ignore[operator]


def _flags(side: Side) -> pa.Array:
    seen = [(side.state[flag] > 0).astype(np.int16) << bit for bit, flag in enumerate(FLAGS)]
    return masked(np.bitwise_or.reduce(seen), side.whole.is_tcp)


def _window_scale(side: Side) -> pa.Array:
    scale = side.state["scale"].astype(np.int16)
    return masked(scale - np.int16(WITH_SCALE), (scale >= WITH_SCALE) & (scale < OFFERED))


def _deviation(squares: npt.NDArray[np.float64], count: Longs) -> npt.NDArray[np.float64]:
    """The standard deviation of a whole population; its square may be slightly below 0 by rounding."""
    return np.sqrt(np.maximum(squares, 0) / np.maximum(count, 1))


def _length_std(side: Side) -> pa.Array:
    packets = side.state["packets"]
    return masked(_deviation(side.state["length_squares"], packets), packets > 0)


def _interarrival_std(side: Side) -> pa.Array:
    intervals = side.state["intervals"]
    return masked(_deviation(side.state["interarrival_squares"], intervals) / NANOSECONDS, intervals > 0)


COMPUTED: dict[str, Callable[[Ended], pa.Array]] = {
    "last_ts": lambda ended: times(ended.last_ts),
    "duration": _duration,
    "end_reason": lambda ended: words([end.name.lower() for end in Ending], ended.flows["ending"]),
    "conn_state": _conn_state,
    "history": _history,
    "community_id": _community_id,
    "service": _service,
    "decryption": lambda ended: words([None], np.zeros(len(ended.flows), np.int64)),
}
COMPUTED_OF_SIDE: dict[str, Callable[[Side], pa.Array]] = {
    "ip": _ip,
    "port": _port,
    "undecoded_bytes": lambda side: pa.nulls(len(side.end), pa.int64()),
    "length_std": _length_std,
    "interarrival_std": _interarrival_std,
    "flags": _flags,
    "window_scale": _window_scale,
}

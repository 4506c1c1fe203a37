"""Packets and messages as one byte buffer and integer arrays, and the cursor that reads one message.

- No Python object exists for a packet. A source fills a `Packets` batch and reuses its buffer for the next one; data
  that is needed after the batch is copied.
- Reassembled datagrams are rows after the captured packets in the same arrays, and their bytes follow the captured ones
  in the same buffer, so that the offsets of all messages of a batch refer to one buffer.
- `Messages` are offsets into that buffer; readers turn them into columns.
- `Cursor` reads one message from its start, for protocols whose format varies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import starmap
from typing import Any

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Shorts = npt.NDArray[np.int32]
Tiny = npt.NDArray[np.int8]
Nanos = npt.NDArray[np.int16]
Mask = npt.NDArray[np.bool_]
Value = Any  # the values of a column: a NumPy array, Nullable, Codes or pa.Array; they have no common type
Columns = dict[str, Value]

# the arrays of Packets, by name
ARRAYS = ("start", "captured", "length", "ts", "number", "last", "interface", "link_type", "offset", "depth", "nanos")
# the arrays of Messages that refer neither to the buffer nor to the batch
COPIED = ("missing", "fault", "place", "source_port", "destination_port", "hint")
# the time of a packet without one, or with one outside the years 1 to 9999
NO_TIME = np.iinfo(np.int64).min
# the link type of a reassembled datagram, which starts with an IP header
REASSEMBLED = -1


@dataclass(slots=True)
class Packets:
    """A batch: the first `count` rows are captured packets, rows `count` to `rows` (exclusive) reassembled datagrams.

    `data` is writable and belongs to the batch; its first `used` bytes are in use. All arrays have the same length, at
    least `rows`:

    - `start`: offset in `data`
    - `captured`, `length`: bytes in the capture, bytes on the wire
    - `ts`: time as a number of `netlake.kernels.times`: nanoseconds since 1970 unless far from it; or NO_TIME
    - `number`: packet number in the capture, from 1
    - `last`: number of the packet that completes a datagram; `number` for a packet
    - `interface`: number of the interface in the capture, from 0
    - `link_type`: LINKTYPE_ number, or REASSEMBLED
    - `offset`: offset of the record in the capture file, -1 if unknown
    - `depth`: IP headers around a datagram, 0 for a packet
    - `nanos`: nanoseconds below the microsecond of a packet whose time is far; arbitrary for others
    """

    data: Bytes
    used: int
    count: int
    rows: int
    start: Ints
    captured: Ints
    length: Ints
    ts: Ints
    number: Ints
    last: Ints
    interface: Shorts
    link_type: Shorts
    offset: Ints
    depth: Shorts
    nanos: Nanos

    @classmethod
    def empty(cls, rows: int, size: int) -> Packets:
        """An empty batch with arrays of `rows` rows and a buffer of `size` bytes."""
        long = [np.zeros(rows, np.int64) for _ in range(7)]
        short = [np.zeros(rows, np.int32) for _ in range(3)]
        start, captured, length, ts, number, last, offset = long
        interface, link_type, depth = short
        data = np.zeros(size, np.uint8)
        return cls(
            data, 0, 0, 0, start, captured, length, ts, number, last, interface, link_type, offset, depth,
            np.zeros(rows, np.int16),
        )  # fmt: skip

    def append(self, datagram: bytes, like: int, last: int, depth: int) -> None:
        """Add a reassembled datagram with time and number of row `like`; packet number `last` completed it."""
        at, end = self.used, self.used + len(datagram)
        if end > len(self.data):
            self.data = np.concatenate([self.data, np.zeros(max(end - len(self.data), len(self.data) // 2), np.uint8)])
        self.data[at:end] = np.frombuffer(datagram, np.uint8)
        self.used = end
        row = self.rows
        if row == len(self.start):
            for name in ARRAYS:
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.zeros(max(64, row // 2), old.dtype)]))
        self.start[row], self.captured[row], self.length[row] = at, len(datagram), len(datagram)
        for name in ("ts", "number", "interface"):
            getattr(self, name)[row] = getattr(self, name)[like]
        self.last[row], self.link_type[row], self.offset[row], self.depth[row] = last, REASSEMBLED, -1, depth
        self.rows = row + 1


@dataclass(slots=True)
class Messages:
    """All messages of one table in one batch: message i is `data[start[i]:end[i]]`.

    - `row`: its row in the batch's Packets
    - `missing`: bytes of it that were sent by the lengths of the headers around it, but are not in the capture; a short
      message with `missing` has the fault `cut`, without it `short_header`
    - `fault`: codes of `netlake.schema.faults`, 0 for none; readers set it
    - `header`: its row in the batch's Headers, -1 without an IP header
    - `place`: its position among the messages of this table in its packet
    - `source_port`, `destination_port`: those of the transport header around it, -1 without one
    - `hint`: a number from the layer below:
      - payload of a transport header: the IP protocol number of that transport (6, 17, 132)
      - link header named by the capture or by another header: the link type (LINKTYPE_ number)
      - leaf after PPP: the PPP protocol number
      - `dot11`, `dot11_management`: DOT11_EXCHANGED (netlake.kernels.numbers) if the frame control field has its bytes
        exchanged
      - `erspan`: 1 if GRE carries it without an ERSPAN header (type I)
      - `ip_in_ip`: the IP version of the outer header
      - others: 0
    - `pools`: the pools of addresses by name, `ip` and `mac` (netlake.layers.pools)
    - `context`: the context of each message's row if it is not that of the batch: for messages that waited or began in
      an earlier batch (netlake.records.context)
    """

    data: Bytes
    start: Ints
    end: Ints
    row: Shorts
    missing: Shorts
    fault: Tiny
    header: Shorts
    place: npt.NDArray[np.int16]
    source_port: Shorts
    destination_port: Shorts
    hint: Ints
    pools: Mapping[str, Any] = field(default_factory=dict)
    context: Any = None

    def __len__(self) -> int:
        return len(self.start)

    def __iter__(self) -> Iterator[bytes]:
        """The bytes of each message, copied."""
        for start, end in zip(self.start.tolist(), self.end.tolist(), strict=True):
            yield self.data[start:end].tobytes()

    def take(self, index: npt.NDArray[np.intp]) -> Messages:
        """The messages of `index`, in that order; a message may occur several times."""
        return Messages(
            self.data, self.start[index], self.end[index], self.row[index], self.missing[index], self.fault[index],
            self.header[index], self.place[index], self.source_port[index], self.destination_port[index],
            self.hint[index], self.pools, None if self.context is None else self.context.take(index),
        )  # fmt: skip

    def compact(self) -> Messages:
        """A copy that does not refer to the batch: its buffer contains only these messages.

        Rows are numbered from 0, one for each packet; `header` is -1.
        """
        sizes = self.end - self.start
        start = np.cumsum(sizes) - sizes
        view = self.data.data
        parts = map(view.__getitem__, starmap(slice, zip(self.start.tolist(), self.end.tolist(), strict=True)))
        begins = np.ones(len(self), np.bool_)
        np.not_equal(self.row[1:], self.row[:-1], out=begins[1:])
        copies = {name: getattr(self, name).copy() for name in COPIED}
        return Messages(
            data=np.frombuffer(b"".join(parts), np.uint8), start=start, end=start + sizes,
            row=(np.cumsum(begins) - 1).astype(np.int32), header=np.full(len(self), -1, np.int32), pools=self.pools,
            context=self.context, **copies,
        )  # fmt: skip

    @classmethod
    def concat(cls, parts: Sequence[Messages]) -> Messages:
        """The messages of all `parts` (at least one) in one writable buffer; rows of different parts are different.

        They have a context if all parts have one; ValueError if only some have.
        """
        contexts = [part.context for part in parts if part.context is not None]
        if contexts and len(contexts) < len(parts):
            raise ValueError("only some parts have a context")
        context = type(contexts[0]).concat(contexts) if contexts else None
        bytes_before = np.cumsum([0, *(len(part.data) for part in parts)])
        rows_before = np.cumsum([0, *(int(part.row[-1]) + 1 if len(part) else 0 for part in parts)])
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in (*COPIED, "header")}
        shifted = {
            name: np.concatenate([getattr(part, name) + by for part, by in zip(parts, before, strict=False)])
            for name, before in (("start", bytes_before), ("end", bytes_before), ("row", rows_before.astype(np.int32)))
        }
        data = np.concatenate([part.data for part in parts])
        return cls(data=data, pools=parts[0].pools, context=context, **columns, **shifted)

    def flag(self, where: npt.NDArray[np.bool_] | npt.NDArray[np.intp], code: int) -> None:
        """Set the fault of messages that have none; the first fault of a message stays."""
        self.fault[where] = np.where(self.fault[where] == 0, code, self.fault[where])


# One row for each IP header of a batch, in the order in which the tracker counts them: by packet, inner headers after
# outer ones, reassembled datagrams after the packet that completes them.
HEADER = np.dtype(
    [
        ("network", np.int64),  # offset of the IP header in Packets.data
        ("transport", np.int64),  # offset of the transport header, -1 without, or too short to read its ports
        ("end", np.int64),  # offset after the last captured byte
        ("key", np.int64),  # distinguishes flows of equal addresses and ports in different tunnels; 0 outside tunnels
        # offset of the 6-byte source address of the innermost link header before this IP header, -1 without; for an IP
        # header inside another one only a link header between the two counts
        ("mac", np.int64),
        ("row", np.int32),  # row in Packets
        ("outer", np.int32),  # row of the enclosing IP header in this array, -1 without
        ("source_port", np.int32),  # -1 without ports; of ICMP the type, see `pair_of_icmp` in kernels/walk_network.py
        ("destination_port", np.int32),
        ("payload", np.int32),  # bytes of transport payload on the wire
        ("ip_length", np.int32),  # bytes of the IP packet on the wire
        # numbers of the VLANs around it, 12 bits each, the innermost the lowest; more than 31 bits are cut; 0 without
        ("vlan", np.int32),
        ("protocol", np.int16),  # IANA number of the transport, -1 unknown
        ("version", np.int8),  # 4 or 6
        ("kind", np.int8),  # WHOLE, FRAGMENT, DATAGRAM or QUOTED
    ],
    align=True,
)
Headers = npt.NDArray[np.void]  # of dtype HEADER


def undivided(records: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """The same memory as items without fields: NumPy copies structured arrays field by field, several times as slowly.

    `records` (n) is contiguous, of any structured dtype.
    """
    return records.view(np.dtype((np.void, records.dtype.itemsize)))


def taken(records: npt.NDArray[np.void], index: npt.NDArray[np.integer]) -> npt.NDArray[np.void]:
    """A copy of `records[index]`, see `undivided`."""
    copied: npt.NDArray[np.void] = undivided(records)[index].view(records.dtype)
    return copied


# kinds of Headers rows
WHOLE = 0  # an unfragmented packet: counts as a packet and its transport header is read
FRAGMENT = 1  # counts as a packet; its transport header, if any, is read with the datagram
DATAGRAM = 2  # a reassembled datagram: its fragments were counted, its transport header is read
QUOTED = 3  # quoted in an ICMP error: looked up, never counted, never starts a flow


@dataclass(slots=True)
class Nullable:
    """Numbers with nulls: `valid` is False for a null, whose number is arbitrary."""

    values: npt.NDArray[np.generic]
    valid: npt.NDArray[np.bool_]


@dataclass(slots=True)
class Codes:
    """Addresses as codes of the pool named `pool` (`ip` or `mac`), -1 for null."""

    codes: Shorts
    pool: str


class Short(Exception):  # noqa: N818 - not an error: it ends the reading of a message that is too short
    """A cursor was asked for more bytes than its message has."""


class Malformed(Exception):  # noqa: N818 - as above
    """A message violates the specification; `fault` is a name of `netlake.schema.faults`."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


class Cursor:
    """Reads one message from its start; raises Short at its end. Ports, `hint` and `missing` are as in Messages.

    Only the cursor of a whole message of a table with a hook `memory` has the attributes `memory`, what that hook
    returned, `sender` and `receiver`, the addresses as text (None if they are unknown), and `origin`, where it is in
    the capture (netlake.layers.parsed.Origin; None if that is unknown).
    """

    __slots__ = (
        "at", "data", "destination_port", "end", "faults", "hint", "memory", "missing", "origin", "receiver", "sender",
        "source_port",
    )  # fmt: skip
    memory: Any
    origin: Any
    receiver: str | None
    sender: str | None

    # not a dataclass, which is slower: protocols with nested values create ten cursors for each message
    def __init__(  # noqa: PLR0913 - the fields of a message
        self,
        data: bytes,
        at: int = 0,
        end: int = -1,
        hint: int = 0,
        faults: list[str] | None = None,
        missing: int = 0,
        source_port: int = -1,
        destination_port: int = -1,
    ) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end < 0 else end
        self.hint = hint
        self.source_port = source_port
        self.destination_port = destination_port
        self.faults: list[str] = [] if faults is None else faults
        self.missing = missing

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return self.end - self.at

    @property
    def promised(self) -> int:
        """Bytes not yet read, including those that are not in the capture."""
        return self.end - self.at + self.missing

    def take(self, count: int) -> bytes:
        """Read `count` bytes."""
        at = self.at
        end = at + count
        if count < 0 or end > self.end:
            raise Short
        self.at = end
        return self.data[at:end]

    def rest(self) -> bytes:
        """Read all remaining bytes; Short if some are not in the capture."""
        if self.missing > 0:
            raise Short
        return self.take(self.left)

    def kept(self) -> bytes:
        """Read all remaining bytes that are in the capture."""
        return self.take(self.left)

    def number(self, size: int) -> int:
        """Read `size` bytes as an unsigned big-endian number."""
        # `take` is inlined: parsers spend most of their time here
        at = self.at
        end = at + size
        if size < 1 or end > self.end:
            if size == 0:
                return 0
            raise Short
        self.at = end
        return self.data[at] if size == 1 else int.from_bytes(self.data[at:end])

    def little(self, size: int) -> int:
        """Read `size` bytes as an unsigned little-endian number."""
        return int.from_bytes(self.take(size), "little")

    def skip(self, count: int) -> None:
        """Skip `count` bytes."""
        self.take(count)

    def part(self, count: int) -> Cursor:
        """A cursor over the next `count` bytes, which this one skips; it marks the same row.

        Short if the message ends before them or the capture lacks some of them; `netlake.layers.items.part` returns
        what there is, with the rest as `missing`.
        """
        return Cursor(self.take(count), 0, count, self.hint, self.faults, 0, self.source_port, self.destination_port)

    def fault(self, name: str) -> None:
        """Set the row's fault and continue; the first fault of a row is kept."""
        self.faults.append(name)

"""Packets and messages: one byte buffer and a few integer arrays; and the cursor that reads one irregular message.

Packets are not objects. A source fills one `Packets` after another, reusing its buffer; everything that outlives the
batch is copied out of it. Reassembled datagrams are appended behind the packets as further rows of the same arrays,
with their bytes in the arena behind the captured ones, so that every message of a batch lies in one buffer.
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
Mask = npt.NDArray[np.bool_]
Value = Any  # of a column: a NumPy array, Nullable, Codes or pa.Array, each its own, which no type checker can tell
Columns = dict[str, Value]

# the arrays of Packets, by name
ARRAYS = ("start", "captured", "length", "ts", "number", "last", "interface", "link_type", "offset", "depth")
# the columns of Messages that do not depend on the buffer or the batch
COPIED = ("missing", "fault", "place", "source_port", "destination_port", "hint")
# the time of a packet that has none, or whose time does not fit 64 bits of nanoseconds
NO_TIME = np.iinfo(np.int64).min
# the link type of a row that is no packet but a datagram put together from fragments: an IP header and its payload
REASSEMBLED = -1


@dataclass(slots=True)
class Packets:
    """A batch: the first `count` rows are packets as captured, rows `count` to `rows` are reassembled datagrams.

    `data` is private to the batch and writable; its first `used` bytes are taken. All arrays have one length, at
    least `rows`: `start` (offset in `data`), `captured` and `length` (bytes kept, bytes on the wire), `ts` (ns since
    1970, NO_TIME if none), `number` (1-based, through the capture), `last` (number of the packet that completes a
    datagram; equal to `number` for a packet), `interface` (0-based, through the capture), `link_type` (LINKTYPE_
    number, or REASSEMBLED), `offset` (of the record in the capture file, -1 if unknown), `depth` (IP headers around a
    datagram; 0 for a packet).
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

    @classmethod
    def empty(cls, rows: int, size: int) -> Packets:
        """Room for `rows` packets and `size` bytes."""
        long = [np.zeros(rows, np.int64) for _ in range(7)]
        short = [np.zeros(rows, np.int32) for _ in range(3)]
        start, captured, length, ts, number, last, offset = long
        interface, link_type, depth = short
        data = np.zeros(size, np.uint8)
        return cls(
            data, 0, 0, 0, start, captured, length, ts, number, last, interface, link_type, offset, depth
        )  # fmt: skip

    def append(self, datagram: bytes, like: int, last: int, depth: int) -> None:
        """Add a reassembled datagram as a row: time and number of row `like`, complete with packet number `last`."""
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
    """Every message of one table in one batch: message i is `data[start[i]:end[i]]`.

    `row` is its row in the batch's Packets; `missing` is how many further bytes the lengths around it promise that the
    capture did not keep (so a short message with `missing` is `cut`, without it `short_header`); `fault` holds codes of
    `netlake.schema.faults`, 0 for none, and readers set it; `header` is a row of the batch's Headers, -1 without an IP
    header; `place` is its position among the table's messages of its packet. `source_port` and `destination_port` are
    those of the transport header that carries it, -1 without. `hint` is a number that the layer below passes on:

    - payload of a transport header: the IP protocol number of that transport (6, 17, 132)
    - link header named by the capture or by another header: the link type (LINKTYPE_ number)
    - leaf behind PPP: the PPP protocol number
    - `erspan`: 1 where GRE carries it without a header of its own (type I)
    - `ip_in_ip`: the IP version of the outer header
    - everything else: 0

    `pools` are where addresses are interned, by name (`ip`, `mac`): see `netlake.layers.pools`. `context` is the
    context of each message's row where it does not follow from the batch: messages that waited, or began in an earlier
    one (see `netlake.records.context`).
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
        """The bytes of each message: for messages that are rare."""
        for start, end in zip(self.start.tolist(), self.end.tolist(), strict=True):
            yield self.data[start:end].tobytes()

    def take(self, index: npt.NDArray[np.intp]) -> Messages:
        """Some of the messages, in the order of `index`."""
        return Messages(
            self.data, self.start[index], self.end[index], self.row[index], self.missing[index], self.fault[index],
            self.header[index], self.place[index], self.source_port[index], self.destination_port[index],
            self.hint[index], self.pools, None if self.context is None else self.context.take(index),
        )  # fmt: skip

    def compact(self) -> Messages:
        """A copy that depends on nothing of the batch: a buffer of these messages alone, one behind the other.

        Rows are numbered anew from 0, one for each packet; there is no header to refer to, so `header` is -1.
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
        """The messages of all `parts` (at least one), over one writable buffer; rows of different parts differ."""
        bytes_before = np.cumsum([0, *(len(part.data) for part in parts)])
        rows_before = np.cumsum([0, *(int(part.row[-1]) + 1 if len(part) else 0 for part in parts)])
        columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in (*COPIED, "header")}
        shifted = {
            name: np.concatenate([getattr(part, name) + by for part, by in zip(parts, before, strict=False)])
            for name, before in (("start", bytes_before), ("end", bytes_before), ("row", rows_before.astype(np.int32)))
        }
        return cls(data=np.concatenate([part.data for part in parts]), pools=parts[0].pools, **columns, **shifted)

    def flag(self, where: npt.NDArray[np.bool_] | npt.NDArray[np.intp], code: int) -> None:
        """Mark messages with a fault unless they have one; one that the capture cut is `cut` all the same."""
        self.fault[where] = np.where(self.fault[where] == 0, code, self.fault[where])


# One row for each IP header of a batch, in the order in which the tracker must see them: packets as captured, inner
# headers behind outer ones, reassembled datagrams behind the packet that completes them.
HEADER = np.dtype(
    [
        ("network", np.int64),  # offset of the IP header in Packets.data
        ("transport", np.int64),  # offset of the transport header, -1 without, or too short to read its ports
        ("end", np.int64),  # offset behind the last captured byte
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
        ("protocol", np.int16),  # IANA number of the transport, -1 unknown
        ("version", np.int8),  # 4 or 6
        ("kind", np.int8),  # WHOLE, FRAGMENT, DATAGRAM or QUOTED
    ],
    align=True,
)
Headers = npt.NDArray[np.void]  # of dtype HEADER

# kinds of Headers rows
WHOLE = 0  # an unfragmented packet: counts as a packet and its transport header is read
FRAGMENT = 1  # counts as a packet; its transport header, if any, is read with the datagram
DATAGRAM = 2  # a reassembled datagram: its fragments were counted, its transport header is read
QUOTED = 3  # quoted in an ICMP error: looked up, never counted, never starts a flow


@dataclass(slots=True)
class Nullable:
    """Numbers of which some are null: `valid` is True where a value stands."""

    values: npt.NDArray[np.generic]
    valid: npt.NDArray[np.bool_]


@dataclass(slots=True)
class Codes:
    """Interned text: codes of the pool named `pool` (`ip` or `mac`), -1 for null."""

    codes: Shorts
    pool: str


class Short(Exception):  # noqa: N818 - not an error: it ends a message that ended too soon, and never leaves the reader
    """A cursor was asked for more bytes than its message holds."""


class Malformed(Exception):  # noqa: N818 - as above
    """A parser found what the specification forbids; `fault` is a name of `netlake.schema.faults`."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


class Cursor:
    """Reads one message from its start; ports, `hint` and `missing` as in Messages. Short is raised past its end."""

    __slots__ = ("at", "data", "destination_port", "end", "faults", "hint", "missing", "source_port")

    # written out, not a dataclass: protocols of values within values make ten of them a message
    def __init__(  # noqa: PLR0913 - what a cursor is
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
        """Bytes not yet read, those that the capture did not keep included."""
        return self.end - self.at + self.missing

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        at = self.at
        end = at + count
        if count < 0 or end > self.end:
            raise Short
        self.at = end
        return self.data[at:end]

    def rest(self) -> bytes:
        """All bytes not yet read; Short if the capture did not keep some of them."""
        if self.missing > 0:
            raise Short
        return self.take(self.left)

    def kept(self) -> bytes:
        """All bytes not yet read that the capture kept, which may be fewer than there were."""
        return self.take(self.left)

    def number(self, size: int) -> int:
        """The next `size` bytes as an unsigned big-endian number."""
        # as `take`, written out: parsers spend most of their time here
        at = self.at
        end = at + size
        if size < 1 or end > self.end:
            if size == 0:
                return 0
            raise Short
        self.at = end
        return self.data[at] if size == 1 else int.from_bytes(self.data[at:end])

    def little(self, size: int) -> int:
        """The next `size` bytes as an unsigned little-endian number."""
        return int.from_bytes(self.take(size), "little")

    def skip(self, count: int) -> None:
        """Pass over `count` bytes."""
        self.take(count)

    def part(self, count: int) -> Cursor:
        """A cursor over the next `count` bytes, which are passed over here."""
        return Cursor(self.take(count), hint=self.hint)

    def fault(self, name: str) -> None:
        """Mark the row and go on reading; the first mark stands."""
        self.faults.append(name)

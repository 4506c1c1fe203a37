"""The records of the tracker's kernels, and the codes in their fields.

FLOW is one flow as a whole, SIDE one of its directions: `flows[row]`, `sides[row, side]`. The sides are 0 and 1 in the
order of (address, port), so that both directions have one key; a direction has the number of its sender, and
`originator` is the side that began the flow. KEY is the key of one IP header, FLOW_OF_HEADER what the tracker finds for
it, CONTROL the numbers that kernels and their caller share. HOLE is an interval of sequence numbers that a direction
has not sent so far; the holes of a direction are a list in one array that all flows share (netlake.kernels.flow_holes).

A field that is a column of `connection` is declared there (netlake.kernels.flow_columns); the others are declared here.
Fields that most packets change are at the front, the widest first, so that no bytes are lost to alignment: FLOW has 184
bytes (the first 104 hot), SIDE 248 (the first 160 hot), KEY 64, HOLE 12, FLOW_OF_HEADER 24, SEGMENT 48.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt

from netlake.kernels.flow_columns import DIRECTION, ENDS, FACTS, WHOLE, StateColumn
from netlake.packets import NO_TIME, Bytes, Ints, Shorts

LONGEST_HISTORY = 32
Records = npt.NDArray[np.void]


class Ending(IntEnum):
    """Why a flow ended; OPEN: it has not."""

    OPEN = 0
    FIN = 1
    RST = 2
    SHUTDOWN = 3
    ABORT = 4
    NEW_SYN = 5
    TIMEOUT = 6
    EVICTED = 7
    END_OF_CAPTURE = 8


class End(IntEnum):
    """What one side of a TCP connection has shown; RESET_CLOSED: a FIN, then a RST."""

    INACTIVE = 0
    SYN_SENT = 1
    SYN_ACK_SENT = 2
    PARTIAL = 3
    ESTABLISHED = 4
    CLOSED = 5
    RESET = 6
    RESET_CLOSED = 7


class Begin(IntEnum):
    """What is known of where the bytes of one side begin: the lowest that it sent; or what a SYN+ACK acknowledged."""

    UNKNOWN = 0
    SENT = 1
    ACKNOWLEDGED = 2


class Form(IntEnum):
    """What a sign of an answer is: a word; one in a BER element; eight bytes anywhere; a whole response of DNS."""

    WORD = 0
    ELEMENT = 1
    TEXT = 2
    DNS = 3


class Scale(IntEnum):
    """What is known of the window scale of one side; a shift is WITH_SCALE + shift.

    NO_SCALE: a SYN without the option. OFFERED: the SYN was not seen, but the answer has the option.
    """

    NO_SYN = 0
    NO_SCALE = 1
    WITH_SCALE = 2
    OFFERED = 32


class Letter(IntEnum):
    """Bits of `letters`: which letters of the history a direction has."""

    ACK = 1
    DATA = 2
    INCONSISTENT = 4
    MULTIPLE = 8
    SYN = 16
    FIN = 32
    RST = 64


class Separate(IntEnum):
    """Bits of the option of the flow key: what separates flows beside addresses, ports, protocol and tunnel."""

    VLAN = 1
    INTERFACE = 2


class Why(IntEnum):
    """What the caller has to do before the kernel can go on."""

    NOTHING = 0
    SWEEP = 1
    MAKE_ROOM = 2
    REBUILD = 3


# nanoseconds
SECOND = 1_000_000_000
TCP_SILENCE = 3600 * SECOND
TCP_SILENCE_WITHOUT_DATA = 300 * SECOND
SILENCE = 180 * SECOND
LINGER = 5 * SECOND
BETWEEN_SWEEPS = 60 * SECOND
# holes of all flows together: 1.5 MB, of which pages are taken when first used
MOST_HOLES = 1 << 17

FieldType = tuple[str, type[np.generic]] | tuple[str, type[np.generic], tuple[int, ...]]


def record(hot: Iterable[FieldType], rare: Iterable[FieldType]) -> np.dtype[np.void]:
    """A dtype of the fields `hot`, then `rare`, each group from the widest field to the narrowest."""
    groups = (sorted(group, key=lambda field: -np.dtype(field[1]).itemsize) for group in (hot, rare))
    return np.dtype([field for group in groups for field in group], align=True)


def declared(columns: Iterable[StateColumn], *, rare: bool) -> list[FieldType]:
    """The fields of the columns that are kept in the state."""
    return [(column.name, column.field) for column in columns if column.field is not None and column.rare == rare]


def blank(dtype: np.dtype[np.void], columns: Iterable[StateColumn], **more: int) -> Records:
    """One record with the values that a new flow begins with: 0, but for `start` of `columns` and `more`."""
    made: Records = np.zeros(1, dtype)
    for column in columns:
        if column.field is not None:
            made[column.name] = column.start
    for name, value in more.items():
        made[name] = value
    return made


# the end that is less by (address, port) is a; addresses as in netlake.kernels.addresses, a port is -1 without ports
ENDPOINTS: list[FieldType] = [
    ("a_high", np.uint64), ("a_low", np.uint64), ("b_high", np.uint64), ("b_low", np.uint64),
    ("a_port", np.int32), ("b_port", np.int32), ("version", np.int8),
]  # fmt: skip
OF_FLOW = (*WHOLE, *FACTS)
OF_SIDE = (*(column for column in ENDS if column.field is not None), *DIRECTION)

KEY = record(
    [
        *ENDPOINTS,
        ("space", np.int64),  # number of tunnel, and VLAN and interface if they separate flows
        ("code", np.uint64),  # hash of the key
        ("protocol", np.int16),
        ("side", np.int8),  # the side that sent it, -1: the header is not in the data
        ("ttl", np.uint8),
    ],
    [],
)
FLOW = record(
    [
        *ENDPOINTS,
        ("space", np.int64),  # as in KEY
        ("number", np.int64),  # of the flow in the capture, 0: the row is free
        ("clock", np.int64),  # time at its last packet
        ("code_a", np.int32),  # codes of the addresses in the pool, valid in `generation` of it
        ("code_b", np.int32),
        ("generation", np.int32),
        ("vlan", np.int32),  # of its first packet with a VLAN tag (HEADER), 0 without one, -1 for several
        ("originator", np.uint8),
        ("ending", np.uint8),  # Ending
        ("has_data", np.uint8),
        ("retired", np.uint8),  # it ended, and is no longer in the hash table
        ("history_size", np.uint8),
        *declared(OF_FLOW, rare=False),
    ],
    [
        ("first_ts", np.int64),  # time of the first packet
        ("place", np.int32),  # in the hash table
        ("has_icmp", np.uint8),
        ("history", np.uint8, (LONGEST_HISTORY,)),
        *declared(OF_FLOW, rare=True),
    ],
)
SIDE = record(
    [
        ("length_squares", np.float64),  # sums of squared deviations from the mean
        ("interarrival_squares", np.float64),
        ("intervals", np.int32),  # pairs of packets with a time
        ("next", np.uint32),  # the sequence number behind the highest that was sent
        ("has_next", np.uint8),
        ("has_begin", np.uint8),  # Begin
        ("has_pending", np.uint8),
        ("holes", np.uint8),  # number of them
        ("under", np.uint8),  # whether holes are below `floor`
        ("state", np.uint8),  # End
        ("scale", np.uint8),  # Scale
        ("letters", np.uint8),  # bits of Letter
        *declared(OF_SIDE, rare=False),
    ],
    [
        ("first_hole", np.int32),  # the lowest hole, and the highest: rows of the array of holes + 1
        ("last_hole", np.int32),
        ("acked", np.uint32),  # the highest believed acknowledgement; valid with holes, and before the SYN is seen
        ("pending", np.uint32),  # an acknowledgement of bytes that were not seen, and that is not believed yet
        ("begin", np.uint32),  # the lowest sequence number that was sent
        ("floor", np.uint32),  # where the bytes begin whose holes count; valid while `under`
        ("syn_seq", np.uint32),  # of the last segment with this flag; of a FIN, behind its payload
        ("fin_seq", np.uint32),
        ("rst_seq", np.uint32),
        ("late", np.int32),  # segments without new bytes
        ("gaps", np.int32),  # acknowledgements of missed bytes
        ("early", np.int32),  # of the retransmitted segments: those that are out of order if the SYN is late
        *declared(OF_SIDE, rare=True),
    ],
)
# `start` to `end` (exclusive) are sequence numbers
HOLE = record(
    [
        ("start", np.uint32),
        ("end", np.uint32),
        ("next", np.int32),  # row of the next one of the list + 1, 0: the last one
    ],
    [],
)
FLOW_OF_HEADER = record(
    [
        ("flow", np.int64),  # number of the flow, 0 where an ICMP error quotes a flow that is not known
        ("src", np.int32),  # codes of the pool of addresses, -1: the header is not in the data
        ("dst", np.int32),
        ("slot", np.int32),  # row of the flow in the tracker's state, -1 without a flow or if the row was freed
        ("from_originator", np.int8),  # 1, 0, or -1 without a flow
        ("shift", np.int8),  # bits by which the TCP window is to be shifted left, -1: not known
    ],
    [],
)
CONTROL = record(
    [
        ("now", np.int64),  # the latest time
        ("sweep_at", np.int64),  # when to look for flows that are over
        ("flows", np.int64),  # flows so far
        ("used", np.int64),  # rows of state that were ever used
        ("free", np.int64),  # free rows
        ("ended_at", np.int64),  # ring of rows that ended: first, count
        ("ended", np.int64),
        ("live", np.int64),  # flows in the hash table
        ("tombstones", np.int64),
        ("why", np.int64),  # Why
        ("in_vlans", np.int64),  # flows in more than one VLAN
        ("holes_used", np.int64),  # rows of the array of holes that were ever used
        ("free_hole", np.int64),  # list of the free ones: row + 1
        ("forgotten", np.int64),  # holes that were given up because there were too many
    ],
    [],
)
# one TCP segment, as streams read it
SEGMENT = record(
    [
        ("flow", np.int64),  # number of the flow
        ("start", np.int64),  # payload in Packets.data: offset of its first byte, and behind its last captured byte
        ("end", np.int64),
        ("seq", np.uint32),
        ("ack", np.uint32),  # 0 without the flag ACK
        ("slot", np.int32),  # row of the flow in the tracker's state, -1 if the row was freed in the batch
        ("row", np.int32),  # row in Packets
        ("payload", np.int32),  # bytes of payload on the wire; more than end - start if the capture cut it
        ("from_originator", np.int8),
        ("flags", np.uint8),  # FIN to CWR as in the header
    ],
    [],
)
LETTER = np.dtype([("letter", np.uint8), ("bit", np.uint8)])
MOVE = np.dtype([("sender", np.uint8), ("other", np.uint8)])
# a sign that a packet is an answer, or one more word of the sign in the row before; see netlake.flows.beginning
ANSWER = record(
    [
        ("mask", np.uint32),
        ("least", np.uint32),
        ("most", np.uint32),
        ("at", np.int32),  # offset from the transport header
        ("protocol", np.int16),
        ("elements", np.int16),  # BER elements of the sequence at `at` that are passed over
        ("inner", np.int16),  # those of the sequence that is the next element, -1: it is none
        ("form", np.uint8),  # Form
        ("more", np.uint8),  # following rows of the same sign
    ],
    [],
)
# what is known of a port: how well it is known as a server's, and the signs of answers that come from it
PORT = record([("first", np.int16), ("answers", np.int16), ("rank", np.uint8)], [])
# the rows of PORT behind those of all ports, one for each IP protocol: signs from any port
ANY_PORT = 1 << 16


class State(NamedTuple):
    """All arrays behind a tracker; `control`, `blank_flow` and `blank_side` have one record.

    `free` is a stack and `ended` a ring of rows, `table` is the hash table (see netlake.kernels.flow_table), `holes`
    are those of all flows.
    """

    flows: Annotated[Records, "FLOW[::1]"]
    sides: Annotated[Records, "SIDE[:, ::1]"]
    table: Annotated[npt.NDArray[np.uint64], "uint64[::1]"]
    free: Annotated[Shorts, "int32[::1]"]
    ended: Annotated[Shorts, "int32[::1]"]
    holes: Annotated[Records, "HOLE[::1]"]
    control: Annotated[Records, "CONTROL[::1]"]
    blank_flow: Annotated[Records, "FLOW[::1]"]
    blank_side: Annotated[Records, "SIDE[::1]"]


class Batch(NamedTuple):
    """The arrays of Packets that the tracker reads."""

    data: Annotated[Bytes, "uint8[::1]"]
    ts: Annotated[Ints, "int64[::1]"]
    length: Annotated[Ints, "int64[::1]"]
    number: Annotated[Ints, "int64[::1]"]
    last: Annotated[Ints, "int64[::1]"]


class Rules(NamedTuple):
    """The tables of netlake.flows.tcp_tables: by segment; by state of sender and other side, segment, originator.

    Then those of netlake.flows.beginning: signs of answers, and ports.
    """

    letters: Annotated[Records, "LETTER[::1]"]
    moves: Annotated[Records, "MOVE[:, :, :, ::1]"]
    answers: Annotated[Records, "ANSWER[::1]"]
    ports: Annotated[Records, "PORT[::1]"]


def new_state(most: int, least_table: int) -> State:
    """The state of a tracker that has seen nothing, with room for `most` flows; its pages are taken when first used."""
    return State(
        flows=np.zeros(most, FLOW),
        sides=np.zeros((most, 2), SIDE),
        table=np.zeros(least_table, np.uint64),
        free=np.zeros(most, np.int32),
        ended=np.zeros(most, np.int32),
        holes=np.zeros(min(MOST_HOLES, 256 * most), HOLE),
        control=blank(CONTROL, (), now=NO_TIME, sweep_at=NO_TIME),
        blank_flow=blank(FLOW, OF_FLOW),
        blank_side=blank(SIDE, OF_SIDE),
    )

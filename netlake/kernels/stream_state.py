"""The records that reassembly and the readers of streams share.

A stream is one direction of a flow: stream 2 * slot + 0 is sent by the originator, 2 * slot + 1 by the responder.
`slot` is the row of the flow in the tracker's state. Its bytes are handed on as events (EVENT), in the order in which
they are due: data, data that had waited, a gap, the end.

- STREAM is the state of one stream. The fields up to `held` belong to reassembly (netlake.kernels.reassembly), the
  others to the reader of the stream's protocol, which gives them their meaning.
- BLOCK_OF is one block of the arena (netlake.kernels.stream_arena): what waits of a stream, or of a message that is not
  complete. ARENA has the numbers that kernels and their caller share.
- LOCATED is one message that a reader has found and copied into its pool; POOL has the numbers of the pool.

STREAM has 112 bytes, of which reassembly changes the first 40, SYN and QUEUE 8, EVENT 64, BLOCK_OF 40, LOCATED 64.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, NamedTuple

import numpy as np

from netlake.kernels.flow_state import Records, record
from netlake.packets import Bytes, Shorts

# bytes of one block of the arena
BLOCK = 1024


class Kind(IntEnum):
    """What an event is: bytes in the batch's buffer, bytes in `tail`, bytes that are missing, or the end."""

    DATA = 0
    LATE = 1
    GAP = 2
    END = 3


class Known(IntEnum):
    """Bits of `known`: what is known of a stream."""

    NEXT = 1  # the sequence number of the next byte
    SYN = 2  # its SYN was captured
    FIN = 4  # the sequence number of its FIN
    ENDED = 8  # END was handed on
    MUTE = 16  # nobody reads it: no events
    MIDSTREAM = 32  # the capture begins within it
    CONFLICT = 64  # two segments had different bytes for one sequence number


STREAM = record(
    [
        ("flow", np.int64),  # number of the flow, 0: the row is free
        ("offset", np.int64),  # bytes handed on, gaps included
        ("next", np.uint32),  # sequence number of the next byte
        ("fin", np.uint32),  # of its FIN, behind the payload
        ("first", np.int32),  # block of the first segment that waits, 0: none
        ("last", np.int32),  # block of the last one
        ("held", np.int32),  # bytes that wait
        ("early", np.int16),  # segments that wait
        ("known", np.uint8),  # bits of Known
        ("acks", np.uint8),  # acknowledgements beyond the first byte that is missing
    ],
    [
        ("left", np.int64),  # bytes of the part that is being passed over or collected
        ("line", np.int64),
        ("count", np.int64),
        ("bits", np.int64),
        ("body", np.int64),
        ("undecoded", np.int64),  # bytes that no reader understood
        ("kept", np.int32),  # first block of the message that is not complete, 0: none
        ("placed", np.int32),  # messages that begin in packet `placed_in`
        ("placed_in", np.int64),
        ("protocol", np.uint8),  # number of the protocol, 0: not known yet
        ("phase", np.uint8),
        ("role", np.uint8),
    ],
)
# the last SYN of a stream; a connection without payload has nothing else
SYN = record(
    [
        ("flow", np.uint32),  # lowest 32 bits of the number of the flow, 0: none
        ("next", np.uint32),  # sequence number behind the SYN
    ],
    [],
)
# the streams of which segments wait, as a ring in the order in which they began to; row stream + 1, row 0 is its ends
QUEUE = record([("older", np.int32), ("younger", np.int32)], [])
EVENT = record(
    [
        ("start", np.int64),  # in Packets.data (DATA) or in `tail` (LATE)
        ("size", np.int64),  # bytes; of a GAP, those that are missing
        ("offset", np.int64),  # of its first byte in the stream
        ("number", np.int64),  # packet that carries it; of a GAP or END in which it became due
        ("ts", np.int64),  # time of that packet, as in Packets
        ("at", np.int64),  # packet in which it became due; 0, as are number and ts of a GAP or END, if its flow left
        ("stream", np.int32),
        ("link", np.int32),  # next event of the stream in this batch, -1: none
        ("row", np.int32),  # row in Packets of packet `at`, -1 behind the batch
        ("kind", np.uint8),  # Kind
    ],
    [],
)
# one block of the arena; all fields but `more` are those of the first block of what it holds
BLOCK_OF = record(
    [
        ("number", np.int64),  # packet that carries the first byte
        ("ts", np.int64),
        ("seq", np.uint32),  # sequence number of the first byte; of an incomplete message, the bytes that were searched
        ("size", np.int32),  # bytes, `missing` included
        ("missing", np.int32),  # bytes at its end that the capture did not keep
        ("after", np.int32),  # first block of the next segment that waits, 0: none
        ("more", np.int32),  # next block of the same bytes, 0: none
    ],
    [],
)
ARENA = record(
    [
        ("events", np.int64),  # events of this call
        ("tail", np.int64),  # bytes in `tail`
        ("free", np.int64),  # blocks in `free`
        ("used", np.int64),  # blocks that were ever used; block 0 is never
        ("early", np.int64),  # segments that waited
        ("retransmitted", np.int64),  # segments with bytes that had been handed on or given up
        ("overlaps", np.int64),  # segments with bytes that waited already
        ("conflicts", np.int64),  # bytes of these that differ from those that waited
        ("dropped", np.int64),  # segments with bytes before or behind those of the stream, or too far ahead
        ("given_up", np.int64),  # gaps that were not waited for any longer, because the arena was full
        ("gaps", np.int64),
        ("missed", np.int64),  # bytes of gaps
        ("cut_off", np.int64),  # segments with payload of flows that had left the tracker's state
    ],
    [],
)
LOCATED = record(
    [
        ("start", np.int64),  # in the pool
        ("end", np.int64),
        ("number", np.int64),  # packet that carries its first byte
        ("ts", np.int64),
        ("at", np.int64),  # packet in which it became complete
        ("stream", np.int32),
        ("missing", np.int32),  # bytes of it that are not in the pool
        ("kind", np.int32),  # given by the reader
        ("place", np.int16),  # among the messages of its stream that begin in the same packet
    ],
    [],
)

POOL = record(
    [
        ("used", np.int64),  # bytes
        ("messages", np.int64),
        ("lost", np.int64),  # streams that violated their protocol
    ],
    [],
)


class Arena(NamedTuple):
    """The blocks in which bytes wait, and what reassembly hands on; `control` is one record.

    `blocks` (n, BLOCK) are the bytes, `heads` (n) says what they are; `free` is a stack of blocks.
    """

    heads: Annotated[Records, "BLOCK_OF[::1]"]
    blocks: Annotated[Bytes, "uint8[:, ::1]"]
    free: Annotated[Shorts, "int32[::1]"]
    control: Annotated[Records, "ARENA[::1]"]
    events: Annotated[Records, "EVENT[::1]"]
    tail: Annotated[Bytes, "uint8[::1]"]


class Streams(NamedTuple):
    """The state of all streams: `states` and `syns` by stream; `blank` is one record of a free row."""

    states: Annotated[Records, "STREAM[::1]"]
    syns: Annotated[Records, "SYN[::1]"]
    queue: Annotated[Records, "QUEUE[::1]"]
    blank: Annotated[Records, "STREAM[::1]"]


def new_streams(flows: int) -> Streams:
    """The state of the streams of `flows` flows; its pages are taken when first used."""
    return Streams(
        np.zeros(2 * flows, STREAM), np.zeros(2 * flows, SYN), np.zeros(2 * flows + 1, QUEUE), np.zeros(1, STREAM)
    )


def new_arena(size: int, events: int, tail: int) -> Arena:
    """An empty arena of `size` bytes with room for `events` events and `tail` bytes; pages are taken when used."""
    count = max(2, size // BLOCK)
    control = np.zeros(1, ARENA)
    control["used"] = 1
    return Arena(
        np.zeros(count, BLOCK_OF), np.zeros((count, BLOCK), np.uint8), np.zeros(count, np.int32), control,
        np.zeros(events, EVENT), np.zeros(tail, np.uint8),
    )  # fmt: skip

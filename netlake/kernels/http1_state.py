"""The records of HTTP/1 in streams: what the kernels http1 and http1_head keep of a stream, a message and a body.

- HTTP is kept beside STREAM, by stream: the message that is not over. Of STREAM, `phase` is a Phase, `left` the bytes
  left of a body or chunk, `line` the offset at which the current line of a head begins, or in a line of chunked coding
  the bytes before; `count` the messages of exchanges so far, `bits` and `body` what the last 64 requests were:
  bit (exchange & 63) is set where request `exchange` was HEAD, or CONNECT. `kept` is the head of the message.
- STAGE is a head that is being collected, one for each direction of the flow that is being walked.
- MESSAGE is a message that is over, beside its LOCATED; the bytes in the pool are its head.
- RUN is a part of a body in the buffer of bodies; a body has one or several in a batch.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, NamedTuple

import numpy as np

from netlake.kernels.flow_state import Records, record
from netlake.kernels.stream_state import LOCATED, POOL  # noqa: F401 - in signatures
from netlake.packets import Bytes

# most bytes of a head
MOST_HEAD = 1 << 16
# most bytes of a file name from a URI; the rest is cut
LONGEST_NAME = 128
# least bytes of a message: a request line of HTTP/1 and an empty line, with LF only
LEAST_MESSAGE = 14


class Phase(IntEnum):
    """Where a stream is."""

    HEAD = 0
    LENGTH = 1  # in a body of known length
    CHUNK_SIZE = 2
    CHUNK_DATA = 3
    CHUNK_END = 4  # the end of line behind the data of a chunk
    TRAILER = 5
    UNTIL_CLOSE = 6
    LOST = 7  # until a segment begins with a start line
    TUNNEL = 8  # behind CONNECT or 101: no longer HTTP


class Role(IntEnum):
    """What a message is, also the `kind` of LOCATED; 0 is neither."""

    REQUEST = 1
    RESPONSE = 2
    SIMPLE = 3  # a request of HTTP/0.9: a line without a version


class Lost(IntEnum):
    """Why the messages before the next one were not read."""

    NOT = 0
    GAP = 1
    OTHER = 2  # the bytes are not HTTP


class Framing(IntEnum):
    """How the end of a body is found (RFC 9112 section 6.3)."""

    NONE = 0
    LENGTH = 1
    CHUNKED = 2
    CLOSE = 3


class Coding(IntEnum):
    """The content coding of a body, as far as it is decoded; OTHER is one that is not, or several."""

    NONE = 0
    GZIP = 1
    DEFLATE = 2
    BROTLI = 3
    ZSTD = 4
    OTHER = 5


class Anomaly(IntEnum):
    """Bits of `anomalies`: what RFC 9112 forbids or warns of in a message."""

    LENGTH_AND_CHUNKED = 1 << 0
    REPEATED_LENGTH = 1 << 1
    DIFFERENT_LENGTHS = 1 << 2
    BAD_LENGTH = 1 << 3
    BAD_CODING = 1 << 4
    FOLDED_LINE = 1 << 5
    BARE_LF = 1 << 6
    BARE_CR = 1 << 7
    SPACE_BEFORE_COLON = 1 << 8
    NO_COLON = 1 << 9
    NUL_BYTE = 1 << 10
    BAD_CHUNK = 1 << 11
    AFTER_GAP = 1 << 12
    NO_VERSION = 1 << 13


HTTP = record(
    [
        ("flow", np.int64),  # the flow of which this is
        ("length", np.int64),  # Content-Length, -1 without one
        ("body", np.int64),  # number of the body, -1 without one
        ("size", np.int64),  # bytes of the body so far
        ("missing", np.int64),  # bytes of the body that are missing
        ("exchange", np.int64),
        ("after", np.int64),  # number of the first exchange behind a tunnel, if HTTP continues there
        ("bytes", np.int64),  # of the events of this batch
        ("first", np.int32),  # first event of this batch + 1
        ("events", np.int32),  # of this batch
        ("anomalies", np.int32),
        ("lines", np.int32),  # header lines
        ("status", np.int16),
        ("role", np.uint8),
        ("framing", np.uint8),
        ("coding", np.uint8),
        ("form", np.uint8),  # the body is a form (application/x-www-form-urlencoded)
        ("resumed", np.uint8),  # the stream was lost: Lost, how
        ("unseen", np.uint8),  # the end of the body was not captured
        ("cr", np.uint8),  # the byte before, in a line of chunked coding, was CR
        ("named", np.int64),  # exchange of `name`, -1 without one
        ("named_size", np.int32),
        ("name", np.uint8, (LONGEST_NAME,)),  # last segment of the path of the last request
    ],
    [],
)
STAGE = record(
    [
        ("size", np.int64),
        ("searched", np.int64),
        ("number", np.int64),  # packet with the first byte
        ("ts", np.int64),
        ("held", np.uint8),  # 1: a head, or a part of one, is in the stage
    ],
    [],
)
MESSAGE = record(
    [
        ("length", np.int64),
        ("body", np.int64),
        ("size", np.int64),
        ("missing", np.int64),
        ("exchange", np.int64),
        ("anomalies", np.int32),
        ("lines", np.int32),
        ("status", np.int16),
        ("framing", np.uint8),
        ("fault", np.int8),
        ("complete", np.uint8),
        ("named_size", np.uint8),
        ("name", np.uint8, (LONGEST_NAME,)),  # of what is requested
    ],
    [],
)
RUN = record(
    [
        ("body", np.int64),
        ("start", np.int64),
        ("end", np.int64),
        ("last", np.uint8),  # 1: the body is over, 2: and nobody asks for it
        ("coding", np.uint8),
        ("form", np.uint8),
    ],
    [],
)
# a stream that is no longer HTTP, and what follows in this batch: byte `used` of event `event`, -1 none; before it come
# `unread` bytes that were kept in the arena. `message` is the index of the response with which that began, -1 if it is
# that of the other direction.
HANDED = record(
    [("stream", np.int32), ("event", np.int32), ("used", np.int64), ("unread", np.int64), ("message", np.int64)], []
)
TALLY = record(
    [
        ("bodies", np.int64),  # numbers of bodies that were given
        ("runs", np.int64),  # in use
        ("bytes", np.int64),  # of the buffer of bodies that are in use
        ("handed", np.int64),
        ("lost", np.int64),  # messages whose row was written before their body, because the arena was full
        # room that the next flow needs: bytes of its events, and their number
        ("need_bytes", np.int64),
        ("need_events", np.int64),
    ],
    [],
)


class State(NamedTuple):
    """All arrays of the walker but those of reassembly; `control` and `tally` are one record, `stages` two.

    `stage` (2, n) are the bytes of the heads of `stages`, `bodies` the buffer of bodies. `messages` and `located` have
    the same index.
    """

    own: Annotated[Records, "HTTP[::1]"]
    stages: Annotated[Records, "STAGE[::1]"]
    stage: Annotated[Bytes, "uint8[:, ::1]"]
    pool: Annotated[Bytes, "uint8[::1]"]
    located: Annotated[Records, "LOCATED[::1]"]
    control: Annotated[Records, "POOL[::1]"]
    messages: Annotated[Records, "MESSAGE[::1]"]
    runs: Annotated[Records, "RUN[::1]"]
    bodies: Annotated[Bytes, "uint8[::1]"]
    handed: Annotated[Records, "HANDED[::1]"]
    tally: Annotated[Records, "TALLY[::1]"]

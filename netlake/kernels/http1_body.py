"""The body of an HTTP/1 message: the lines of chunked coding, and the runs of its bytes in the buffer of bodies."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.http1_state import Anomaly, Phase
from netlake.kernels.stream_arena import copy

# what a byte of chunked coding means: the body continues, is over, or is not chunked coding
GOES_ON, OVER, BAD = 0, 1, 2
# `last` of a run whose body nobody asks for
DROPPED = 2
# digits of a chunk size, and `line` behind them
MOST_DIGITS, BEHIND_SIZE = 15, -1


@kernel()
def run_of(own, state):
    """The index of the run to which bytes of the body are added; a new one unless the last run is of this body."""
    tally = state.tally[0]
    if tally.runs > 0:
        last = state.runs[tally.runs - 1]
        if last.body == own.body and last.last == 0:
            return tally.runs - 1
    run = state.runs[tally.runs]
    run.body, run.start, run.end, run.last = own.body, tally.bytes, tally.bytes, 0
    run.coding, run.form = own.coding, own.form
    tally.runs += 1
    return tally.runs - 1


@kernel()
def put_body(data, start, size, own, state):
    """Add bytes of a body, whose number is -1 if nobody reads it."""
    own.size += size
    if own.body < 0:
        return
    index = run_of(own, state)
    tally = state.tally[0]
    copy(data, start, size, state.bodies, tally.bytes)
    tally.bytes += size
    state.runs[index].end = tally.bytes


@kernel()
def end_body(own, state, how):
    """The body of a message is over: `how` is OVER, or DROPPED if the message has no row."""
    if own.body >= 0:
        index = run_of(own, state)
        state.runs[index].last = how


@kernel()
def digit_of(byte):
    """The value of a hexadecimal digit, -1 for another byte."""
    if 48 <= byte <= 57:
        return np.int64(byte) - 48
    lower = np.int64(byte) | 32
    return lower - 87 if 97 <= lower <= 102 else np.int64(-1)


@kernel()
def note_line_end(own, byte):
    """Note CR and LF outside the data of chunks that are not a pair."""
    if byte == 10 and own.cr == 0:
        own.anomalies |= Anomaly.BARE_LF.value
    elif byte != 10 and own.cr == 1:
        own.anomalies |= Anomaly.BARE_CR.value
    own.cr = 1 if byte == 13 else 0


@kernel()
def chunk_byte(stream, byte):
    """Read one byte outside the data of chunks (RFC 9112 section 7.1): GOES_ON, OVER or BAD."""
    phase = stream.phase
    if byte == 13:
        return GOES_ON
    if phase == Phase.CHUNK_SIZE:
        return size_byte(stream, byte)
    if phase == Phase.CHUNK_END:
        if byte != 10:
            return BAD
        stream.phase, stream.left, stream.line = Phase.CHUNK_SIZE.value, 0, 0
        return GOES_ON
    # trailers: header lines until an empty line
    if byte != 10:
        stream.line = 1
        return GOES_ON
    if stream.line == 0:
        return OVER
    stream.line = 0
    return GOES_ON


@kernel()
def size_byte(stream, byte):
    """Read one byte of the line with the size of a chunk; behind the size are extensions, which are ignored."""
    line = stream.line
    if byte == 10:
        if line == 0:
            return BAD
        stream.phase = Phase.CHUNK_DATA.value if stream.left > 0 else Phase.TRAILER.value
        stream.line = 0
        return GOES_ON
    if line == BEHIND_SIZE:
        return GOES_ON
    digit = digit_of(byte)
    if digit >= 0:
        if line == MOST_DIGITS:
            return BAD
        stream.left, stream.line = stream.left * 16 + digit, line + 1
        return GOES_ON
    if line > 0 and (byte == 59 or byte == 32 or byte == 9):
        stream.line = BEHIND_SIZE
        return GOES_ON
    return BAD

"""HTTP/1 in streams: heads into the pool, bodies as runs, message by message (RFC 9112).

Rules
- Both directions of a flow are walked together, event by event in the order in which they became due. So what a
  response depends on, such as HEAD, was read before, whatever the batches are.
- The kind of a message follows from its start line, not from who began the flow. A line that is no start line ends
  HTTP in the stream until a segment begins with a start line (LOST).
- `exchange` counts requests, and responses without 1xx. Of the last 64 requests it is known whether they were HEAD or
  CONNECT. When a stream was lost, a request is taken to follow the responses so far, and a response to answer the last
  request.
- A request without a version (HTTP/0.9) is over at the end of the stream, unless header lines and an empty line follow.
- A message is located when its body is over, or when the stream ends or cannot be followed. Its head waits in a stage
  during the batch and in the arena between batches. If the arena is full, the message is located without its body.
- A gap in a body or chunk of known length is counted and the message continues, also in a body until the end of the
  stream. Elsewhere the message ends there and the stream is lost.
- A head has at most MOST_HEAD bytes. Then what there is becomes a row, with a fault, and the stream is lost.
- Behind the response to CONNECT (2xx) or 101 the stream is no longer HTTP: `handed` has where that begins.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.http1_body import BAD, OVER, chunk_byte, end_body, note_line_end, put_body
from netlake.kernels.http1_head import CONNECT, HEAD, begins_message, line_end, read_head, same, start_line
from netlake.kernels.http1_state import LONGEST_NAME, MOST_HEAD, Anomaly, Framing, Lost, Phase, Role
from netlake.kernels.stream_arena import copy, resume
from netlake.kernels.stream_located import located
from netlake.schema.faults import BAD_VALUE, CUT, SHORT_HEADER, TOO_LARGE


@kernel()
def empty(stage, stream):
    """Forget what is in a stage."""
    stage.held, stage.size, stage.searched, stream.line = 0, 0, 0, 0


@kernel()
def finish(side, event, stream, own, state, arena, fault):
    """Locate the message of `own`, whose head is in the stage or in the arena, and end its body."""
    stage = state.stages[side]
    at = state.control[0].used
    number, ts, size = stage.number, stage.ts, stage.size
    if stage.held == 1:
        copy(state.stage[side], 0, size, state.pool, at)
    elif stream.kept > 0:
        number, ts = arena.heads[stream.kept].number, arena.heads[stream.kept].ts
        size = resume(stream, arena, state.pool, at)
    else:
        return  # it was located without its body
    end_body(own, state, OVER)
    index = located(state.located, state.control, stream, event, at, at + size, number, ts)
    state.located[index].kind = own.role
    message = state.messages[index]
    message.length, message.body, message.size, message.missing = own.length, own.body, own.size, own.missing
    message.exchange, message.anomalies, message.lines = own.exchange, own.anomalies, own.lines
    message.status, message.framing = own.status, own.framing
    message.complete = 1 if own.missing == 0 and own.unseen == 0 else 0
    message.fault = CUT if fault == 0 and message.complete == 0 else fault
    message.named_size = own.named_size if own.named == own.exchange else 0
    for i in range(message.named_size):
        message.name[i] = own.name[i]
    own.body = -1
    empty(stage, stream)


@kernel()
def lose(side, why, stream, own, state):
    """Nothing is read until a segment begins with a start line."""
    stage = state.stages[side]
    stream.undecoded += stage.size
    empty(stage, stream)
    stream.phase = Phase.LOST.value
    if own.resumed != Lost.GAP:
        own.resumed = why


@kernel()
def unfinished(side, event, stream, own, state, arena, fault):
    """Locate a head of which the end is missing; nothing if even its start line is not complete."""
    stage = state.stages[side]
    if stage.held == 1 and stream.line > 0:
        read_head(state.stage[side][: stage.size], own.role, own)
        if fault != 0:
            own.unseen = 1
        own.exchange = stream.count
        stream.count += 1
        finish(side, event, stream, own, state, arena, fault)


@kernel()
def known(stream, exchange):
    """Bit of an exchange in `bits` and `body`."""
    return np.int64(1) << (exchange & 63)


@kernel()
def count(stream, other, own, lost):
    """The number of the exchange of a message; `lost`: messages before it may not have been read."""
    if lost and other.flow == stream.flow:
        behind = other.count - (1 if own.role == Role.RESPONSE else 0)
        if behind > stream.count:
            stream.count = behind
    own.exchange = stream.count


@kernel()
def name_of(view, own):
    """Note the last segment of the path of a request."""
    own.named, own.named_size = own.exchange, 0
    at = np.int64(0)
    while view[at] != 32:
        at += 1
    begin = at = at + 1
    while view[at] > 32 and view[at] != 63 and view[at] != 35:
        if view[at] == 47:
            begin = at + 1
        at += 1
    own.named_size = min(at - begin, LONGEST_NAME)
    for i in range(own.named_size):
        own.name[i] = view[begin + i]


@kernel()
def request(view, stream, own):
    """Note whether a request is HEAD or CONNECT; whether a body follows."""
    bit = known(stream, own.exchange)
    stream.bits &= ~bit
    stream.body &= ~bit
    if view.size > 8:
        if same(view, 0, 4, HEAD) and view[4] == 32:
            stream.bits |= bit
        elif same(view, 0, 7, CONNECT) and view[7] == 32:
            stream.body |= bit
    stream.count += 1
    return own.framing != Framing.NONE or own.length > 0


@kernel()
def response(stream, other, own):
    """Whether a body follows a response: 1, or 0; 2 if the stream is no longer HTTP."""
    bit = known(stream, own.exchange)
    same_flow = other.flow == stream.flow
    if own.status == 101 or (same_flow and other.body & bit != 0 and 200 <= own.status < 300):
        stream.count += 1
        return 2
    # a status below 100 is invalid, and no interim response: it is like one above 500 (RFC 9110 section 15)
    if 100 <= own.status < 200:
        return 0
    stream.count += 1
    if (same_flow and other.bits & bit != 0) or own.status == 204 or own.status == 304:
        own.framing = Framing.NONE.value
        return 0
    return 0 if own.framing == Framing.NONE and own.length == 0 else 1


@kernel()
def begin_body(side, event, stream, other, own, state, arena):
    """What follows the head in the stage, which is complete (RFC 9112 section 6.3)."""
    stage = state.stages[side]
    view = state.stage[side][: stage.size]
    lost, asked = own.resumed != 0, state.own[event.stream ^ 1]
    read_head(view, own.role, own)
    count(stream, other, own, lost)
    if own.role == Role.REQUEST:
        name_of(view, own)
        follows = 1 if request(view, stream, own) else 0
    else:
        own.named = -1
        if other.flow == stream.flow and asked.named == own.exchange:
            own.named, own.named_size = own.exchange, asked.named_size
            for i in range(asked.named_size):
                own.name[i] = asked.name[i]
        follows = response(stream, other, own)
    stream.phase = Phase.HEAD.value
    if follows != 1:
        finish(side, event, stream, own, state, arena, 0)
        if follows == 2:
            stream.phase = Phase.TUNNEL.value
        return
    own.body = state.tally[0].bodies
    state.tally[0].bodies += 1
    stream.left, stream.line = 0, 0
    if own.framing == Framing.CHUNKED:
        stream.phase = Phase.CHUNK_SIZE.value
    elif own.framing == Framing.NONE and own.length >= 0:
        own.framing = Framing.LENGTH.value
        stream.phase, stream.left = Phase.LENGTH.value, own.length
    else:
        own.framing = Framing.CLOSE.value
        stream.phase = Phase.UNTIL_CLOSE.value


@kernel()
def head_bytes(side, data, at, left, event, stream, other, own, state, arena):
    """Read bytes of a head; how many were used."""
    stage = state.stages[side]
    row = state.stage[side]
    if stage.held == 0:
        skipped = 0
        while skipped < left and (data[at + skipped] == 13 or data[at + skipped] == 10):
            skipped += 1
        if skipped > 0:
            return skipped
        stage.held, stage.number, stage.ts = 1, event.number, event.ts
        own.role = 0
    before = stage.size
    end = before + min(left, MOST_HEAD - before)
    copy(data, at, end - before, row, before)
    for i in range(stage.searched, end):
        if row[i] != 10:
            continue
        begin = stream.line
        stream.line = i + 1
        if begin == 0:
            first = stream.count == 0 and stream.undecoded == 0 and own.resumed == 0
            own.role = start_line(row, i, first)
            if own.role == 0:
                stage.size = before
                lose(side, Lost.OTHER.value, stream, own, state)
                return 0
        elif line_end(row, begin, i) == begin:
            stage.size = i + 1
            begin_body(side, event, stream, other, own, state, arena)
            return i + 1 - before
    stage.size = stage.searched = end
    if end == MOST_HEAD:
        unfinished(side, event, stream, own, state, arena, TOO_LARGE)
        lose(side, Lost.OTHER.value, stream, own, state)
    return end - before


@kernel()
def body_bytes(side, data, at, left, event, stream, own, state, arena):
    """Read bytes of a body or of chunked coding; how many were used."""
    phase = stream.phase
    if phase == Phase.UNTIL_CLOSE:
        put_body(data, at, left, own, state)
        return left
    if phase == Phase.LENGTH or phase == Phase.CHUNK_DATA:
        part = min(left, stream.left)
        put_body(data, at, part, own, state)
        stream.left -= part
        if stream.left == 0:
            if phase == Phase.CHUNK_DATA:
                stream.phase = Phase.CHUNK_END.value
            else:
                stream.phase = Phase.HEAD.value
                finish(side, event, stream, own, state, arena, 0)
        return part
    done = 0
    while done < left and stream.phase != Phase.CHUNK_DATA:
        note_line_end(own, data[at + done])
        result = chunk_byte(stream, data[at + done])
        done += 1
        if result == OVER:
            stream.phase = Phase.HEAD.value
            finish(side, event, stream, own, state, arena, 0)
            return done
        if result == BAD:
            own.anomalies |= Anomaly.BAD_CHUNK.value
            own.unseen = 1
            finish(side, event, stream, own, state, arena, BAD_VALUE)
            lose(side, Lost.OTHER.value, stream, own, state)
            return done - 1
    return done


@kernel()
def gap(side, event, stream, own, state, arena):
    """Bytes are missing."""
    phase, size = stream.phase, event.size
    if phase == Phase.TUNNEL:
        return
    if phase == Phase.UNTIL_CLOSE:
        own.missing += size
        return
    if (phase == Phase.LENGTH or phase == Phase.CHUNK_DATA) and size <= stream.left:
        own.missing += size
        stream.left -= size
        if stream.left == 0 and phase == Phase.CHUNK_DATA:
            stream.phase = Phase.CHUNK_END.value
        elif stream.left == 0:
            stream.phase = Phase.HEAD.value
            finish(side, event, stream, own, state, arena, 0)
        return
    if phase == Phase.HEAD:
        unfinished(side, event, stream, own, state, arena, CUT)
    elif phase != Phase.LOST:
        end_early(side, event, stream, own, state, arena)
    lose(side, Lost.GAP.value, stream, own, state)


@kernel()
def end_early(side, event, stream, own, state, arena):
    """Locate a message whose body ends before its end; what is left of a known length is missing."""
    own.unseen = 1
    if stream.phase == Phase.LENGTH or stream.phase == Phase.CHUNK_DATA:
        own.missing += stream.left
    finish(side, event, stream, own, state, arena, 0)


@kernel()
def end(side, event, stream, own, state, arena):
    """The stream ends."""
    phase = stream.phase
    if phase == Phase.HEAD:
        stage = state.stages[side]
        whole = stage.held == 1 and own.role == Role.SIMPLE and stream.line == stage.size
        unfinished(side, event, stream, own, state, arena, 0 if whole else SHORT_HEADER)
        if whole:
            last = state.located[state.control[0].messages - 1]
            last.at = last.number
    elif phase == Phase.UNTIL_CLOSE:
        finish(side, event, stream, own, state, arena, 0)
    elif phase < Phase.UNTIL_CLOSE:
        end_early(side, event, stream, own, state, arena)
    if phase != Phase.TUNNEL:
        lose(side, Lost.OTHER.value, stream, own, state)


@kernel()
def read(side, data, event, stream, other, own, state, arena):
    """Read the bytes of one event; how many are left behind the end of HTTP."""
    at, left = event.start, event.size
    if stream.phase == Phase.LOST and begins_message(data[at : at + left]):
        stream.phase, stream.line = Phase.HEAD.value, 0
    while left > 0:
        phase = stream.phase
        if phase == Phase.TUNNEL:
            return left
        if phase == Phase.LOST:
            stream.undecoded += left
            return 0
        if phase == Phase.HEAD:
            used = head_bytes(side, data, at, left, event, stream, other, own, state, arena)
        else:
            used = body_bytes(side, data, at, left, event, stream, own, state, arena)
        at, left = at + used, left - used
    return 0

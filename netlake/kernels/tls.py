"""TLS records in streams (RFC 8446 section 5, RFC 5246 section 6): handshake messages and alerts before encryption.

Rules:
- Hellos and certificates are copied into the pool, whatever records and segments they are in; alerts too. The bytes of
  other messages, and of records that are encrypted or data, are passed over.
- After a ChangeCipherSpec or a record of application data, handshake records are encrypted. Exception: one that is
  exactly a hello is read; after a HelloRetryRequest hellos follow a ChangeCipherSpec (RFC 8446 appendix D.4).
- An alert of two bytes is plain, a longer one encrypted: a MAC or a tag alone is longer.
- A message that begins a record has the packet in which the record's header begins; others that of their first byte.
- A message that ends early is located as far as it goes, with its Reason. A record of another type ends it too: RFC
  8446 section 5.1 forbids records between the parts of a message.
- A gap within a record is passed over; behind it handshake records are read as if encrypted. Any other gap, and what is
  no record, make the stream LOST until a segment begins with a plausible record.
- A stream can begin with a ClientHello in the format of SSL 2.0 (RFC 5246 appendix E.2). It is located as a handshake
  message with record version 0x0002.
- Bounds: a message of more than MOST bytes is located with its header only. What is kept of a stream between batches
  is at most one message; without room for it in the arena the message ends.
"""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.bytes import u16, u24
from netlake.kernels.stream_arena import copy, keep, resume
from netlake.kernels.stream_state import STREAM, Arena, Kind  # noqa: F401 - in signatures
from netlake.kernels.tls_state import (  # noqa: F401 - in signatures
    HEADER_SIZE,
    LONGEST_RECORD,
    MOST,
    PART,
    SKIP,
    SMALLEST_HELLO,
    SSL_2_BEGIN,
    Content,
    Flag,
    Handshake,
    Phase,
    PoolArrays,
    Reason,
    locate,
)


@kernel()
def is_read(kind):
    """Whether handshake messages of this type are read."""
    return kind == Handshake.CLIENT_HELLO or kind == Handshake.SERVER_HELLO or kind == Handshake.CERTIFICATE


@kernel()
def end_part(stream, event, pool, part, reason, missing):
    """Locate a message or alert that ends early, if its type is read; what is left of it is not passed over."""
    stream.bits &= ~SKIP
    if part.size == 0:
        return
    kind = np.int64(pool.data[part.start])
    if stream.phase == Phase.ALERT:
        locate(stream, event, pool, Content.ALERT, part, reason, missing)
        return
    if stream.phase == Phase.CHECK or not is_read(kind):
        part.size = 0
        return
    if missing and part.size >= 4:
        missing = max(1, 4 + u24(pool.data, part.start + 1) - part.size)
    locate(stream, event, pool, kind, part, reason, missing)


@kernel()
def lose(stream, event, pool, part, reason):
    """The stream is not in a known record any more."""
    end_part(stream, event, pool, part, reason, 1 if reason == Reason.GAP else 0)
    stream.phase, stream.left = Phase.LOST, 0
    if stream.role & Flag.BROKEN == 0:
        stream.role |= Flag.BROKEN
        pool.control[0].lost += 1


@kernel()
def begin_part(stream, part, number, ts):
    """The next byte is the first one of a message or alert."""
    if stream.left == stream.line & 0xFFFF:
        number, ts = stream.body, stream.count
    part.number, part.ts, part.version = number, ts, stream.line >> 16 & 0xFFFF


@kernel()
def begin_ssl_2(stream, pool, part):
    """Whether the header in `line` is that of a ClientHello in the format of SSL 2.0; then begin it."""
    line = stream.line
    length = line >> 24 & 0x7FFF
    if line >> 39 == 0 or line >> 16 & 0xFF != 1 or line >> 8 & 0xFF != 3 or stream.role & Flag.RECORDS > 0:
        return False
    if length <= SSL_2_BEGIN:
        return False
    part.number, part.ts, part.version, part.size = stream.body, stream.count, 2, 6
    header = (Handshake.CLIENT_HELLO << 24 | (length - 1)) << 16 | line & 0xFFFF
    for index in range(6):
        pool.data[part.start + index] = header >> (40 - 8 * index) & 255
    stream.phase, stream.left = Phase.SSL_2, length - SSL_2_BEGIN
    stream.role |= Flag.RECORDS
    return True


@kernel()
def begin_record(stream, event, pool, part):
    """Decide what to do with the record whose header is in `line`."""
    kind, version, length = stream.line >> 32, stream.line >> 16 & 0xFFFF, stream.line & 0xFFFF
    if begin_ssl_2(stream, pool, part):
        return
    if kind < 20 or kind > 24 or version >> 8 != 3 or version & 255 > 4 or length > LONGEST_RECORD:
        stream.undecoded += HEADER_SIZE
        lose(stream, event, pool, part, Reason.ENDED)
        return
    stream.left = length
    stream.role |= Flag.RECORDS
    encrypted = stream.role & Flag.ENCRYPTED > 0
    if kind != Content.HANDSHAKE:
        end_part(stream, event, pool, part, Reason.ENDED, 0)
    stream.phase = Phase.PASS
    if kind == Content.HANDSHAKE and not encrypted:
        stream.phase = Phase.HANDSHAKE
    elif kind == Content.HANDSHAKE and length >= SMALLEST_HELLO:
        stream.phase = Phase.CHECK
    elif kind == Content.ALERT and length == 2:
        stream.phase = Phase.ALERT
    elif kind == Content.ALERT and length > 2:
        begin_part(stream, part, 0, 0)
        locate(stream, event, pool, kind, part, Reason.WHOLE, 0)
    elif kind == Content.CHANGE_CIPHER_SPEC or kind == Content.APPLICATION_DATA:
        stream.role |= Flag.ENCRYPTED
    if length == 0:
        stream.phase = Phase.HEADER


@kernel()
def begin_message(stream, event, pool, part):
    """Decide what to do with the handshake message whose header `part` is; whether the record is readable."""
    kind, length = np.int64(pool.data[part.start]), u24(pool.data, part.start + 1)
    if is_read(kind):
        if length > MOST:
            locate(stream, event, pool, kind, part, Reason.TOO_LARGE, 0)
            stream.bits = stream.bits & ~SKIP | length
        elif length == 0:
            locate(stream, event, pool, kind, part, Reason.WHOLE, 0)
        return True
    part.size = 0
    if length > MOST or (kind > Handshake.LAST and kind != Handshake.NEXT_PROTOCOL and kind != Handshake.CHANNEL_ID):
        # encrypted, in a stream whose beginning was not captured
        stream.role |= Flag.ENCRYPTED
        return False
    stream.bits = stream.bits & ~SKIP | length
    return True


@kernel()
def collect(stream, event, number, ts, data, at, size, pool, part):
    """Read `size` bytes of a handshake record at data[at:], which are not more than its rest."""
    end, left = at + size, stream.left
    while at < end and stream.phase == Phase.HANDSHAKE:
        skip = stream.bits & SKIP
        if skip > 0:
            some = min(skip, end - at)
            stream.bits -= some
        else:
            if part.size == 0:
                begin_part(stream, part, number, ts)
            header = part.size < 4
            whole = 4 if header else 4 + u24(pool.data, part.start + 1)
            some = min(whole - part.size, end - at)
            copy(data, at, some, pool.data, part.start + part.size)
            part.size += some
            if part.size == whole:
                if not header:
                    locate(stream, event, pool, np.int64(pool.data[part.start]), part, Reason.WHOLE, 0)
                elif not begin_message(stream, event, pool, part):
                    stream.phase = Phase.PASS
        at += some
        stream.left -= some
    stream.left = left - size


@kernel()
def check(stream, number, ts, data, at, size, pool, part):
    """Gather the first six bytes of a record behind encryption; how many bytes were used. It can be a hello."""
    if part.size == 0:
        begin_part(stream, part, number, ts)
    some = min(6 - part.size, size)
    copy(data, at, some, pool.data, part.start + part.size)
    part.size += some
    if part.size == 6:
        at, kind = part.start, np.int64(pool.data[part.start])
        hello = kind == Handshake.CLIENT_HELLO or kind == Handshake.SERVER_HELLO
        hello = hello and u24(pool.data, at + 1) + 4 == stream.line & 0xFFFF
        if hello and pool.data[at + 4] == 3 and pool.data[at + 5] <= 4:
            stream.phase = Phase.HANDSHAKE
        else:
            stream.phase, part.size = Phase.PASS, 0
    return some


@kernel()
def alert(stream, event, number, ts, data, at, size, pool, part):
    """Gather the two bytes of an alert; how many bytes were used."""
    if part.size == 0:
        begin_part(stream, part, number, ts)
    some = min(2 - part.size, size)
    copy(data, at, some, pool.data, part.start + part.size)
    part.size += some
    if part.size == 2:
        locate(stream, event, pool, Content.ALERT, part, Reason.WHOLE, 0)
    return some


@kernel()
def plausible(data, at, end):
    """Whether a segment begins with a record, and continues with another one if it is longer than that."""
    while at + HEADER_SIZE <= end:
        size = u16(data, at + 3)
        if data[at] < 20 or data[at] > 23 or data[at + 1] != 3 or data[at + 2] > 4:
            return False
        if size == 0 or size > LONGEST_RECORD:
            return False
        at += HEADER_SIZE + size
        if at >= end:
            return True
    return False


@kernel()
def feed(stream, event, number, ts, data, at, end, pool, part):
    """Read the next bytes of a stream, data[at:end], of packet `number`."""
    if stream.phase == Phase.LOST:
        if not plausible(data, at, end):
            stream.undecoded += end - at
            return
        stream.phase, stream.left = Phase.HEADER, 0
        stream.role |= Flag.ENCRYPTED | Flag.RESUMED
    while at < end:
        if stream.phase == Phase.HEADER:
            if stream.left == 0:
                stream.line, stream.body, stream.count = 0, number, ts
            stream.line = stream.line << 8 | np.int64(data[at])
            stream.left += 1
            at += 1
            if stream.left == HEADER_SIZE:
                stream.left = 0
                begin_record(stream, event, pool, part)
            continue
        if stream.phase == Phase.LOST:
            stream.undecoded += end - at
            return
        some = min(end - at, stream.left)
        if stream.phase == Phase.HANDSHAKE:
            collect(stream, event, number, ts, data, at, some, pool, part)
        else:
            if stream.phase == Phase.CHECK:
                some = check(stream, number, ts, data, at, some, pool, part)
            elif stream.phase == Phase.SSL_2:
                copy(data, at, some, pool.data, part.start + part.size)
                part.size += some
                if stream.left == some:
                    locate(stream, event, pool, Handshake.CLIENT_HELLO, part, Reason.WHOLE, 0)
            elif stream.phase == Phase.ALERT:
                some = alert(stream, event, number, ts, data, at, some, pool, part)
            stream.left -= some
        at += some
        if stream.left == 0:
            stream.phase = Phase.HEADER


@kernel()
def missed(stream, event, pool, part):
    """A gap: within a record its rest is passed over, anywhere else the stream is LOST."""
    if stream.phase == Phase.LOST:
        return
    if stream.phase == Phase.HEADER or event.size > stream.left:
        lose(stream, event, pool, part, Reason.GAP)
        return
    if stream.phase != Phase.PASS:
        end_part(stream, event, pool, part, Reason.GAP, 1)
        stream.phase, stream.role = Phase.PASS, stream.role | Flag.ENCRYPTED
    stream.left -= event.size
    if stream.left == 0:
        stream.phase = Phase.HEADER


@kernel()
def started(stream, event, arena, pool, part, scratch):
    """Take what was kept of the stream: of a message, or its first bytes before its protocol was known."""
    first = stream.kept
    number, ts, version = arena.heads[first].number, arena.heads[first].ts, np.int64(arena.heads[first].seq)
    if stream.role & Flag.STARTED:
        part.number, part.ts, part.version = number, ts, version
        part.size = resume(stream, arena, pool.data, part.start)
    else:
        size = resume(stream, arena, scratch, 0)
        feed(stream, event, number, ts, scratch, 0, size, pool, part)


@kernel()
def leave(stream, event, arena, pool, part):
    """Keep the message that is not complete; without room for it, it ends."""
    if part.size > 0 and keep(stream, pool.data, part.start, part.size, part.version, part.number, part.ts, arena) == 0:
        end_part(stream, event, pool, part, Reason.TOO_LARGE, 0)
        stream.role |= Flag.ENCRYPTED
        if stream.phase != Phase.HEADER:
            stream.phase = Phase.PASS


@kernel()
def has_room(pool, part, size):
    """Whether the pool has room for what `size` bytes of a stream can add."""
    enough = pool.data.size - part.start - part.size >= size + 64
    return enough and pool.messages.size - pool.control[0].messages >= size // 4 + 4


@kernel("int64(int64, int64, int32[::1], STREAM[::1], uint8[::1], Arena, PoolArrays, PART[::1], uint8[::1])")
def walk(begin, protocol, first, states, data, arena, pool, parts, scratch):
    """Read the streams of `protocol` among first[begin:], the first event of each; how many streams are done.

    If it is not all, the pool needs more room, and first[done] is the event with which to go on. `parts` is one record;
    `scratch` has room for what is kept of a stream without protocol.
    """
    part = parts[0]
    for chain in range(begin, first.size):
        index = np.int64(first[chain])
        stream = states[arena.events[index].stream]
        if stream.protocol != protocol:
            continue
        part.start, part.size = pool.control[0].used, 0
        if stream.kept != 0:
            if not has_room(pool, part, arena.heads[stream.kept].size):
                return chain
            started(stream, arena.events[index], arena, pool, part, scratch)
        stream.role |= Flag.STARTED
        last = index
        while index >= 0:
            event = arena.events[index]
            if not has_room(pool, part, event.size if event.kind <= Kind.LATE else 0):
                leave(stream, event, arena, pool, part)
                first[chain] = index
                return chain
            if event.kind <= Kind.LATE:
                source = data if event.kind == Kind.DATA else arena.tail
                feed(stream, event, event.number, event.ts, source, event.start, event.start + event.size, pool, part)
            elif event.kind == Kind.GAP:
                missed(stream, event, pool, part)
            else:
                end_part(stream, event, pool, part, Reason.ENDED, 0)
            last = index
            index = np.int64(event.link)
        leave(stream, arena.events[last], arena, pool, part)
    return first.size

"""The machine of HTTP/2 (netlake.layers.dialog.Machine): frames of both sides to rows of streams."""

from __future__ import annotations

from collections.abc import Generator, Iterator

from netlake.layers.dialog import At, Piece, Row, Said, Where
from netlake.streams.http2 import fields, grpc
from netlake.streams.http2.exchange import Exchange, Half, is_grpc, message_row, new_exchange
from netlake.streams.http2.fields import Block
from netlake.streams.http2.frames import BLOCKS, MOST_BLOCK, Data, Frame
from netlake.streams.http2.numbers import (
    END_HEADERS,
    END_STREAM,
    HEADER,
    KNOWN,
    PADDED,
    PRIORITY,
    Type,
    error_name,
    is_bad_size,
    is_bad_stream,
)
from netlake.streams.http2.sides import Open, Side

# streams that are not over, the bytes of their fields, and streams that are over of which the numbers are known
MOST_STREAMS, ROOM, MOST_CLOSED = 1024, 64 << 10, 4096
# interim responses of a stream that are kept
MOST_INTERIM = 16
# bytes that no frame has
FOREVER = 1 << 40
SIDES = ("client", "server")
Finding = Generator[Said, None, Exchange | None]


class Http2Machine:
    """Reads one HTTP/2 connection."""

    def __init__(self) -> None:
        self.undecoded = [0, 0]
        self.sides = (Side(), Side())
        self.client: int | None = None
        self.streams: dict[int, Exchange] = {}
        self.closed: dict[int, None] = {}
        self.ended: set[int] = set()
        self.room, self.count, self.is_over = ROOM, 0, False
        self.anomalies: set[str] = set()

    def feed(self, side: int, data: bytes, at: At) -> Iterator[Said]:
        """Read what a side said."""
        one = self.sides[side]
        one.spoken.begin = one.spoken.begin or at(0)
        for found in one.frames.read(data, at):
            if isinstance(found, Data):
                yield from self._data(side, found, at)
            else:
                yield from self._frame(side, found)
        self._count(side)

    def gap(self, side: int, size: int) -> Iterator[Said]:
        """Bytes are missing."""
        one = self.sides[side]
        frame = one.frames.frame
        missing = one.frames.gap(size)
        if missing < 0:
            yield from self._lost(side, frame)
        elif frame is not None:
            if missing and (stream := self.streams.get(frame.stream)) is not None:
                yield from self._missing(side, stream, missing)
            if (over := one.frames.finish()) is not None:
                yield from self._frame(side, over)
        self._count(side)

    def end(self, side: int) -> Iterator[Said]:
        """A side says nothing more; when all have ended, the connection is over."""
        frames = self.sides[side].frames
        if (frame := frames.frame) is not None and (stream := self.streams.get(frame.stream)) is not None:
            self._half(side, stream).missing += max(0, frame.left - frame.pad) if frame.kind == Type.DATA else 0
        frames.gap(FOREVER)
        self._count(side)
        self.ended.add(side)
        begun = {number for number, one in enumerate(self.sides) if one.spoken.begin is not None}
        if not self.ended >= begun or self.is_over:
            return
        self.is_over = True
        for stream in list(self.streams.values()):
            stream.add_fault("cut")
            yield from self._close(stream, None)
        yield from self._connection()

    # ---- what is not a stream

    def _count(self, side: int) -> None:
        frames = self.sides[side].frames
        self.undecoded[side] += frames.undecoded
        frames.undecoded = 0

    def _server(self, side: int) -> bool:
        """Whether a side is the server: it has no preface, or the other one has."""
        if self.client is None:
            frames = self.sides[side].frames
            if frames.has_preface:
                self.client = side
            elif self.sides[1 - side].frames.has_preface or not (
                frames.is_unsure or self.sides[side].blocks.is_partial
            ):
                self.client = 1 - side
            else:
                return side == 1
        return side != self.client

    def _lost(self, side: int, frame: Frame | None) -> Iterator[Said]:
        """It is not known what was missing: header blocks, ends, bytes of bodies."""
        one = self.sides[side]
        one.blocks.lose()
        one.open = None
        number = 0 if frame is None else frame.stream
        for stream in self.streams.values():
            half = self._half(side, stream)
            if half.is_over:
                continue
            half.is_whole = False
            stream.anomalies.add("after_gap")
            stream.add_fault("cut")
            if frame is not None and frame.kind == Type.DATA and stream.number == number:
                half.missing += max(0, frame.left - frame.pad)
            if half.messages is not None:
                for message in half.messages.gap(FOREVER):
                    yield message_row(stream, message, None)

    def _connection(self) -> Iterator[Said]:
        """The row of the connection."""
        client = 0 if self.client is None else self.client
        mine, theirs = self.sides[client].spoken, self.sides[1 - client].spoken
        begin = mine.begin or theirs.begin
        if begin is None:
            return
        columns = mine.fields("client_") | theirs.fields("server_")
        columns |= {"fingerprint": mine.fingerprint, "streams": self.count, "anomalies": sorted(self.anomalies)}
        columns["has_preface"] = self.sides[client].frames.has_preface
        yield Row("http2_connection", columns, begin)

    # ---- frames

    def _frame(self, side: int, frame: Frame) -> Iterator[Said]:
        """Read a frame that is over."""
        one = self.sides[side]
        self._server(side)
        if self._is_bad(side, frame):
            self.undecoded[side] += HEADER + frame.length
            if frame.kind in BLOCKS:
                one.blocks.lose()
            return
        if one.open is not None and (frame.kind != Type.CONTINUATION or frame.stream != one.open.frame.stream):
            yield from self._interrupted(side, frame)
        if frame.kind in (Type.HEADERS, Type.PUSH_PROMISE):
            yield from self._begin_block(side, frame)
        elif frame.kind == Type.CONTINUATION:
            yield from self._continue_block(side, frame)
        elif frame.kind == Type.DATA:
            yield from self._data_over(side, frame)
        elif frame.kind == Type.RST_STREAM:
            yield from self._reset(side, frame)
        elif frame.kind not in KNOWN:
            self.undecoded[side] += HEADER + frame.length
        elif not frame.is_cut or frame.kind in (Type.SETTINGS, Type.GOAWAY):
            one.spoken.read(frame)

    def _is_bad(self, side: int, frame: Frame) -> bool:
        """Whether a frame has a length or a stream that it must not have; this is noted."""
        bad = is_bad_size(frame.kind, frame.length)
        if bad or frame.length > self.sides[1 - side].spoken.largest_frame:
            self._note("bad_frame_size", frame.stream, "bad_length")
        if is_bad_stream(frame.kind, frame.stream):
            self._note("bad_stream_id", frame.stream, "bad_value")
            bad = True
        return bad

    def _note(self, anomaly: str, number: int, fault: str) -> None:
        """Note an anomaly of the connection, and of a stream if it is open."""
        self.anomalies.add(anomaly)
        if (stream := self.streams.get(number)) is not None:
            stream.anomalies.add(anomaly)
            stream.add_fault(fault)

    def _interrupted(self, side: int, frame: Frame) -> Iterator[Said]:
        """A header block is not continued by the next frame: its fields are not known."""
        one = self.sides[side]
        assert one.open is not None  # noqa: S101 - the caller checks
        number = one.open.target
        one.open = None
        one.blocks.lose()
        stream = yield from self._stream(side, number, frame.begin)
        if stream is not None:
            stream.anomalies.add("continuation_interrupted")
            stream.add_fault("bad_value")
        self.anomalies.add("continuation_interrupted")

    def _begin_block(self, side: int, frame: Frame) -> Iterator[Said]:
        """Read HEADERS or PUSH_PROMISE."""
        payload, pad, at = bytes(frame.payload), 0, 0
        if frame.flags & PADDED:
            pad, at = (payload[0] if payload else 0), 1
        target = frame.stream
        if frame.kind == Type.PUSH_PROMISE:
            target = int.from_bytes(payload[at : at + 4]) & 0x7FFFFFFF
            at += 4
        elif frame.flags & PRIORITY:
            at += 5
        open_ = Open(frame, target, bytearray(payload[at : max(at, len(payload) - pad)]), frame.is_cut, frame.has_gap)
        frame.payload = bytearray()
        if at + pad > frame.length:
            self._note("bad_padding", frame.stream, "bad_value")
            open_.is_broken = True
        self.sides[side].open = open_
        if frame.flags & END_HEADERS:
            yield from self._block(side, frame)

    def _continue_block(self, side: int, frame: Frame) -> Iterator[Said]:
        """Read CONTINUATION."""
        one = self.sides[side]
        if one.open is None:  # its beginning is missing
            one.blocks.lose()
            self._note("continuation_interrupted", frame.stream, "bad_value")
            return
        room = MOST_BLOCK - len(one.open.data)
        one.open.data += frame.payload[:room]
        one.open.is_broken |= frame.is_cut or len(frame.payload) > room
        one.open.has_gap |= frame.has_gap
        if frame.flags & END_HEADERS:
            yield from self._block(side, frame)

    def _block(self, side: int, last: Frame) -> Iterator[Said]:
        """A header block is complete: it ends with frame `last`."""
        one = self.sides[side]
        assert one.open is not None  # noqa: S101 - the caller checks
        open_, one.open = one.open, None
        if open_.is_broken:
            one.blocks.lose()
            block = Block(anomaly="after_gap" if open_.has_gap else "large_header_block")
        else:
            block = one.blocks.read(bytes(open_.data))
        stream = yield from self._stream(side, open_.target, open_.frame.begin)
        if stream is None:
            return
        is_push = open_.frame.kind == Type.PUSH_PROMISE
        self._take(side, stream, block, open_.frame, is_push=is_push)
        if block.anomaly is not None:
            faults_ = {"after_gap": "cut", "hpack_error": "bad_value"}
            self._note(block.anomaly, stream.number, faults_.get(block.anomaly, "too_large"))
        if block.unknown:
            stream.anomalies.add("unknown_fields")
            stream.add_fault("cut")
        if open_.frame.flags & END_STREAM and not is_push:
            yield from self._end_stream(side, stream, last.end)
        yield from self._evict()

    def _take(self, side: int, stream: Exchange, block: Block, frame: Frame, *, is_push: bool) -> None:
        """Give a block to the request or the response of a stream, as its head or its trailers."""
        is_server = self._server(side)
        if is_push:
            stream.is_pushed = True
        half = stream.request if is_push or not is_server else stream.response
        if half is stream.response and half.head is None and (status := fields.interim(block)):
            stream.interim += [status][: MOST_INTERIM - len(stream.interim)]
            return
        is_first = half.begin is None and not self.sides[side].blocks.is_partial
        is_trailer = half.head is not None or not (is_first or block.is_head)
        if half.begin is None:
            half.begin, half.place = frame.begin, self.sides[side].bodies(frame.begin)
        if is_trailer and half.trailers is not None:
            return
        stream.room, self.room = stream.room + block.room, self.room - block.room
        pseudo = fields.OF_RESPONSE if half is stream.response else fields.OF_REQUEST
        if block.anomaly is None:
            stream.anomalies |= fields.anomalies(block, frozenset() if is_trailer else pseudo)
        if is_trailer:
            half.trailers = block
            return
        half.take(block)
        if is_push:
            half.is_over = half.has_end = True
        elif half is stream.request:
            self.sides[side].spoken.request(block)
        if is_grpc(half) or (half is stream.response and is_grpc(stream.request)):
            half.messages = grpc.Messages()

    # ---- streams

    def _half(self, side: int, stream: Exchange) -> Half:
        """What a side says in a stream."""
        return stream.response if self._server(side) else stream.request

    def _stream(self, side: int, number: int, begin: Where) -> Finding:
        """The stream of a number, which begins if it is new; None if it is over already."""
        if number in self.streams:
            return self.streams[number]
        if number == 0 or number in self.closed:
            return None
        stream = self.streams[number] = new_exchange(number, begin, self.sides[side].placed(begin))
        self.count += 1
        yield from self._evict()
        return stream

    def _evict(self) -> Iterator[Said]:
        """Write the rows of the oldest streams if there are too many, or their fields take too much room."""
        while len(self.streams) > MOST_STREAMS or (self.room < 0 and len(self.streams) > 1):
            stream = next(iter(self.streams.values()))
            stream.add_fault("too_large")
            yield from self._close(stream, None)

    def _data(self, side: int, found: Data, at: At) -> Iterator[Said]:
        """Bytes of a body."""
        number = found.frame.stream
        stream = yield from self._stream(side, number, found.frame.begin) if number else _nothing()
        if stream is None:
            return
        half = self._half(side, stream)
        if half.is_over:
            stream.anomalies.add("data_after_end")
            return
        if half.begin is None:
            half.begin, half.place = found.frame.begin, self.sides[side].bodies(found.frame.begin)
            stream.anomalies.add("no_headers")
            stream.add_fault("cut" if self.sides[side].blocks.is_partial else "bad_value")
        half.size += len(found.data)
        yield Piece(half.body, found.data)
        if half.messages is not None:
            for message in half.messages.read(found.data, found.used, at, self.sides[side].messages):
                yield message_row(stream, message, message.end)

    def _missing(self, side: int, stream: Exchange, size: int) -> Iterator[Said]:
        """Bytes of a body are missing."""
        half = self._half(side, stream)
        if half.is_over:
            return
        half.missing, half.is_whole = half.missing + size, False
        stream.add_fault("cut")
        if half.messages is not None:
            for message in half.messages.gap(size):
                yield message_row(stream, message, message.end)

    def _data_over(self, side: int, frame: Frame) -> Iterator[Said]:
        """A DATA frame is over."""
        stream = self.streams.get(frame.stream)
        if stream is None and frame.flags & END_STREAM:
            stream = yield from self._stream(side, frame.stream, frame.begin)
            if stream is not None:
                stream.anomalies.add("no_headers")
                stream.add_fault("cut" if self.sides[side].blocks.is_partial else "bad_value")
        if stream is None:
            return
        if frame.pad >= frame.length > 0:
            self._note("bad_padding", frame.stream, "bad_value")
        if frame.flags & END_STREAM:
            yield from self._end_stream(side, stream, frame.end)

    def _end_stream(self, side: int, stream: Exchange, end: Where | None) -> Iterator[Said]:
        """A side says nothing more in a stream."""
        half = self._half(side, stream)
        half.is_over = half.has_end = True
        if half.messages is not None:
            for message in half.messages.end():
                yield message_row(stream, message, end)
        # without a request the stream is that of a request by HTTP/1 (RFC 7540 section 3.2), or it is missing
        if stream.response.is_over and (stream.request.is_over or stream.request.begin is None):
            yield from self._close(stream, end)

    def _reset(self, side: int, frame: Frame) -> Iterator[Said]:
        """A side ends a stream early."""
        stream = self.streams.get(frame.stream)
        if stream is None or frame.is_cut:
            return
        stream.reset = error_name(int.from_bytes(frame.payload)), SIDES[self._server(side)]
        yield from self._close(stream, frame.end)

    def _close(self, stream: Exchange, end: Where | None) -> Iterator[Said]:
        """The row of a stream, which is over."""
        del self.streams[stream.number]
        self.closed[stream.number] = None
        if len(self.closed) > MOST_CLOSED:
            del self.closed[next(iter(self.closed))]
        self.room += stream.room
        for half in (stream.request, stream.response):
            if half.messages is not None:
                for message in half.messages.end():
                    yield message_row(stream, message, end)
        yield from stream.rows(end)


def _nothing() -> Finding:
    """No rows, and no stream."""
    yield from ()
    return None

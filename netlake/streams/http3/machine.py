"""Reads the streams of one HTTP/3 connection (netlake.streams.quic.talks.Inside): events to rows of streams."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from netlake.layers.dialog import Piece, Row, Said, Where
from netlake.layers.quic_keys import varint
from netlake.layers.spans import text_of
from netlake.packets import Malformed
from netlake.streams.http2 import fields as rules
from netlake.streams.http2 import grpc
from netlake.streams.http2.exchange import Exchange, Half, is_grpc, message_row, new_exchange
from netlake.streams.http2.fields import Block
from netlake.streams.http3.connection import Placed, Spoken
from netlake.streams.http3.direction import MOST_WAITING, OVERHEAD, Direction
from netlake.streams.http3.fields import Blocks
from netlake.streams.http3.frames import Data, Frame
from netlake.streams.http3.numbers import (
    BY_SERVER,
    FORBIDDEN,
    OF_CONTROL,
    OF_REQUEST,
    ONE_WAY,
    Of,
    Type,
    error_name,
    is_reserved,
    transport_error,
)
from netlake.streams.quic.frames import Close
from netlake.streams.quic.streams import DATA, END, GAP, STOP, Event

# exchanges that are not over, the bytes of their fields, exchanges that are over of which the numbers are known
MOST_STREAMS, ROOM, MOST_CLOSED = 1024, 64 << 10, 4096
# interim responses of an exchange that are kept
MOST_INTERIM = 16
SIDES = ("client", "server")
FAULTS = {"after_gap": "cut", "qpack_error": "bad_value", "large_table": "too_large"}


class Side:
    """What one side of a connection says."""

    def __init__(self, other: Spoken) -> None:
        self.blocks = Blocks(lambda: other.capacity)
        self.placed, self.bodies, self.messages = Placed(), Placed(), Placed()
        self.undecoded = 0


class Http3Machine:
    """Reads one HTTP/3 connection, whose client is side `client`."""

    name = "http3"

    def __init__(self, client: int) -> None:
        self.client = client
        self.spoken = (Spoken(), Spoken())  # by side
        self.sides = (Side(self.spoken[1]), Side(self.spoken[0]))
        self.directions: dict[tuple[int, int], Direction] = {}
        self.exchanges: dict[int, Exchange] = {}
        self.closed: dict[int, None] = {}
        self.room, self.count, self.held_here = ROOM, 0, 0
        self.anomalies: set[str] = set()

    @property
    def held(self) -> int:
        """Bytes that are kept."""
        tables = sum(min(one.blocks.capacity, one.blocks.instructed) + one.blocks.held for one in self.sides)
        return self.held_here + tables + ROOM - self.room

    def read(self, event: Event) -> Iterator[Said]:
        """Read what happened in a stream."""
        if event.place is not None and event.what is DATA:
            spoken = self.spoken[event.side]
            spoken.begin = spoken.begin or event.place
        if event.what is STOP:
            self._stop(event)
            return
        key = event.stream, event.side
        one = self.directions.get(key)
        if one is None:
            one = self.directions[key] = Direction()
        if one.block is not None:
            yield from self._wait(one, event)
        elif event.stream & ONE_WAY:
            yield from self._one_way(one, event)
        else:
            yield from self._request(one, event)
        if event.what is END and one.block is None:
            self.directions.pop(key, None)

    def end(self, closed: tuple[int, Close] | None, place: Where | None) -> Iterator[Said]:
        """The connection is over."""
        for spoken in self.sides:
            spoken.blocks.lose("after_gap")  # nothing waits behind this
        for key, one in list(self.directions.items()):
            if one.block is not None:
                yield from self._give_up(key, one)
        for exchange in list(self.exchanges.values()):
            exchange.add_fault("cut")
            yield from self._close(exchange, place)
        mine, theirs = self.spoken[self.client], self.spoken[1 - self.client]
        begin = mine.begin or theirs.begin
        if begin is None:
            return
        columns = mine.fields("client_") | theirs.fields("server_")
        columns |= {"streams": self.count, "anomalies": sorted(self.anomalies)}
        if closed is not None:
            side, close = closed
            name = error_name if close.by_application else transport_error
            columns |= {
                "closed_by": SIDES[side != self.client], "close_code": name(close.code),
                "close_reason": text_of(close.reason) or None,
            }  # fmt: skip
        yield Row("http3_connection", columns, begin, place)

    # ---- streams of one direction

    def _one_way(self, one: Direction, event: Event) -> Iterator[Said]:
        """Read a control stream, or one of QPACK; others are passed over."""
        data = event.data
        if one.kind is None and event.what is DATA:
            head = one.head + data[:8]
            try:
                one.kind, at = varint(head, 0)
            except Malformed:
                one.head = head
                return
            data = data[at - len(one.head) :]
        if event.what is GAP and one.kind is None:
            one.kind = -1  # it is not known what the stream is
        if one.kind == Of.ENCODER:
            yield from self._instructions(event, data)
        elif one.kind == Of.CONTROL:
            self._control(one, event, data)
        elif one.kind != Of.DECODER:
            self.sides[event.side].undecoded += len(data)

    def _instructions(self, event: Event, data: bytes) -> Iterator[Said]:
        """Read instructions of QPACK, then the blocks that waited for them."""
        blocks = self.sides[event.side].blocks
        if event.what is END:
            return
        ready = blocks.lose("after_gap") if event.what is GAP else blocks.instruct(data)
        if blocks.problem not in (None, "after_gap"):
            self.anomalies.add(str(blocks.problem))
        for stream in ready:
            one = self.directions.get((stream, event.side))
            block = blocks.resume(stream)
            if one is not None and block is not None:
                yield from self._resume((stream, event.side), one, block, event.place)

    def _control(self, one: Direction, event: Event, data: bytes) -> None:
        if event.what is GAP:
            one.frames.gap(event.size)
        elif event.what is DATA and event.place is not None:
            for found in one.frames.read(data, event.place):
                if isinstance(found, Data):
                    continue
                anomaly = None
                if found.kind in OF_CONTROL and not found.has_gap:
                    anomaly = self.spoken[event.side].read(found)
                elif found.kind in OF_REQUEST or found.kind in FORBIDDEN:
                    anomaly = "unexpected_frame"
                if anomaly is not None:
                    self.anomalies.add(anomaly)

    # ---- requests and responses

    def _half(self, side: int, exchange: Exchange) -> Half:
        """What a side says in an exchange."""
        return exchange.request if side == self.client else exchange.response

    def _exchange(self, number: int, side: int, begin: Where) -> Exchange | None:
        """The exchange in a stream, which begins if it is new; None if it is over already."""
        found = self.exchanges.get(number)
        if found is None and number not in self.closed:
            found = new_exchange(number, begin, self.sides[side].placed(begin))
            found.table, found.is_pushed = "http3_stream", None
            self.exchanges[number] = found
            self.count += 1
            if number & BY_SERVER:
                found.anomalies.add("bad_stream_id")
                found.add_fault("bad_value")
        return found

    def _request(self, one: Direction, event: Event) -> Iterator[Said]:
        """Read what happened in one direction of an exchange."""
        if event.what is DATA and event.place is not None:
            yield from self._data(one, event, event.place)
            return
        exchange = self.exchanges.get(event.stream)
        if event.what is GAP and event.place is not None and exchange is None:
            exchange = self._exchange(event.stream, event.side, event.place)
        if exchange is None:
            return
        if event.what is GAP:
            self._missing(one, event, exchange)
        elif event.what is END:
            yield from self._over(one, event, exchange)

    def _data(self, one: Direction, event: Event, place: Where) -> Iterator[Said]:
        exchange = self._exchange(event.stream, event.side, place)
        while len(self.exchanges) > MOST_STREAMS or (self.room < 0 and len(self.exchanges) > 1):
            oldest = next(iter(self.exchanges.values()))
            oldest.add_fault("too_large")
            yield from self._close(oldest, place)
        if exchange is None or exchange.number not in self.exchanges:
            return
        half = self._half(event.side, exchange)
        before = one.frames.undecoded
        for found in one.frames.read(event.data, place):
            if isinstance(found, Data):
                yield from self._body(event.side, exchange, half, found)
            elif found.kind == Type.HEADERS:
                if not self._headers(event, exchange, one, found):
                    rest = event.data[one.frames.used :]
                    if rest:
                        yield from self._wait(one, event._replace(data=rest))
                    break
            else:
                self._other(event.side, exchange, found)
        if one.frames.undecoded > before:
            self.sides[event.side].undecoded += one.frames.undecoded - before

    def _headers(self, event: Event, exchange: Exchange, one: Direction, frame: Frame) -> bool:
        """Read a header block; False if it waits."""
        half = self._half(event.side, exchange)
        if half.begin is None:
            half.begin, half.place = frame.begin, self.sides[event.side].bodies(frame.begin)
        block: Block | None = Block(anomaly="after_gap" if frame.has_gap else "large_header_block")
        if not frame.is_cut:
            block = self.sides[event.side].blocks.read(event.stream, bytes(frame.payload))
        frame.payload = bytearray()
        if block is None:
            one.block = frame
            return False
        self._take(event.side, exchange, block)
        return True

    def _take(self, side: int, exchange: Exchange, block: Block) -> None:
        """Give a block to the request or the response, as its head or its trailers."""
        half = self._half(side, exchange)
        if block.anomaly is not None:
            exchange.anomalies.add(block.anomaly)
            exchange.add_fault(FAULTS.get(block.anomaly, "too_large"))
        if half is exchange.response and half.head is None and (status := rules.interim(block)):
            exchange.interim += [status][: MOST_INTERIM - len(exchange.interim)]
            return
        is_trailer = half.head is not None
        if is_trailer and half.trailers is not None:
            return
        exchange.room, self.room = exchange.room + block.room, self.room - block.room
        if block.anomaly is None:
            pseudo = rules.OF_RESPONSE if half is exchange.response else rules.OF_REQUEST
            exchange.anomalies |= rules.anomalies(block, frozenset() if is_trailer else pseudo)
        if is_trailer:
            half.trailers = block
            return
        half.take(block)
        if is_grpc(half) or (half is exchange.response and is_grpc(exchange.request)):
            half.messages = grpc.Messages()

    def _other(self, side: int, exchange: Exchange, frame: Frame) -> None:
        """Read a frame that is neither HEADERS nor DATA."""
        if frame.kind in OF_CONTROL or frame.kind in FORBIDDEN:
            exchange.anomalies.add("unexpected_frame")
            exchange.add_fault("bad_value")
        elif frame.kind != Type.DATA and not is_reserved(frame.kind):
            self.sides[side].undecoded += frame.length

    def _body(self, side: int, exchange: Exchange, half: Half, found: Data) -> Iterator[Said]:
        """Bytes of a body."""
        if half.begin is None:
            half.begin, half.place = found.frame.begin, self.sides[side].bodies(found.frame.begin)
            exchange.anomalies.add("no_headers")
            exchange.add_fault("bad_value")
        half.size += len(found.data)
        yield Piece(half.body, found.data)
        if half.messages is not None:
            place = found.place
            for message in half.messages.read(found.data, 0, lambda _: place, self.sides[side].messages):  # type: ignore[arg-type]
                yield message_row(exchange, message, message.end)

    def _missing(self, one: Direction, event: Event, exchange: Exchange) -> None:
        """Bytes of a direction are missing."""
        half = self._half(event.side, exchange)
        before = one.frames.frame
        missing, over = one.frames.gap(event.size)
        if missing < 0:
            exchange.anomalies.add("after_gap")
            if before is not None and before.kind == Type.DATA:
                half.missing += before.left
        else:
            half.missing += missing
        half.is_whole = False
        exchange.add_fault("cut")
        if half.messages is not None:
            list(half.messages.gap(event.size))
        if over is not None and over.kind == Type.HEADERS:
            half.begin = half.begin or over.begin
            self._take(event.side, exchange, Block(anomaly="after_gap"))

    def _over(self, one: Direction, event: Event, exchange: Exchange) -> Iterator[Said]:
        """A side says nothing more in an exchange."""
        half = self._half(event.side, exchange)
        frame = one.frames.frame
        if frame is not None and frame.kind == Type.DATA and not half.is_over:
            half.missing += frame.left
            half.is_whole = False
        elif event.fin and (frame is not None or one.frames.head):
            exchange.anomalies.add("bad_frame_size")
            exchange.add_fault("bad_length")
        half.is_over, half.has_end = True, event.fin
        if event.code is not None and exchange.reset is None:
            exchange.reset = error_name(event.code), SIDES[event.side != self.client]
        if event.fin and half.begin is None and not one.frames.is_lost:
            exchange.anomalies.add("no_headers")
            exchange.add_fault("bad_value")
        if exchange.request.is_over and exchange.response.is_over:
            if not (exchange.request.has_end or exchange.reset):
                exchange.add_fault("cut")
            yield from self._close(exchange, event.place)

    def _stop(self, event: Event) -> None:
        """A side asks the other one to stop."""
        exchange = self.exchanges.get(event.stream)
        if exchange is not None and exchange.reset is None and event.code is not None:
            exchange.reset = error_name(event.code), SIDES[event.side != self.client]

    def _close(self, exchange: Exchange, place: Where | None) -> Iterator[Said]:
        """The rows of an exchange, which is over."""
        del self.exchanges[exchange.number]
        self.closed[exchange.number] = None
        if len(self.closed) > MOST_CLOSED:
            del self.closed[next(iter(self.closed))]
        self.room += exchange.room
        for half in (exchange.request, exchange.response):
            if half.messages is not None:
                for message in half.messages.end():
                    yield message_row(exchange, message, place)
        yield from exchange.rows(place)

    # ---- header blocks that wait

    def _wait(self, one: Direction, event: Event) -> Iterator[Said]:
        """Keep an event behind a block that waits."""
        one.waiting.append(event)
        self._hold(one, len(event.data) + OVERHEAD)
        if one.held > MOST_WAITING:
            yield from self._give_up((event.stream, event.side), one)

    def _hold(self, one: Direction, size: int) -> None:
        """Count what waits; negative for what waits no longer."""
        one.held += size
        self.held_here += size

    def _give_up(self, key: tuple[int, int], one: Direction) -> Iterator[Said]:
        """A block is not waited for any longer."""
        block = self.sides[key[1]].blocks.give_up(key[0])
        yield from self._resume(key, one, block, None)

    def _resume(self, key: tuple[int, int], one: Direction, block: Block, now: Where | None) -> Iterator[Said]:
        """A block that waited can be read, or not any longer; then what waited behind it, in packet `now`."""
        stream, side = key
        one.block = None
        exchange = self.exchanges.get(stream)
        if exchange is not None:
            self._take(side, exchange, block)
        waiting, one.waiting = one.waiting, deque()
        while waiting:
            if one.is_blocked:  # another block waits: what is left stays, behind the rest of its event
                waiting.extendleft(reversed(one.waiting))
                one.waiting = waiting
                return
            event = waiting.popleft()
            self._hold(one, -len(event.data) - OVERHEAD)
            place = event.place if event.place is None or now is None else event.place._replace(due=now.due)
            yield from self.read(event._replace(place=place))

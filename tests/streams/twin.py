"""A plain reassembly of TCP streams, byte by byte, with which the kernels are compared.

The rules are those at the head of netlake.flows.reassembly. Nothing is shared with the kernels: bytes that wait are a
dictionary by their position in the stream, and every rule looks at all of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tests.streams.build import Event, Segment

WRAP = 1 << 32
BLOCK = 1024
MOST_HELD = 1 << 20
MOST_SEGMENTS = 1024
ACKS = 3
FARTHEST = 1 << 30
RST_WITHIN = 1 << 20


def signed(difference: int) -> int:
    """The difference of two sequence numbers, the shorter way round."""
    return (difference + WRAP // 2) % WRAP - WRAP // 2


@dataclass
class Piece:
    """Bytes that wait together: positions `start` to `end` (exclusive), of which the capture has `stored`."""

    start: int
    end: int
    stored: int

    @property
    def blocks(self) -> int:
        """Blocks of the arena."""
        return max(1, -(-self.stored // BLOCK))


@dataclass
class Stream:
    """One direction of a flow; `begin` is the sequence number of position 0."""

    number: int
    flow: int
    begin: int
    has_syn: bool
    offset: int = 0
    waiting: dict[int, tuple[int | None, int]] = field(default_factory=dict)  # position: byte (None: cut), packet
    pieces: list[Piece] = field(default_factory=list)
    fin: int | None = None
    acks: int = 0
    is_over: bool = False
    has_conflict: bool = False

    def position(self, seq: int) -> int:
        """The position of a sequence number."""
        return self.offset + signed(seq - self.begin - self.offset)

    def hole(self) -> int:
        """Bytes missing before what waits."""
        if self.waiting:
            return min(self.waiting) - self.offset
        return 0 if self.fin is None else max(0, self.fin - self.offset)


class Twin:
    """Reassembles segments; `events` are those so far, `counts` as in ARENA."""

    def __init__(self, *, overlap: str = "first", blocks: int = 1 << 16) -> None:
        self.overlap, self.blocks = overlap, blocks - 1
        self.streams: dict[int, Stream] = {}
        self.syns: dict[int, tuple[int, int]] = {}
        self.queue: list[Stream] = []
        self.counts: Counter[str] = Counter()
        self.events: list[Event] = []
        self.now = 0

    def add(self, one: Segment, number: int) -> None:
        """Take packet `number`."""
        self.now = number
        size = len(one.payload) if one.size is None else one.size
        index = 2 * one.slot + (not one.from_originator)
        if "A" in one.flags:
            self.acknowledge(self.streams.get(index ^ 1), one)
        seq = (one.seq + ("S" in one.flags)) % WRAP
        if "S" in one.flags:
            self.syns[index] = (one.flow, seq)
        stream = self.streams.get(index)
        if stream is None or stream.flow != one.flow:
            stream = self.opened(index, one, seq, size)
            if stream is None:
                return
        if stream.is_over:
            if size:
                self.counts["retransmitted" if stream.position(seq) + size <= stream.offset else "dropped"] += 1
            return
        if "S" in one.flags and not stream.offset and not stream.waiting:
            stream.fin = None if stream.fin is None else stream.fin + signed(stream.begin - seq)
            stream.begin, stream.has_syn = seq, True
        if size:
            self.offer(stream, stream.position(seq), one.payload, size)
        if "F" in one.flags and not stream.is_over and 0 <= stream.position(seq) + size - stream.offset <= FARTHEST:
            stream.fin = stream.position(seq) + size
            self.advance(stream)
        if "R" in one.flags and not stream.is_over and abs(stream.position(seq) - stream.offset) <= RST_WITHIN:
            self.end(stream)

    def leave(self, slots: Iterable[int]) -> None:
        """The flows leave the tracker."""
        self.now = 0
        for slot in slots:
            for index in (2 * slot, 2 * slot + 1):
                stream = self.streams.pop(index, None)
                self.syns.pop(index, None)
                if stream is not None and not stream.is_over:
                    self.end(stream)

    def opened(self, index: int, one: Segment, seq: int, size: int) -> Stream | None:
        """A new stream, if the segment begins one."""
        flow, begin = self.syns.get(index, (0, 0))
        has_syn = flow == one.flow
        is_early = has_syn and "F" in one.flags and 0 < signed(seq - begin) <= FARTHEST
        if not size and not is_early:
            return None
        self.streams[index] = Stream(index, one.flow, begin if has_syn else seq, has_syn)
        return self.streams[index]

    def emit(
        self, stream: Stream, kind: str, payload: bytes = b"", missing: int = 0, number: int | None = None
    ) -> None:
        """Write an event."""
        at = self.now if number is None else number
        self.events.append(Event(stream.number, kind, payload, missing, stream.offset, at, self.now))
        stream.offset += len(payload) + missing
        stream.acks = 0 if payload or missing else stream.acks
        self.counts["missed"] += missing

    def drain(self, stream: Stream) -> None:
        """Hand on what waits and is due."""
        while stream.offset in stream.waiting:
            value, number = stream.waiting.pop(stream.offset)
            if value is None:
                self.emit(stream, "GAP", missing=1, number=number)
            else:
                self.emit(stream, "LATE", bytes([value]), number=number)
        stream.waiting = {at: found for at, found in stream.waiting.items() if at >= stream.offset}
        stream.pieces = [piece for piece in stream.pieces if piece.end > stream.offset]
        if stream in self.queue and not stream.waiting:
            self.queue.remove(stream)

    def advance(self, stream: Stream) -> None:
        """Hand on what is due, END included."""
        self.drain(stream)
        if stream.fin is not None and stream.fin <= stream.offset and not stream.is_over:
            self.end(stream)

    def end(self, stream: Stream) -> None:
        """END, behind all that waits."""
        while stream.hole():
            self.emit(stream, "GAP", missing=stream.hole())
            self.drain(stream)
        self.emit(stream, "END")
        stream.is_over = True

    def acknowledge(self, stream: Stream | None, one: Segment) -> None:
        """Count an acknowledgement beyond the hole of the other end."""
        if stream is None or stream.flow != one.flow or stream.is_over or not stream.hole():
            return
        if stream.hole() <= stream.position(one.ack) - stream.offset <= FARTHEST:
            stream.acks += 1
            if stream.acks >= ACKS:
                self.give_up(stream, stream.hole())

    def give_up(self, stream: Stream, missing: int) -> None:
        """Do not wait for `missing` bytes."""
        self.emit(stream, "GAP", missing=missing)
        self.advance(stream)

    def give_up_before(self, stream: Stream, position: int) -> None:
        """Give up the first hole, up to `position`."""
        ahead = position - stream.offset
        self.give_up(stream, min(ahead, stream.hole()) if stream.waiting else ahead)

    def free_blocks(self) -> int:
        """Blocks that hold nothing."""
        return self.blocks - sum(piece.blocks for stream in self.queue for piece in stream.pieces)

    def make_room(self, stream: Stream, position: int, blocks: int) -> None:
        """Give up holes until so many blocks are free."""
        while self.free_blocks() < blocks:
            self.counts["given_up"] += 1
            if not self.queue or self.queue[0] is stream:
                return self.give_up_before(stream, position)
            self.give_up(self.queue[0], self.queue[0].hole())
        return None

    def compare(self, stream: Stream, position: int, payload: bytes) -> None:
        """Compare bytes with those that wait."""
        both = [at for at in range(len(payload)) if stream.waiting.get(position + at, (None, 0))[0] is not None]
        self.counts["overlaps"] += bool(both)
        for at in both:
            value, number = stream.waiting[position + at]
            if value != payload[at]:
                self.counts["conflicts"] += 1
                stream.has_conflict = True
                if self.overlap == "last":
                    stream.waiting[position + at] = (payload[at], number)

    def offer(self, stream: Stream, position: int, payload: bytes, size: int) -> None:
        """Take payload of `size` bytes, of which the capture has the first."""
        ahead = position - stream.offset
        if ahead > FARTHEST or (position < 0 and not stream.has_syn):
            self.counts["dropped"] += 1
        elif ahead:
            self.counts["early" if ahead > 0 else "retransmitted"] += 1
        if ahead > FARTHEST:
            return
        self.compare(stream, position, payload)
        done = 0
        while done < size and not stream.is_over:
            at = position + done
            if at < stream.offset or at in stream.waiting:
                done += 1
                continue
            run = 1
            while done + run < size and at + run not in stream.waiting:
                run += 1
            new = payload[done : done + run]
            if at == stream.offset:
                for value in new:
                    self.emit(stream, "DATA", bytes([value]))
                if run > len(new):
                    self.emit(stream, "GAP", missing=run - len(new))
                self.advance(stream)
                done += run
            elif sum(piece.stored for piece in stream.pieces) + len(payload[done:]) > MOST_HELD or (
                len(stream.pieces) >= MOST_SEGMENTS
            ):
                self.give_up_before(stream, at)
            elif self.free_blocks() < Piece(0, run, len(new)).blocks:
                self.make_room(stream, at, Piece(0, 0, len(payload[done:])).blocks)
            else:
                self.keep(stream, at, new, run)
                done += run

    def keep(self, stream: Stream, position: int, new: bytes, size: int) -> None:
        """Keep bytes that are early."""
        if not stream.waiting:
            self.queue.append(stream)
        for at in range(size):
            stream.waiting[position + at] = (new[at] if at < len(new) else None, self.now)
        stream.pieces.append(Piece(position, position + size, len(new)))


def merged(events: Sequence[Event]) -> list[Event]:
    """Events with neighbours joined that differ in nothing but their bytes; LATE bytes of one packet are one event."""
    found: list[Event] = []
    for one in events:
        last = found[-1] if found else None
        if (
            last is not None
            and one.kind != "END"
            and last._replace(payload=b"", missing=0, offset=0) == one._replace(payload=b"", missing=0, offset=0)
            and last.offset + len(last.payload) + last.missing == one.offset
        ):
            found[-1] = last._replace(payload=last.payload + one.payload, missing=last.missing + one.missing)
        else:
            found.append(one)
    return found

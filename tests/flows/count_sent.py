"""What one end of a TCP connection has sent, by the intervals of bytes that were seen; for tests.flows.count."""

from __future__ import annotations

import bisect
from collections import Counter
from dataclasses import dataclass, field

from tests.flows.count_packets import Segment

FIN, SYN, RST, ACK = 1, 2, 4, 16
FAR = 1 << 30
LATE = 1 << 16
WRAP = 1 << 32


def apart(one: int, other: int) -> int:
    """`one` - `other`, two sequence numbers of 32 bits, the shorter way round."""
    return (one - other + WRAP // 2) % WRAP - WRAP // 2


@dataclass
class Sent:
    """What one end has sent; numbers are those of the first segment and on, and do not wrap."""

    counts: Counter[str] = field(default_factory=Counter)
    seen: list[tuple[int, int]] = field(default_factory=list)  # intervals in order, none touches another
    top: int | None = None  # behind the highest byte sent or acknowledged
    acked: int = -(1 << 62)  # the highest acknowledgement that is believed
    origin: int = 0  # the first byte that was captured
    known: int | None = None  # where the bytes begin, as SYN or SYN+ACK have shown
    early: int = 0  # segments below the first bytes, which are out of order if the SYN is late
    begin: int | None = None  # number (32 bits) of the first segment
    is_answered: bool = False  # whether a SYN+ACK has shown where the bytes begin
    syn: int | None = None
    is_far: bool = False  # whether numbers were farther apart than netlake keeps holes
    has_ack: bool = False
    scale: int | None = None
    has_syn: bool = False
    syns: int = 0
    window: int = 0
    doubted: int | None = None
    ack_before: int | None = None  # number (32 bits) of the last acknowledgement before there was a byte

    def place(self, number: int) -> int:
        """A sequence number on the wire as the nearest one that does not wrap."""
        assert self.top is not None
        return self.top + apart(number, self.top)

    def has(self, at: int) -> bool:
        """Whether a byte was seen."""
        index = bisect.bisect_right(self.seen, (at, 1 << 80)) - 1
        return index >= 0 and at < self.seen[index][1]

    def add(self, start: int, end: int) -> None:
        """Add an interval to those seen."""
        low = bisect.bisect_left(self.seen, (start, start))
        if low and self.seen[low - 1][1] >= start:
            low -= 1
        high = low
        while high < len(self.seen) and self.seen[high][0] <= end:
            start, end = min(start, self.seen[high][0]), max(end, self.seen[high][1])
            high += 1
        self.seen[low:high] = [(start, end)]

    def first(self) -> int:
        """Where the bytes begin: as known, else where those begin that are contiguous with the first segment."""
        if self.known is not None:
            return self.known
        return self.seen[bisect.bisect_right(self.seen, (self.origin, 1 << 80)) - 1][0]

    def lowest(self) -> int:
        """The lowest number of the connection so far, without its SYN if a SYN+ACK has shown it."""
        return self.seen[0][0] if self.known is None else self.known

    def begins(self, start: int) -> None:
        """A SYN, or the answer to it, has shown where the bytes begin."""
        self.known = start
        self.counts["out_of_order"] += self.early
        self.counts["retransmitted"] -= self.early
        self.early = 0

    def send(self, one: Segment) -> None:
        """A segment with payload, SYN or FIN."""
        size = one.payload + (one.flags & FIN) + (one.flags >> 1 & 1)
        if not size or one.flags & RST:
            return
        if self.top is None:
            self.top = self.origin = one.seq
            gap = apart(one.seq, self.begin) if self.begin is not None and self.is_answered else 0
            if one.flags & SYN or 0 <= gap <= LATE:
                self.known = one.seq - max(0, gap) if self.is_answered or one.flags & SYN else None
            if self.ack_before is not None:
                self.doubted = self.place(self.ack_before)
        start = self.place(one.seq)
        end = start + size
        self.is_far |= abs(start - self.top) > FAR
        if start < self.top:
            if start == self.top - 1 and size == one.payload == 1 and self.has(start):
                return
            if not self.send_late(one, start, end):
                return
        self.add(start, end)
        self.top = max(self.top, end)
        if self.doubted is not None and self.doubted <= self.top:
            self.acked, self.doubted = max(self.acked, self.doubted), None

    def send_late(self, one: Segment, start: int, end: int) -> bool:
        """Count a segment that begins below the highest number; returns whether its bytes are of the connection."""
        is_near = self.lowest() - end <= LATE
        if one.flags & SYN and self.syns == 1 and start < self.lowest() and is_near:
            self.begins(start)
            self.counts["out_of_order"] += 1
        elif self.has(start):
            self.counts["retransmitted"] += 1
        elif start >= self.first():
            self.counts["retransmitted" if start < self.acked else "out_of_order"] += 1
        elif end >= self.first():
            self.counts["out_of_order"] += 1
            self.known = None if self.known is None else start
        else:
            self.counts["retransmitted"] += 1
            if self.known is not None or not is_near:
                return False
            self.early += start >= self.acked
        return True

    def answered(self, ack: int) -> None:
        """A SYN+ACK acknowledges a SYN that was not captured so far."""
        if self.has_syn or self.is_answered:
            return
        if self.top is None:
            self.begin, self.is_answered = ack, True
        elif 0 <= self.lowest() - self.place(ack) <= LATE:
            self.begins(self.place(ack))
            self.is_answered = True

    def acknowledge(self, one: Segment, by: Sent) -> None:
        """An acknowledgement by the other end."""
        if self.top is None:
            self.ack_before = one.ack
            return
        ack = self.place(one.ack)
        if ack > self.top:
            self.is_far |= ack - self.top > FAR
            known = by.scale is not None and not (self.has_syn and self.scale is None)
            most = max(1 << 20, by.window << (by.scale or 0) if known else by.window)
            onward = self.doubted is not None and 0 < ack - self.doubted <= most
            if one.flags & SYN or not (by.has_syn or self.has_ack) or not (ack - self.top <= most or onward):
                self.doubted = ack
                return
        self.acked, self.top = max(self.acked, ack), max(self.top, ack)

    def missed(self) -> int:
        """Bytes that were acknowledged and not seen."""
        if self.top is None or self.acked <= self.first():
            return 0
        first = self.first()
        covered = sum(max(0, min(end, self.acked) - max(start, first)) for start, end in self.seen)
        return self.acked - first - covered

    def is_late(self, one: Segment, other: Sent, *, is_over: bool) -> bool:
        """Whether a SYN, of which this end has sent none, belongs to its bytes."""
        if self.begin is None:
            if is_over or self.counts["flags"]:
                return False
            is_awaited = other.has_syn or not other.counts["flags"]
            return is_awaited or (self.ack_before is not None and 0 <= apart(self.ack_before, one.seq + 1) <= LATE)
        before = apart(self.begin if self.top is None else self.lowest(), one.seq + 1)
        if before == 0 or self.is_answered:
            return before in (0, one.payload)
        is_agreed = (
            not other.has_ack or self.doubted is not None or self.top is None or self.acked > self.place(one.seq)
        )
        return not is_over and 0 < before <= LATE and self.counts["payload_bytes"] <= LATE and is_agreed

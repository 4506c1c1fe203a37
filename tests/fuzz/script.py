"""The form of an input for streams: what two sides send, segment by segment, as bytes that a fuzzer can change.

An input is two bytes, `split` and `port`, and operations. An operation has a byte for side (bit 0) and kind (the other
bits), a number of two bytes and, where its kind has data, as many bytes. Every sequence of bytes is an input: numbers
are limited to what follows, and kinds are taken modulo their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from tests.streams.build import Segment

# bytes of one input, and of all segments that it becomes
MOST_BYTES = 1 << 14


class Kind(IntEnum):
    """What a side does.

    SAY: a segment with `data`. GAP: `number` bytes that the capture lacks. FIN, RST: its end. AGAIN: a segment with
    `data` that begins `number` bytes before the next byte. EARLY: as SAY, but captured behind the next segments of both
    sides, as many as `number` modulo 8. CUT: a segment of which the capture has `data` and lacks `number` bytes. ACK:
    three acknowledgements of what the other side sent. NEXT: the flow leaves, and its row is used again. MANY: `data`
    as many times as `number` has, in segments of one byte.
    """

    SAY = 0
    GAP = 1
    FIN = 2
    RST = 3
    AGAIN = 4
    EARLY = 5
    CUT = 6
    ACK = 7
    NEXT = 8
    MANY = 9


WITH_DATA = {Kind.SAY, Kind.AGAIN, Kind.EARLY, Kind.CUT, Kind.MANY}
WITH_NUMBER = {Kind.GAP, Kind.AGAIN, Kind.EARLY, Kind.CUT, Kind.MANY}


class Step(NamedTuple):
    """One operation of a side."""

    side: int
    kind: Kind
    data: bytes = b""
    number: int = 0


class Script(NamedTuple):
    """An input: `split` chooses the batches, `port` the port of the responder."""

    split: int
    port: int
    steps: tuple[Step, ...]


def encoded(script: Script) -> bytes:
    """The bytes of an input."""
    parts = [bytes([script.split & 255, script.port & 255])]
    for one in script.steps:
        parts.append(bytes([one.side | one.kind << 1]))
        if one.kind in WITH_NUMBER:
            parts.append(min(one.number, 0xFFFF).to_bytes(2, "little"))
        if one.kind in WITH_DATA:
            data = one.data[:0xFFFF]
            parts += [len(data).to_bytes(2, "little"), data]
    return b"".join(parts)


def decoded(data: bytes) -> Script:
    """The input that any bytes are."""
    steps: list[Step] = []
    at, spent = 2, 0
    while at < len(data) and spent < MOST_BYTES:
        side, kind = data[at] & 1, Kind((data[at] >> 1) % len(Kind))
        at, number, part = at + 1, 0, b""
        if kind in WITH_NUMBER:
            number, at = int.from_bytes(data[at : at + 2], "little"), at + 2
        if kind in WITH_DATA:
            size, at = int.from_bytes(data[at : at + 2], "little"), at + 2
            part = data[at : at + size]
            at += size
        spent += max(len(part), 1) * (number if kind == Kind.MANY else 1)
        steps.append(Step(side, kind, part, number))
    return Script(data[0] if data else 0, data[1] if len(data) > 1 else 0, tuple(steps))


def segments(steps: Sequence[Step]) -> list[list[Segment]]:
    """The segments of each flow, one after another, in the order in which they are captured."""
    flows: list[list[Segment]] = [[]]
    seqs, early = [1000, 5000], []
    for one in steps:
        if one.kind == Kind.NEXT:
            flows[-1] += [segment for _, segment in early]
            flows.append([])
            seqs, early = [1000, 5000], []
            continue
        for made, is_early in _segments(one, seqs):
            if is_early:
                early.append([one.number % 8, made])
                continue
            flows[-1].append(made)
            for waiting in early:
                waiting[0] -= 1
            flows[-1] += [segment for left, segment in early if left <= 0]
            early = [waiting for waiting in early if waiting[0] > 0]
    flows[-1] += [segment for _, segment in early]
    return [[one._replace(flow=number) for one in made] for number, made in enumerate(flows, 1)]


def _segments(one: Step, seqs: list[int]) -> list[tuple[Segment, bool]]:
    """The segments of one operation, and whether they are captured later; `seqs` are the next numbers of both sides."""
    side, seq, ack = one.side, seqs[one.side], seqs[1 - one.side]

    def made(payload: bytes, at: int, flags: str = "A", size: int | None = None) -> Segment:
        return Segment(side == 0, at, flags, payload, ack, size)

    found: list[tuple[Segment, bool]] = []
    if one.kind in (Kind.SAY, Kind.EARLY):
        seqs[side] += len(one.data)
        found = [(made(one.data, seq), one.kind == Kind.EARLY)]
    elif one.kind == Kind.MANY:
        payload = one.data * min(one.number, MOST_BYTES // max(1, len(one.data)))
        seqs[side] += len(payload)
        found = [(made(payload[at : at + 1], seq + at), False) for at in range(len(payload))]
    elif one.kind == Kind.AGAIN:
        found = [(made(one.data, seq - one.number), False)]
    elif one.kind == Kind.CUT:
        seqs[side] += len(one.data) + one.number
        found = [(made(one.data, seq, size=len(one.data) + one.number), False)]
    elif one.kind == Kind.GAP:
        seqs[side] += one.number
    elif one.kind == Kind.ACK:
        found = [(made(b"", seq), False)] * 3
    else:
        found = [(made(b"", seq, "FA" if one.kind == Kind.FIN else "RA"), False)]
    return found

"""Changes of inputs by their structure; `Random` decides all, so a seed gives the same inputs again."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

from tests.fuzz.script import WITH_DATA, Kind, Script, Step, decoded, encoded

# values at the bounds of lengths, counts and offsets
VALUES = (0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 1023, 4096, 16384, 16385, 32767, 32768,
          65535, 65536, (1 << 24) - 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)  # fmt: skip
# what separates the parts of text protocols
PARTS = re.compile(rb"(?<=\n)|(?<=[ :;,=\0])")
TOKENS = (b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\r\n.\r\n", b"\0", b" ", b":", b"-", b"\xff", b"0", b"4294967295",
          b"9223372036854775808", b"-1", b"\x80", b"\xc0\x80", b"%00", b"\t", b";", b'"', b"(", b")", b"{10}",
          b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n")  # fmt: skip


def bytes_changed(data: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    """A message with one change."""
    return chance.choice(_CHANGES)(data, others, chance)


def _flipped(data: bytes, _others: Sequence[bytes], chance: Random) -> bytes:
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 8)) if made else 0):
        at = chance.randrange(len(made))
        made[at] = chance.choice((made[at] ^ 1 << chance.randrange(8), chance.randrange(256), 0, 255))
    return bytes(made)


def _valued(data: bytes, _others: Sequence[bytes], chance: Random) -> bytes:
    """A number of one to four bytes at a bound, or near the length of what follows it."""
    size = chance.randint(1, 4)
    if len(data) < size:
        return data
    at = chance.randrange(len(data) - size + 1)
    value = chance.choice(VALUES) if chance.random() < 0.6 else len(data) - at - size + chance.randint(-3, 3)
    number = (max(0, value) & (1 << 8 * size) - 1).to_bytes(size, chance.choice(("big", "big", "little")))
    return data[:at] + number + data[at + size :]


def _without(data: bytes, _others: Sequence[bytes], chance: Random) -> bytes:
    begin = chance.randint(0, len(data))
    return data[:begin] + data[begin + chance.choice((1, 2, 4, 16, len(data))) :]


def _token(data: bytes, _others: Sequence[bytes], chance: Random) -> bytes:
    at = chance.randint(0, len(data))
    return data[:at] + chance.choice(TOKENS) * chance.choice((1, 1, 1, 2, 40)) + data[at:]


def _repeated(data: bytes, _others: Sequence[bytes], chance: Random) -> bytes:
    begin = chance.randint(0, len(data))
    end = begin + chance.choice((1, 4, 20, 100))
    return data[:end] + data[begin:end] * chance.choice((1, 2, 10, 300)) + data[end:]


def _spliced(data: bytes, others: Sequence[bytes], chance: Random) -> bytes:
    """A message of which some parts, such as lines and words, are those of another one."""
    other = chance.choice(others) if others else b""
    if chance.random() < 0.5:
        at, to = chance.randint(0, len(data)), chance.randint(0, len(other))
        return data[:at] + other[to:]
    mine, theirs = PARTS.split(data), PARTS.split(other)
    at, to = chance.randrange(len(mine)), chance.randrange(len(theirs))
    return b"".join([*mine[:at], *theirs[to : to + chance.randint(1, 4)], *mine[at + chance.randint(0, 1) :]])


def _moved(data: bytes, _others: Sequence[bytes], chance: Random) -> bytes:
    parts = PARTS.split(data)
    first, second = chance.randrange(len(parts)), chance.randrange(len(parts))
    parts[first], parts[second] = parts[second], parts[first]
    return b"".join(parts)


_CHANGES: tuple[Callable[[bytes, Sequence[bytes], Random], bytes], ...] = (
    _flipped, _flipped, _valued, _valued, _without, _token, _repeated, _spliced, _spliced, _moved,
)  # fmt: skip


def script_changed(data: bytes, seeds: Sequence[bytes], chance: Random) -> bytes:
    """An input of streams with some changes, of which each is of one segment, or of their order."""
    script = decoded(data)
    steps, split, port = list(script.steps), script.split, script.port
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        other = decoded(chance.choice(seeds)).steps if seeds else ()
        draw = chance.random()
        if draw < 0.4:
            _change_data(steps, other, chance)
        elif draw < 0.85:
            _change_order(steps, other, chance)
        else:
            split, port = chance.randrange(256), chance.choice((port, chance.randrange(256)))
    return encoded(Script(split, port, tuple(steps)))


def _change_data(steps: list[Step], other: Sequence[Step], chance: Random) -> None:
    index = [at for at, one in enumerate(steps) if one.kind in WITH_DATA]
    if index:
        at = chance.choice(index)
        theirs = [one.data for one in other if one.data]
        steps[at] = steps[at]._replace(data=bytes_changed(steps[at].data, theirs, chance))


def _change_order(steps: list[Step], other: Sequence[Step], chance: Random) -> None:
    at = chance.randint(0, len(steps))
    draw, side = chance.randrange(10), chance.randrange(2)
    if draw == 0 and other:
        begin = chance.randrange(len(other))
        steps[at:at] = other[begin : begin + chance.randint(1, 4)]
    elif draw == 1 and other:
        steps[at:] = other[chance.randrange(len(other)) :]
    elif draw == 2:
        steps.insert(at, Step(side, Kind.GAP, number=chance.choice((1, 2, 5, 100, 1460, 65535))))
        steps.insert(at + 1, Step(1 - side, Kind.ACK))
    elif draw == 3:
        steps.insert(at, Step(side, chance.choice((Kind.FIN, Kind.RST, Kind.NEXT, Kind.ACK))))
    elif at < len(steps):
        _change_step(steps, at, draw, chance)


def _change_step(steps: list[Step], at: int, draw: int, chance: Random) -> None:
    one, to = steps[at], chance.randrange(len(steps))
    cut = chance.randint(0, len(one.data))
    if draw == 4:
        del steps[at]
    elif draw == 5:
        steps[at], steps[to] = steps[to], one
    elif draw == 6 and one.data:
        steps[at : at + 1] = [one._replace(data=one.data[:cut]), one._replace(data=one.data[cut:])]
    elif draw == 7 and one.data:
        pieces = [one.data[i : i + 1] for i in range(min(200, len(one.data)))]
        steps[at : at + 1] = [*(one._replace(data=piece) for piece in pieces), one._replace(data=one.data[200:])]
    elif draw == 8 and one.data:
        kind = chance.choice((Kind.SAY, Kind.AGAIN, Kind.EARLY, Kind.CUT, Kind.EARLY))
        steps[at] = one._replace(kind=kind, number=chance.choice((0, 1, 2, 3, 9, len(one.data))))
    elif draw == 9:
        steps[at] = one._replace(side=1 - one.side)


def messages_changed(data: bytes, seeds: Sequence[bytes], chance: Random) -> bytes:
    """Bytes with some changes of any place."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        data = bytes_changed(data, seeds, chance)
    return data

"""The target of HTTP/3 behind decryption: frames of QUIC, their streams, and the machine, to rows.

An input is a sequence of packets without protection. Each begins with a byte (its side, whether it is to be read
before the one before it) and its length; its bytes are frames. Damaged packets that are protected are only rejected,
so they would reach nothing of this.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from random import Random
from typing import Any

from netlake.layers.dialog import Piece, Row, Said, Where
from netlake.layers.key_log import Secrets
from netlake.packets import Malformed
from netlake.streams.http3.fields import MOST_TABLE
from netlake.streams.http3.machine import MOST_WAITING, Http3Machine
from netlake.streams.quic.connection import Connection
from netlake.streams.quic.packets import Kind, packets
from netlake.streams.quic.streams import DATA, Event
from tests.fuzz.mutate import bytes_changed

HEAD = struct.Struct("<BH")
OF_SERVER, EARLIER = 1, 2
# bytes of an input, at most
MOST = 1 << 15
MOST_HELD = 2 * (MOST_WAITING + MOST_TABLE) + (1 << 20)


def packed(sent: Sequence[tuple[int, bytes]]) -> bytes:
    """Packets as an input."""
    return b"".join(HEAD.pack(side, len(data)) + data for side, data in sent)


def unpacked(data: bytes) -> list[tuple[int, bytes]]:
    """The packets of an input; the last one may be short."""
    made: list[tuple[int, bytes]] = []
    at = 0
    while at + HEAD.size <= len(data):
        what, size = HEAD.unpack_from(data, at)
        at += HEAD.size
        made.insert(len(made) - bool(what & EARLIER and made), (what & OF_SERVER, data[at : at + size]))
        at += size
    return made


class Http3Target:
    """Reads packets without protection; rows do not depend on how their data are cut, and all that waits is bounded."""

    name = "http3"

    def change(self, data: bytes, seeds: Sequence[bytes], chance: Random) -> bytes:
        """One packet is changed, repeated, moved, or taken from another input."""
        sent = unpacked(data) or [(0, b"")]
        others = [one for seed in seeds for _, one in unpacked(seed)[:8]]
        at = chance.randrange(len(sent))
        side, old = sent[at]
        what = chance.randrange(8)
        if what == 0:
            sent.insert(chance.randrange(len(sent)), sent.pop(at))
        elif what == 1:
            sent.insert(chance.randrange(len(sent)), (side, chance.choice(others)))
        elif what == 2:
            sent[at] = 1 - side, old
        elif what == 3:
            del sent[at]
        else:
            sent[at] = side, bytes_changed(old, others, chance)[: MOST // 4]
        return packed(sent)[:MOST]

    def run(self, data: bytes) -> None:
        """Read an input in two ways."""
        sent = unpacked(data)
        for _, one in sent:
            with suppress(Malformed):
                list(packets(one))
        events, connection = _events(sent)
        assert connection.streams.held == sum(one.pieces.held for one in connection.streams.open.values())
        whole, cut = _rows(events, 1 << 30), _rows(events, 3)
        assert whole == cut, "rows depend on how streams are cut"


def _events(sent: Sequence[tuple[int, bytes]]) -> tuple[list[Event], Connection]:
    """What happens in the streams of a connection."""
    connection = Connection(Secrets(), 0, b"")
    for number, (side, payload) in enumerate(sent, 1):
        connection._frames(payload, Kind.SHORT, Where(side, number, 0, number))
    return [*connection.found, *connection.end()], connection


def _rows(events: Sequence[Event], size: int) -> list[Any]:
    """The rows that a machine makes of events whose data have at most `size` bytes, with the bytes of their bodies."""
    machine = Http3Machine(0)
    bodies: dict[int, bytes] = {}
    rows: list[Any] = []

    def take(said: Iterator[Said]) -> None:
        for one in said:
            if isinstance(one, Piece):
                bodies[id(one.body)] = bodies.get(id(one.body), b"") + one.data
            elif isinstance(one, Row):
                known = [bodies.get(id(body), b"") for body in one.bodies]
                kept.extend(one.bodies)
                rows.append((one.table, one.fields, one.begin, one.end, one.fault, one.place, known))

    kept: list[Any] = []
    for event in events:
        for at in range(0, max(1, len(event.data)), size):
            take(machine.read(event._replace(data=event.data[at : at + size]) if event.what is DATA else event))
        assert machine.held <= MOST_HELD, "too much waits"
    take(machine.end(None, None))
    assert not machine.exchanges
    assert machine.held_here == 0, "something waits behind the end"
    return rows


def seeds() -> list[bytes]:
    """What both ends of connections of aioquic send, as packets without protection."""
    from aioquic.buffer import encode_uint_var as number

    from tests.streams.quic_made import exchanged

    made = []
    for sent in exchanged():
        frames = [
            (side, b"\x0e" + number(stream) + number(offset) + number(len(data)) + data if not fin else
             b"\x0f" + number(stream) + number(offset) + number(len(data)) + data)
            for side, stream, offset, data, fin in sent
        ]  # fmt: skip
        made += [packed(frames), packed([*frames, (0, b"\x04\x00\x41\x0c\x05"), (1, b"\x05\x04\x41\x0c")])]
    return [one[:MOST] for one in made]

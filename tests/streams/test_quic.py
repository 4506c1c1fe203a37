"""Parts of QUIC and HTTP/3: examples of the RFCs, streams in any order, and what is sent to exhaust memory."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pylsqpack import Encoder

from netlake.layers.dialog import Where
from netlake.layers.pieces import OVERHEAD
from netlake.packets import Malformed
from netlake.streams.http3 import fields
from netlake.streams.http3.fields import Blocks
from netlake.streams.http3.machine import Http3Machine
from netlake.streams.quic import streams
from netlake.streams.quic.frames import Data, frames
from netlake.streams.quic.packets import packets
from netlake.streams.quic.protection import SUITES, of_secret, whole_number
from netlake.streams.quic.streams import DATA, END, GAP, Event, Streams

PLACE = Where(0, 1, 0, 1)
Parts = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 30)), max_size=30)


def test_packet_numbers_of_the_rfc() -> None:
    """RFC 9000 appendix A.3, and the bounds of a window."""
    assert whole_number(0x9B32, 2, 0xA82F30EA) == 0xA82F9B32
    assert [whole_number(sent, 1, 300) for sent in (0x2D, 0x2C, 0xAD, 0xAE)] == [301, 300, 429, 174]


def test_short_header_of_the_rfc() -> None:
    """RFC 9001 appendix A.5: ChaCha20-Poly1305 with a packet number of three bytes."""
    secret = bytes.fromhex("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b")
    packet = bytes.fromhex("4cfe4189655e5cd55c41f69080575d7999c25a5bfb")
    keys = of_secret(secret, SUITES[0x1303], 1)
    sealed = keys.unmask(packet, 0, 1, 654360563)
    assert sealed is not None
    opened = keys.open(sealed)
    assert opened is not None
    assert (opened.number, opened.payload) == (654360564, b"\x01")
    assert keys.following().secret.hex() == "1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9"
    assert keys.following().open(sealed) is None


@given(Parts)
def test_streams_are_in_order(parts: list[tuple[int, int]]) -> None:
    """Whatever the pieces are: each byte once, in order, and gaps where no piece is."""
    text = bytes(range(100))
    read, found, at = Streams(), bytearray(), 0
    events = [event for begin, size in parts
              for event in read.data(0, Data(4, begin, text[begin : begin + size], fin=False), PLACE)]  # fmt: skip
    before = len(events)
    events += read.end()
    for event in events:
        if event.what is DATA:
            assert event.data == text[at : at + len(event.data)]
            found += event.data
            at += len(event.data)
        elif event.what is GAP:
            at += event.size
    known = {at for begin, size in parts for at in range(begin, begin + size)}
    assert bytes(found) == bytes(sorted(known))
    assert all(event.what is DATA for event in events[:before])
    assert read.held == 0
    assert [event.what for event in events[-1:]] == ([END] if parts else [])


def test_what_waits_in_a_stream_is_bounded() -> None:
    read = Streams()
    events = []
    for number in range(3000):
        events += read.data(0, Data(0, 1 + 2 * number, b"x", fin=False), PLACE)
        assert len(read.open[0, 0].pieces) <= streams.MOST_PIECES
    assert sum(event.what is GAP for event in events) > 1500
    for number in range(40):
        events += read.data(0, Data(4, 1 + 100_000 * number, bytes(100_000 - 1), fin=False), PLACE)
        assert read.held <= streams.MOST_WAITING + (streams.MOST_PIECES + 40) * (1 + OVERHEAD)
    for stream in range(0, 4 * 5000, 4):
        list(read.data(0, Data(stream, 1, b"x", fin=False), PLACE))
        assert len(read.open) <= streams.MOST_OPEN
        assert len(read.closed) <= streams.MOST_CLOSED


CUT = (b"\x40", b"\x08", b"\x0a\0\x40", b"\x06\0\x05abc", b"\x02\0\0\xc0", b"\x21", b"\x18\0\0")


@pytest.mark.parametrize("payload", CUT)
def test_frames_that_are_cut_are_malformed(payload: bytes) -> None:
    with pytest.raises(Malformed):
        list(frames(b"\x01\0\0" + payload))


@given(st.binary(max_size=200))
def test_any_bytes_are_frames_or_malformed(data: bytes) -> None:
    for read in (frames, packets):
        try:
            list(read(data))
        except Malformed:
            continue


def blocks_of(size: int, value: bytes) -> tuple[Blocks, bytes]:
    """A side whose table has one entry with this value, and a block that refers to it."""
    encoder, blocks = Encoder(), Blocks(lambda: size)
    assert blocks.instruct(encoder.apply_settings(size, 16)) == []
    for stream in (0, 4):  # the second time it refers to the entry
        instructions, block = encoder.encode(stream, [(b"x-name", value)])
        blocks.instruct(instructions)
        assert blocks.read(stream, block) is not None
    return blocks, block


def test_fields_that_refer_to_one_entry_many_times_are_not_read() -> None:
    """64 KiB of a block could name a value of 3,000 bytes 60,000 times."""
    blocks, block = blocks_of(4096, b"v" * 3000)
    assert block[-1] & 0xF0 == 0x10  # one line, which refers to the dynamic table
    found = blocks.read(8, block)
    assert found is not None
    assert found.fields == [(b"x-name", b"v" * 3000)]
    for count in (100, 60_000):
        bomb = blocks.read(12, block + block[-1:] * count)
        assert bomb is not None
        assert (bomb.anomaly, bomb.fields) == ("large_header_list", [])


def test_blocks_that_wait_are_bounded() -> None:
    encoder, blocks = Encoder(), Blocks(lambda: 4096)
    encoder.apply_settings(4096, 16)
    _, block = encoder.encode(0, [(b"x-name", b"value")])
    _, block = encoder.encode(4, [(b"x-name", b"value")])
    waiting = 0
    for stream in range(0, 4 * 400, 4):
        found = blocks.read(stream, block)
        waiting += found is None
        assert found is None or found.anomaly == "after_gap"
    assert waiting == fields.MOST_BLOCKED == len(blocks.waiting)
    assert blocks.held <= fields.MOST_WAITING
    assert sorted(blocks.lose("after_gap")) == sorted(blocks.waiting)


@pytest.mark.parametrize(("size", "anomaly"), [(1 << 21, "large_table"), (64, "qpack_error")])
def test_tables_that_are_not_kept(size: int, anomaly: str) -> None:
    """Blocks that do not refer to the table are read all the same."""
    encoder, blocks = Encoder(), Blocks(lambda: size)
    encoder.apply_settings(4096, 16)
    instructions, block = encoder.encode(0, [(b"x-name", b"v" * 60)])
    blocks.instruct(b"\x3f\xe1\x1f" + instructions)
    instructions, block = encoder.encode(4, [(b"x-name", b"v" * 60)])
    blocks.instruct(instructions)
    found = blocks.read(4, block)
    assert found is not None
    assert found.anomaly == anomaly
    plain = blocks.read(8, Encoder().encode(8, [(b":method", b"GET")])[1])
    assert plain is not None
    assert plain.fields == [(b":method", b"GET")]


def test_each_event_that_waits_is_read_again_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A header block for each insertion: what is behind the next block that waits is left where it is."""
    machine, reads = Http3Machine(0), 0
    read = Http3Machine.read

    def counted(self: Http3Machine, event: Event) -> Any:
        nonlocal reads
        reads += 1
        return read(self, event)

    monkeypatch.setattr(Http3Machine, "read", counted)
    encoder, request, blocks = 2, 0, 100
    # stream type 2, Set Dynamic Table Capacity 65536; a block needs as many insertions as its number (RFC 9204)
    list(machine.read(Event(DATA, encoder, 0, PLACE, b"\x02\x3f\xe1\xff\x03")))
    for number in range(1, blocks + 1):
        list(machine.read(Event(DATA, request, 0, PLACE, bytes([1, 3, number + 1, 0, 0x80]))))
    waiting = machine.directions[request, 0].waiting
    assert len(waiting) == blocks - 1
    for number in range(1, blocks):
        list(machine.read(Event(DATA, encoder, 0, PLACE, b"\x41a\x01b")))
        assert len(machine.directions[request, 0].waiting) == blocks - 1 - number
    assert reads == 1 + blocks + 2 * (blocks - 1)

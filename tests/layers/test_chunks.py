"""Chunks of SCTP: every whole user message is found, and a packet with others has a reason to stop."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake.kernels.answers import STOPS
from netlake.kernels.steps import Step
from netlake.layers.steps import dispatch
from netlake.layers.walk import Walked, Walker
from netlake.schema import Table
from tests.layers import build as b

DISPATCH = dispatch(b.with_steps(Table("diameter", "", "", ("sctp.payload_protocol=46", "sctp.port=3868"), ())))
DIAMETER = DISPATCH.group("diameter")


def walked(frames: list[bytes], length: int | None = None) -> tuple[Walker, Walked]:
    walker = Walker(DISPATCH, {})
    return walker, walker.walk(b.batch(frames, lengths=None if length is None else [length]))


def associated(*chunks: bytes, destination: int = 2000) -> bytes:
    return b.ethernet(b.ipv4(b.sctp(*chunks, destination=destination), 132))


SACK = bytes.fromhex("03000010 00000001 00010000 00000000")
CHUNKS = {
    "its protocol is known": (associated(b.chunk(b"abc", 46)), ["abc"], None, -1),
    "no protocol, its port is known": (associated(b.chunk(b"abc", 0), destination=3868), ["abc"], None, -1),
    "no protocol, no known port": (associated(b.chunk(b"abc", 0)), [], "unknown_port", 1000),
    "its protocol is not that of its port": (
        associated(b.chunk(b"abc", 47), destination=3868), [], "unknown_payload_protocol", 47,
    ),
    "a protocol beyond the keys": (associated(b.chunk(b"abc", 1 << 16 | 46)), [], "unknown_payload_protocol", 65582),
    "two behind an acknowledgment": (
        associated(SACK, b.chunk(b"abcde", 46), b.chunk(b"fg", 46)), ["abcde", "fg"], None, -1,
    ),
    "the beginning of a message, and a whole one": (
        associated(b.chunk(b"abc", 46, flags=2), b.chunk(b"de", 46)), ["de"], "partial_message", -1,
    ),
    "I-DATA": (
        associated(bytes.fromhex("40030017 00000001 00000000 00000001 0000002e") + b"abc\0"), ["abc"], None, -1,
    ),
    "a chunk longer than its packet": (
        associated(b.chunk(b"abc", 46), b.chunk(b"abc", 46, more=9)), ["abc"], "malformed", -1,
    ),
    "a chunk shorter than its header": (associated(bytes(4), b.chunk(b"abc", 46)), [], "malformed", -1),
    "no user data": (associated(b.chunk(b"", 46)), [], None, -1),
}  # fmt: skip


@pytest.mark.parametrize(("frame", "texts", "reason", "value"), CHUNKS.values(), ids=CHUNKS)
def test_chunks(frame: bytes, texts: list[str], reason: str | None, value: int) -> None:
    walker, result = walked([frame])
    row = result.packets[0]
    names = walker.stacks.names()[row["stack"]]
    assert names == "ethernet:ipv4:sctp" + (":diameter" if texts else "")
    assert STOPS[row["stop"]] == reason
    assert not reason or row["stop_value"] == value
    found = result.by_group.get(DIAMETER)
    assert [data.decode() for data in found or ()] == texts
    assert found is None or found.place.tolist() == list(range(len(texts)))
    assert len(result.by_group[Step.SCTP]) == 1


def test_chunks_of_a_packet_are_bounded() -> None:
    """A packet adds a bounded number of messages, for which the arrays have room at the end of every batch."""
    frame = associated(*[b.chunk(b"", 46), *[b.chunk(b"a", 46)] * 100])
    _, result = walked([frame] * 40)
    assert len(result.by_group[DIAMETER]) == 40 * 63
    assert STOPS[result.packets[0]["stop"]] == "too_deep"


def test_truncated_chunk() -> None:
    frame = associated(b.chunk(b"abcdefgh", 46))
    for kept in range(34, len(frame)):
        _, result = walked([frame[:kept]], len(frame))
        found = result.by_group.get(DIAMETER)
        if found is None:
            assert STOPS[result.packets[0]["stop"]] == "cut"
        else:
            assert found.end[0] - found.start[0] + found.missing[0] == 8


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.binary(max_size=40), st.integers(0, 3), st.integers(-20, 20)), max_size=5), st.binary())
def test_chunks_of_any_bytes_stay_within_their_packet(parts: list[tuple[bytes, int, int]], behind: bytes) -> None:
    chunks = [b.chunk(data, 46, flags=flags, more=max(more, -16 - len(data))) for data, flags, more in parts]
    frame = associated(*chunks, behind)
    _, result = walked([frame, frame])
    found = result.by_group.get(DIAMETER)
    for start, end in zip(found.start, found.end, strict=True) if found else ():
        assert start % len(frame) >= 46
        assert start < end <= start - start % len(frame) + len(frame)

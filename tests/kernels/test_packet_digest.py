"""The digest of a packet depends on each of its bytes and facts, and on nothing around it."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from netlake.kernels.packet_digest import digests, views


def of(*packets: bytes, before: bytes = b"", **facts: int) -> list[int]:
    data = np.frombuffer(before + b"".join(packets), np.uint8).copy()
    sizes = np.array([len(packet) for packet in packets], np.int64)
    start = len(before) + np.cumsum(sizes) - sizes
    result = np.ones(len(packets), np.uint64)
    given: dict[str, Any] = {
        name: np.full(len(packets), facts.get(name, 0), np.int32 if name == "link_type" else np.int64)
        for name in ("length", "time", "link_type")
    }
    digests(*views(data), data, start, sizes, *given.values(), result)
    return result.tolist()


@given(st.one_of(st.binary(min_size=1, max_size=200), st.integers(1, 200).map(bytes)), st.data())
def test_digest_depends_on_every_bit(packet: bytes, data: st.DataObject) -> None:
    changed = bytearray(packet)
    bits = data.draw(st.sets(st.integers(0, 8 * len(packet) - 1), min_size=1, max_size=3))
    for bit in bits:
        changed[bit // 8] ^= 1 << bit % 8
    assert of(packet) != of(bytes(changed))


@given(st.binary(max_size=200), st.integers(1, 9))
def test_digest_depends_on_length(packet: bytes, zeros: int) -> None:
    assert of(packet) != of(packet + bytes(zeros))


@given(st.binary(max_size=200), st.binary(max_size=70), st.binary(max_size=70))
def test_digest_does_not_depend_on_bytes_around(packet: bytes, before: bytes, after: bytes) -> None:
    assert of(packet, after, before=before)[0] == of(packet)[0]


def test_digest_depends_on_facts_and_on_the_byte_of_a_packet_of_one() -> None:
    for size in (0, 5, 40, 64, 80, 1024):
        packets = [bytes([byte]) * size for byte in (0, 1, 120, 255)]
        facts = [{name: 1} for name in ("length", "time", "link_type")]
        found = {of(packet, **chosen)[0] for packet in packets for chosen in [{}, *facts]}
        assert len(found) == 4 * len(set(packets))


def test_packet_outside_of_the_buffer_has_no_digest() -> None:
    data, one = np.zeros(100, np.uint8), np.zeros(1, np.int64)
    for start, size in ((-1, 5), (90, 11), (0, -1)):
        result = np.ones(1, np.uint64)
        digests(*views(data), data, one + start, one + size, one, one, one.astype(np.int32), result)
        assert result[0] == 0

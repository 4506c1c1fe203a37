"""Each kernel beside its twin in plain Python, on random bytes that often look like records."""

from __future__ import annotations

import random
import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake.kernels import records, records_ng, times
from netlake.sources import blocks


def likely(rng, big):
    """Random bytes in which small numbers are frequent and lengths often fit."""
    words = [
        rng.choice((0, 1, 2, 3, 6, 12, 16, 20, 28, 32, 36, 44, 0x0A0D0D0A, rng.randrange(2**32))) for _ in range(60)
    ]
    return np.frombuffer(struct.pack((">" if big else "<") + "60I", *words), np.uint8).copy()


def arrays(rows):
    return records.RecordArrays(
        *[np.zeros(rows, np.int64) for _ in range(5)],
        *[np.zeros(rows, np.int32) for _ in range(2)],
        np.zeros(rows, np.int16),
    )


def variant(state):
    return np.array([tuple(state)], records.PCAP)


def pcap_twin(data, at, end, state, rows):
    _, big, header, unit, swapped, limit = state
    found = []
    while len(found) < rows:
        if at + header > end:
            return found, at, records.MORE, header
        seconds, fraction, kept, sent = struct.unpack_from((">" if big else "<") + "4I", data, at)
        if swapped == 2 or (swapped == 1 and kept > sent):
            kept, sent = sent, kept
        if kept > limit:
            return found, at, records.CORRUPT, kept
        if at + header + kept > end:
            return found, at, records.MORE, header + kept
        found.append((at + header, kept, sent, seconds * 10**9 + fraction * unit, state[0] + at))
        at += header + kept
    return found, at, records.FULL, 0


@given(
    seed=st.integers(0, 2**32), big=st.booleans(), header=st.sampled_from([16, 20, 24, 28]), swapped=st.integers(0, 2),
    unit=st.sampled_from([1, 1000]), at=st.integers(0, 60), rows=st.integers(0, 9),
)  # fmt: skip
@settings(deadline=None, max_examples=400)
def test_pcap_index_equals_the_twin(seed, big, header, swapped, unit, at, rows):
    data = likely(random.Random(seed), big)  # noqa: S311
    state = [1000, int(big), header, unit, swapped, 262_144]
    out = arrays(rows)
    row, after, why, value = records.index_pcap(data, at, 220, variant(state), 0, rows, out)
    found, *rest = pcap_twin(data, at, 220, state, rows)
    assert (list(zip(*[a[:row].tolist() for a in out[:5]], strict=True)), after, why, value) == (found, *rest)


def plausible_twin(data, at, state, low, high):
    _, big, header, unit, swapped, limit = state
    seconds, fraction, kept, sent = struct.unpack_from((">" if big else "<") + "4I", data, at)
    if swapped == 2 or (swapped == 1 and kept > sent):
        kept, sent = sent, kept
    good = 0 < kept <= limit and kept <= sent <= 128 << 20 and low <= seconds <= high and fraction * unit < 10**9
    return header + kept if good else -1


def search_twin(data, end, state, low, high):
    """The first place from which three records follow, or fewer that end with the data; None if there is none."""
    for at in range(end - state[2] + 1):
        here = at
        for found in range(4):
            if found == 3 or (found and here == end):
                return at
            size = plausible_twin(data, here, state, low, high) if here + state[2] <= end else -1
            if size < 0:
                break
            here += size
    return None


@given(seed=st.integers(0, 2**32), big=st.booleans(), header=st.sampled_from([16, 24]), cut=st.integers(0, 90))
@settings(deadline=None, max_examples=300)
def test_pcap_search_equals_the_twin(seed, big, header, cut):
    rng = random.Random(seed)  # noqa: S311
    order = ">4I" if big else "<4I"
    content = rng.randbytes(rng.randrange(40))
    for _ in range(rng.randrange(5)):
        size = rng.randrange(1, 30)
        content += struct.pack(order, rng.choice((50, 500)), rng.randrange(2 * 10**6), size, size) + bytes(
            header - 16 + size
        )
    content += rng.randbytes(rng.randrange(3) * 9)
    data = np.frombuffer(content[: max(0, len(content) - cut)], np.uint8).copy()
    state = [0, int(big), header, 1000, 0, 1000]
    place, need = records.search_pcap(data, 0, len(data), True, variant(state), 10, 100)
    expected = search_twin(data.tobytes(), len(data), state, 10, 100)
    assert (place if need == 0 else None) == expected
    # if more bytes follow, it returns the place or asks for more, and never skips the place
    place, need = records.search_pcap(data, 0, len(data), False, variant(state), 10, 100)
    assert need > 0 or place == expected
    assert expected is None or place <= expected


def pcapng_twin(data, at, end, big, count, rows):  # noqa: PLR0911 - a return for each way it can end
    """As index_pcapng with interfaces of link type 1, snaplen 0 and microseconds; without comments."""
    order = ">" if big else "<"
    found = []
    while len(found) < rows:
        if at + 12 > end:
            return found, at, records.MORE, 12
        kind, total = struct.unpack_from(order + "2I", data, at)
        if kind == records_ng.SECTION:
            return found, at, records.BLOCK, total
        if total < 12:
            return found, at, records_ng.SHORT_BLOCK, total
        if kind not in (2, 3, 6):
            return found, at, records.BLOCK, total
        whole, least = (total + 3) // 4 * 4, 16 if kind == 3 else 32
        if whole < least:
            return found, at, records_ng.SHORT_BLOCK, total
        if at + least > end:
            return found, at, records.MORE, least
        if kind == 3:
            number, ahead, ts = 0, 12, records_ng.NO_TIME
            kept = sent = struct.unpack_from(order + "I", data, at + 8)[0]
        else:
            number = struct.unpack_from(order + ("I" if kind == 6 else "H"), data, at + 8)[0]
            high, low, kept, sent = struct.unpack_from(order + "4I", data, at + 12)
            ahead, ts = 28, (high << 32 | low) * 1000
            ts = number_of(ts)
        options = ahead + (kept + 3) // 4 * 4
        for wrong, why, value in (
            (number >= count, records_ng.NO_INTERFACE, number),
            (kept > 262_144, records_ng.LONG_PACKET, kept),
            (options + 4 > whole, records_ng.PAST_BLOCK, kept),
            (whole > records_ng.LONGEST_BLOCK, records_ng.LONG_BLOCK, total),
            (at + whole > end, records.MORE, whole),
            (kind != 3 and not options_fit(data[at + options : at + whole - 4], order), records_ng.BAD_OPTIONS, total),
        ):
            if wrong:
                return found, at, why, value
        if struct.unpack_from(order + "I", data, at + whole - 4)[0] != total:
            return found, at, records_ng.OTHER_LENGTH, total
        found.append((at + ahead, kept, sent, ts, at, number, 1))
        at += whole
    return found, at, records.FULL, 0


def number_of(ns):
    """The number of a time: see netlake.kernels.times."""
    if ns >= times.END_SECOND * 10**9:
        return records_ng.NO_TIME
    return ns if ns // 1000 < times.FAR // 1000 else ns // 1000 + times.SHIFT


def options_fit(body, order):
    at = 0
    while at < len(body):
        if at + 4 > len(body):
            return False
        code, size = struct.unpack_from(order + "HH", body, at)
        if code == 0:
            return True
        at += 4 + (size + 3) // 4 * 4
        if at > len(body):
            return False
    return True


@given(
    seed=st.integers(0, 2**32),
    big=st.booleans(),
    at=st.integers(0, 80),
    count=st.integers(0, 3),
    rows=st.integers(0, 5),
)
@settings(deadline=None, max_examples=600)
def test_pcapng_index_equals_the_twin(writer, seed, big, at, count, rows):
    rng = random.Random(seed)  # noqa: S311
    data = likely(rng, big)
    if rng.random() < 0.7:
        packets = [
            writer.Packet(rng.randbytes(rng.randrange(9)), rng.randrange(2**60), kind=rng.choice((2, 3, 6)))
            for _ in range(3)
        ]
        content = bytearray(b"".join(writer.packet_block(p, big=big) for p in packets) + data.tobytes())
        for _ in range(rng.randrange(3)):
            content[rng.randrange(len(content))] = rng.choice((0, 1, 4, 8, 255))
        data, at = np.frombuffer(bytes(content), np.uint8).copy(), 0
    interfaces = np.array([(1, 262_144, 0, *blocks.clock("10^-6", 0))] * 3, records_ng.INTERFACE)
    state = np.array([(0, big, count, 0, 0)], records_ng.NG)
    options, scratch, out = np.zeros(64, records_ng.OPTION), np.zeros(1, records_ng.PACKET), arrays(rows)
    end = len(data) - rng.randrange(8)
    row, after, why, value = records_ng.index_pcapng(data, at, end, state, interfaces, 0, rows, out, options, scratch)
    found, *rest = pcapng_twin(data.tobytes(), at, end, big, count, rows)
    mine = list(zip(*[a[:row].tolist() for a in out[:7]], strict=True))
    assert (mine, after, why, value) == (found, *rest)


def block_twin(data, at, big, count):
    kind, total, third = struct.unpack_from(">3I" if big else "<3I", data, at)
    if kind == records_ng.SECTION:
        order = {b"\x1a\x2b\x3c\x4d": ">I", b"\x4d\x3c\x2b\x1a": "<I"}.get(data[at + 8 : at + 12])
        total = struct.unpack_from(order, data, at + 4)[0] if order else 0
        return total if 28 <= total <= 1 << 20 and total % 4 == 0 else 0
    if not 1 <= kind <= 6 or total % 4 or not 16 <= total <= 1 << 20:
        return 0
    number = third if kind == 6 else struct.unpack_from(">H" if big else "<H", data, at + 8)[0]
    return 0 if kind in (2, 6) and (total < 32 or number >= count) else total


@given(seed=st.integers(0, 2**32), big=st.booleans(), cut=st.integers(0, 60))
@settings(deadline=None, max_examples=300)
def test_pcapng_search_equals_the_twin(writer, seed, big, cut):
    rng = random.Random(seed)  # noqa: S311
    blocks = [writer.section(big=big), writer.interface(big=big), writer.packet_block(writer.Packet(b"abc"), big=big)]
    content = rng.randbytes(rng.randrange(50)) + rng.choice(blocks) + likely(rng, big).tobytes()
    content = content[: len(content) - cut]
    expected = None
    for at in range(len(content) - 11):
        total = block_twin(content, at, big, 1)
        if total and at + total <= len(content) and content[at + 4 : at + 8] == content[at + total - 4 : at + total]:
            expected = at
            break
    data = np.frombuffer(content, np.uint8).copy()
    place, need = records_ng.search_pcapng(data, 0, len(data), True, big, 1)
    assert (place if need == 0 else None) == expected

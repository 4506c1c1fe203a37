"""Handshake messages of pieces: against joining the bytes in a dictionary, and the limits."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from netlake.layers import handshake
from netlake.layers.handshake import Assembly, Kept
from netlake.layers.parsed import Origin


def origin(number: int, ts: int = 0) -> Origin:
    return Origin(number, ts, False, number, 1, True, "192.0.2.1", "192.0.2.2", 1000, 443)


def message(size: int, kind: int = 1) -> bytes:
    """A message with `size` bytes in its body, no two of which at a distance below 251 are equal."""
    return bytes([kind]) + size.to_bytes(3) + bytes(index % 251 for index in range(size))


def twin(stream: bytes, pieces: list[tuple[int, int]]) -> list[tuple[bytes, int, int]]:
    """Each whole message, with the number of the piece that first had its first byte and of the one that completed it.

    Pieces are (start, end) in the stream, numbered from 1.
    """
    first: dict[int, int] = {}
    found = []
    begin = 0
    for number, (start, end) in enumerate(pieces, 1):
        for at in range(start, end):
            first.setdefault(at, number)
        while begin < len(stream):
            size = 4 + int.from_bytes(stream[begin + 1 : begin + 4])
            if not all(at in first for at in range(begin, begin + size)):
                break
            found.append((stream[begin : begin + size], first[begin], number))
            begin += size
    return found


@st.composite
def sent(draw: st.DrawFn) -> tuple[bytes, list[tuple[int, int]]]:
    """A stream of messages, and the pieces in which it is sent: some twice, overlapping, and in any order."""
    stream = b"".join(message(size) for size in draw(st.lists(st.integers(0, 60), min_size=1, max_size=3)))
    ends = sorted(draw(st.sets(st.integers(1, len(stream)), max_size=6)) | {0, len(stream)})
    pieces = list(pairwise(ends))
    other = st.tuples(st.integers(0, len(stream)), st.integers(0, len(stream))).map(lambda two: (min(two), max(two)))
    return stream, draw(st.permutations(pieces + draw(st.lists(other, max_size=4))))


@settings(max_examples=400, deadline=None)
@given(sent())
def test_messages_are_those_of_the_twin(given_: tuple[bytes, list[tuple[int, int]]]) -> None:
    stream, pieces = given_
    assembly, found = Assembly(), []
    for number, (start, end) in enumerate(pieces, 1):
        assembly.offer(start, stream[start:end], origin(number))
        while (one := assembly.message()) is not None:
            data, first = one
            assert first is not None
            found.append((data, first.number, number))
    assert found == twin(stream, pieces)
    assert assembly.size == 0
    assert assembly.rest() is None


def test_rest_ends_at_the_first_gap() -> None:
    assembly = Assembly()
    assembly.offer(50, b"x" * 10, origin(1))
    assert assembly.rest() == (b"", origin(1))
    assembly.offer(0, message(90)[:20], origin(2))
    assembly.offer(10, message(90)[10:30], origin(3))
    assert assembly.rest() == (message(90)[:30], origin(2))
    assert assembly.last == origin(3)
    assert assembly.message() is None


def test_first_bytes_stay() -> None:
    assembly = Assembly()
    assembly.offer(4, b"ab", origin(1))
    assembly.offer(0, b"\x01\x00\x00\x02XY", origin(2))
    assert assembly.message() == (b"\x01\x00\x00\x02ab", origin(2))


def test_message_that_is_too_large_ends_the_stream() -> None:
    assembly = Assembly()
    assembly.offer(0, b"\x01\x10\x00\x00" + b"x" * 100, origin(1))
    assert assembly.message() == (b"\x01\x10\x00\x00", origin(1))
    assert assembly.ended
    assembly.offer(104, b"y", origin(2))
    assert (assembly.size, assembly.message()) == (0, None)


def test_pieces_that_wait_are_bounded() -> None:
    assembly = Assembly()
    for index in range(3 * handshake.MOST_EARLY):
        assembly.offer(10 + 2 * index, b"x", origin(index))
    assert len(assembly.early) == assembly.size == handshake.MOST_EARLY
    for index in range(100):
        assembly.offer(100_000 + index, bytes(handshake.MOST), origin(index))
    assert assembly.size <= handshake.MOST


def test_connections_are_dropped_by_time_number_and_bytes() -> None:
    dropped: list[Assembly] = []
    kept: Kept[Assembly] = Kept(dropped.append)

    def use(key: int, size: int = 1, ts: int = 0) -> Assembly:
        one = kept.get(key)
        if one is None:
            one = Assembly()
            kept.put(key, one)
        one.offer(10, b"x" * size, origin(key, ts))
        kept.used(key, origin(key, ts))
        return one

    first, second = use(1), use(2, ts=10)
    use(3, ts=handshake.TIMEOUT)
    assert dropped == []
    use(3, ts=handshake.TIMEOUT + 1)
    assert dropped == [first]
    use(3, ts=handshake.TIMEOUT + 11)
    assert dropped == [first, second]
    many = [use(100 + index, ts=handshake.TIMEOUT) for index in range(handshake.MOST_CONNECTIONS)]
    assert len(dropped) == 3
    assert len(kept.kept) == handshake.MOST_CONNECTIONS
    for index in range(70):
        use(2000 + index, handshake.MOST, ts=handshake.TIMEOUT)
    assert kept.size <= handshake.MOST_BYTES
    assert dropped[3] is many[0]
    kept.finish()
    assert (kept.size, len(kept.kept)) == (0, 0)
    assert len(dropped) == 3 + handshake.MOST_CONNECTIONS + 70


def test_the_connection_that_was_used_least_recently_is_dropped() -> None:
    dropped: list[Assembly] = []
    kept: Kept[Assembly] = Kept(dropped.append)
    made = [Assembly() for _ in range(handshake.MOST_CONNECTIONS + 1)]
    for key, one in enumerate(made[:-1]):
        kept.put(key, one)
        kept.used(key, origin(key, 0))
    kept.used(0, origin(0, 0))
    assert dropped == []
    kept.put(-1, made[-1])
    kept.used(-1, origin(1, 0))
    assert dropped == [made[1]]


def test_another_connection_with_the_same_key_ends_the_first() -> None:
    dropped: list[Assembly] = []
    kept: Kept[Assembly] = Kept(dropped.append)
    one, other = Assembly(), Assembly()
    for value in (one, other):
        kept.put("key", value)
        value.offer(5, b"abc", origin(1))
        kept.used("key", origin(1))
    assert dropped == [one]
    assert kept.size == 3

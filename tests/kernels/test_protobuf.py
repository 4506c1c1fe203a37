"""The Protobuf kernels and their plain twins, on numbers and bytes of every sort."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake.kernels import protobuf as write
from netlake.kernels import protobuf_read as read

INTS = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-3, 300)
KEYS = st.sampled_from([0, 8, 15 << 3 | 1, 16 << 3 | 2, 3000 << 3])
SETTINGS = settings(deadline=None, max_examples=60)


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def twin_varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The value and where the next byte is, or a negative code there."""
    value = 0
    for count in range(10):
        if at + count >= end:
            return 0, read.CUT
        value |= (data[at + count] & 127) << 7 * count
        if data[at + count] < 128:
            value &= (1 << 64) - 1
            return value - (1 << 64 if value >> 63 else 0), at + count + 1
    return 0, read.BAD_VARINT


def longs(values: object) -> np.ndarray:
    return np.array(list(values), np.int64)  # type: ignore[call-overload]


def written(part: object, fields: list[bytes]) -> None:
    """`part` is (sizes kernel, put kernel) with their arguments bound; it must write `fields`, in two calls."""
    add, put = part  # type: ignore[misc]
    sizes = np.full(len(fields), 3, np.int64)
    add(sizes)
    assert (sizes - 3).tolist() == [len(field) for field in fields]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    out, cursor = np.full(int(starts[-1]), 0xEE, np.uint8), starts[:-1] + 3
    half = len(fields) // 2
    put(0, half, out, cursor)
    put(half, len(fields), out, cursor)
    assert out.tobytes() == b"".join(b"\xee\xee\xee" + field for field in fields)
    assert cursor.tolist() == starts[1:].tolist()


@SETTINGS
@given(st.lists(st.tuples(INTS, st.booleans()), max_size=8), KEYS, st.integers(0, 1))
def test_written_numbers_equal_the_twin(rows: list[tuple[int, bool]], key: int, fixed: int) -> None:
    values, valid = longs(value for value, _ in rows), np.array([present for _, present in rows], np.uint8)
    before = varint(key) if key else b""
    fields = [
        (before + (value.to_bytes(8, "little", signed=True) if fixed else varint(value))) if present else b""
        for value, present in rows
    ]
    written(
        (
            lambda sizes: write.number_sizes(values, valid, key, fixed, sizes),
            lambda *rest: write.put_numbers(values, valid, key, fixed, *rest),
        ),
        fields,
    )


@SETTINGS
@given(st.lists(st.binary(max_size=300), max_size=4), st.data(), KEYS.filter(bool))
def test_written_texts_equal_the_twin(texts: list[bytes], data: st.DataObject, key: int) -> None:
    codes = data.draw(st.lists(st.integers(-1, len(texts) - 1), max_size=8))
    lead = b"before"  # offsets need not begin at 0
    offsets = np.cumsum([len(lead), *map(len, texts)]).astype(np.int32)
    joined = np.frombuffer(lead + b"".join(texts), np.uint8)
    fields = [varint(key) + varint(len(texts[code])) + texts[code] if code >= 0 else b"" for code in codes]
    numbers = np.array(codes, np.int32)
    written(
        (
            lambda sizes: write.text_sizes(numbers, offsets, key, sizes),
            lambda *rest: write.put_texts(numbers, offsets, joined, key, *rest),
        ),
        fields,
    )


@SETTINGS
@given(st.lists(st.lists(st.integers(0, 50), max_size=4), max_size=6))
def test_sizes_and_offsets_of_items(rows: list[list[int]]) -> None:
    items = longs(size for row in rows for size in row)
    offsets = longs(np.cumsum([0, *map(len, rows)]))
    sizes = np.full(len(rows), 5, np.int64)
    write.item_sizes(offsets, items, sizes)
    assert sizes.tolist() == [5 + sum(row) for row in rows]
    cursor, inner = np.arange(len(rows), dtype=np.int64) * 1000, np.zeros(len(items), np.int64)
    write.place_items(offsets, items, 0, len(rows), cursor, inner)
    expected = [1000 * index + sum(row[:place]) for index, row in enumerate(rows) for place in range(len(row))]
    assert inner.tolist() == expected
    assert cursor.tolist() == [1000 * index + sum(row) for index, row in enumerate(rows)]


@SETTINGS
@given(st.lists(st.binary(max_size=200), max_size=6), st.binary(max_size=5), st.integers(1, 4))
def test_messages_are_delimited_as_by_the_twin(bodies: list[bytes], rest: bytes, room: int) -> None:
    whole = b"".join(varint(len(body)) + body for body in bodies)
    data = np.frombuffer(b"xy" + whole + rest, np.uint8)
    starts, ends = np.zeros(room, np.int64), np.zeros(room, np.int64)
    found = []
    count, at, need = read.delimit(data, 2, 200, starts, ends)
    while count > 0:
        found += [data[begin:end].tobytes() for begin, end in zip(starts[:count], ends[:count], strict=True)]
        count, at, need = read.delimit(data, at, 200, starts, ends)
    assert found[: len(bodies)] == bodies
    assert found[len(bodies) :] == twin_delimit(rest)[0]
    assert (count if count < 0 else need) == twin_delimit(rest)[1]


def twin_delimit(rest: bytes) -> tuple[list[bytes], int]:
    """The whole messages in `rest`, and what the next needs at least, or a negative code for it."""
    found, at = [], 0
    while True:
        size, begin = twin_varint(rest, at, len(rest))
        if begin == read.CUT:
            return found, len(rest) - at + 1
        if begin < 0 or not 0 <= size <= 200:
            return found, begin if begin < 0 else read.TOO_LONG
        if begin + size > len(rest):
            return found, begin - at + size
        found.append(rest[begin : begin + size])
        at = begin + size


def test_invalid_length_of_the_first_message_is_an_error_code() -> None:
    starts, ends = np.zeros(4, np.int64), np.zeros(4, np.int64)
    for size, code in ((201, read.TOO_LONG), (-1, read.TOO_LONG), (1 << 62, read.TOO_LONG)):
        data = np.frombuffer(varint(size) + bytes(300), np.uint8)
        assert read.delimit(data, 0, 200, starts, ends) == (code, 0, 1)
    assert read.delimit(np.full(20, 0x80, np.uint8), 0, 200, starts, ends) == (read.BAD_VARINT, 0, 1)


def twin_field(data: bytes, at: int, end: int) -> tuple[int, int, int, int]:
    """Key, value or place, size, and where the next field is or a negative code."""
    key, at = twin_varint(data, at, end)
    if at < 0 or not 8 <= key < 1 << 32 or key & 7 > 2:
        return 0, 0, 0, at if at < 0 else read.BAD_KEY
    value, size = at, 8
    if key & 7 == 0:
        value, at = twin_varint(data, at, end)
        size = 0
    elif key & 7 == 2:
        size, at = twin_varint(data, at, end)
        value = at
    if at >= 0 and not 0 <= size <= end - at:
        at = read.CUT
    return key, value, size, at + size if at >= 0 else at


def twin_fields(data: bytes, bounds: list[tuple[int, int]]) -> tuple[list[tuple[int, int, int, int]], int]:
    """(message, key, value or place, size) of every field, and the code of the first that cannot be read, or 0."""
    found = []
    for index, (start, end) in enumerate(bounds):
        at = start
        while at < end:
            key, value, size, at = twin_field(data, at, end)
            if at < 0:
                return found, at
            found.append((index, key, value, size))
    return found, 0


FIELDS = st.lists(
    st.builds(lambda number, value: varint(number << 3) + varint(value), st.integers(1, 40), INTS)
    | st.builds(
        lambda number, value: varint(number << 3 | 1) + value, st.integers(1, 40), st.binary(min_size=8, max_size=8)
    )
    | st.builds(
        lambda number, value: varint(number << 3 | 2) + varint(len(value)) + value,
        st.integers(1, 40),
        st.binary(max_size=9),
    ),
    max_size=5,
).map(b"".join)


@SETTINGS
@given(st.lists(FIELDS | st.binary(max_size=12), max_size=5), st.integers(0, 12))
def test_fields_equal_the_twin(messages: list[bytes], room: int) -> None:
    data = b"".join(messages)
    bounds = list(pairwise(np.cumsum([0, *map(len, messages)]).tolist()))
    arrays = [np.zeros(room, np.int64) for _ in range(4)]
    starts, ends = longs(start for start, _ in bounds), longs(end for _, end in bounds)
    count = read.fields(np.frombuffer(data, np.uint8), starts, ends, *arrays)
    expected, code = twin_fields(data, bounds)
    if len(expected) > room:
        assert count == read.TOO_MANY
    elif code:
        # if the room is full too, either may be reported
        assert count == code or (count == read.TOO_MANY and len(expected) == room)
    else:
        assert list(zip(*(array[:count].tolist() for array in arrays), strict=True)) == expected


@SETTINGS
@given(
    st.lists(
        st.lists(INTS, max_size=4).map(lambda row: b"".join(map(varint, row))) | st.binary(max_size=12), max_size=4
    ),
    st.integers(0, 9),
)
def test_packed_values_equal_the_twin(runs: list[bytes], room: int) -> None:
    data = b"".join(runs)
    starts = longs(np.cumsum([0, *map(len, runs)])[:-1])
    values, counts = np.zeros(room, np.int64), np.zeros(len(runs), np.int64)
    count = read.packed(np.frombuffer(data, np.uint8), starts, longs(map(len, runs)), values, counts)
    expected: list[int] = []
    lengths = []
    for run in runs:
        at, before = 0, len(expected)
        while at < len(run):
            value, at = twin_varint(run, at, len(run))
            if at >= 0 and len(expected) == room:
                at = read.TOO_MANY
            if at < 0:
                assert count == at
                return
            expected.append(value)
        lengths.append(len(expected) - before)
    assert (count, values[:count].tolist(), counts.tolist()) == (len(expected), expected, lengths)


@SETTINGS
@given(st.binary(max_size=40), st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=5))
def test_runs_are_joined(data: bytes, ranges: list[tuple[int, int]]) -> None:
    ranges = [(min(start, len(data)), min(size, max(0, len(data) - start))) for start, size in ranges]
    out = np.zeros(sum(size for _, size in ranges), np.uint8)
    read.join(
        np.frombuffer(data, np.uint8), longs(start for start, _ in ranges), longs(size for _, size in ranges), out
    )
    assert out.tobytes() == b"".join(data[start : start + size] for start, size in ranges)

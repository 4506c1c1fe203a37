"""From messages to columns: fixed headers whole and short, and message by message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from netlake.layers import parsed, read
from netlake.layers.read import lengths
from netlake.packets import Codes, Cursor, Malformed, Messages, Nullable
from netlake.schema import Column, List, Struct, Table, faults
from tests.messages import build

HEADER = Table(
    "header",
    "One row for each header.",
    spec="",
    on=(),
    size=24,
    columns=(
        Column("high", "u8", "High bits of two bytes.", at=0, bits=(12, 4)),
        Column("middle", "u16", "Middle bits of four bytes.", at=0, bits=(8, 12)),
        Column("flag", "bool", "The ninth bit of two bytes.", at=2, bits=(8, 1)),
        Column("little", "u16le", "Two bytes, the lower first.", at=2),
        Column("signed", "i8", "One byte.", at=3),
        Column("large", "u64", "Eight bytes.", at=4),
        Column("name", "hex64", "Eight bytes.", at=4),
        Column("mac", "mac", "Six bytes.", at=12),
        Column("ip", "ipv4", "Four bytes.", at=18),
        Column("byte", "u8", "The last but one byte.", at=22),
    ),
)
WHOLE = bytes.fromhex("a1b2c3fe 0000000000000007 020000000001 c0000201 2a00")


def messages(*parts: bytes, missing: int = 0, rows: list[int] | None = None) -> Messages:
    return build(parts, missing=missing, rows=rows)


def values(column: Any, found: Messages) -> list[Any]:
    if isinstance(column, Codes):
        return list(found.pools[column.pool].text(column.codes).to_pylist())
    if isinstance(column, Nullable):
        return list(pa.array(column.values, mask=~column.valid).to_pylist())
    return list(column.tolist() if isinstance(column, np.ndarray) else column.to_pylist())


def row(part: bytes, missing: int = 0) -> tuple[dict[str, Any], str | None]:
    """The row of `part` read after a whole header, which must not be changed by it."""
    found = messages(WHOLE, part, missing=missing)
    columns = {name: values(column, found) for name, column in read.fixed(HEADER, found).items()}
    assert {name: column[0] for name, column in columns.items()} == EXPECTED
    assert found.fault[0] == 0
    return {name: column[1] for name, column in columns.items()}, faults.NAMES[found.fault[1]]


EXPECTED = {
    "high": 0xA,
    "middle": 0x2C3,
    "flag": True,
    "little": 0xFEC3,
    "signed": -2,
    "large": 7,
    "name": "0000000000000007",
    "mac": "02:00:00:00:00:01",
    "ip": "192.0.2.1",
    "byte": 42,
}


def test_whole_headers() -> None:
    assert row(WHOLE) == (EXPECTED, None)


def test_text_without_pools() -> None:
    found = messages(WHOLE, WHOLE[:20])
    found.pools = {}
    columns = read.fixed(HEADER, found)
    assert columns["ip"].to_pylist() == ["192.0.2.1", None]
    assert columns["mac"].to_pylist() == ["02:00:00:00:00:01"] * 2


@pytest.mark.parametrize(("missing", "fault"), [(0, "short_header"), (4, "cut")])
def test_short_headers_keep_what_they_reach(missing: int, fault: str) -> None:
    reach = {
        "high": 2,
        "middle": 4,
        "flag": 4,
        "little": 4,
        "signed": 4,
        "large": 12,
        "name": 12,
        "mac": 18,
        "ip": 22,
        "byte": 23,
    }
    for size in range(24):
        found, said = row(WHOLE[:size], missing)
        assert said == fault
        assert found == {name: EXPECTED[name] if size >= reach[name] else None for name in reach}


def test_numbers_that_do_not_fit_are_null_and_said() -> None:
    found, said = row(WHOLE[:4] + b"\xff" * 8 + WHOLE[12:])
    assert said == "out_of_range"
    assert found["large"] is None
    assert found["name"] == "f" * 16


def test_no_messages() -> None:
    found = messages()
    assert all(len(values(column, found)) == 0 for column in read.fixed(HEADER, found).values())


ITEM = Struct((Column("number", "u8", "A number."), Column("data", "bytes", "Bytes.")))
ITEMS = Table(
    "items",
    "One row for each list.",
    spec="",
    on=(),
    columns=(
        Column("count", "i32", "How many there are."),
        Column("sender", "ip", "An address."),
        Column("numbers", List("u8"), "Numbers."),
        Column("items", List(ITEM), "Items."),
    ),
)


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Lists of numbers: a length, then so many bytes; 0 ends them, 255 is forbidden, 200 does not fit its column."""
    first = True
    while message.left or message.missing:
        if not first:
            yield parsed.NEXT, None
        first = False
        count = message.number(1)
        if count == 255:
            raise Malformed("bad_value")
        if count == 254:
            message.fault("bad_name")
        yield "count", 1 << 40 if count == 200 else count
        numbers: list[int] = []
        yield "numbers", numbers
        for _ in range(count & 7):
            numbers.append(message.number(1))  # noqa: PERF401 - what was read must stay when it ends


def test_several_rows_of_one_message() -> None:
    found = messages(b"\x01\x05\x02\x06\x07", b"\x01\x08", rows=[3, 3])
    kept, columns = parsed.by_message(ITEMS, parse, found)
    assert columns["numbers"].to_pylist() == [[5], [6, 7], [8]]
    assert "items" not in columns
    assert kept.row.tolist() == [3, 3, 3]
    assert kept.place.tolist() == [0, 1, 2]
    assert kept.fault.tolist() == [0, 0, 0]


def parse_even(message: Cursor) -> Iterator[tuple[str, Any]]:
    """The even numbers of a message, each a row."""
    while message.left:
        number = message.number(1)
        if number & 1 == 0:
            yield "count", number
            yield parsed.NEXT, None
    yield parsed.NO_ROW, None


def test_messages_without_a_row_leave_no_gap() -> None:
    found = messages(b"\x01\x03", b"\x02\x04", b"\x05", b"\x06", b"\x08", rows=[3, 3, 3, 3, 4])
    found.place = np.array([0, 1, 2, 3, 0], np.int16)
    kept, columns = parsed.by_message(ITEMS, parse_even, found)
    assert columns["count"].to_pylist() == [2, 4, 6, 8]
    assert kept.row.tolist() == [3, 3, 3, 4]
    assert kept.place.tolist() == [0, 1, 2, 0]
    assert len(parsed.by_message(ITEMS, parse_even, messages(b"\x01"))[0]) == 0


def test_what_was_read_before_a_fault_is_kept() -> None:
    found = messages(b"\x01\x05\x03\x06", b"\xff", b"\xc8", b"\xfe" + bytes(6), b"\x03\x06")
    found.missing[4] = 1
    kept, columns = parsed.by_message(ITEMS, parse, found)
    assert columns["numbers"].to_pylist() == [[5], [6], [], [], [0] * 6, [6]]
    assert columns["count"].to_pylist() == [1, 3, None, None, 254, 3]
    names = [faults.NAMES[code] for code in kept.fault]
    assert names == [None, "short_header", "bad_value", "out_of_range", "bad_name", "cut"]


def addresses(message: Cursor) -> Iterator[tuple[str, Any]]:
    yield "sender", message.rest()


def test_addresses_of_a_parser_are_interned() -> None:
    found = messages(b"\xc0\x00\x02\x01", bytes(15) + b"\x01", b"\x01", b"\xc0\x00\x02\x01")
    _, columns = parsed.by_message(ITEMS, addresses, found)
    assert values(columns["sender"], found) == ["192.0.2.1", "::1", None, "192.0.2.1"]
    found.pools = {}
    _, columns = parsed.by_message(ITEMS, addresses, found)
    assert columns["sender"].to_pylist() == ["192.0.2.1", "::1", None, "192.0.2.1"]


SHOWN = Table(
    "shown",
    "One row for each message.",
    spec="",
    on=(),
    columns=(
        Column("name", "text", "A text."),
        Column("ips", List("ip"), "Addresses."),
        Column(
            "devices",
            List(Struct((Column("mac", "mac", "An address."), Column("names", List("word"), "Names.")))),
            "Devices.",
        ),
    ),
)


def in_bytes(message: Cursor) -> Iterator[tuple[str, Any]]:
    yield "name", message.take(2)
    ips: list[bytes | str] = ["192.0.2.9"]
    yield "ips", ips
    ips.append(message.take(4))
    ips.append(b"\x01")
    yield "devices", [{"mac": message.take(6), "names": [message.take(1), "x"]}, {"mac": None}]


def test_text_and_addresses_given_as_bytes_are_text_at_any_depth() -> None:
    data = b"a\xff" + bytes([192, 0, 2, 1]) + bytes([2, 0, 0, 0, 0, 1]) + b"n"
    kept, columns = parsed.by_message(SHOWN, in_bytes, messages(data, data[:7]))
    assert columns["name"].to_pylist() == ["a\ufffd"] * 2
    assert columns["ips"].to_pylist() == [["192.0.2.9", "192.0.2.1", None]] * 2
    whole = [{"mac": "02:00:00:00:00:01", "names": ["n", "x"]}, {"mac": None, "names": None}]
    assert columns["devices"].to_pylist() == [whole, []]
    assert [faults.NAMES[code] for code in kept.fault] == [None, "short_header"]


def test_lists_of_structs_by_column() -> None:
    offsets = np.array([0, 2, 2, 3], np.int32)
    array = read.lists(ITEMS, "items", offsets, np.array([1, 2, 3], np.int16), [b"a", b"", b"c"])
    assert array.type == read.column_type(ITEMS, "items")
    first = [{"number": 1, "data": b"a"}, {"number": 2, "data": b""}]
    assert array.to_pylist() == [first, [], [{"number": 3, "data": b"c"}]]
    numbers = read.lists(ITEMS, "numbers", offsets, np.array([1, 2, 3], np.int16))
    assert numbers.to_pylist() == [[1, 2], [], [3]]


def parse_one(message: Cursor) -> Iterator[tuple[str, Any]]:
    """A length, then so many bytes, as the first row of `parse`."""
    for name, value in parse(message):
        if name == parsed.NEXT:
            return
        yield name, value


def test_what_varies_behind_a_fixed_header_is_read_one_by_one_where_it_is() -> None:
    found = messages(b"HH\x01\x05", b"H\x02\x06\x07", b"HHHH\x02\x09", b"H\xc8", b"", b"\x02\x05\x05")
    among = np.array([True, True, True, True, False, False])
    columns = parsed.each(ITEMS, parse_one, found, among, np.array([2, 1, 4, 1, 0, 0]))
    assert columns["numbers"].to_pylist() == [[5], [6, 7], [9], [], [], []]
    assert columns["count"].to_pylist() == [1, 2, 2, None, None, None]
    assert found.fault.tolist() == [0, 0, faults.SHORT_HEADER, faults.OUT_OF_RANGE, 0, 0]
    assert parsed.each(ITEMS, parse_one, found, np.zeros(6, np.bool_)) == {}
    cut = messages(b"H\x02\x06", missing=1)
    assert parsed.each(ITEMS, parse_one, cut, np.ones(1, np.bool_), 1)["numbers"].to_pylist() == [[6]]
    assert cut.fault.tolist() == [faults.CUT]


@pytest.mark.parametrize(
    ("size", "missing", "length"),
    [(16, (1 << 31) - 3, (1 << 31) - 1), (16, (1 << 31) - 2, None), (14, (1 << 31) - 1, None), (14, 1 << 30, 1 << 30)],
)
def test_lengths_of_more_than_31_bits_are_null_with_a_fault(size: int, missing: int, length: int | None) -> None:
    """The greatest `missing` may be a length that was limited to it, so that the sum is not known."""
    messages = build([bytes(size), bytes(20)], missing=[missing, 0])
    values = messages.end - messages.start + messages.missing.astype(np.int64) - 14
    column = lengths(messages, values, np.ones(2, np.bool_))
    valid = column.valid.tolist() if isinstance(column, Nullable) else [True, True]
    numbers = column.values if isinstance(column, Nullable) else column
    assert [int(one) if is_valid else None for one, is_valid in zip(numbers, valid, strict=True)] == [length, 6]
    assert messages.fault.tolist() == [0 if length is not None else faults.OUT_OF_RANGE, 0]

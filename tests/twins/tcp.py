"""TCP (RFC 9293 section 3.1): the header length in words of 32 bits, and options (RFC 2018, RFC 7323)."""

from __future__ import annotations

from netlake import tables
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row, mark, mark_short

HEADER = 20
END, NO_OPERATION, MSS, WINDOW_SCALE, SACK_PERMITTED, SACK, TIMESTAMPS = 0, 1, 2, 3, 4, 5, 8
# bytes of data of the options that have columns; SACK has one or more blocks of 8
SIZES = {MSS: 2, WINDOW_SCALE: 1, SACK_PERMITTED: 0, TIMESTAMPS: 8}


def rows(message: Message) -> list[Row]:
    """The row of one segment."""
    row = fixed(tables.table("tcp"), message)
    if "header_length" not in row:
        return [row]
    header = row["header_length"] = 4 * row["header_length"]
    payload = message.length - header
    if header >= HEADER and payload >= 0:
        row["payload_length"] = payload
    if len(message.data) < HEADER:
        return [row]
    if header < HEADER or payload < 0:
        mark(row, "bad_length")
    elif header > len(message.data):
        mark_short(row, message)
    options(message.data[HEADER:header], row)
    # without the bytes of all options nothing is certain of those that were not found
    if header <= len(message.data):
        row.setdefault("sack_permitted", False)
    return [row]


def options(area: bytes, row: Row) -> None:
    """Set the columns of the options; those without a column, repeated or of a wrong length are in `options`."""
    blocks, others, kinds = [], [], []
    while area:
        kind, area = area[0], area[1:]
        kinds.append(kind)
        if kind == NO_OPERATION:
            continue
        if kind == END:
            if any(area):
                others.append({"kind": END, "data": area})
            break
        size = area[0] - 1 if area else 0
        if not 1 <= size <= len(area):
            mark(row, "bad_options")
            break
        data, area = area[1:size], area[size:]
        if odd(kind, len(data)):
            mark(row, "bad_length")
            others.append({"kind": kind, "data": data})
        elif kind == SACK:
            blocks += [(data[at : at + 4], data[at + 4 : at + 8]) for at in range(0, len(data), 8)]
        elif not typed(kind, data, row):
            others.append({"kind": kind, "data": data})
    row["sack_blocks"] = [{"left": int.from_bytes(left), "right": int.from_bytes(right)} for left, right in blocks]
    row["options"] = others
    row["option_kinds"] = kinds if row["syn"] else []


def odd(kind: int, size: int) -> bool:
    """Whether an option that has a column has a length that is not its own."""
    return size % 8 > 0 or size == 0 if kind == SACK else SIZES.get(kind, size) != size


def typed(kind: int, data: bytes, row: Row) -> bool:
    """Set the column of an option; False if it has none, or if it has a value already."""
    if kind == SACK_PERMITTED:
        row["sack_permitted"] = True
    elif kind == MSS and "mss" not in row:
        row["mss"] = int.from_bytes(data)
    elif kind == WINDOW_SCALE and "window_scale" not in row:
        row["window_scale"] = data[0]
    elif kind == TIMESTAMPS and "timestamp_value" not in row:
        row["timestamp_value"], row["timestamp_echo"] = int.from_bytes(data[:4]), int.from_bytes(data[4:])
    else:
        return False
    return True

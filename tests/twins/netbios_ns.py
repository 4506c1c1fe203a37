"""NetBIOS name service (RFC 1002 section 4.2): questions and records as in DNS, names encoded in letters."""

from __future__ import annotations

from netlake import tables
from netlake.packets import Cursor, Malformed, Short
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row, address, mark, mark_short

NB, NBSTAT = 0x20, 0x21
MOST_LABELS = 128
LETTERS = b"ABCDEFGHIJKLMNOP"


def rows(message: Message) -> list[Row]:
    """The row of one message."""
    row = fixed(tables.table("netbios_ns"), message)
    cursor = Cursor(message.data, 4, missing=message.missing)
    try:
        counts = [cursor.number(2) for _ in range(4)]
        row["questions"], row["records"] = [], []
        for _ in range(counts[0]):
            row["questions"].append(head(cursor))
        for _ in range(sum(counts[1:])):
            row["records"].append(record(cursor))
    except Short:
        mark_short(row, message)
    except Malformed as found:
        mark(row, found.fault)
    return [row]


def head(cursor: Cursor) -> Row:
    """Name, suffix and type, after which the class is skipped."""
    name, suffix = encoded(cursor)
    kind = cursor.number(2)
    cursor.skip(2)
    return {"name": name, "suffix": suffix, "type": kind}


def record(cursor: Cursor) -> Row:
    """A resource record with its addresses, or with the names and the MAC address of a node status."""
    result = head(cursor) | {"ttl": cursor.number(4), "addresses": [], "names": []}
    size = cursor.number(2)
    if size > cursor.promised:
        raise Malformed("bad_length")
    data = cursor.take(size)
    if result["type"] == NB:
        for at in range(0, len(data) - 5, 6):
            result["group"] = data[at] & 0x80 > 0
            result["addresses"].append(address(data[at + 2 : at + 6]))
    elif result["type"] == NBSTAT and data:
        names = min(data[0], (len(data) - 1) // 18)
        for at in range(1, 1 + 18 * names, 18):
            name = data[at : at + 15].decode("cp437").rstrip(" ").replace("\0", "")
            result["names"].append(f"{name}<{data[at + 15]:02x}>")
        unit = data[1 + 18 * names :][:6]
        if len(unit) == 6:
            result["mac"] = address(unit)
    return result


def encoded(cursor: Cursor) -> tuple[str | None, int | None]:
    """A name without its padding and its last byte (RFC 1001 section 14); None for one that is not encoded so."""
    begin = cursor.at
    labels, pointer = read_labels(cursor)
    if not labels and pointer is not None:
        if pointer >= begin:
            raise Malformed("bad_name")
        labels, _ = read_labels(Cursor(cursor.data, pointer, begin))
    if not labels or len(labels[0]) != 32 or any(letter not in LETTERS for letter in labels[0]):
        return None, None
    halves = [LETTERS.index(letter) for letter in labels[0]]
    *name, suffix = (high << 4 | low for high, low in zip(halves[::2], halves[1::2], strict=True))
    first = bytes(name).rstrip(b" \0").decode("cp437")
    return ".".join([first, *(label.decode("utf-8", "replace") for label in labels[1:])]), suffix


def read_labels(cursor: Cursor) -> tuple[list[bytes], int | None]:
    """Labels up to the root or a pointer, and the pointer."""
    labels: list[bytes] = []
    while len(labels) < MOST_LABELS:
        size = cursor.number(1)
        if size >= 0xC0:
            return labels, (size & 0x3F) << 8 | cursor.number(1)
        if size == 0:
            return labels, None
        if size > 63:
            raise Malformed("bad_name")
        labels.append(cursor.take(size))
    raise Malformed("bad_name")

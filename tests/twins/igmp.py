"""IGMP (RFC 1112, RFC 2236, RFC 3376): type, length and code decide which version a message is of."""

from __future__ import annotations

from netlake import tables
from netlake.packets import Cursor, Short
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row, address, mark_short

QUERY, REPORT_3 = 0x11, 0x22
VERSIONS = {0x12: 1, 0x16: 2, 0x17: 2}
GROUP, GROUP_END = 4, 8


def rows(message: Message) -> list[Row]:
    """The row of one message."""
    row = fixed(tables.table("igmp"), message)
    kind, code = message.number(0, 1), message.number(1, 1)
    if kind == REPORT_3:
        row["version"] = 3
        records(message, row)
    elif kind == QUERY and code is not None:
        # RFC 3376 section 7.1
        row["version"] = 3 if message.length >= 12 else 2 if code else 1
        row["max_response_code"] = code
        if row["version"] > 1:
            row["max_response_time"] = (floating(code) if row["version"] == 3 else code) / 10
    elif code is not None:
        row["version"] = VERSIONS.get(kind or 0)
    if row.get("version") and kind != REPORT_3:
        row["group"] = message.address(GROUP, 4)
        if row["group"] is None:
            mark_short(row, message)
        elif (kind, row["version"]) == (QUERY, 3):
            query(message, row)
    return [row]


def query(message: Message, row: Row) -> None:
    """Section 4.1: flags, interval and sources of a query of version 3."""
    cursor = Cursor(message.data, GROUP_END)
    try:
        flags = cursor.number(1)
        row["suppress"], row["robustness"] = flags & 8 > 0, flags & 7
        row["query_interval_code"] = cursor.number(1)
        row["query_interval"] = float(floating(row["query_interval_code"]))
        row["source_count"], row["sources"] = cursor.number(2), []
        for _ in range(row["source_count"]):
            row["sources"].append(address(cursor.take(4)))
    except Short:
        mark_short(row, message)


def records(message: Message, row: Row) -> None:
    """Section 4.2: group records of a report of version 3, of which each is kept if it is complete."""
    cursor = Cursor(message.data, 6)
    try:
        row["record_count"], row["records"] = cursor.number(2), []
        for _ in range(row["record_count"]):
            kind, words, count = cursor.number(1), cursor.number(1), cursor.number(2)
            group, sources = cursor.take(4), [address(cursor.take(4)) for _ in range(count)]
            record = {"type": kind, "group": address(group), "sources": sources, "auxiliary": cursor.take(4 * words)}
            row["records"].append(record)
    except Short:
        mark_short(row, message)


def floating(code: int) -> int:
    """Section 4.1.1: a code of 128 or more has an exponent of 3 bits and a mantissa of 4 bits."""
    return code if code < 128 else (0x10 | code & 0xF) << ((code >> 4 & 7) + 3)

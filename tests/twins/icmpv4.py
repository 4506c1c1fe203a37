"""ICMP (RFC 792, RFC 950, RFC 1191, RFC 1256, RFC 8335): the type decides about all after the checksum."""

from __future__ import annotations

from netlake import tables
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row, mark_short
from tests.twins.quoted import quoted

HEADER = 8
OWN = ("identifier", "sequence", "gateway", "mtu", "pointer", "lifetime")


def rows(message: Message) -> list[Row]:
    """The row of one message."""
    row = fixed(tables.table("icmpv4"), message)
    if message.length >= HEADER:
        row["payload_length"] = message.length - HEADER
    kind, code = row.get("type"), row.get("code")
    names, unused = layout(kind, code, row.get("unused"))
    row["unused"] = unused
    for name in OWN:
        if name not in names:
            row[name] = None
    # RFC 8335: the sequence number of extended echo has one byte
    if kind in (42, 43) and "sequence" in row:
        row["sequence"] >>= 8
    if kind in (3, 4, 5, 11, 12):
        quoted(message, HEADER, row)
    if len(message.data) >= HEADER:
        queries(message, row)
    return [row]


def layout(kind: int | None, code: int | None, unused: int | None) -> tuple[tuple[str, ...], int | None]:
    """The columns of bytes 4 to 7 of a type, and what of these bytes, as a number, is not theirs."""
    if kind in (0, 8, 13, 14, 15, 16, 17, 18, 42, 43):
        return ("identifier", "sequence"), None
    if kind == 5:
        return ("gateway",), None
    if kind == 9:
        return ("lifetime",), None
    if kind == 12:
        return ("pointer",), None if unused is None else unused & 0xFFFFFF
    if (kind, code) == (3, 4):
        return ("mtu",), None if unused is None else unused >> 16
    return (), unused


def queries(message: Message, row: Row) -> None:
    """Columns after the header: times, the address mask, routers."""
    if row["type"] in (13, 14):
        for position, name in enumerate(("originate_time", "receive_time", "transmit_time")):
            row[name] = message.number(HEADER + 4 * position, 4)
        if row["transmit_time"] is None:
            mark_short(row, message)
    elif row["type"] in (17, 18):
        row["address_mask"] = message.address(HEADER, 4)
        if row["address_mask"] is None:
            mark_short(row, message)
    elif row["type"] == 9:
        routers(message, row)


def routers(message: Message, row: Row) -> None:
    """Entries of the size that the header states, in words; address and preference are the first two of each."""
    row["routers"] = []
    count, size = message.data[4], 4 * message.data[5]
    for position in range(count if size else 0):
        at = HEADER + position * size
        if at + max(size, 8) > len(message.data):
            mark_short(row, message)
            return
        preference = int.from_bytes(message.data[at + 4 : at + 8], signed=True)
        row["routers"].append({"address": message.address(at, 4), "preference": preference})

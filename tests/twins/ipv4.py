"""IPv4 (RFC 791): lengths in words of 32 bits, offsets in words of 64 bits, the checksum, and options."""

from __future__ import annotations

from typing import Any

from netlake import tables
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row, mark, mark_short

HEADER = 20
END, NO_OPERATION = 0, 1


def rows(message: Message) -> list[Row]:
    """The row of one header."""
    row = fixed(tables.table("ipv4"), message)
    if "version" in row and row["version"] != 4:
        mark(row, "bad_version")
    if "header_length" in row:
        row["header_length"] *= 4
    if "fragment_offset" in row:
        row["fragment_offset"] *= 8
    if len(message.data) < HEADER:
        return [row]
    header = row["header_length"]
    # segmentation offload leaves the total length 0
    payload = (row["total_length"] or message.length) - header
    if header < HEADER or payload < 0:
        mark(row, "bad_length")
    else:
        row["payload_length"] = payload
    if header > len(message.data):
        mark_short(row, message, "bad_length")
    elif header >= HEADER:
        row["checksum_valid"] = ones_complement_sum(message.data[:header]) == 0xFFFF
    row["options"], readable = options(message.data[HEADER:header])
    if not readable:
        mark(row, "bad_options")
    return [row]


def ones_complement_sum(data: bytes) -> int:
    """The one's complement sum of the 16-bit words of `data` (RFC 1071)."""
    total = sum(int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def options(area: bytes) -> tuple[list[dict[str, Any]], bool]:
    """Options with their data, and whether all could be read; what follows the end is an option if it is not zero."""
    result = []
    while area:
        kind, area = area[0], area[1:]
        if kind == END:
            if any(area):
                result.append({"kind": END, "data": area})
            break
        if kind != NO_OPERATION:
            size = area[0] - 1 if area else 0
            if not 1 <= size <= len(area):
                return result, False
            result.append({"kind": kind, "data": area[1:size]})
            area = area[size:]
    return result, True

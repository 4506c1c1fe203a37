"""NTP (RFC 5905, RFC 7822), its control messages (RFC 9327) and the private ones of ntpd."""

from __future__ import annotations

import datetime as dt

from netlake import tables
from netlake.packets import Cursor, Short
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row, mark, mark_short

HEADER = 48
CONTROL, PRIVATE = 6, 7
TIMES = ("reference_time", "origin_time", "receive_time", "transmit_time")
# a MAC: key ID and digest, or the key ID alone
MACS = (4, 20, 24)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
SECONDS_TO_1970 = 2_208_988_800


def rows(message: Message) -> list[Row]:
    """The row of one message."""
    row = fixed(tables.table("ntp"), message)
    mode = message.data[0] & 7 if message.data else 0
    cursor = Cursor(message.data, HEADER, missing=message.missing)
    try:
        if mode >= CONTROL:
            row = {"fault": None, "version": row["version"], "mode": mode, "leap": row["leap"]}
            cursor.at = 0
            (control if mode == CONTROL else private)(cursor, row)
            return [row]
        client_and_server(message, row)
        if len(message.data) >= HEADER:
            extensions(cursor, row)
    except Short:
        mark_short(row, message)
    return [row]


def client_and_server(message: Message, row: Row) -> None:
    """Times, and the reference ID by stratum."""
    for position, name in enumerate(TIMES):
        seconds, fraction = message.number(16 + 8 * position, 4), message.number(20 + 8 * position, 4)
        if seconds is not None and fraction is not None and (seconds or fraction):
            # RFC 4330 section 3: from 2036 on the seconds start again
            since_1900 = seconds if seconds >= 1 << 31 else seconds + (1 << 32)
            row[name] = EPOCH + dt.timedelta(0, since_1900 - SECONDS_TO_1970, fraction * 1_000_000 >> 32)
    stratum = row.get("stratum", 16)
    if not 1 < stratum < 16:
        row["reference_ip"] = None
    if stratum <= 1 and "reference_id" in row:
        word = row["reference_id"].to_bytes(4).rstrip(b"\0")
        if word and all(0x20 <= byte < 0x7F for byte in word):
            row["reference_code"] = word.decode()


def extensions(cursor: Cursor, row: Row) -> None:
    """Extension fields, then a MAC, which is shorter than any extension before it."""
    row["extensions"] = []
    while cursor.promised >= 16 and cursor.promised not in MACS:
        kind, size = cursor.number(2), cursor.number(2) - 4
        if not 0 <= size <= cursor.promised:
            mark(row, "bad_options")
            return
        row["extensions"].append({"type": kind, "value": cursor.take(size)})
    if cursor.promised:
        row["key_id"] = cursor.number(4)
        to_the_end(cursor, row, "mac")


def control(cursor: Cursor, row: Row) -> None:
    """RFC 9327 section 2."""
    cursor.skip(1)
    flags = cursor.number(1)
    row["response"], row["error"], row["more"] = flags & 0x80 > 0, flags & 0x40 > 0, flags & 0x20 > 0
    row["opcode"] = flags & 0x1F
    for name in ("sequence", "status", "association_id", "data_offset", "data_count"):
        row[name] = cursor.number(2)
    if row["data_count"] > cursor.promised:
        mark(row, "bad_length")
    row["data"] = cursor.take(min(row["data_count"], cursor.promised))


def private(cursor: Cursor, row: Row) -> None:
    """Mode 7 of ntpd: what other modes have as leap indicator is the response and the more bit."""
    leap = row.pop("leap")
    cursor.skip(1)
    second = cursor.number(1)
    row["response"], row["more"] = leap & 2 > 0, leap & 1 > 0
    row["authenticated"], row["sequence"] = second & 0x80 > 0, second & 0x7F
    row["implementation"] = cursor.number(1)
    row["request_code"] = cursor.number(1)
    items = cursor.number(2)
    row["error_code"], row["item_count"] = items >> 12, items & 0xFFF
    row["item_size"] = cursor.number(2) & 0xFFF
    if row["item_count"] * row["item_size"] > cursor.promised:
        mark(row, "bad_length")
    to_the_end(cursor, row, "data")


def to_the_end(cursor: Cursor, row: Row, name: str) -> None:
    """The rest as column `name`, as far as the capture contains it; null where it contains none of it."""
    row[name] = cursor.kept() or None
    if cursor.missing:
        raise Short

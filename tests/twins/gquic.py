"""Google QUIC to version Q043: a public header whose form depends on the version, which few packets contain.

Packets without a version have that of the last packet before them with one between the same ports, else 43. So this
twin reads the messages of a batch.
"""

from __future__ import annotations

from netlake.packets import Cursor, Short
from tests.twins.message import Message, Row, mark_short

WITH_VERSION, RESET, NONCE, WITH_ID = 1, 2, 4, 8
LAST = 43
# the hash of an unencrypted packet; before Q034 a byte of flags follows it
HASH = 12
# the smallest frame with a message of the handshake: type, stream ID, length, tag, number of values and padding
FRAME = 1 + 4 + 2 + 4 + 2 + 2
MOST_VALUES = 128
# bits of the type of a frame: a stream, the size of its offset, and whether it has a length
STREAM, OFFSET, LENGTH = 0x80, 0x1C, 0x20
TAGS = {b"CHLO": "CHLO", b"SHLO": "SHLO", b"REJ\0": "REJ", b"SREJ": "SREJ", b"SCUP": "SCUP"}
COLUMNS = {b"SNI\0": "server_name", b"UAID": "user_agent"}
# the version, and the port of the server
Known = dict[frozenset[int], tuple[int, int]]


def batch(messages: list[Message]) -> list[list[Row]]:
    """The row of each packet of a batch."""
    known: Known = {}
    rows = []
    for message in messages:
        own = version_of(message)
        if message.ports[0] >= 0 and own:
            known[frozenset(message.ports)] = own, message.ports[1]
        rows.append([packet(message, *known.get(frozenset(message.ports), (LAST, -1)))])
    return rows


def version_of(message: Message) -> int:
    """The number of the version of a packet, 0 if it has none that is known."""
    digits = message.data[11:13]
    versioned = message.data[:1] and message.data[0] & WITH_VERSION and message.data[9:11] == b"Q0"
    known = versioned and len(digits) == 2 and digits.isdigit() and int(digits) <= LAST
    return int(digits) if known else 0


def packet(message: Message, version: int, server: int) -> Row:
    """The row of one packet of a connection of this version."""
    row: Row = {"fault": None, "heuristic": True}
    cursor = Cursor(message.data, missing=message.missing)
    try:
        flags = cursor.number(1)
        version = version_of(message) or version
        header(cursor, row, flags, version, from_server=message.ports[0] in (server, -1))
        if not flags & RESET:
            handshake(cursor.kept()[HASH + (1 if version < 34 else 0) :], row)
            # the end of the packet, which the capture lacks if it lacks any byte
            cursor.skip(message.missing)
    except Short:
        mark_short(row, message)
    if "version" in row and not version_of(message):
        row["fault"] = "bad_version"
    return row


def header(cursor: Cursor, row: Row, flags: int, version: int, *, from_server: bool) -> None:
    """The public header; that of a reset ends with the connection ID."""
    row["reset"] = flags & RESET > 0
    size = 8 if flags & WITH_ID else 0
    if version < 33:
        size = (0, 1, 4, 8)[flags >> 2 & 3]
    if size:
        row["connection_id"] = cursor.take(size)
    if row["reset"]:
        return
    if flags & WITH_VERSION:
        row["version"] = cursor.take(4).decode("utf-8", "replace")
    elif flags & NONCE and version >= 33 and from_server:
        row["diversification_nonce"] = cursor.take(32)
    number = cursor.take((1, 2, 4, 6)[flags >> 4 & 3])
    row["packet_number"] = int.from_bytes(number, "little" if version < 39 else "big")


def handshake(frame: bytes, row: Row) -> None:
    """A message at the start of stream 1, in the first frame of an unencrypted packet: its tag, and two values."""
    if len(frame) < FRAME or not frame[0] & STREAM or frame[0] & OFFSET:
        return
    cursor = Cursor(frame, 1)
    if int.from_bytes(cursor.take(1 + (frame[0] & 3)), "little") != 1:
        return
    if frame[0] & LENGTH:
        cursor.skip(2)
    tag = cursor.take(4)
    if tag not in TAGS:
        return
    row["message"] = TAGS[tag]
    count = min(int.from_bytes(cursor.take(4)[:2], "little"), MOST_VALUES)
    entries = [(cursor.take(4), int.from_bytes(cursor.take(4), "little")) for _ in range(count)]
    values = cursor.kept()
    begins = [0, *(end for _, end in entries)]
    for (name, end), begin in zip(entries, begins, strict=False):
        if name in COLUMNS and begin <= end <= len(values):
            row[COLUMNS[name]] = values[begin:end].decode("utf-8", "replace")

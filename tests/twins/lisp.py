"""LISP (RFC 9300 section 5.1) and LISP-GPE (RFC 9305): the flags of the first byte decide which fields are valid."""

from __future__ import annotations

from netlake import tables
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row

NONCE, STATUS, VERSION, INSTANCE, PROTOCOL = 0x80, 0x40, 0x10, 0x08, 0x04
VALID_WITH = {
    "nonce": NONCE,
    "locator_status": STATUS,
    "source_map_version": VERSION,
    "destination_map_version": VERSION,
    "instance": INSTANCE,
    "next_protocol": PROTOCOL,
}


def rows(message: Message) -> list[Row]:
    """The row of one header."""
    row = fixed(tables.table("lisp"), message)
    flags = message.data[0] if message.data else 0
    row = {name: value for name, value in row.items() if flags & VALID_WITH.get(name, 0xFF) or name not in VALID_WITH}
    if flags & PROTOCOL:
        # the last byte of the nonce is the next protocol
        row.pop("nonce", None)
    if flags & INSTANCE and "locator_status" in row:
        # 24 bits of the word are the instance
        row["locator_status"] = message.data[7]
    return [row]

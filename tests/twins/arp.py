"""ARP (RFC 826): two sizes in the header decide where its four addresses are."""

from __future__ import annotations

from netlake import tables
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row, mark_short

FIXED = 8


def rows(message: Message) -> list[Row]:
    """The row of one message: typed addresses, and all addresses as sent if some are not MAC and IPv4 addresses."""
    row = fixed(tables.table("arp"), message)
    if len(message.data) < FIXED:
        return [row]
    macs = row["hardware_type"] in (1, 2, 6) and row["hardware_size"] == 6
    ips = row["protocol_type"] == 0x0800 and row["protocol_size"] == 4
    if macs and ips:
        return [row]
    at = FIXED
    row["fault"] = None
    for side in ("sender", "target"):
        for name, size, typed in (
            (f"{side}_mac", row["hardware_size"], macs),
            (f"{side}_ip", row["protocol_size"], ips),
        ):
            row[name] = message.address(at, size) if typed else None
            at += size
    if len(message.data) < at:
        mark_short(row, message)
    row["addresses"] = message.data[FIXED:at]
    return [row]

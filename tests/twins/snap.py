"""SNAP (IEEE 802, RFC 1042): the OUI decides whose number follows it: an EtherType, or one of the organization."""

from __future__ import annotations

from netlake import tables
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row

# IEEE 802, IEEE 802.1H, Apple
WITH_ETHERTYPES = ("000000", "0000f8", "080007")


def rows(message: Message) -> list[Row]:
    """The row of one header."""
    row = fixed(tables.table("snap"), message)
    if "ethertype" in row and message.data[:3].hex() not in WITH_ETHERTYPES:
        row["pid"] = row.pop("ethertype")
    return [row]

"""Ethernet (IEEE 802.3 clause 3.2.6): the third field is an EtherType from 1536 on, else a length."""

from __future__ import annotations

from netlake import tables
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row

HEADER = 14


def rows(message: Message) -> list[Row]:
    """The row of one frame."""
    row = fixed(tables.table("ethernet"), message)
    third = row.pop("ethertype", None)
    if third is not None:
        row["ethertype" if third >= 1536 else "length"] = third
    if message.length >= HEADER:
        row["payload_length"] = message.length - HEADER
    return [row]

"""MACsec (IEEE 802.1AE): the security tag of a frame.

Decided here: the check value is the last 16 bytes of the frame, or those behind the short length that a frame of less
than 48 bytes has in its tag.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor, Malformed, Short
from netlake.schema import Column, Table

CHANNEL = 0x20
ENCRYPTED, CHANGED = 0x08, 0x04
CHECK_VALUE = 16

TABLES = (
    Table(
        "macsec",
        "One row for each MACsec tag; a frame that is not encrypted is decoded further.",
        spec="IEEE 802.1AE",
        on=("ether.type=0x88e5",),
        context="record",
        columns=(
            Column("version", "u8", "Version, 0.", wireshark="macsec.TCI.V"),
            Column("end_station", "bool", "ES: the sender is an end station; its address identifies the channel.",
                   wireshark="macsec.TCI.ES"),
            Column("channel_present", "bool", "SC: the tag has the identifier of the secure channel.",
                   wireshark="macsec.TCI.SC"),
            Column("broadcast", "bool", "SCB: the channel is the single copy broadcast of a passive optical network.",
                   wireshark="macsec.TCI.SCB"),
            Column("encrypted", "bool", "E: the payload is encrypted.", wireshark="macsec.TCI.E"),
            Column("changed", "bool", "C: the payload is not that of the frame as it was before MACsec.",
                   wireshark="macsec.TCI.C"),
            Column("association", "u8", "Association number of the key, 0 to 3.", wireshark="macsec.AN"),
            Column("short_length", "u8", "Bytes of the payload if they are fewer than 48; else 0.",
                   wireshark="macsec.SL"),
            Column("packet_number", "u32", "Packet number, against replay; its lower 32 bits if it has 64.",
                   wireshark="macsec.PN"),
            Column("system", "mac", "Secure channel: address of the system.",
                   wireshark="macsec.SCI.system_identifier"),
            Column("port", "u16", "Secure channel: port of the system.", wireshark="macsec.SCI.port_identifier"),
            Column("ethertype", "u16", "EtherType of the payload, or its length; null where it is encrypted.",
                   wireshark="macsec.etype", encoding="dictionary"),
            Column("check_value", "bytes", "Integrity check value (ICV), 16 bytes.", wireshark="macsec.ICV"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one tag and of the frame's check value."""
    control = message.number(1)
    yield "version", control >> 7
    for name, bit in (
        ("end_station", 0x40), ("channel_present", CHANNEL), ("broadcast", 0x10), ("encrypted", ENCRYPTED),
        ("changed", CHANGED),
    ):  # fmt: skip
        yield name, bool(control & bit)
    yield "association", control & 3
    short = message.number(1) & 63
    yield "short_length", short
    yield "packet_number", message.number(4)
    if control >> 7:
        raise Malformed("bad_version")
    if control & CHANNEL:
        yield "system", message.take(6)
        yield "port", message.number(2)
    payload = message.at
    if not control & (ENCRYPTED | CHANGED):
        yield "ethertype", message.number(2)
    size = short or message.end + message.missing - payload - CHECK_VALUE
    if size < message.at - payload:
        raise Short
    message.at = payload
    message.skip(size)
    left = min(CHECK_VALUE, message.promised)
    yield "check_value", message.take(left)
    if left < CHECK_VALUE:
        raise Short

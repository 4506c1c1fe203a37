"""Cisco HDLC, framing of serial lines between routers, and SLARP, its keepalives and questions for an address.

Captures of serial lines (link types 9 and 50) hold it among PPP, whose frames begin otherwise: the walk tells which.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor
from netlake.schema import Column, Table

REQUEST, REPLY, KEEPALIVE = 0, 1, 2

TABLES = (
    Table(
        "cisco_hdlc",
        "One row for each Cisco HDLC frame.",
        spec="RFC 1547 section 4.3.1",
        on=("link.type=104",),
        size=4,
        context="record",
        columns=(
            Column("address", "u8", "15 to one, 143 to all.", at=0, wireshark="chdlc.address"),
            Column("control", "u8", "Control, 0.", at=1, wireshark="chdlc.control"),
            Column("protocol", "u16", "EtherType of what follows; 32821 SLARP, 65278 OSI.", at=2,
                   wireshark="chdlc.protocol", encoding="dictionary"),
        ),
    ),
    Table(
        "slarp",
        "One row for each SLARP message.",
        spec="RFC 1547 section 4.3.2",
        on=("cisco_hdlc.protocol=0x8035",),
        context="record",
        columns=(
            Column("type", "u32", "0 request for an address, 1 reply, 2 keepalive.", wireshark="slarp.ptype"),
            Column("address", "ipv4", "Request or reply: address of the sender.", wireshark="slarp.address"),
            Column("netmask", "ipv4", "Request or reply: its mask.", wireshark="slarp.netmask"),
            Column("my_sequence", "u32", "Keepalive: number of the sender's last.", wireshark="slarp.mysequence"),
            Column("your_sequence", "u32", "Keepalive: number of the last that it got.",
                   wireshark="slarp.yoursequence"),
            Column("reliability", "u16", "Keepalive: 65535; anything else is an error.",
                   why="a field in some versions only"),
        ),
    ),
)  # fmt: skip


def parse_slarp(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One message; what follows it on the line is padding."""
    kind = message.number(4)
    yield "type", kind
    if kind in (REQUEST, REPLY):
        yield "address", message.take(4)
        yield "netmask", message.take(4)
    elif kind == KEEPALIVE:
        yield "my_sequence", message.number(4)
        yield "your_sequence", message.number(4)
        reliability = message.number(2)
        yield "reliability", reliability
        if reliability != 0xFFFF:
            message.fault("bad_value")
    else:
        message.fault("bad_value")

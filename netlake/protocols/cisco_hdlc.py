"""Cisco HDLC, the framing of serial lines between routers, and SLARP, its keepalive and address resolution.

On captures of serial lines (link types 9 and 50) Cisco HDLC and PPP frames differ in their first byte; the walk
decides.
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
            Column("address", "u8", "Address: 15 unicast, 143 multicast.", at=0, wireshark="chdlc.address"),
            Column("control", "u8", "Control: 0.", at=1, wireshark="chdlc.control"),
            Column("protocol", "u16", "EtherType of the payload; 32821 (0x8035) SLARP, 65278 (0xfefe) OSI.", at=2,
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
            Column("type", "u32", "SLARP type: 0 address request, 1 address reply, 2 keepalive.",
                   wireshark="slarp.ptype"),
            Column("address", "ipv4", "Request and reply: IP address of the sender; null if 0.0.0.0.", unset=True,
                   wireshark="slarp.address"),
            Column("netmask", "ipv4", "Request and reply: network mask of the sender.", wireshark="slarp.netmask"),
            Column("my_sequence", "u32", "Keepalive: sequence number of the sender.", wireshark="slarp.mysequence"),
            Column("your_sequence", "u32", "Keepalive: last sequence number received from the other side.",
                   wireshark="slarp.yoursequence"),
            Column("reliability", "u16",
                   "Keepalive: reliability, always 65535; another value gives the fault `bad_value`.",
                   why="tshark has it since some version only"),
        ),
    ),
)  # fmt: skip


def parse_slarp(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message; bytes after it are padding."""
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

"""NetBIOS datagram service: messages to names, most of them announcements of the Windows browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import remainder
from netlake.layers.netbios import name
from netlake.packets import Cursor
from netlake.schema import Column, Table

# direct, to a group, to all
DATAGRAMS = (0x10, 0x11, 0x12)
ERROR = 0x13
QUERIES = (0x14, 0x15, 0x16)

TABLES = (
    Table(
        "netbios_dgm",
        "One row for each message of the NetBIOS datagram service.",
        spec="RFC 1002",
        on=("udp.port=138",),
        columns=(
            Column("message_type", "u8", "16 to one, 17 to a group, 18 to all, 19 error, 20 to 22 queries.",
                   wireshark="nbdgm.type"),
            Column("more_fragments", "bool", "More fragments follow.", wireshark="nbdgm.next"),
            Column("first_fragment", "bool", "The first fragment.", wireshark="nbdgm.first"),
            Column("node_type", "u8", "Kind of node: 0 broadcast, 1 point to point, 2 mixed, 3 hybrid.",
                   wireshark="nbdgm.node_type"),
            Column("datagram_id", "u16", "What ties fragments together.", wireshark="nbdgm.dgram_id"),
            Column("source_ip", "ipv4", "Address of the sender, by its own word.", wireshark="nbdgm.src.ip"),
            Column("source_port", "u16", "Port of the sender, by its own word.", wireshark="nbdgm.src.port"),
            Column("length", "u16", "Bytes of names and data.", wireshark="nbdgm.dgram_len"),
            Column("offset", "u16", "Where the data stands in the whole, bytes.", wireshark="nbdgm.pkt_offset"),
            Column("error_code", "u8", "Error: 130 no such name, 131 and 132 malformed names.",
                   wireshark="nbdgm.error_code"),
            Column("source_name", "text", "Name of the sender, without the spaces that fill it up.",
                   why="shown with its suffix"),
            Column("source_suffix", "u8", "Kind of service of the sender.", why="shown within the name"),
            Column("destination_name", "text", "Name that it is sent to.", why="shown with its suffix"),
            Column("destination_suffix", "u8", "Kind of service that it is sent to; 29 and 30 browsers.",
                   why="shown within the name"),
            Column("data", "bytes", "What it carries, an SMB message for most.", why="dissected by tshark"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One message."""
    kind, flags = message.number(1), message.number(1)
    yield "message_type", kind
    yield "more_fragments", bool(flags & 1)
    yield "first_fragment", bool(flags & 2)
    yield "node_type", flags >> 2 & 3
    yield "datagram_id", message.number(2)
    yield "source_ip", message.take(4)
    yield "source_port", message.number(2)
    if kind == ERROR:
        yield "error_code", message.number(1)
    elif kind in QUERIES:
        yield from _name(message, "destination")
    elif kind in DATAGRAMS:
        yield "length", message.number(2)
        yield "offset", message.number(2)
        yield from _name(message, "source")
        yield from _name(message, "destination")
        yield from remainder(message, "data")
    else:
        message.fault("bad_value")


def _name(message: Cursor, side: str) -> Iterator[tuple[str, Any]]:
    shown, suffix = name(message)
    yield f"{side}_name", shown
    yield f"{side}_suffix", suffix

"""Metadata of packets that Linux netfilter logs (NFLOG), from the header before each packet.

Decided here:
- Attribute lengths and types have the byte order of the capturing host. It follows from the first length, which is
  below 256: its high byte is zero. Values are big-endian.
- The packet itself is an attribute; it is skipped here and decoded by the walk.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import c_text, part
from netlake.packets import Cursor, Malformed, Short
from netlake.schema import Column, List, Struct, Table

PACKET_HEADER, TIMESTAMP, HARDWARE, PAYLOAD, PREFIX = 1, 3, 8, 9, 10
NUMBERS = {
    2: ("mark", 4), 4: ("in_interface", 4), 5: ("out_interface", 4), 6: ("physical_in_interface", 4),
    7: ("physical_out_interface", 4), 11: ("uid", 4), 12: ("sequence", 4), 13: ("global_sequence", 4), 14: ("gid", 4),
    15: ("hardware_type", 2), 18: ("conntrack_id", 4),
}  # fmt: skip

ATTRIBUTE = Struct(
    (
        Column("type", "u16", "Attribute type.", wireshark="nflog.tlv_type"),
        Column("length", "u16", "Bytes of the attribute, its header included.", wireshark="nflog.tlv_length"),
    )
)

TABLES = (
    Table(
        "nflog",
        "One row for each packet that netfilter logged.",
        spec="Linux nfnetlink_log",
        on=("link.type=239",),
        context="record",
        columns=(
            Column("family", "u8", "Address family: 2 IPv4, 10 IPv6, 7 bridge.", wireshark="nflog.family"),
            Column("version", "u8", "Version of the format, 0.", wireshark="nflog.version"),
            Column("resource_id", "u16", "Netlink group that it was logged to.", wireshark="nflog.res_id"),
            Column("protocol", "u16", "EtherType of the packet.", wireshark="nflog.protocol"),
            Column("hook", "u8", "Netfilter hook: 0 prerouting, 1 input, 2 forward, 3 output, 4 postrouting.",
                   wireshark="nflog.hook"),
            Column("mark", "u32", "Mark of the packet.", why="no tshark field"),
            Column("prefix", "text", "Log prefix of the rule.", wireshark="nflog.prefix"),
            Column("in_interface", "u32", "Index of the input interface.", wireshark="nflog.ifindex_indev"),
            Column("out_interface", "u32", "Index of the output interface.", wireshark="nflog.ifindex_outdev"),
            Column("physical_in_interface", "u32", "Index of the input port of the bridge.",
                   wireshark="nflog.ifindex_physindev"),
            Column("physical_out_interface", "u32", "Index of the output port of the bridge.",
                   wireshark="nflog.ifindex_physoutdev"),
            Column("uid", "u32", "User ID of the socket's owner.", wireshark="nflog.uid"),
            Column("gid", "u32", "Group ID of the socket's owner.", wireshark="nflog.gid"),
            Column("sequence", "u32", "Sequence number in the netlink group.", why="no tshark field"),
            Column("global_sequence", "u32", "Sequence number over all groups.", why="no tshark field"),
            Column("timestamp", "duration", "Timestamp of the kernel, seconds since 1970.", why="tshark shows text"),
            Column("hardware_type", "u16", "ARP hardware type of the interface.", why="no tshark field"),
            Column("hardware_address", "mac", "Hardware address of the sender.", why="no tshark field"),
            Column("conntrack_id", "u32", "Connection tracking ID.", why="no tshark field"),
            Column("attributes", List(ATTRIBUTE), "Attributes in wire order."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of the header and of its attributes; the packet is skipped, complete or not."""
    yield "family", message.number(1)
    yield "version", message.number(1)
    yield "resource_id", message.number(2)
    attributes: list[dict[str, Any]] = []
    yield "attributes", attributes
    big = message.left >= 2 and message.data[message.at] < message.data[message.at + 1]
    while message.promised:
        size = message.number(2) if big else message.little(2)
        kind = (message.number(2) if big else message.little(2)) & 0x7FFF
        if size < 4:
            raise Malformed("bad_length")
        value = part(message, size - 4)
        attributes.append({"type": kind, "length": size})
        yield from _attribute(kind, value)
        if value.missing:
            raise Short
        message.skip(min(-size % 4, message.left))


def _attribute(kind: int, value: Cursor) -> Iterator[tuple[str, Any]]:
    if kind == PACKET_HEADER:
        yield "protocol", value.number(2)
        yield "hook", value.number(1)
    elif kind in NUMBERS:
        name, size = NUMBERS[kind]
        yield name, value.number(size)
    elif kind == TIMESTAMP:
        seconds, rest = value.number(8), value.number(8)
        yield "timestamp", seconds + rest / 1e6
    elif kind == HARDWARE:
        size = value.number(2)
        value.skip(2)
        if size == 6:
            yield "hardware_address", value.take(6)
    elif kind == PREFIX:
        prefix = value.rest()
        if not value.missing:
            yield "prefix", c_text(prefix)

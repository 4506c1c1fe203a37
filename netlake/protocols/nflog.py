"""Packets as Linux's packet filter logs them: why, where and for whom, beside the packet itself.

Attributes have the byte order of the host, which their first length tells; numbers within them are big-endian.
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
        Column("type", "u16", "Number of the attribute.", wireshark="nflog.tlv_type"),
        Column("length", "u16", "Bytes that it has with its own header.", wireshark="nflog.tlv_length"),
    )
)

TABLES = (
    Table(
        "nflog",
        "One row for each packet that the packet filter logged.",
        spec="Linux nfnetlink_log",
        on=("link.type=239",),
        context="record",
        columns=(
            Column("family", "u8", "Family of the packet: 2 IPv4, 10 IPv6, 7 bridge.", wireshark="nflog.family"),
            Column("version", "u8", "Version of the format, 0.", wireshark="nflog.version"),
            Column("resource_id", "u16", "Group that it was logged to.", wireshark="nflog.res_id"),
            Column("protocol", "u16", "EtherType of the packet.", wireshark="nflog.protocol"),
            Column("hook", "u8", "0 before routing, 1 in, 2 forward, 3 out, 4 after routing.", wireshark="nflog.hook"),
            Column("mark", "u32", "Mark that the packet bears.", why="no field"),
            Column("prefix", "text", "What the rule writes before it.", wireshark="nflog.prefix"),
            Column("in_interface", "u32", "Index of the interface that it came by.", wireshark="nflog.ifindex_indev"),
            Column("out_interface", "u32", "Index of the interface that it goes by.", wireshark="nflog.ifindex_outdev"),
            Column("physical_in_interface", "u32", "Index of the bridge's port that it came by.",
                   wireshark="nflog.ifindex_physindev"),
            Column("physical_out_interface", "u32", "Index of the bridge's port that it goes by.",
                   wireshark="nflog.ifindex_physoutdev"),
            Column("uid", "u32", "User whose socket it is of.", wireshark="nflog.uid"),
            Column("gid", "u32", "Group whose socket it is of.", wireshark="nflog.gid"),
            Column("sequence", "u32", "Number of the message in its group.", why="no field"),
            Column("global_sequence", "u32", "Number of the message among all.", why="no field"),
            Column("timestamp", "duration", "Time that the kernel noted, seconds since 1970.", why="as text"),
            Column("hardware_type", "u16", "ARP number of the interface's hardware.", why="no field"),
            Column("hardware_address", "mac", "Address of the sender's hardware.", why="no field"),
            Column("conntrack_id", "u32", "Id of the tracked connection.", why="no field"),
            Column("attributes", List(ATTRIBUTE), "Every attribute in wire order."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """The header and its attributes; the packet is passed over, cut or not."""
    yield "family", message.number(1)
    yield "version", message.number(1)
    yield "resource_id", message.number(2)
    found: list[dict[str, Any]] = []
    yield "attributes", found
    big = message.left >= 2 and message.data[message.at] < message.data[message.at + 1]
    while message.promised:
        size = message.number(2) if big else message.little(2)
        kind = (message.number(2) if big else message.little(2)) & 0x7FFF
        if size < 4:
            raise Malformed("bad_length")
        value = part(message, size - 4)
        found.append({"type": kind, "length": size})
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

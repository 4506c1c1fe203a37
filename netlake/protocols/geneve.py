"""Generic Network Virtualization Encapsulation: frames of virtual networks over UDP, with options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Struct, Table

OPTION = Struct(
    (
        Column("class", "u16", "Who defines the option.", wireshark="geneve.option.class"),
        Column("type", "u8", "Type of the option; from 128 on it must be understood.", wireshark="geneve.option.type"),
        Column("value", "bytes", "What it holds.", why="geneve.option.unknown.data, or fields"),
        Column("flags", "u8", "Three bits before its length that should be zero, 0 to 7.",
               why="geneve.option.flags keeps the bits where they lie"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "geneve",
        "One row for each Geneve header.",
        spec="RFC 8926",
        on=("udp.port=6081",),
        columns=(
            Column("version", "u8", "Version of the protocol, 0.", wireshark="geneve.version"),
            Column("oam", "bool", "It is for operation and maintenance.", wireshark="geneve.flags.oam"),
            Column("critical", "bool", "Some option must be understood.", wireshark="geneve.flags.critical"),
            Column("protocol", "u16", "EtherType of what it carries; 25944 Ethernet.", wireshark="geneve.proto_type",
                   encoding="dictionary"),
            Column("vni", "u32", "Number of the virtual network, 0 to 16777215.", wireshark="geneve.vni",
                   encoding="dictionary"),
            Column("options", List(OPTION), "Every option in wire order."),
            Column("options_length", "u16", "Bytes of options that the header says, 0 to 252.",
                   why="tshark has it in the text of a tree"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One header."""
    first, flags = message.number(1), message.number(1)
    yield "version", first >> 6
    if first >> 6:
        raise Malformed("bad_version")
    yield "options_length", (first & 63) * 4
    yield "oam", bool(flags & 0x80)
    yield "critical", bool(flags & 0x40)
    yield "protocol", message.number(2)
    yield "vni", message.number(3)
    message.skip(1)
    options: list[dict[str, Any]] = []
    yield "options", options
    area = part(message, (first & 63) * 4)
    while area.promised:
        owner, kind, size = area.number(2), area.number(1), area.number(1)
        value = part(area, (size & 31) * 4)
        data = value.rest()
        value.skip(value.missing)
        options.append({"class": owner, "type": kind, "value": data, "flags": size >> 5})

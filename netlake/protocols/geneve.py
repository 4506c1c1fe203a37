"""Generic Network Virtualization Encapsulation: Ethernet and other frames over UDP, with options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Struct, Table

OPTION = Struct(
    (
        Column("class", "u16", "Option class: organization that defines the option.", wireshark="geneve.option.class"),
        Column("type", "u8", "Option type; types from 128 on are critical.", wireshark="geneve.option.type"),
        Column("value", "bytes", "Option data, as sent.", why="geneve.option.unknown.data, or fields by type"),
        Column("flags", "u8", "Three reserved bits before the option length, 0 to 7.",
               why="geneve.option.flags is not shifted"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "geneve",
        "One row for each Geneve header.",
        spec="RFC 8926",
        on=("udp.port=6081",),
        columns=(
            Column("version", "u8", "Version, 0.", wireshark="geneve.version"),
            Column("oam", "bool", "O flag: control packet (OAM).", wireshark="geneve.flags.oam"),
            Column("critical", "bool", "C flag: critical options are present.", wireshark="geneve.flags.critical"),
            Column("protocol", "u16", "EtherType of the payload; 25944 (0x6558) Ethernet.",
                   wireshark="geneve.proto_type", encoding="dictionary"),
            Column("vni", "u32", "Virtual network identifier (VNI), 0 to 16777215.", wireshark="geneve.vni",
                   encoding="dictionary"),
            Column("options", List(OPTION), "Options in wire order."),
            Column("options_length", "u16", "Length of the options according to the header, 0 to 252 bytes.",
                   why="tshark has it only as text"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one header."""
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

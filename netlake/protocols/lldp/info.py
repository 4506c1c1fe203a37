"""Optional TLVs of an LLDP frame: names, capabilities, management addresses, and organizationally specific TLVs.

Decided here:
- Of a TLV that may occur once, the first one has the columns.
- A TLV that is shorter than its type requires marks the row `bad_length`; the next TLV is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import text
from netlake.layers.pools import address_text
from netlake.packets import Cursor, Short
from netlake.protocols.lldp.frame import ON, tlvs
from netlake.protocols.lldp.organization import COLUMNS, LISTS, organization
from netlake.schema import Column, List, Message, Struct, Table

TEXTS = {4: "port_description", 5: "system_name", 6: "system_description"}
CAPABILITIES = 7
MANAGEMENT_ADDRESS = 8
ORGANIZATION = 127
# names of the capability bits, from the lowest
FUNCTIONS = (
    "other", "repeater", "bridge", "wlan_access_point", "router", "telephone", "docsis_cable_device", "station_only",
    "c_vlan", "s_vlan", "two_port_mac_relay",
)  # fmt: skip
IP_SIZES = {1: 4, 2: 16}

ADDRESS = Struct(
    (
        Column("subtype", "u8", "IANA address family: 1 IPv4, 2 IPv6, 6 MAC.", wireshark="lldp.mgn.address.subtype"),
        Column("ip", "ip", "Management address; null for other families than IPv4 and IPv6.",
               wireshark="lldp.mgn.addr.ip4"),
        Column("other", "bytes", "Management address of another family, as sent.", wireshark="lldp.mgn.addr.hex"),
        Column("interface_subtype", "u8", "Interface numbering subtype: 1 unknown, 2 ifIndex, 3 system port number.",
               wireshark="lldp.mgn.interface.subtype"),
        Column("interface", "u32", "Interface number.", wireshark="lldp.mgn.interface.number"),
        Column("object_id", "bytes", "Object identifier, BER-encoded.", wireshark="lldp.mgn.obj.id"),
    )
)  # fmt: skip
OTHER = Struct(
    (
        Column("type", "u8", "TLV type, 9 to 126.", why="lldp.tlv.type has those of all TLVs"),
        Column("value", "bytes", "Value, as sent.", why="no tshark field"),
    )
)

TABLES = (
    Table(
        "lldp_info",
        "One row for each LLDP frame, with its optional TLVs.",
        spec="IEEE 802.1AB, IEEE 802.1Q, IEEE 802.3, ANSI/TIA-1057, RFC 8520",
        on=ON,
        context="record",
        message=Message(
            "LLDP {system_name}[ port {port_description}][: {system_description}]",
            "discovery", default=False,
        ),
        columns=(
            Column("port_description", "text", "Port description.", wireshark="lldp.port.desc"),
            Column("system_name", "text", "System name.", wireshark="lldp.tlv.system.name"),
            Column("system_description", "text", "System description.", wireshark="lldp.tlv.system.desc"),
            Column("capabilities", "u16",
                   "System capabilities, bits: 2 repeater, 4 bridge, 8 access point, 16 router, 32 telephone.",
                   wireshark="lldp.tlv.system_cap"),
            Column("enabled_capabilities", "u16", "Enabled capabilities, the same bits.",
                   wireshark="lldp.tlv.enable_system_cap"),
            Column("functions", List("word"), "Names of the enabled capabilities.",
                   why="one tshark field for each bit"),
            Column("management_addresses", List(ADDRESS), "Management addresses in wire order."),
            *COLUMNS,
            Column("unknown", List(OTHER), "TLVs of reserved types, in wire order."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one frame; of a repeated TLV the first is used, and one that is too short marks the row."""
    lists: dict[str, list[Any]] = {name: [] for name in ("functions", "management_addresses", *LISTS, "unknown")}
    yield from lists.items()
    seen: set[str] = set()
    for kind, value in tlvs(message):
        try:
            for name, field in _optional(kind, Cursor(value), lists):
                if name not in seen:
                    seen.add(name)
                    yield name, field
        except Short:
            message.fault("bad_length")


def _optional(kind: int, value: Cursor, lists: dict[str, list[Any]]) -> Iterator[tuple[str, Any]]:
    if kind in TEXTS:
        yield TEXTS[kind], text(value.rest())
    elif kind == CAPABILITIES:
        yield "capabilities", value.number(2)
        enabled = value.number(2)
        yield "enabled_capabilities", enabled
        if not lists["functions"]:
            lists["functions"] += [name for bit, name in enumerate(FUNCTIONS) if enabled >> bit & 1]
    elif kind == MANAGEMENT_ADDRESS:
        lists["management_addresses"].append({})
        _management_address(value, lists["management_addresses"][-1])
    elif kind == ORGANIZATION:
        yield from organization(value, lists)
    elif kind > MANAGEMENT_ADDRESS:
        lists["unknown"].append({"type": kind, "value": value.rest()})


def _management_address(value: Cursor, into: dict[str, Any]) -> None:
    address = value.part(value.number(1))
    into["subtype"] = subtype = address.number(1)
    if address.left == IP_SIZES.get(subtype):
        into["ip"] = address_text(address.rest())
    else:
        into["other"] = address.rest()
    into["interface_subtype"], into["interface"] = value.number(1), value.number(4)
    into["object_id"] = value.take(value.number(1)) or None

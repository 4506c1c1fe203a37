"""Organizationally specific TLVs of LLDP: IEEE 802.1 and 802.3, media endpoints (TIA) and IANA; others as bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from netlake.layers.items import c_text, text
from netlake.packets import Cursor
from netlake.schema import Column, List, Struct

IEEE_802_1 = 0x0080C2
IEEE_802_3 = 0x00120F
MEDIA = 0x0012BB
IANA = 0x00005E
Lists = dict[str, list[Any]]
Fields = Iterator[tuple[str, Any]]

VLAN = Struct(
    (
        Column("id", "u16", "VLAN identifier.", wireshark="lldp.ieee.802_1.vlan.id"),
        Column("name", "text", "VLAN name.", wireshark="lldp.ieee.802_1.vlan.name"),
    )
)
POLICY = Struct(
    (
        Column("application", "u8",
               "Application: 1 voice, 2 voice signalling, 3 guest voice, 5 softphone voice, 6 video.",
               wireshark="lldp.media.app_type"),
        Column("unknown", "bool", "Unknown policy flag: the device requests the policy.",
               wireshark="lldp.media.policy_flag"),
        Column("tagged", "bool", "Tagged flag: frames have a VLAN tag.", wireshark="lldp.media.tag_flag"),
        Column("vlan", "u16", "VLAN identifier, 0 to 4095.", wireshark="lldp.media.vlan_id"),
        Column("priority", "u8", "Layer 2 priority, 0 to 7.", wireshark="lldp.media.l2_prio"),
        Column("dscp", "u8", "Differentiated services code point, 0 to 63.", wireshark="lldp.media.dscp"),
    )
)  # fmt: skip
OWN = Struct(
    (
        Column("oui", "i32", "Organizationally unique identifier (OUI), 24 bits.", wireshark="lldp.orgtlv.oui"),
        Column("subtype", "u8", "Subtype, defined by the organization.", why="one tshark field for each organization"),
        Column("value", "bytes", "Value after the subtype, as sent.", why="one tshark field for each type"),
    )
)
INVENTORY = {
    5: "hardware_revision",
    6: "firmware_revision",
    7: "software_revision",
    8: "serial_number",
    9: "manufacturer",
    10: "model",
    11: "asset_id",
}
LISTS = ("vlans", "policies", "organization_tlvs")
COLUMNS = (
    Column("port_vlan", "u16", "802.1: port VLAN identifier, that of untagged frames; 0 if the port has none.",
           wireshark="lldp.ieee.802_1.port_vlan.id"),
    Column("vlans", List(VLAN), "802.1: VLAN names in wire order."),
    Column("autonegotiation", "u8", "802.3: auto-negotiation, bits: 1 supported, 2 enabled.",
           wireshark="lldp.ieee.802_3.mac_phy_auto_neg_status"),
    Column("advertised", "u16", "802.3: advertised capabilities, bits of ifMauAutoNegCapAdvertisedBits.",
           wireshark="lldp.ieee.802_3.pmd_auto_neg_advertised_caps"),
    Column("mau_type", "u16", "802.3: operational MAU type, speed and medium as in dot3MauType.",
           wireshark="lldp.ieee.802_3.pmd_mau_type"),
    Column("power_support", "u8",
           "802.3: PoE support, bits: 1 port is the power source, 2 supported, 4 enabled, 8 pairs selectable.",
           wireshark="lldp.ieee.802_3.mdi_power_support"),
    Column("power_class", "u8", "802.3: PoE power class as sent: 1 is class 0, 5 is class 4.",
           wireshark="lldp.ieee.802_3.mdi_power_class"),
    Column("power_requested", "u16", "802.3: power that the device requests, in 0.1 watt.",
           why="lldp.ieee.802_3.mdi_pde_requested exists for some lengths only"),
    Column("power_allocated", "u16", "802.3: power that the source allocates, in 0.1 watt.",
           why="lldp.ieee.802_3.mdi_pse_allocated exists for some lengths only"),
    Column("aggregation", "u8", "Link aggregation, bits: 1 capable, 2 enabled.",
           wireshark="lldp.ieee.802_3.aggregation_status"),
    Column("aggregated_port", "u32", "Identifier of the aggregated port; 0 if the port is not aggregated.",
           wireshark="lldp.ieee.802_3.aggregated_port_id"),
    Column("max_frame_size", "u16", "802.3: maximum frame size, bytes.", wireshark="lldp.ieee.802_3.max_frame_size"),
    Column("media_capabilities", "u16", "Media endpoint: capabilities, bits of the TLVs that it supports.",
           wireshark="lldp.media.subtype.caps"),
    Column("media_class", "u8", "Media endpoint: device class: 1 to 3 endpoint (3 is a telephone), 4 network device.",
           wireshark="lldp.media.subtype.class"),
    Column("policies", List(POLICY), "Media endpoint: network policies in wire order."),
    Column("hardware_revision", "text", "Media endpoint: hardware revision.", wireshark="lldp.media.hardware"),
    Column("firmware_revision", "text", "Media endpoint: firmware revision.", wireshark="lldp.media.firmware"),
    Column("software_revision", "text", "Media endpoint: software revision.", wireshark="lldp.media.software"),
    Column("serial_number", "text", "Media endpoint: serial number.", wireshark="lldp.media.sn"),
    Column("manufacturer", "text", "Media endpoint: manufacturer name.", wireshark="lldp.media.manufacturer"),
    Column("model", "text", "Media endpoint: model name.", wireshark="lldp.media.model"),
    Column("asset_id", "text", "Media endpoint: asset identifier.", wireshark="lldp.media.asset"),
    Column("mud_url", "text", "IANA: URL of the manufacturer usage description (RFC 8520).",
           wireshark="lldp.iana.mudurl"),
    Column("organization_tlvs", List(OWN),
           "Organizationally specific TLVs in wire order, those with typed columns included."),
)  # fmt: skip


def organization(value: Cursor, lists: Lists) -> Fields:
    """Columns of one TLV; Short if it is shorter than its type requires."""
    oui, subtype = value.number(3), value.number(1)
    lists["organization_tlvs"].append({"oui": oui, "subtype": subtype, "value": value.data[value.at :]})
    reader = READERS.get((oui, subtype))
    if reader:
        yield from reader(value, lists)
    elif oui == MEDIA and subtype in INVENTORY:
        yield INVENTORY[subtype], c_text(value.rest())


def _port_vlan(value: Cursor, _: Lists) -> Fields:
    yield "port_vlan", value.number(2)


def _vlan_name(value: Cursor, lists: Lists) -> Fields:
    vlan: dict[str, Any] = {"id": value.number(2)}
    lists["vlans"].append(vlan)
    vlan["name"] = text(value.take(value.number(1)))
    yield from ()


def _link(value: Cursor, _: Lists) -> Fields:
    yield "autonegotiation", value.number(1)
    yield "advertised", value.number(2)
    yield "mau_type", value.number(2)


def _power(value: Cursor, _: Lists) -> Fields:
    yield "power_support", value.number(1)
    value.skip(1)
    yield "power_class", value.number(1)
    if value.left >= 5:
        value.skip(1)
        yield "power_requested", value.number(2)
        yield "power_allocated", value.number(2)


def _aggregation(value: Cursor, _: Lists) -> Fields:
    yield "aggregation", value.number(1)
    yield "aggregated_port", value.number(4)


def _frame_size(value: Cursor, _: Lists) -> Fields:
    yield "max_frame_size", value.number(2)


def _media(value: Cursor, _: Lists) -> Fields:
    yield "media_capabilities", value.number(2)
    yield "media_class", value.number(1)


def _policy(value: Cursor, lists: Lists) -> Fields:
    application, bits = value.number(1), value.number(3)
    policy = {"application": application, "unknown": bool(bits >> 23), "tagged": bool(bits >> 22 & 1)}
    policy |= {"vlan": bits >> 9 & 0xFFF, "priority": bits >> 6 & 7, "dscp": bits & 0x3F}
    lists["policies"].append(policy)
    yield from ()


def _mud_url(value: Cursor, _: Lists) -> Fields:
    yield "mud_url", text(value.rest())


READERS: dict[tuple[int, int], Callable[[Cursor, Lists], Fields]] = {
    (IEEE_802_1, 1): _port_vlan,
    (IEEE_802_1, 3): _vlan_name,
    (IEEE_802_1, 7): _aggregation,
    (IEEE_802_3, 1): _link,
    (IEEE_802_3, 2): _power,
    (IEEE_802_3, 3): _aggregation,
    (IEEE_802_3, 4): _frame_size,
    (MEDIA, 1): _media,
    (MEDIA, 2): _policy,
    (IANA, 1): _mud_url,
}

"""Virtual eXtensible LAN: Ethernet over UDP; with the group policy and the generic protocol (port 4790) extensions."""

from __future__ import annotations

from netlake.layers.read import fixed, where
from netlake.packets import Columns, Messages
from netlake.schema import Column, Table

GENERIC = 4790

TABLES = (
    Table(
        "vxlan",
        "One row for each VXLAN header.",
        spec="RFC 7348, draft-smith-vxlan-group-policy, draft-ietf-nvo3-vxlan-gpe",
        on=("udp.port=4789", "udp.port=8472", "udp.port=4790"),
        size=8,
        columns=(
            Column("vni_present", "bool", "I flag: the VNI is valid.", at=0, bits=(3, 1), wireshark="vxlan.flag_i"),
            Column("policy_extension", "bool", "G flag: the group policy ID is present; null in the generic form.",
                   at=0, bits=(7, 1), wireshark="vxlan.flag_g"),
            Column("dont_learn", "bool", "Group policy: receivers must not learn the source address.", at=1,
                   bits=(6, 1), wireshark="vxlan.flag_d"),
            Column("policy_applied", "bool", "Group policy: the policy was applied.", at=1, bits=(3, 1),
                   wireshark="vxlan.flag_a"),
            Column("policy_id", "u16", "Group policy: group of the sender.", at=2, wireshark="vxlan.gbp"),
            Column("version", "u8", "Generic form: version, 0.", at=0, bits=(4, 2), wireshark="vxlan.ver"),
            Column("next_protocol_present", "bool",
                   "Generic form: P flag, `next_protocol` is valid; else Ethernet follows.", at=0, bits=(2, 1),
                   wireshark="vxlan.p_bit"),
            Column("oam", "bool", "Generic form: OAM packet.", at=0, bits=(0, 1), wireshark="vxlan.o_bit"),
            Column("next_protocol", "u8", "Generic form: next protocol: 1 IPv4, 2 IPv6, 3 Ethernet, 4 NSH.", at=3,
                   wireshark="vxlan.next_proto"),
            Column("vni", "u32", "VXLAN network identifier, 0 to 16777215.", at=4, bits=(8, 24), wireshark="vxlan.vni",
                   encoding="dictionary"),
        ),
    ),
)  # fmt: skip
POLICY = ("policy_extension", "dont_learn", "policy_applied", "policy_id")
ONLY_GENERIC = ("version", "next_protocol_present", "oam", "next_protocol")


def read(messages: Messages) -> Columns:
    """Columns of the header; the port decides between the two forms."""
    columns = fixed(TABLES[0], messages)
    generic = (messages.source_port == GENERIC) | (messages.destination_port == GENERIC)
    return columns | {
        name: where(columns[name], rows)
        for names, rows in ((POLICY, ~generic), (ONLY_GENERIC, generic))
        for name in names
    }

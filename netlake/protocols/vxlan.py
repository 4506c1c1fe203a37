"""Virtual eXtensible LAN: Ethernet over UDP; with group policy, and the form that says what it carries (port 4790)."""

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
            Column("vni_present", "bool", "The network identifier is there.", at=0, bits=(3, 1),
                   wireshark="vxlan.flag_i"),
            Column("policy_extension", "bool", "A group policy is there; null in the generic form.",
                   at=0, bits=(7, 1), wireshark="vxlan.flag_g"),
            Column("dont_learn", "bool", "Group policy: addresses are not to be learnt from it.",
                   at=1, bits=(6, 1), wireshark="vxlan.flag_d"),
            Column("policy_applied", "bool", "Group policy: it was applied already.", at=1, bits=(3, 1),
                   wireshark="vxlan.flag_a"),
            Column("policy_id", "u16", "Group policy: which group the sender is of.", at=2, wireshark="vxlan.gbp"),
            Column("version", "u8", "Generic form: its version, 0.", at=0, bits=(4, 2), wireshark="vxlan.ver"),
            Column("next_protocol_present", "bool", "Generic form: it says what it carries, else Ethernet.",
                   at=0, bits=(2, 1), wireshark="vxlan.p_bit"),
            Column("oam", "bool", "Generic form: it is for operation and maintenance.", at=0, bits=(0, 1),
                   wireshark="vxlan.o_bit"),
            Column("next_protocol", "u8", "Generic form: 1 IPv4, 2 IPv6, 3 Ethernet, 4 NSH.", at=3,
                   wireshark="vxlan.next_proto"),
            Column("vni", "u32", "Number of the virtual network, 0 to 16777215.", at=4, bits=(8, 24),
                   wireshark="vxlan.vni", encoding="dictionary"),
        ),
    ),
)  # fmt: skip
POLICY = ("policy_extension", "dont_learn", "policy_applied", "policy_id")
ONLY_GENERIC = ("version", "next_protocol_present", "oam", "next_protocol")


def read(messages: Messages) -> Columns:
    """Columns of the header; the port says which of the two forms it has."""
    columns = fixed(TABLES[0], messages)
    generic = (messages.source_port == GENERIC) | (messages.destination_port == GENERIC)
    return columns | {
        name: where(columns[name], wanted)
        for names, wanted in ((POLICY, ~generic), (ONLY_GENERIC, generic))
        for name in names
    }

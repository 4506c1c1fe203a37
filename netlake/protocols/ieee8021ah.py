"""IEEE 802.1ah, MAC-in-MAC: the service instance tag before a customer's frame in a provider backbone network."""

from __future__ import annotations

from netlake.schema import Column, Table

TABLES = (
    Table(
        "ieee8021ah",
        "One row for each service instance tag; the customer's frame after it is in `ethernet`.",
        spec="IEEE 802.1ah",
        on=("ether.type=0x88e7",),
        size=4,
        context="record",
        columns=(
            Column("priority", "u8", "Priority code point, 0 to 7.", at=0, bits=(5, 3),
                   wireshark="ieee8021ah.priority"),
            Column("drop_eligible", "bool", "Drop eligible indicator.", at=0, bits=(4, 1), wireshark="ieee8021ah.drop"),
            Column("no_customer_addresses", "bool",
                   "No customer addresses: the addresses after the tag are not those of a customer.", at=0, bits=(3, 1),
                   wireshark="ieee8021ah.nca"),
            Column("service", "u32", "Service identifier (I-SID), 0 to 16777215.", at=0, bits=(0, 24),
                   wireshark="ieee8021ah.isid", encoding="dictionary"),
        ),
    ),
)  # fmt: skip

"""IEEE 802.1ah, MAC in MAC: the tag before a customer's frame in a provider's backbone."""

from __future__ import annotations

from netlake.schema import Column, Table

TABLES = (
    Table(
        "ieee8021ah",
        "One row for each service instance tag; the customer's frame behind it is in `ethernet`.",
        spec="IEEE 802.1ah",
        on=("ether.type=0x88e7",),
        size=4,
        context="record",
        columns=(
            Column("priority", "u8", "Priority, 0 to 7.", at=0, bits=(5, 3), wireshark="ieee8021ah.priority"),
            Column("drop_eligible", "bool", "It may be dropped first.", at=0, bits=(4, 1), wireshark="ieee8021ah.drop"),
            Column("no_customer_addresses", "bool", "The addresses behind it are not those of a customer.", at=0,
                   bits=(3, 1), wireshark="ieee8021ah.nca"),
            Column("service", "u32", "Number of the customer's service, 0 to 16777215.", at=0, bits=(0, 24),
                   wireshark="ieee8021ah.isid", encoding="dictionary"),
        ),
    ),
)  # fmt: skip

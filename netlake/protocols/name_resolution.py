"""Names that the capture keeps for addresses, as the capturing machine knew them. The pipeline fills it."""

from __future__ import annotations

from netlake.schema import Column, Table

BLOCK = "tshark resolves with it, and does not list it"

TABLES = (
    Table(
        "name_resolution",
        "One row for each name of an address that the capture keeps beside its packets.",
        spec="draft-ietf-opsawg-pcapng",
        on=(),
        context="capture",
        key=("capture", "address", "name"),
        columns=(
            Column("address", "text", "The address as text.", why=BLOCK),
            Column("name", "text", "The name.", why=BLOCK),
            Column("kind", "word", "What the address is: ipv4, ipv6, eui48 or eui64.", why=BLOCK),
        ),
    ),
)

"""Names of addresses, resolved by the capturing machine and kept in the capture. The pipeline writes the rows."""

from __future__ import annotations

from netlake.schema import Column, Table

TABLES = (
    Table(
        "name_resolution",
        "One row for each name of an address in a name resolution block of the capture.",
        spec="draft-ietf-opsawg-pcapng",
        on=(),
        context="capture",
        key=("capture", "address", "name"),
        why="tshark resolves with it, but does not list it",
        columns=(
            Column("address", "text", "Address, as text."),
            Column("name", "text", "Name of the address."),
            Column("kind", "word", "Type of the address: ipv4, ipv6, eui48 or eui64."),
        ),
    ),
)

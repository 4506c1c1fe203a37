"""ICMPv6 echo request and reply."""

from __future__ import annotations

from netlake.layers.read import fixed, lengths
from netlake.packets import Columns, Messages
from netlake.schema import Column, Table

HEADER = 8

TABLES = (
    Table(
        "icmpv6_echo",
        "One row for each ICMPv6 echo request or reply.",
        spec="RFC 4443 section 4",
        on=("icmpv6.type=128", "icmpv6.type=129"),
        size=HEADER,
        columns=(
            Column("type", "u8", "ICMPv6 type: 128 echo request, 129 echo reply.", at=0, wireshark="icmpv6.type"),
            Column("identifier", "u16", "Identifier that matches replies to requests.", at=4,
                   wireshark="icmpv6.echo.identifier"),
            Column("sequence", "u16", "Sequence number of the request.", at=6, wireshark="icmpv6.echo.sequence_number"),
            Column("payload_length", "i32", "Bytes of data on the wire.", why="data.len"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> Columns:
    """Columns of the header, and the length of the data."""
    columns = fixed(TABLES[0], messages)
    payload = messages.end - messages.start + messages.missing - HEADER
    columns["payload_length"] = lengths(messages, payload, payload >= 0)
    return columns

"""ICMPv6 echo request and reply."""

from __future__ import annotations

import numpy as np

from netlake.layers.read import fixed, where
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
            Column("type", "u8", "128 request, 129 reply.", at=0, wireshark="icmpv6.type"),
            Column("identifier", "u16", "What tells programs apart.", at=4, wireshark="icmpv6.echo.identifier"),
            Column("sequence", "u16", "Which of several.", at=6, wireshark="icmpv6.echo.sequence_number"),
            Column("payload_length", "i32", "Bytes of data on the wire.", why="data.len"),
        ),
    ),
)


def read(messages: Messages) -> Columns:
    """Columns of the header and the length of the data."""
    columns = fixed(TABLES[0], messages)
    payload = messages.end - messages.start + messages.missing - HEADER
    columns["payload_length"] = where(payload.astype(np.int32), payload >= 0)
    return columns

"""IP Encapsulating Security Payload: SPI and sequence number; the rest is encrypted.

Decided here:
- On UDP port 4500 a message that starts with four zero bytes is ISAKMP, and a single byte FF is a keep-alive (RFC
  3948): neither has a row here.
"""

from __future__ import annotations

import numpy as np

from netlake.layers.probes import byte_at
from netlake.layers.read import fixed, lengths
from netlake.packets import Columns, Messages
from netlake.schema import Column, Table

HEADER = 8
TRAVERSAL = 4500
KEEP_ALIVE = 0xFF

TABLES = (
    Table(
        "ipsec_esp",
        "One row for each ESP packet.",
        spec="RFC 4303, RFC 3948",
        on=("ip.protocol=50", "udp.port=4500"),
        size=HEADER,
        inside="isakmp",  # on UDP the port is that of ISAKMP
        columns=(
            Column("spi", "u32", "Security parameters index: number of the security association at the receiver.", at=0,
                   wireshark="esp.spi"),
            Column("sequence", "u32", "Sequence number of the packet.", at=4, wireshark="esp.sequence"),
            Column("encrypted_length", "i32", "Bytes after the sequence number; null if the header is incomplete.",
                   why="no tshark field"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> tuple[Messages, Columns]:
    """Rows of the messages that are ESP: on port 4500 those without the four zero bytes of ISAKMP."""
    traversed = (messages.source_port == TRAVERSAL) | (messages.destination_port == TRAVERSAL)
    size = messages.end - messages.start + messages.missing
    zero = np.ones(len(messages), np.bool_)
    for position in range(4):
        zero &= byte_at(messages, position) <= 0
    others = (zero & (size > 4)) | ((size == 1) & (byte_at(messages, 0) == KEEP_ALIVE))
    kept = messages.take(np.flatnonzero(~(traversed & others)))
    columns = fixed(TABLES[0], kept)
    length = kept.end - kept.start + kept.missing - HEADER
    columns["encrypted_length"] = lengths(kept, length, kept.end - kept.start >= HEADER)
    return kept, columns

"""Items of the common packet format of EtherNet/IP, which contain addresses and data of CIP."""

from __future__ import annotations

from collections.abc import Iterator

from netlake.packets import Cursor, Malformed

INPUT_OUTPUT = 2222
EXPLICIT = 44818
HEADER = 24
SEND_COMMANDS = (0x6F, 0x70)
LIST_COMMANDS = (0x04, 0x63, 0x64)


def plain(message: Cursor) -> bool:
    """Whether the message starts with items: input and output data, by its port."""
    ports = (message.source_port, message.destination_port)
    return INPUT_OUTPUT in ports and EXPLICIT not in ports


def items(body: Cursor) -> Iterator[tuple[int, bytes]]:
    """Type and value of each item, up to the item count."""
    for _ in range(body.little(2)):
        kind, size = body.little(2), body.little(2)
        if size > body.promised:
            raise Malformed("bad_length")
        yield kind, body.take(size)

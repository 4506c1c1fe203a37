"""Items of EtherNet/IP's common packet format, in which addresses and data of CIP travel."""

from __future__ import annotations

from collections.abc import Iterator

from netlake.packets import Cursor, Malformed

INPUT_OUTPUT = 2222
EXPLICIT = 44818
HEADER = 24
SEND_COMMANDS = (0x6F, 0x70)
LIST_COMMANDS = (0x04, 0x63, 0x64)


def plain(message: Cursor) -> bool:
    """Whether items begin at once: input and output data, told by the port."""
    ports = (message.source_port, message.destination_port)
    return INPUT_OUTPUT in ports and EXPLICIT not in ports


def items(body: Cursor) -> Iterator[tuple[int, bytes]]:
    """Type and value of each item, as many as are told."""
    for _ in range(body.little(2)):
        kind, size = body.little(2), body.little(2)
        if size > body.promised:
            raise Malformed("bad_length")
        yield kind, body.take(size)

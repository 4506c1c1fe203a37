"""Memcached over UDP: requests and responses, in text or binary form; often used in amplification attacks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.headers import line
from netlake.layers.items import remainder
from netlake.packets import Cursor
from netlake.schema import Column, Message, Table

REQUEST, RESPONSE = 0x80, 0x81

TABLES = (
    Table(
        "memcached",
        "One row for each memcached datagram.",
        spec="memcached protocol.txt, BinaryProtocolRevamped",
        on=("udp.port=11211",),
        why="tshark does not read the UDP frame header",
        message=Message("memcached [{command}[ {arguments}]|opcode {opcode}]", "databases"),
        columns=(
            Column("request_id", "u16", "Request ID that matches responses to requests."),
            Column("sequence", "u16", "Sequence number of the datagram in its message, from 0."),
            Column("total", "u16", "Number of datagrams of the message."),
            Column("opcode", "u8",
                   "Binary form: opcode: 0 get, 1 set, 4 delete, 16 statistics; null in the text form."),
            Column("status", "u16", "Binary form, response: status: 0 success, 1 key not found."),
            Column("command", "word", "Text form: first word of the first line, such as get, stats or VALUE."),
            Column("arguments", "text", "Text form: rest of the first line."),
            Column("data", "bytes", "Bytes after the first line or the binary header."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one datagram; only the first datagram of a message has a command."""
    yield "request_id", message.number(2)
    sequence = message.number(2)
    yield "sequence", sequence
    yield "total", message.number(2)
    message.skip(2)
    if sequence == 0 and message.left and message.data[message.at] in (REQUEST, RESPONSE):
        magic = message.number(1)
        yield "opcode", message.number(1)
        message.skip(4)
        status = message.number(2)
        if magic == RESPONSE:
            yield "status", status
        message.skip(16)
    elif sequence == 0:
        command, _, arguments = line(message).partition(" ")
        yield "command", command
        yield "arguments", arguments or None
    yield from remainder(message, "data")

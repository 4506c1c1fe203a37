"""Memcached over UDP: questions to a cache, and the answers that attackers had sent to others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.headers import line
from netlake.layers.items import remainder
from netlake.packets import Cursor
from netlake.schema import Column, Table

REQUEST, RESPONSE = 0x80, 0x81

TABLES = (
    Table(
        "memcached",
        "One row for each memcached datagram.",
        spec="memcached protocol.txt, BinaryProtocolRevamped",
        on=("udp.port=11211",),
        columns=(
            Column("request_id", "u16", "What ties answers to the question.", why="tshark reads no UDP frame"),
            Column("sequence", "u16", "Number of the datagram in its message, from 0.", why="as above"),
            Column("total", "u16", "Datagrams of the message.", why="as above"),
            Column("opcode", "u8", "Binary form: 0 get, 1 set, 4 delete, 16 statistics; null in the text form.",
                   why="as above"),
            Column("status", "u16", "Binary form, answer: 0 success, 1 no such key.", why="as above"),
            Column("command", "word", "Text form: first word of the first line, such as get, stats or VALUE.",
                   why="as above"),
            Column("arguments", "text", "Text form: what follows it on the line.", why="as above"),
            Column("data", "bytes", "What follows the first line or the binary header.", why="as above"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One datagram; of a message of several only the first has a command."""
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

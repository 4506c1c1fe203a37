"""Trivial File Transfer Protocol: requests for files on port 69, and blocks of them where the port is kept.

Servers answer from another port, so that only requests are found by the port alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import remainder, text
from netlake.packets import Cursor, Short
from netlake.schema import Column, List, Struct, Table

READ, WRITE, DATA, ACKNOWLEDGMENT, ERROR, OPTIONS = range(1, 7)

OPTION = Struct(
    (
        Column("name", "word", "What is negotiated, such as blksize.", wireshark="tftp.option.name"),
        Column("value", "text", "What is wanted or granted.", wireshark="tftp.option.value"),
    )
)

TABLES = (
    Table(
        "tftp",
        "One row for each TFTP message.",
        spec="RFC 1350, RFC 2347, RFC 2348, RFC 2349",
        on=("udp.port=69",),
        columns=(
            Column("opcode", "u16", "1 read, 2 write, 3 data, 4 acknowledgment, 5 error, 6 options granted.",
                   wireshark="tftp.opcode"),
            Column("filename", "text", "Read and write: the file.", why="a field for each direction"),
            Column("mode", "word", "Read and write: octet, netascii or mail, as sent.", wireshark="tftp.type"),
            Column("block", "u16", "Data and acknowledgment: number of the block, modulo 2^16.",
                   wireshark="tftp.block"),
            Column("error_code", "u16", "Error: 1 no such file, 2 not allowed, 3 disk full and others.",
                   wireshark="tftp.error.code"),
            Column("error_message", "text", "Error: the same in words.", wireshark="tftp.error.message"),
            Column("options", List(OPTION), "Options in wire order."),
            Column("data", "bytes", "Data: the block.", why="tshark shows it whole only"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One message."""
    opcode = message.number(2)
    yield "opcode", opcode
    if opcode in (READ, WRITE):
        yield "filename", _text(message)
        yield "mode", _text(message)
        yield from _options(message)
    elif opcode == OPTIONS:
        yield from _options(message)
    elif opcode in (DATA, ACKNOWLEDGMENT):
        yield "block", message.number(2)
        if opcode == DATA:
            yield from remainder(message, "data")
    elif opcode == ERROR:
        yield "error_code", message.number(2)
        yield "error_message", _text(message)
    else:
        message.fault("bad_value")


def _text(message: Cursor) -> str:
    """Text up to its zero byte, which is passed over."""
    end = message.data.find(b"\0", message.at, message.end)
    if end < 0:
        raise Short
    found = text(message.take(end - message.at))
    message.skip(1)
    return found


def _options(message: Cursor) -> Iterator[tuple[str, Any]]:
    options: list[dict[str, str]] = []
    yield "options", options
    while message.promised:
        name = _text(message)
        options.append({"name": name, "value": _text(message)})

"""Trivial File Transfer Protocol: requests to port 69, and the transfers that they begin.

A server answers a request from a port that it chooses for this transfer: see `opens` and `continues`. Files are read
by netlake.layers.tftp_files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.datagrams import Datagrams
from netlake.layers.items import remainder, text
from netlake.layers.probes import number_at
from netlake.layers.tftp_files import TftpFiles
from netlake.packets import Cursor, Mask, Messages, Short
from netlake.schema import Column, List, Message, Struct, Table

READ, WRITE, DATA, ACKNOWLEDGMENT, ERROR, OPTIONS = range(1, 7)

OPTION = Struct(
    (
        Column("name", "word", "Option name, such as blksize.", wireshark="tftp.option.name"),
        Column("value", "text", "Option value, requested or acknowledged.", wireshark="tftp.option.value"),
    )
)

TABLES = (
    Table(
        "tftp",
        "One row for each TFTP message.",
        spec="RFC 1350, RFC 2347, RFC 2348, RFC 2349",
        on=("udp.port=69",),
        message=Message(
            "TFTP {opcode:1=read,2=write,3=data,4=acknowledgment,5=error,6=option acknowledgment}[ {filename}]["
            " block {block}][ {error_code}][ {error_message}]",
            "files", only="{opcode?1,2,5}",
        ),
        columns=(
            Column("opcode", "u16",
                   "Opcode: 1 read, 2 write, 3 data, 4 acknowledgment, 5 error, 6 option acknowledgment.",
                   wireshark="tftp.opcode"),
            Column("filename", "text", "Read and write: file name.", why="one tshark field for each direction"),
            Column("mode", "word", "Read and write: mode, as sent: octet, netascii or mail.", wireshark="tftp.type"),
            Column("block", "u16", "Data and acknowledgment: block number, modulo 2^16.", wireshark="tftp.block"),
            Column("error_code", "u16", "Error: code: 1 file not found, 2 access violation, 3 disk full.",
                   wireshark="tftp.error.code"),
            Column("error_message", "text", "Error: message.", wireshark="tftp.error.message"),
            Column("options", List(OPTION), "Options in wire order."),
            Column("data", "bytes", "Data: data of the block.", why="tshark shows reassembled data only"),
        ),
    ),
)  # fmt: skip

IN_DATAGRAMS = (Datagrams("tftp", ("file",), TftpFiles),)


def opens(messages: Messages) -> Mask:
    """Requests, which a server answers from a port of its own (RFC 1350 section 4)."""
    opcode = number_at(messages, 0, 2)
    result: Mask = (opcode == READ) | (opcode == WRITE)
    return result


def continues(messages: Messages) -> Mask:
    """Messages of a transfer."""
    opcode = number_at(messages, 0, 2)
    result: Mask = (opcode >= DATA) & (opcode <= OPTIONS)
    return result


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message."""
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
    """Text up to its zero byte, which is skipped."""
    end = message.data.find(b"\0", message.at, message.end)
    if end < 0:
        raise Short
    result = text(message.take(end - message.at))
    message.skip(1)
    return result


def _options(message: Cursor) -> Iterator[tuple[str, Any]]:
    options: list[dict[str, str]] = []
    yield "options", options
    while message.promised:
        name = _text(message)
        options.append({"name": name, "value": _text(message)})

"""EtherNet/IP: controllers and their modules; its encapsulation, and the CIP messages within it.

On port 44818 a message has a header of 24 bytes; on port 2222 input and output data travel as items without one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part, remainder, text
from netlake.packets import Cursor
from netlake.protocols.enip.items import LIST_COMMANDS, SEND_COMMANDS, items, plain
from netlake.schema import Column, List, Struct, Table

IDENTITY = 0x0C

ITEM = Struct(
    (
        Column("type", "u16", "Kind of item: 0 no address, 161 connected, 177 and 178 data, 32770 sequenced.",
               wireshark="enip.cpf.typeid"),
        Column("value", "bytes", "What it holds, as sent.", why="dissected by tshark"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "enip",
        "One row for each EtherNet/IP message.",
        spec="CIP Networks Library, volume 2",
        on=("udp.port=44818", "udp.port=2222"),
        columns=(
            Column("command", "u16",
                   "99 list identity, 101 register, 111 request or response, 112 connected data; null on port 2222.",
                   wireshark="enip.command"),
            Column("length", "u16", "Bytes behind the header.", wireshark="enip.length"),
            Column("session_handle", "u32", "Session that it belongs to.", wireshark="enip.session"),
            Column("status", "u32", "0 success.", wireshark="enip.status"),
            Column("sender_context", "bytes", "What the asker gets back, 8 bytes.", wireshark="enip.context"),
            Column("options", "u32", "Flags, 0.", wireshark="enip.options"),
            Column("interface_handle", "u32", "Request: 0 for CIP.", why="a field for each command"),
            Column("timeout", "u16", "Request: how long to wait, seconds.", wireshark="enip.timeout"),
            Column("items", List(ITEM), "Items in wire order."),
            Column("identity_ip", "ipv4", "List identity: address of the device.", wireshark="enip.sinaddr"),
            Column("vendor_id", "u16", "List identity: number of the vendor.", wireshark="enip.lir.vendor"),
            Column("device_type", "u16", "List identity: kind of device.", wireshark="enip.lir.devtype"),
            Column("product_code", "u16", "List identity: the vendor's number of the product.",
                   wireshark="enip.lir.prodcode"),
            Column("revision", "word", "List identity: its revision, such as 1.2.", why="in two parts"),
            Column("serial_number", "u32", "List identity: its serial number.", wireshark="enip.lir.serial"),
            Column("product_name", "text", "List identity: its name.", wireshark="enip.lir.name"),
            Column("command_data", "bytes", "What other commands hold.", why="a field for each command"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One message."""
    if plain(message):
        yield from _items(message)
        return
    command = message.little(2)
    yield "command", command
    length = message.little(2)
    yield "length", length
    yield "session_handle", message.little(4)
    yield "status", message.little(4)
    yield "sender_context", message.take(8)
    yield "options", message.little(4)
    body = part(message, length)
    if command in SEND_COMMANDS and body.promised:
        yield "interface_handle", body.little(4)
        yield "timeout", body.little(2)
        yield from _items(body)
    elif command in LIST_COMMANDS and body.promised:
        yield from _items(body)
    else:
        yield from remainder(body, "command_data")


def _items(body: Cursor) -> Iterator[tuple[str, Any]]:
    found: list[dict[str, Any]] = []
    yield "items", found
    for kind, value in items(body):
        found.append({"type": kind, "value": value})
        if kind == IDENTITY and len(value) >= 34:
            yield from _identity(Cursor(value))


def _identity(value: Cursor) -> Iterator[tuple[str, Any]]:
    value.skip(6)
    yield "identity_ip", value.take(4)
    value.skip(8)
    yield "vendor_id", value.little(2)
    yield "device_type", value.little(2)
    yield "product_code", value.little(2)
    yield "revision", f"{value.number(1)}.{value.number(1)}"
    value.skip(2)
    yield "serial_number", value.little(4)
    size = value.number(1)
    if size <= value.left:
        yield "product_name", text(value.take(size))

"""EtherNet/IP: industrial controllers and their modules; the encapsulation of CIP.

Messages on port 44818 have a header of 24 bytes; on port 2222 (input and output data) they start with the items.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part, remainder, text
from netlake.packets import Cursor
from netlake.protocols.enip.items import LIST_COMMANDS, SEND_COMMANDS, items, plain
from netlake.schema import Column, List, Message, Struct, Table

IDENTITY = 0x0C

ITEM = Struct(
    (
        Column("type", "u16",
               "Item type: 0 null address, 161 connected address, 177 and 178 data, 32770 sequenced address.",
               wireshark="enip.cpf.typeid"),
        Column("value", "bytes", "Value of the item, as sent.", why="tshark dissects it"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "enip",
        "One row for each EtherNet/IP message.",
        spec="CIP Networks Library, volume 2",
        on=("udp.port=44818", "udp.port=2222"),
        message=Message(
            "EtherNet/IP[ {command:99=list identity,4=list services,101=register session,102=unregister"
            " session,111=RR data,112=unit data}][ {product_name}][ {status?!0}status {status}]",
            "ics", only="{command?!112}",
        ),
        columns=(
            Column("command", "u16",
                   "Command: 99 list identity, 101 register session, 111 RR data, 112 unit data; null on port 2222.",
                   wireshark="enip.command"),
            Column("length", "u16", "Length of the message after its header, bytes.", wireshark="enip.length"),
            Column("session_handle", "u32", "Session handle.", wireshark="enip.session"),
            Column("status", "u32", "Status: 0 success.", wireshark="enip.status"),
            Column("sender_context", "bytes", "Sender context, 8 bytes; the receiver returns it.",
                   wireshark="enip.context"),
            Column("options", "u32", "Options, 0.", wireshark="enip.options"),
            Column("interface_handle", "u32", "Send data: interface handle, 0 for CIP.",
                   why="one tshark field per command"),
            Column("timeout", "u16", "Send data: timeout, seconds.", wireshark="enip.timeout"),
            Column("items", List(ITEM), "Items in wire order."),
            Column("identity_ip", "ipv4", "List identity: IP address of the device.", wireshark="enip.sinaddr"),
            Column("vendor_id", "u16", "List identity: vendor ID.", wireshark="enip.lir.vendor"),
            Column("device_type", "u16", "List identity: device type.", wireshark="enip.lir.devtype"),
            Column("product_code", "u16", "List identity: product code of the vendor.", wireshark="enip.lir.prodcode"),
            Column("revision", "word", "List identity: revision, such as 1.2.", why="two tshark fields"),
            Column("serial_number", "u32", "List identity: serial number.", wireshark="enip.lir.serial"),
            Column("product_name", "text", "List identity: product name.", wireshark="enip.lir.name"),
            Column("command_data", "bytes", "Data of other commands, as sent.", why="one tshark field per command"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message."""
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
    values: list[dict[str, Any]] = []
    yield "items", values
    for kind, value in items(body):
        values.append({"type": kind, "value": value})
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

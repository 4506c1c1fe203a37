"""Setup packets: what the host wants of a USB device, one row each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from netlake.layers.parsed import NO_ROW
from netlake.packets import Cursor, Malformed, Short
from netlake.protocols.usb.header import ON, Setup, header
from netlake.schema import Column, Table

STANDARD = 0
# standard requests whose value is the kind of a descriptor and its index
GET_DESCRIPTOR, SET_DESCRIPTOR = 6, 7

TABLES = (
    Table(
        "usb_setup",
        "One row for each setup packet of a USB control transfer.",
        spec="USB 2.0 section 9.3",
        on=ON,
        context="record",
        columns=(
            Column("device", "u16", "Number of the device on its bus.", wireshark="usb.device_address"),
            Column("request_type", "u8", "Kind of the request, all bits.", wireshark="usb.bmRequestType"),
            Column("to_host", "bool", "Data go to the host.", wireshark="usb.bmRequestType.direction"),
            Column("type", "u8", "0 standard, 1 class, 2 vendor.", wireshark="usb.bmRequestType.type"),
            Column("recipient", "u8", "0 device, 1 interface, 2 endpoint, 3 other.",
                   wireshark="usb.bmRequestType.recipient"),
            Column("request", "u8", "Number of the request; standard: 6 get descriptor, 9 set configuration.",
                   wireshark="usb.setup.bRequest"),
            Column("value", "u16", "Its value.", why="a field for each request"),
            Column("index", "u16", "Its index, as of an interface or endpoint.", why="a field for each request"),
            Column("length", "u16", "Bytes of data that may follow.", wireshark="usb.setup.wLength"),
            Column("descriptor_type", "u8", "Descriptor: 1 device, 2 configuration, 3 string, 4 interface, 5 endpoint.",
                   wireshark="usb.bDescriptorType"),
            Column("descriptor_index", "u8", "Descriptor: which of its kind.", wireshark="usb.DescriptorIndex"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """The setup packet, if the message holds one whole."""
    setup, device = Setup(), None
    # a header that cannot be read to its end is told of by the row of the transfer
    with suppress(Short, Malformed):
        for name, value in header(message, setup):
            device = value if name == "device" else device
    if setup.data is None:
        yield NO_ROW, None
        return
    packet = Cursor(setup.data)
    yield "device", device
    kind = packet.number(1)
    yield "request_type", kind
    yield "to_host", bool(kind & 0x80)
    yield "type", kind >> 5 & 3
    yield "recipient", kind & 0x1F
    request = packet.number(1)
    yield "request", request
    value = packet.little(2)
    yield "value", value
    yield "index", packet.little(2)
    yield "length", packet.little(2)
    if kind >> 5 & 3 == STANDARD and request in (GET_DESCRIPTOR, SET_DESCRIPTOR):
        yield "descriptor_type", value >> 8
        yield "descriptor_index", value & 0xFF

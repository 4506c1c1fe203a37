"""Setup packets: requests of the host to a USB device, one row for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from netlake.layers.parsed import NO_ROW
from netlake.packets import Cursor, Malformed, Short
from netlake.protocols.usb.header import ON, Setup, usb_header
from netlake.schema import Column, Table

STANDARD = 0
# standard requests with descriptor type and index as their value
GET_DESCRIPTOR, SET_DESCRIPTOR = 6, 7

TABLES = (
    Table(
        "usb_setup",
        "One row for each setup packet of a USB control transfer.",
        spec="USB 2.0 section 9.3",
        on=ON,
        context="record",
        columns=(
            Column("device", "u16", "Device address on its bus.", wireshark="usb.device_address"),
            Column("request_type", "u8", "bmRequestType: request type, all bits.", wireshark="usb.bmRequestType"),
            Column("to_host", "bool", "Direction: data go to the host.", wireshark="usb.bmRequestType.direction"),
            Column("type", "u8", "Request type: 0 standard, 1 class, 2 vendor.", wireshark="usb.bmRequestType.type"),
            Column("recipient", "u8", "Recipient: 0 device, 1 interface, 2 endpoint, 3 other.",
                   wireshark="usb.bmRequestType.recipient"),
            Column("request", "u8", "bRequest: request number; standard: 6 get descriptor, 9 set configuration.",
                   wireshark="usb.setup.bRequest"),
            Column("value", "u16", "wValue: value of the request.", why="one tshark field for each request"),
            Column("index", "u16", "wIndex: index, such as an interface or endpoint number.",
                   why="one tshark field for each request"),
            Column("length", "u16", "wLength: maximum bytes of data.", wireshark="usb.setup.wLength"),
            Column("descriptor_type", "u8",
                   "Descriptor type: 1 device, 2 configuration, 3 string, 4 interface, 5 endpoint.",
                   wireshark="usb.bDescriptorType"),
            Column("descriptor_index", "u8", "Descriptor index.", wireshark="usb.DescriptorIndex"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of the setup packet; no row if the message has none that is complete."""
    setup, device = Setup(), None
    # table `usb` has the row of an incomplete header and its fault
    with suppress(Short, Malformed):
        for name, value in usb_header(message, setup):
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

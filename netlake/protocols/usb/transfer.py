"""Every transfer over USB, as asked for and as answered: one row for each event of the bus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import remainder
from netlake.packets import Cursor
from netlake.protocols.usb.header import ON, Setup, header
from netlake.schema import Column, List, Struct, Table

DESCRIPTOR = Struct(
    (
        Column("status", "i32", "Status, 0 or a negative error of Linux.", wireshark="usb.iso.iso_status"),
        Column("offset", "u32", "Where its data begin, bytes.", wireshark="usb.iso.iso_off"),
        Column("length", "u32", "Bytes of its data.", wireshark="usb.iso.iso_len"),
    )
)

TABLES = (
    Table(
        "usb",
        "One row for each event of a USB transfer: what is asked for, and what came of it.",
        spec="Linux usbmon, USBPcap",
        on=ON,
        context="record",
        columns=(
            Column("id", "word", "What ties the answer to the request, 16 hexadecimal digits.",
                   why="tshark shows a number"),
            Column("event", "word", "Linux: S submitted, C complete, E error.", why="shown quoted"),
            Column("answer", "bool", "Windows: it goes from the bus to the driver.",
                   wireshark="usb.irp_info.direction"),
            Column("function", "u16", "Windows: number of the driver's function.", wireshark="usb.function"),
            Column("stage", "u8", "Windows: of a control transfer 0 setup, 1 data, 2 status, 3 complete.",
                   wireshark="usb.control_stage"),
            Column("transfer_type", "u8", "0 isochronous, 1 interrupt, 2 control, 3 bulk.",
                   wireshark="usb.transfer_type"),
            Column("to_host", "bool", "Data go to the host.", wireshark="usb.endpoint_address.direction"),
            Column("endpoint", "u8", "Number of the endpoint, 0 to 15.", wireshark="usb.endpoint_address.number"),
            Column("device", "u16", "Number of the device on its bus.", wireshark="usb.device_address"),
            Column("bus", "u16", "Number of the bus.", wireshark="usb.bus_id"),
            Column("setup_flag", "u8", "Linux: 0 if a setup packet is there, else why it is not.", why="shown quoted"),
            Column("data_flag", "u8", "Linux: 0 if data are there, else why they are not.", why="shown quoted"),
            Column("timestamp", "duration", "Linux: time that the kernel noted, seconds since 1970.",
                   why="in two fields"),
            Column("status", "i32", "0, or an error of the system: Linux a negative one, Windows a USBD status.",
                   wireshark="usb.urb_status"),
            Column("urb_length", "u32", "Linux: bytes asked for, or moved.", wireshark="usb.urb_len"),
            Column("data_length", "u32", "Bytes of data that were captured.", wireshark="usb.data_len"),
            Column("interval", "i32", "Linux: polling interval, frames.", wireshark="usb.interval"),
            Column("start_frame", "i32", "Linux: frame that an isochronous transfer begins in.",
                   wireshark="usb.start_frame"),
            Column("transfer_flags", "u32", "Linux: flags of the transfer, all bits.",
                   wireshark="usb.copy_of_transfer_flags"),
            Column("error_count", "u32", "Isochronous: how many packets failed.", wireshark="usb.iso.error_count"),
            Column("iso_descriptors", List(DESCRIPTOR), "Isochronous: every packet of the transfer."),
            Column("payload", "bytes", "Data that were moved.", why="dissected by tshark"),
            Column("iso_descriptor_count", "u32", "Isochronous: packets of the transfer that the header promises.",
                   wireshark="usb.iso.numdesc"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """The header, the setup packet passed over, and what was moved."""
    yield from header(message, Setup())
    yield from remainder(message, "payload")

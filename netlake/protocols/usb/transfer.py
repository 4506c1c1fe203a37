"""USB transfers: one row for each event on the bus, a submission or a completion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import remainder
from netlake.packets import Cursor
from netlake.protocols.usb.header import ON, Setup, usb_header
from netlake.schema import Column, List, Struct, Table

DESCRIPTOR = Struct(
    (
        Column("status", "i32", "Status of the packet: 0, or a negative error number of Linux.",
               wireshark="usb.iso.iso_status"),
        Column("offset", "u32", "Offset of the data, bytes.", wireshark="usb.iso.iso_off"),
        Column("length", "u32", "Bytes of the data.", wireshark="usb.iso.iso_len"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "usb",
        "One row for each event of a USB transfer: a submission, completion or error.",
        spec="Linux usbmon, USBPcap",
        on=ON,
        context="record",
        columns=(
            Column("id", "word",
                   "Transfer (URB or IRP) ID that matches completions to submissions, 16 hexadecimal digits.",
                   why="tshark shows a number"),
            Column("event", "word", "Linux: event type: S submit, C complete, E error.",
                   why="tshark shows it in quotes"),
            Column("answer", "bool", "Windows: the event goes from the bus to the driver.",
                   wireshark="usb.irp_info.direction"),
            Column("function", "u16", "Windows: URB function code.", wireshark="usb.function"),
            Column("stage", "u8", "Windows: stage of a control transfer: 0 setup, 1 data, 2 status, 3 complete.",
                   wireshark="usb.control_stage"),
            Column("transfer_type", "u8", "Transfer type: 0 isochronous, 1 interrupt, 2 control, 3 bulk.",
                   wireshark="usb.transfer_type"),
            Column("to_host", "bool", "Direction: data go to the host.", wireshark="usb.endpoint_address.direction"),
            Column("endpoint", "u8", "Endpoint number, 0 to 15.", wireshark="usb.endpoint_address.number"),
            Column("device", "u16", "Device address on its bus.", wireshark="usb.device_address"),
            Column("bus", "u16", "Bus number.", wireshark="usb.bus_id"),
            Column("setup_flag", "u8",
                   "Linux: setup flag: 0 if a setup packet is present, else the reason for its absence.",
                   why="tshark shows it in quotes"),
            Column("data_flag", "u8", "Linux: data flag: 0 if data are present, else the reason for their absence.",
                   why="tshark shows it in quotes"),
            Column("timestamp", "duration", "Linux: timestamp of the kernel, seconds since 1970.",
                   why="two tshark fields"),
            Column("status", "i32", "Status: 0, or an error: negative error number of Linux, USBD status of Windows.",
                   wireshark="usb.urb_status"),
            Column("urb_length", "u32", "Linux: URB length, bytes requested or transferred.", wireshark="usb.urb_len"),
            Column("data_length", "u32", "Captured bytes of data.", wireshark="usb.data_len"),
            Column("interval", "i32", "Linux: polling interval, frames.", wireshark="usb.interval"),
            Column("start_frame", "i32", "Linux: start frame of an isochronous transfer.", wireshark="usb.start_frame"),
            Column("transfer_flags", "u32", "Linux: transfer flags, all bits.", wireshark="usb.copy_of_transfer_flags"),
            Column("error_count", "u32", "Isochronous: number of failed packets.", wireshark="usb.iso.error_count"),
            Column("iso_descriptors", List(DESCRIPTOR), "Isochronous: packets of the transfer, in wire order."),
            Column("payload", "bytes", "Transferred data.", why="tshark dissects it"),
            Column("iso_descriptor_count", "u32", "Isochronous: number of packets in the header.",
                   wireshark="usb.iso.numdesc"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of the pseudo-header and the transferred data; a setup packet is skipped."""
    yield from usb_header(message, Setup())
    yield from remainder(message, "payload")

"""PROFINET: its frames by id, and the discovery and configuration protocol by which devices are found and named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part, text
from netlake.layers.parsed import NO_ROW
from netlake.packets import Cursor, Malformed, Short
from netlake.schema import Column, List, Struct, Table

ON = ("ether.type=0x8892",)
# hello, get and set, identify request, identify response
DISCOVERY = range(0xFEFC, 0xFF00)
# cyclic data, which ends in four bytes of status
CYCLIC = range(0x0100, 0xFC00)
STATUS = 4
GET = 3
IDENTIFY = 5
REQUEST = 0
IP = 1
DEVICE = 2

BLOCK = Struct(
    (
        Column("option", "u8", "1 IP, 2 device, 3 DHCP, 5 control, 6 initiative, 255 all.", wireshark="pn_dcp.option"),
        Column("suboption", "u8", "What of it.", why="a field for each option"),
        Column("information", "u16", "Information or qualifier in front of the value.", why="several fields"),
        Column("value", "bytes", "The value as it lies.", why="many fields"),
    )
)

TABLES = (
    Table(
        "profinet_rt",
        "One row for each PROFINET real-time frame, of discovery too.",
        spec="IEC 61158-6-10",
        on=ON,
        context="record",
        columns=(
            Column("frame_id", "u16", "What the frame is: 256 to 64511 cyclic data, 65276 to 65279 discovery.",
                   wireshark="pn_rt.frame_id"),
            Column("cycle_counter", "u16", "Cyclic: time, in 31.25 microseconds.", wireshark="pn_rt.cycle_counter"),
            Column("data_status", "u8", "Cyclic: 1 primary, 4 valid, 16 running, 32 no problem.", wireshark="pn_rt.ds"),
            Column("transfer_status", "u8", "Cyclic: 0, or what went wrong.", wireshark="pn_rt.transfer_status"),
        ),
    ),
    Table(
        "profinet_dcp",
        "One row for each message of the PROFINET discovery and configuration protocol.",
        spec="IEC 61158-6-10",
        on=ON,
        context="record",
        inside="profinet_rt",
        columns=(
            Column("frame_id", "u16", "65276 hello, 65277 get and set, 65278 identify, 65279 answer.",
                   why="pn_rt.frame_id"),
            Column("service_id", "u8", "3 get, 4 set, 5 identify, 6 hello.", wireshark="pn_dcp.service_id"),
            Column("service_type", "u8", "0 request, 1 answer, 5 not supported.", wireshark="pn_dcp.service_type"),
            Column("xid", "u32", "What puts requests and answers together.", wireshark="pn_dcp.xid"),
            Column("response_delay", "u16", "Identify: how far answers are to be spread, units of 10 milliseconds.",
                   wireshark="pn_dcp.response_delay"),
            Column("data_length", "u16", "Bytes of the blocks.", wireshark="pn_dcp.data_length"),
            Column("name_of_station", "text", "Name of the device.", wireshark="pn_dcp.suboption_device_nameofstation"),
            Column("alias_name", "text", "Name by neighbour and port.", wireshark="pn_dcp.suboption_device_aliasname"),
            Column("device_vendor_value", "text", "Kind of device, in the vendor's words.",
                   wireshark="pn_dcp.suboption_device_devicevendorvalue"),
            Column("vendor_id", "u16", "Number of the vendor.", wireshark="pn_dcp.suboption_vendor_id"),
            Column("device_id", "u16", "The vendor's number of the device.", wireshark="pn_dcp.suboption_device_id"),
            Column("device_role", "u8", "1 device, 2 controller, 4 multi-device, 8 supervisor.",
                   wireshark="pn_dcp.suboption_device_role"),
            Column("ip", "ipv4", "Address of the device.", wireshark="pn_dcp.suboption_ip_ip"),
            Column("subnet_mask", "ipv4", "Its mask.", wireshark="pn_dcp.suboption_ip_subnetmask"),
            Column("gateway", "ipv4", "Its gateway.", wireshark="pn_dcp.suboption_ip_standard_gateway"),
            Column("blocks", List(BLOCK), "Every block in wire order."),
        ),
    ),
)  # fmt: skip

# columns and bytes of what blocks hold
TEXTS = {(DEVICE, 1): "device_vendor_value", (DEVICE, 2): "name_of_station", (DEVICE, 6): "alias_name"}


def parse_profinet_rt(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Any frame; the status of cyclic data is what it ends in."""
    frame = message.number(2)
    yield "frame_id", frame
    if frame in CYCLIC:
        message.skip(max(message.promised - STATUS, 0))
        yield "cycle_counter", message.number(2)
        yield "data_status", message.number(1)
        yield "transfer_status", message.number(1)


def parse_profinet_dcp(message: Cursor) -> Iterator[tuple[str, Any]]:
    """A frame of discovery; what pads it to the length that Ethernet wants is not read."""
    if message.left < 2:
        yield NO_ROW, None
    frame = message.number(2)
    if frame not in DISCOVERY:
        yield NO_ROW, None
    yield "frame_id", frame
    service, kind = message.number(1), message.number(1)
    yield "service_id", service
    yield "service_type", kind
    yield "xid", message.number(4)
    delay = message.number(2)
    if service == IDENTIFY and kind == REQUEST:
        yield "response_delay", delay
    length = message.number(2)
    yield "data_length", length
    if length > message.promised:
        message.fault("bad_length")
    body = part(message, min(length, message.promised))
    blocks: list[dict[str, Any]] = []
    yield "blocks", blocks
    seen: set[str] = set()
    while body.promised:
        block: dict[str, Any] = {"option": body.number(1), "suboption": body.number(1)}
        blocks.append(block)
        if service == GET and kind == REQUEST:
            continue
        for name, value in _block(block, body, informed=kind != REQUEST or service != IDENTIFY):
            if name not in seen:
                seen.add(name)
                yield name, value


def _block(block: dict[str, Any], body: Cursor, *, informed: bool) -> Iterator[tuple[str, Any]]:
    """One block, padded to an even length; all but those of an identify request have two bytes before the value."""
    size = body.number(2)
    if size > body.promised:
        raise Malformed("bad_length")
    data = body.take(size)
    body.skip(min(size % 2, body.left))
    value = Cursor(data)
    try:
        if informed and (block["option"], block["suboption"]) != (5, 4):
            block["information"] = value.number(2)
        block["value"] = data[value.at :]
        yield from _typed((block["option"], block["suboption"]), value)
    except Short:
        body.fault("bad_length")


def _typed(which: tuple[int, int], value: Cursor) -> Iterator[tuple[str, Any]]:
    if which in TEXTS:
        yield TEXTS[which], text(value.rest())
    elif which == (IP, 2):
        for name in ("ip", "subnet_mask", "gateway"):
            yield name, value.take(4)
    elif which == (DEVICE, 3):
        yield "vendor_id", value.number(2)
        yield "device_id", value.number(2)
    elif which == (DEVICE, 4):
        yield "device_role", value.number(1)

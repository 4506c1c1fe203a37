"""PROFINET real-time frames, and the discovery and basic configuration protocol (DCP) in them.

Decided here:
- The frame ID decides: 256 to 64511 is cyclic data, which ends in four status bytes; 65276 to 65279 is DCP. All frames
  have a row of `profinet_rt`, DCP frames also one of `profinet_dcp`.
- Of a DCP block that is repeated, the first one has the columns. Blocks of an identify request have no block
  information before the value, and those of a get request have no length.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part, text
from netlake.layers.parsed import NO_ROW
from netlake.packets import Cursor, Malformed, Short
from netlake.schema import Column, List, Message, Struct, Table

ON = ("ether.type=0x8892",)
# frame IDs of DCP: hello, get and set, identify request, identify response
DISCOVERY = range(0xFEFC, 0xFF00)
# frame IDs of cyclic data, which ends in four status bytes
CYCLIC = range(0x0100, 0xFC00)
STATUS = 4
GET = 3
IDENTIFY = 5
REQUEST = 0
IP = 1
DEVICE = 2

BLOCK = Struct(
    (
        Column("option", "u8", "Option: 1 IP, 2 device, 3 DHCP, 5 control, 6 initiative, 255 all.",
               wireshark="pn_dcp.option"),
        Column("suboption", "u8", "Suboption.", why="one tshark field for each option"),
        Column("information", "u16", "Block information or block qualifier before the value.",
               why="several tshark fields"),
        Column("value", "bytes", "Value, as sent.", why="one tshark field for each option"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "profinet_rt",
        "One row for each PROFINET real-time frame, discovery included.",
        spec="IEC 61158-6-10",
        on=ON,
        context="record",
        columns=(
            Column("frame_id", "u16", "Frame ID: 256 to 64511 cyclic data, 65276 to 65279 discovery.",
                   wireshark="pn_rt.frame_id"),
            Column("cycle_counter", "u16", "Cyclic: cycle counter, in 31.25 microseconds.",
                   wireshark="pn_rt.cycle_counter"),
            Column("data_status", "u8", "Cyclic: data status: 1 primary, 4 valid, 16 running, 32 no problem.",
                   wireshark="pn_rt.ds"),
            Column("transfer_status", "u8", "Cyclic: transfer status, 0 if correct.",
                   wireshark="pn_rt.transfer_status"),
        ),
    ),
    Table(
        "profinet_dcp",
        "One row for each PROFINET DCP message.",
        spec="IEC 61158-6-10",
        on=ON,
        context="record",
        inside="profinet_rt",
        message=Message(
            "PROFINET DCP {service_id:3=get,4=set,5=identify,6=hello} [{service_type?0}request|response]["
            " {name_of_station}][ {ip}]",
            "ics", hosts=("ip",),
        ),
        columns=(
            Column("frame_id", "u16",
                   "Frame ID: 65276 hello, 65277 get and set, 65278 identify request, 65279 identify response.",
                   why="compared in profinet_rt"),
            Column("service_id", "u8", "Service ID: 3 get, 4 set, 5 identify, 6 hello.", wireshark="pn_dcp.service_id"),
            Column("service_type", "u8", "Service type: 0 request, 1 response, 5 response not supported.",
                   wireshark="pn_dcp.service_type"),
            Column("xid", "u32", "Transaction ID that matches responses to requests.", wireshark="pn_dcp.xid"),
            Column("response_delay", "u16", "Identify request: response delay factor, in 10 milliseconds.",
                   wireshark="pn_dcp.response_delay"),
            Column("data_length", "u16", "Bytes of the blocks.", wireshark="pn_dcp.data_length"),
            Column("name_of_station", "text", "Name of station.", wireshark="pn_dcp.suboption_device_nameofstation"),
            Column("alias_name", "text", "Alias name: station name and port of the neighbor.",
                   wireshark="pn_dcp.suboption_device_aliasname"),
            Column("device_vendor_value", "text", "Device vendor value: device type, as the vendor names it.",
                   wireshark="pn_dcp.suboption_device_devicevendorvalue"),
            Column("vendor_id", "u16", "Vendor ID.", wireshark="pn_dcp.suboption_vendor_id"),
            Column("device_id", "u16", "Device ID, assigned by the vendor.", wireshark="pn_dcp.suboption_device_id"),
            Column("device_role", "u8",
                   "Device role: 1 IO device, 2 IO controller, 4 IO multi-device, 8 IO supervisor.",
                   wireshark="pn_dcp.suboption_device_role"),
            Column("ip", "ipv4", "IP address of the device; null if 0.0.0.0 (not set).", unset=True,
                   wireshark="pn_dcp.suboption_ip_ip"),
            Column("subnet_mask", "ipv4", "Subnet mask of the device; null if 0.0.0.0.", unset=True,
                   wireshark="pn_dcp.suboption_ip_subnetmask"),
            Column("gateway", "ipv4", "Standard gateway of the device; null if 0.0.0.0.", unset=True,
                   wireshark="pn_dcp.suboption_ip_standard_gateway"),
            Column("blocks", List(BLOCK), "Blocks in wire order."),
        ),
    ),
)  # fmt: skip

# columns of text by option and suboption
TEXTS = {(DEVICE, 1): "device_vendor_value", (DEVICE, 2): "name_of_station", (DEVICE, 6): "alias_name"}


def parse_profinet_rt(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of any frame; the status of cyclic data is in its last four bytes."""
    frame = message.number(2)
    yield "frame_id", frame
    if frame in CYCLIC:
        message.skip(max(message.promised - STATUS, 0))
        yield "cycle_counter", message.number(2)
        yield "data_status", message.number(1)
        yield "transfer_status", message.number(1)


def parse_profinet_dcp(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one DCP frame; padding after the blocks is not read."""
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
    """Columns of one block, which is padded to even length; `informed`: two bytes of block information are first."""
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

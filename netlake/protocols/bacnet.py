"""BACnet over IP: controllers of buildings, their announcements and what is read and written.

The columns are of three layers: the link (BVLC), the network (NPDU) and the beginning of the application message.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import remainder
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, Table

BACNET_IP = 0x81
FORWARDED = 0x04
# functions of the link that carry a network message
CARRIERS = (0x04, 0x09, 0x0A, 0x0B)
CONFIRMED, UNCONFIRMED, SIMPLE_ACK, COMPLEX_ACK, SEGMENT_ACK, ERROR, REJECT, ABORT = range(8)
WHO_IS, I_AM = 8, 0
# confirmed services that begin with an object: read, read many, write
OF_OBJECTS = (12, 14, 15)

TABLES = (
    Table(
        "bacnet",
        "One row for each BACnet message.",
        spec="ASHRAE 135, annex J",
        on=("udp.port=47808",),
        columns=(
            Column("link_function", "u8", "4 forwarded, 5 register a foreign device, 10 to one, 11 to all.",
                   wireshark="bvlc.function"),
            Column("length", "u16", "Bytes of the message.", why="bvlc.length is the header's"),
            Column("forwarded_ip", "ipv4", "Forwarded: the first sender.", wireshark="bvlc.fwd_ip"),
            Column("forwarded_port", "u16", "Forwarded: its port.", wireshark="bvlc.fwd_port"),
            Column("network_control", "u8", "Flags of the network layer.", why="in a layer of its own"),
            Column("destination_network", "u16", "Network that it is for; 65535 all.", why="in a layer of its own"),
            Column("destination_address", "bytes", "Address there; null for all.", why="in forms by length"),
            Column("source_network", "u16", "Network that it comes from.", why="in a layer of its own"),
            Column("source_address", "bytes", "Address there.", why="in forms by length"),
            Column("hop_count", "u8", "Routers that it may still pass.", why="in a layer of its own"),
            Column("network_message", "u8", "Type of a message between routers; null for applications.",
                   why="in a layer of its own"),
            Column("pdu_type", "u8",
                   "0 confirmed, 1 unconfirmed, 2 and 3 acknowledged, 4 segment, 5 error, 6 rejected, 7 aborted.",
                   why="in a layer of its own"),
            Column("invoke_id", "u8", "What ties answers to the question.", why="in a layer of its own"),
            Column("service", "u8", "Confirmed: 12 read, 15 write, 14 read many; unconfirmed: 0 I am, 8 who is.",
                   why="two fields, by type"),
            Column("device_instance", "i64", "I am: number of the device, 0 to 4194303.",
                   why="bacapp.instance_number is others' too"),
            Column("data", "bytes", "What the service takes or gives, as sent.", why="dissected by tshark"),
            Column("object_type", "u16", "Read and write: kind of object, 0 to 1023: 0 analogue input, 8 device.",
                   why="bacapp.objectType of every object"),
            Column("object_instance", "i64", "Read and write: number of the object, 0 to 4194303.",
                   why="bacapp.instance_number of every object"),
            Column("property", "u32", "Read and write: property of the object: 77 its name, 85 its value.",
                   why="bacapp.property_identifier of every property"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One message."""
    if message.number(1) != BACNET_IP:
        raise Malformed("bad_value")
    function = message.number(1)
    yield "link_function", function
    length = message.number(2)
    yield "length", length
    if length < 4 or length - 4 > message.promised:
        message.fault("bad_length")
    if function == FORWARDED:
        yield "forwarded_ip", message.take(4)
        yield "forwarded_port", message.number(2)
    if function in CARRIERS:
        yield from _network(message)
    yield from remainder(message, "data")


def _network(message: Cursor) -> Iterator[tuple[str, Any]]:
    if message.number(1) != 1:
        raise Malformed("bad_version")
    control = message.number(1)
    yield "network_control", control
    for bit, side in ((0x20, "destination"), (0x08, "source")):
        if control & bit:
            yield f"{side}_network", message.number(2)
            yield f"{side}_address", message.take(message.number(1)) or None
    if control & 0x20:
        yield "hop_count", message.number(1)
    if control & 0x80:
        yield "network_message", message.number(1)
    else:
        yield from _application(message)


def _application(message: Cursor) -> Iterator[tuple[str, Any]]:
    first = message.number(1)
    kind = first >> 4
    yield "pdu_type", kind
    if kind == CONFIRMED:
        message.skip(1)
    if kind != UNCONFIRMED:
        yield "invoke_id", message.number(1)
    segmented = kind in (CONFIRMED, COMPLEX_ACK) and bool(first & 8)
    if segmented or kind == SEGMENT_ACK:
        message.skip(2)
    if kind != SEGMENT_ACK:
        service = message.number(1)
        yield "service", service
        # an object identifier: context of four bytes, of which 22 bits are the instance
        if kind == UNCONFIRMED and service == I_AM and message.data[message.at : message.at + 1] == b"\xc4":
            yield "device_instance", int.from_bytes(Cursor(message.data, message.at + 1).take(4), "big") & 0x3FFFFF
        elif kind in (CONFIRMED, COMPLEX_ACK) and service in OF_OBJECTS and not segmented:
            yield from _object(Cursor(message.data, message.at))


def _object(message: Cursor) -> Iterator[tuple[str, Any]]:
    """The object that a service begins with, context 0 of four bytes, and its property, context 1; `data` has both."""
    if message.left < 5 or message.number(1) != 0x0C:
        return
    number = message.number(4)
    yield "object_type", number >> 22
    yield "object_instance", number & 0x3FFFFF
    size = message.number(1) - 0x18 if message.left else 0
    if 1 <= size <= 4 and size <= message.left:
        yield "property", message.number(size)

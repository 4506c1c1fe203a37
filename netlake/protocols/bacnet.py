"""BACnet over IP: building automation; announcements of devices, and reads and writes of properties.

Decided here:
- A row has the columns of three layers: link (BVLC), network (NPDU), and the header of the application message (APDU).
- `data` has the parameters of the service as sent. Where they start with an object identifier, its type, instance and
  property are also columns, if the message is not segmented.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import remainder
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, Message, Table

BACNET_IP = 0x81
FORWARDED = 0x04
# BVLC functions that contain an NPDU
CARRIERS = (0x04, 0x09, 0x0A, 0x0B)
CONFIRMED, UNCONFIRMED, SIMPLE_ACK, COMPLEX_ACK, SEGMENT_ACK, ERROR, REJECT, ABORT = range(8)
WHO_IS, I_AM = 8, 0
# confirmed services whose parameters start with an object: ReadProperty, ReadPropertyMultiple, WriteProperty
OF_OBJECTS = (12, 14, 15)

TABLES = (
    Table(
        "bacnet",
        "One row for each BACnet message.",
        spec="ASHRAE 135, annex J",
        on=("udp.port=47808",),
        why="tshark shows it in the layers bacnet and bacapp",
        message=Message(
            "BACnet [{pdu_type:0=confirmed request,1=unconfirmed request,2=simple ack,3=complex ack,4=segment"
            " ack,5=error,6=reject,7=abort}[ [{pdu_type?0}{service:6=atomic read file,7=atomic write file,12=read"
            " property,14=read property multiple,15=write property,16=write property multiple,17=device"
            " communication control,20=reinitialize device}|{pdu_type?1}{service:0=I-Am,1=I-Have,7=Who-Has,8=Who-Is}|"
            "of service {service}]]|network message {network_message}|BVLC function {link_function}][ device"
            " {device_instance}][ object {object_type}:{object_instance}][ property {property}]",
            "ics",
        ),
        columns=(
            Column("link_function", "u8",
                   "BVLC function: 4 forwarded NPDU, 5 register foreign device, 10 unicast NPDU, 11 broadcast NPDU.",
                   wireshark="bvlc.function"),
            Column("length", "u16", "Length of the BVLC message, bytes.",
                   why="bvlc.length is the length of the header"),
            Column("forwarded_ip", "ipv4", "Forwarded NPDU: address of the original sender.", wireshark="bvlc.fwd_ip"),
            Column("forwarded_port", "u16", "Forwarded NPDU: UDP port of the original sender.",
                   wireshark="bvlc.fwd_port"),
            Column("network_control", "u8", "NPDU control flags."),
            Column("destination_network", "u16", "Destination network number; 65535 is all networks."),
            Column("destination_address", "bytes",
                   "MAC-layer address in the destination network; null for a broadcast.",
                   why="one tshark field per address length"),
            Column("source_network", "u16", "Source network number."),
            Column("source_address", "bytes", "MAC-layer address in the source network.",
                   why="one tshark field per address length"),
            Column("hop_count", "u8", "Hop count: routers that the message may still pass, 0 to 255."),
            Column("network_message", "u8", "Network layer message type; null in application messages."),
            Column("pdu_type", "u8",
                   "APDU type: 0 confirmed, 1 unconfirmed, 2 and 3 ack, 4 segment ack, 5 error, 6 reject, 7 abort."),
            Column("invoke_id", "u8", "Invoke ID: matches a response to its confirmed request."),
            Column("service", "u8",
                   "Service. Confirmed: 12 read, 14 read multiple, 15 write property; unconfirmed: 0 I-Am, 8 Who-Is.",
                   why="two tshark fields, by APDU type"),
            Column("device_instance", "i64", "I-Am: instance number of the device, 0 to 4194303.",
                   why="bacapp.instance_number has other objects too"),
            Column("data", "bytes", "Parameters of the service, as sent.", why="tshark dissects it"),
            Column("object_type", "u16", "Read and write: object type, 0 to 1023; 0 analog input, 8 device.",
                   why="bacapp.objectType has every object"),
            Column("object_instance", "i64", "Read and write: instance number of the object, 0 to 4194303.",
                   why="bacapp.instance_number has every object"),
            Column("property", "u32", "Read and write: property identifier; 77 object name, 85 present value.",
                   why="bacapp.property_identifier has every property"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message."""
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
        # an object identifier: application tag 12 of four bytes; the lower 22 bits are the instance number
        if kind == UNCONFIRMED and service == I_AM and message.data[message.at : message.at + 1] == b"\xc4":
            yield "device_instance", int.from_bytes(Cursor(message.data, message.at + 1).take(4), "big") & 0x3FFFFF
        elif kind in (CONFIRMED, COMPLEX_ACK) and service in OF_OBJECTS and not segmented:
            yield from _object(Cursor(message.data, message.at))


def _object(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Object at the start of a service's parameters (context tag 0) and its property (context tag 1)."""
    if message.left < 5 or message.number(1) != 0x0C:
        return
    number = message.number(4)
    yield "object_type", number >> 22
    yield "object_instance", number & 0x3FFFFF
    size = message.number(1) - 0x18 if message.left else 0
    if 1 <= size <= 4 and size <= message.left:
        yield "property", message.number(size)

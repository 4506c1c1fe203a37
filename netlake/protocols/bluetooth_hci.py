"""Bluetooth HCI: commands, events and data between a host and its controller, as in H4 and in the Linux monitor.

Decided here:
- H4, H4 with direction, and the Linux monitor are one table. The opcodes of the monitor are translated to H4 packet
  types; its own messages, such as a new controller, have a null `type`.
- A device address stays in `payload` when it is also in `address`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import remainder
from netlake.packets import Cursor
from netlake.schema import Column, Table

WITH_DIRECTION, MONITOR = 201, 254
COMMAND, DATA, VOICE, EVENT, ISO = 1, 2, 3, 4, 5
# of a monitor opcode: H4 packet type, and whether the packet goes to the host
MONITORED = {
    2: (COMMAND, False), 3: (EVENT, True), 4: (DATA, False), 5: (DATA, True), 6: (VOICE, False), 7: (VOICE, True),
    18: (ISO, False), 19: (ISO, True),
}  # fmt: skip
COMMAND_COMPLETE, COMMAND_STATUS, LOW_ENERGY = 0x0E, 0x0F, 0x3E
# events and LE subevents that start with a status and a connection handle
CONNECTED = (0x03, 0x05, 0x06, 0x08, 0x0B, 0x0C, 0x0D)
LOW_ENERGY_CONNECTED = (0x01, 0x03, 0x0A, 0x0C)
CONTINUED = 1

# offset of the device address in events, LE events and commands, from the first byte not read before it
EVENT_ADDRESS = {0x03: 3, 0x04: 0}
LOW_ENERGY_ADDRESS = {0x01: 5, 0x02: 3, 0x0A: 5}
COMMAND_ADDRESS = {0x0405: 0, 0x200D: 6}
# L2CAP: channel of the Attribute Protocol, and ATT opcodes with one attribute handle
ATTRIBUTES = 4
WITH_HANDLE = (0x0A, 0x0C, 0x12, 0x16, 0x1B, 0x1D, 0x52)

TABLES = (
    Table(
        "bluetooth_hci",
        "One row for each packet between a Bluetooth host and its controller.",
        spec="Bluetooth Core, volume 4 part E; Linux btmon",
        on=("link.type=187", "link.type=201", "link.type=254"),
        context="record",
        columns=(
            Column("to_host", "bool",
                   "Direction: true to the host, false to the controller; null where the capture has no direction.",
                   wireshark="hci_h4.direction"),
            Column("adapter", "u16", "Monitor: index of the controller; 65535 none.", wireshark="hci_mon.adapter_id"),
            Column("monitor_opcode", "u16",
                   "Monitor: opcode of the record; 0 new controller, 1 deleted controller, 2 command, 3 event.",
                   wireshark="hci_mon.opcode"),
            Column("type", "u8",
                   "H4 packet type: 1 command, 2 ACL data, 3 SCO data, 4 event, 5 ISO data; null in others.",
                   wireshark="hci_h4.type"),
            Column("opcode", "u16",
                   "Command: opcode. Command complete and command status events: opcode of their command.",
                   wireshark="bthci_cmd.opcode"),
            Column("ogf", "u8", "Opcode group field (OGF), 0 to 63.", wireshark="bthci_cmd.opcode.ogf"),
            Column("ocf", "u16", "Opcode command field (OCF), 0 to 1023.", wireshark="bthci_cmd.opcode.ocf"),
            Column("event", "u8", "Event: event code.", wireshark="bthci_evt.code"),
            Column("subevent", "u8", "LE meta event: subevent code.", wireshark="bthci_evt.le_meta_subevent"),
            Column("status", "u8", "Event: status, 0 success, else an error code.", wireshark="bthci_evt.status"),
            Column("parameter_length", "u8", "Command and event: total length of the parameters, bytes.",
                   wireshark="bthci_cmd.param_length"),
            Column("handle", "u16", "Connection handle of data and many events, 0 to 4095.",
                   wireshark="bthci_acl.chandle"),
            Column("boundary", "u8",
                   "ACL: packet boundary flag, 0 and 2 first fragment of an L2CAP packet, 1 continuing, 3 complete.",
                   wireshark="bthci_acl.pb_flag"),
            Column("broadcast", "u8", "ACL: broadcast flag, 0 point-to-point, 1 broadcast.",
                   wireshark="bthci_acl.bc_flag"),
            Column("length", "u16", "Data: length of the data, bytes.", wireshark="bthci_acl.length"),
            Column("l2cap_length", "u16", "First fragment: length of the L2CAP payload, bytes.",
                   wireshark="btl2cap.length"),
            Column("channel", "u16", "First fragment: L2CAP channel ID; 1 signalling, 4 Attribute Protocol.",
                   wireshark="btl2cap.cid"),
            Column("payload", "bytes", "Bytes after the headers: parameters or data.", why="tshark dissects it"),
            Column("address", "mac",
                   "Connections and advertisements: address of the other device, of the first report.",
                   why="bthci_evt.bd_addr has every report"),
            Column("att_opcode", "u8", "First fragment, ATT: opcode; 10 read, 18 and 82 write, 27 notification.",
                   why="btatt.opcode is of reassembled packets"),
            Column("att_handle", "u16", "First fragment, ATT read, write and notification: attribute handle.",
                   why="btatt.handle has every attribute"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one packet of any type."""
    kind: int | None
    if message.hint == MONITOR:
        adapter, opcode = message.number(2), message.number(2)
        yield "adapter", adapter
        yield "monitor_opcode", opcode
        kind, to_host = MONITORED.get(opcode, (None, None))
        yield "to_host", to_host
    else:
        if message.hint == WITH_DIRECTION:
            yield "to_host", bool(message.number(4) & 1)
        kind = message.number(1)
    yield "type", kind
    if kind == COMMAND:
        opcode = message.little(2)
        yield from _opcode(opcode)
        yield "parameter_length", message.number(1)
        yield from _address(message, COMMAND_ADDRESS.get(opcode))
    elif kind == EVENT:
        yield from _event(message)
    elif kind == DATA:
        yield from _data(message)
    elif kind in (VOICE, ISO):
        yield "handle", message.little(2) & 0x0FFF
        yield "length", message.number(1) if kind == VOICE else message.little(2) & 0x3FFF
    elif kind is not None:
        message.fault("bad_value")
    yield from remainder(message, "payload")


def _opcode(number: int) -> Iterator[tuple[str, Any]]:
    yield "opcode", number
    yield "ogf", number >> 10
    yield "ocf", number & 0x3FF


def _event(message: Cursor) -> Iterator[tuple[str, Any]]:
    code = message.number(1)
    yield "event", code
    yield "parameter_length", message.number(1)
    if code == COMMAND_COMPLETE:
        message.skip(1)
        opcode = message.little(2)
        yield from _opcode(opcode)
        if opcode and message.promised:
            yield "status", message.number(1)
    elif code == COMMAND_STATUS:
        yield "status", message.number(1)
        message.skip(1)
        yield from _opcode(message.little(2))
    elif code in CONNECTED:
        yield from _address(message, EVENT_ADDRESS.get(code))
        yield from _connection(message)
    elif code in EVENT_ADDRESS:
        yield from _address(message, EVENT_ADDRESS[code])
    elif code == LOW_ENERGY:
        subevent = message.number(1)
        yield "subevent", subevent
        yield from _address(message, LOW_ENERGY_ADDRESS.get(subevent))
        if subevent in LOW_ENERGY_CONNECTED:
            yield from _connection(message)


def _address(message: Cursor, offset: int | None) -> Iterator[tuple[str, Any]]:
    """The device address `offset` bytes ahead, in reverse byte order, without moving the cursor."""
    if offset is not None and message.left >= offset + 6:
        at = message.at + offset
        yield "address", message.data[at : at + 6][::-1]


def _connection(message: Cursor) -> Iterator[tuple[str, Any]]:
    yield "status", message.number(1)
    yield "handle", message.little(2) & 0x0FFF


def _data(message: Cursor) -> Iterator[tuple[str, Any]]:
    flags = message.little(2)
    yield "handle", flags & 0x0FFF
    yield "boundary", flags >> 12 & 3
    yield "broadcast", flags >> 14
    yield "length", message.little(2)
    if flags >> 12 & 3 != CONTINUED:
        yield "l2cap_length", message.little(2)
        channel = message.little(2)
        yield "channel", channel
        if channel == ATTRIBUTES and message.left:
            opcode = message.data[message.at]
            yield "att_opcode", opcode
            if opcode in WITH_HANDLE and message.left >= 3:
                yield "att_handle", int.from_bytes(message.data[message.at + 1 : message.at + 3], "little")

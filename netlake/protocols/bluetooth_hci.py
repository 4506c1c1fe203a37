"""What a host and its Bluetooth controller say to each other: commands, events and data, as they lie on that interface.

Linux's monitor numbers kinds its own way and says which controller it is; both are made one here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import remainder
from netlake.packets import Cursor
from netlake.schema import Column, Table

WITH_DIRECTION, MONITOR = 201, 254
COMMAND, DATA, VOICE, EVENT, ISO = 1, 2, 3, 4, 5
# of the monitor: the kind, and whether it goes to the host
MONITORED = {
    2: (COMMAND, False), 3: (EVENT, True), 4: (DATA, False), 5: (DATA, True), 6: (VOICE, False), 7: (VOICE, True),
    18: (ISO, False), 19: (ISO, True),
}  # fmt: skip
COMMAND_COMPLETE, COMMAND_STATUS, LOW_ENERGY = 0x0E, 0x0F, 0x3E
# events and subevents that begin with a status and a connection
CONNECTED = (0x03, 0x05, 0x06, 0x08, 0x0B, 0x0C, 0x0D)
LOW_ENERGY_CONNECTED = (0x01, 0x03, 0x0A, 0x0C)
CONTINUED = 1

# where events, events of low energy and commands have a device's address: bytes behind what was read of them
EVENT_ADDRESS = {0x03: 3, 0x04: 0}
LOW_ENERGY_ADDRESS = {0x01: 5, 0x02: 3, 0x0A: 5}
COMMAND_ADDRESS = {0x0405: 0, 0x200D: 6}
# of L2CAP: the channel of the attribute protocol, and its messages about one attribute
ATTRIBUTES = 4
WITH_HANDLE = (0x0A, 0x0C, 0x12, 0x16, 0x1B, 0x1D, 0x52)

TABLES = (
    Table(
        "bluetooth_hci",
        "One row for each packet between a host and its Bluetooth controller.",
        spec="Bluetooth Core, volume 4 part E; Linux btmon",
        on=("link.type=187", "link.type=201", "link.type=254"),
        context="record",
        columns=(
            Column("to_host", "bool", "It goes to the host; null where the capture does not say.",
                   wireshark="hci_h4.direction"),
            Column("adapter", "u16", "Monitor: number of the controller, 65535 none.", wireshark="hci_mon.adapter_id"),
            Column("monitor_opcode", "u16", "Monitor: what it is; 0 and 1 controllers come and go.",
                   wireshark="hci_mon.opcode"),
            Column("type", "u8", "1 command, 2 data, 3 voice, 4 event, 5 isochronous; null for notes of the monitor.",
                   wireshark="hci_h4.type"),
            Column("opcode", "u16", "Command, or the command that an event answers.", wireshark="bthci_cmd.opcode"),
            Column("ogf", "u8", "Group of the command, 0 to 63.", wireshark="bthci_cmd.opcode.ogf"),
            Column("ocf", "u16", "Number of the command in its group, 0 to 1023.", wireshark="bthci_cmd.opcode.ocf"),
            Column("event", "u8", "Event: its code.", wireshark="bthci_evt.code"),
            Column("subevent", "u8", "Event of low energy: its code.", wireshark="bthci_evt.le_meta_subevent"),
            Column("status", "u8", "Answer, or how it went: 0 success, else an error.", wireshark="bthci_evt.status"),
            Column("parameter_length", "u8", "Command or event: bytes of its parameters.",
                   wireshark="bthci_cmd.param_length"),
            Column("handle", "u16", "Data, voice, many events: number of the connection, 0 to 4095.",
                   wireshark="bthci_acl.chandle"),
            Column("boundary", "u8", "Data: 0 or 2 first part of an L2CAP packet, 1 a later one, 3 whole.",
                   wireshark="bthci_acl.pb_flag"),
            Column("broadcast", "u8", "Data: 0 to one, 1 to all.", wireshark="bthci_acl.bc_flag"),
            Column("length", "u16", "Data or voice: bytes that follow.", wireshark="bthci_acl.length"),
            Column("l2cap_length", "u16", "First part: bytes of the L2CAP packet.", wireshark="btl2cap.length"),
            Column("channel", "u16", "First part: L2CAP channel; 1 signalling, 4 attributes.",
                   wireshark="btl2cap.cid"),
            Column("payload", "bytes", "What follows the headers: parameters or data.", why="dissected by tshark"),
            Column("address", "mac", "Connections and advertisements: address of the other device, the first reported.",
                   why="bthci_evt.bd_addr of every report"),
            Column("att_opcode", "u8", "First part, attributes: 10 read, 18 and 82 write, 27 notification.",
                   why="btatt.opcode, in packets put together"),
            Column("att_handle", "u16", "First part, attributes read, written or notified: handle of the attribute.",
                   why="btatt.handle, of every attribute"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One packet of any kind."""
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
    """A device's address `offset` bytes on, lowest byte first; it stays in the payload."""
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

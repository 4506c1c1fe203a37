"""Distributed Network Protocol 3: masters and outstations of electricity and water networks.

Decided here:
- A message is one link frame. Its data is in blocks of 16 bytes, each followed by a CRC; the CRCs are removed.
- A frame with the first segment of an application message also has the header of that message and its first object in
  columns; `objects` has all its data.
- A datagram contains up to 64 frames. A datagram on the port that does not start with 0x0564 is not DNP3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.items import part
from netlake.layers.parsed import NEXT
from netlake.layers.probes import number_at
from netlake.packets import Cursor, Malformed, Mask, Messages
from netlake.schema import Column, Message, Table

START = 0x0564
BLOCK = 16
# link functions with user data: confirmed and unconfirmed
USER_DATA = (3, 4)
RESPONSES = (129, 130, 131)
MOST_FRAMES = 64

TABLES = (
    Table(
        "dnp3",
        "One row for each DNP3 link frame.",
        spec="IEEE 1815",
        on=("udp.port=20000",),
        message=Message(
            "DNP3 [{from_master?}master|outstation] {source} -> {destination}["
            " {function_code:0=confirm,1=read,2=write,3=select,4=operate,5=direct operate,6=direct operate without"
            " ack,13=cold restart,14=warm restart,18=stop application,20=enable unsolicited,21=disable"
            " unsolicited,129=response,130=unsolicited response}][ object {object_group}.{object_variation}]",
            "ics",
        ),
        columns=(
            Column("length", "u8", "Length of the frame after this field, without CRCs, bytes; 5 without data.",
                   wireshark="dnp3.len"),
            Column("control", "u8", "Control field: direction, primary, frame count bits and function code.",
                   wireshark="dnp3.ctl"),
            Column("from_master", "bool", "Direction: the sender is a master.", wireshark="dnp3.ctl.dir"),
            Column("primary", "bool", "Primary: the sender is the initiating station.", wireshark="dnp3.ctl.prm"),
            Column("link_function", "u8", "Link function code; 3 confirmed and 4 unconfirmed user data.",
                   why="two tshark fields, by direction"),
            Column("destination", "u16", "Link address of the receiver.", wireshark="dnp3.dst"),
            Column("source", "u16", "Link address of the sender.", wireshark="dnp3.src"),
            Column("transport_first", "bool", "Transport: first segment of an application message.",
                   wireshark="dnp3.tr.fir"),
            Column("transport_final", "bool", "Transport: final segment of an application message.",
                   wireshark="dnp3.tr.fin"),
            Column("transport_sequence", "u8", "Transport: sequence number, 0 to 63.", wireshark="dnp3.tr.seq"),
            Column("application_control", "u8", "Application control: FIR, FIN, CON, UNS and sequence number.",
                   wireshark="dnp3.al.ctl"),
            Column("function_code", "u8",
                   "Function code: 0 confirm, 1 read, 2 write, 3 select, 4 operate, 5 direct operate, 129 response.",
                   wireshark="dnp3.al.func"),
            Column("internal_indications", "u16", "Response: internal indications (IIN), state of the outstation.",
                   wireshark="dnp3.al.iin"),
            Column("objects", "bytes", "Objects of the function as sent, without CRCs.", why="tshark dissects it"),
            Column("object_group", "u8",
                   "Group of the first object: 1 and 2 binary inputs, 12 binary commands, 60 classes.",
                   why="dnp3.al.obj has every group and variation"),
            Column("object_variation", "u8", "Variation of the first object.",
                   why="dnp3.al.obj has every group and variation"),
        ),
    ),
)  # fmt: skip


def accept(messages: Messages) -> Mask:
    """Payloads on the port that start with the two start bytes, or are too short to decide."""
    start = number_at(messages, 0, 2)
    return np.asarray((start == START) | (start < 0))


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of every frame of a datagram."""
    for number in range(MOST_FRAMES):
        if number:
            yield NEXT, None
        yield from _frame(message)
        if not message.promised:
            return
    message.fault("too_large")


def _frame(message: Cursor) -> Iterator[tuple[str, Any]]:
    if message.number(2) != START:
        raise Malformed("bad_value")
    length = message.number(1)
    yield "length", length
    control = message.number(1)
    yield "control", control
    yield "from_master", bool(control & 0x80)
    yield "primary", bool(control & 0x40)
    yield "link_function", control & 0xF
    yield "destination", message.little(2)
    yield "source", message.little(2)
    message.skip(2)
    size = length - 5
    if size < 0:
        raise Malformed("bad_length")
    body = part(message, size + 2 * -(-size // BLOCK))
    data = b"".join(_block(body, min(BLOCK, size - at)) for at in range(0, size, BLOCK))
    if control & 0x40 and control & 0xF in USER_DATA and data:
        yield from _application(Cursor(data))


def _block(body: Cursor, size: int) -> bytes:
    data = body.take(size)
    body.skip(2)
    return data


def _application(body: Cursor) -> Iterator[tuple[str, Any]]:
    transport = body.number(1)
    yield "transport_first", bool(transport & 0x40)
    yield "transport_final", bool(transport & 0x80)
    yield "transport_sequence", transport & 0x3F
    if transport & 0x40 and body.left >= 2:
        yield "application_control", body.number(1)
        function = body.number(1)
        yield "function_code", function
        if function in RESPONSES and body.left >= 2:
            yield "internal_indications", body.number(2)
        if body.left >= 2:
            yield "object_group", body.data[body.at]
            yield "object_variation", body.data[body.at + 1]
    yield "objects", body.kept()

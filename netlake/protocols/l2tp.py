"""Layer 2 Tunneling Protocol: version 2 over UDP, version 3 over UDP or IP; control messages and data headers.

Decided here:
- The payload of version 3 is not decoded: its type, and the length of the cookie before it, were negotiated in the
  control connection.
- Over IP (no ports) four zero bytes are before a control message, and a session ID starts a data message.
- Typed columns are read from attributes of vendor 0 that are not hidden and have the right length.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part, text
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Message, Struct, Table

CONTROL, LENGTH, SEQUENCE, OFFSET, PRIORITY = 0x8000, 0x4000, 0x0800, 0x0200, 0x0100
HIDDEN = 0x4000
NUMBERS = {(0, 2): "message_type", (9, 2): "assigned_tunnel_id", (61, 4): "assigned_tunnel_id",
           (14, 2): "assigned_session_id", (63, 4): "assigned_session_id"}  # fmt: skip
TEXTS = {7: "host_name", 8: "vendor_name"}

AVP = Struct(
    (
        Column("mandatory", "bool",
               "Mandatory flag: a receiver that does not recognize it must end the tunnel or session.",
               wireshark="l2tp.avp.mandatory"),
        Column("hidden", "bool", "Hidden flag: the value is encrypted with a shared secret.",
               wireshark="l2tp.avp.hidden"),
        Column("vendor", "u16", "Vendor ID; 0 for attributes of the standard.", wireshark="l2tp.avp.vendor_id"),
        Column("type", "u16", "Attribute type.", wireshark="l2tp.avp.type"),
        Column("value", "bytes", "Attribute value, as sent.", why="one tshark field for each type"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "l2tp",
        "One row for each L2TP message, control or data.",
        spec="RFC 2661, RFC 3931",
        on=("udp.port=1701", "ip.protocol=115"),
        message=Message(
            "L2TP control message {message_type}[ {host_name}]",
            "remote", only="{control?}{message_type?}",
        ),
        columns=(
            Column("control", "bool", "Control message; false for data.", wireshark="l2tp.type"),
            Column("priority", "bool", "Data, version 2: priority flag.", wireshark="l2tp.priority"),
            Column("version", "u8", "Version, 2 or 3; null for data over IP, which is version 3.",
                   wireshark="l2tp.version"),
            Column("length", "u16", "Bytes of the message; null without the length field.", wireshark="l2tp.length"),
            Column("tunnel_id", "u32", "Tunnel ID of the receiver; in version 3 the control connection ID.",
                   wireshark="l2tp.tunnel"),
            Column("session_id", "u32", "Session ID of the receiver; in version 3 in data messages only.",
                   wireshark="l2tp.session"),
            Column("ns", "u16", "Ns: sequence number of this message.", wireshark="l2tp.Ns"),
            Column("nr", "u16", "Nr: sequence number expected next.", wireshark="l2tp.Nr"),
            Column("offset", "u16", "Data, version 2: bytes of padding before the payload.", wireshark="l2tp.offset"),
            Column("message_type", "u16", "Control: message type: 1 to 4 tunnel, 6 hello, 7 to 14 calls, 16 PPP.",
                   wireshark="l2tp.avp.message_type"),
            Column("host_name", "text", "Control: host name of the sender.", why="no tshark field"),
            Column("vendor_name", "text", "Control: vendor name of the sender.", why="no tshark field"),
            Column("assigned_tunnel_id", "u32", "Control: tunnel ID that the sender assigns.",
                   wireshark="l2tp.avp.assigned_tunnel_id"),
            Column("assigned_session_id", "u32", "Control: session ID that the sender assigns.",
                   wireshark="l2tp.avp.assigned_session_id"),
            Column("avps", List(AVP), "Control: attribute-value pairs in wire order."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message; over IP (no ports) the first four bytes distinguish data from control."""
    if message.source_port < 0:
        session = message.number(4)
        if session:
            yield "control", False
            yield "session_id", session
            return
    before = message.at
    flags = message.number(2)
    version = flags & 15
    yield "control", bool(flags & CONTROL)
    yield "version", version
    if version not in (2, 3):
        raise Malformed("bad_version")
    if version == 3 and not flags & CONTROL:
        message.skip(2)
        yield "session_id", message.number(4)
        return
    yield from _header(message, flags, before)


def _header(message: Cursor, flags: int, before: int) -> Iterator[tuple[str, Any]]:
    yield "priority", bool(flags & PRIORITY)
    length = None
    if flags & LENGTH:
        length = message.number(2)
        yield "length", length
    if flags & 15 == 2:
        yield "tunnel_id", message.number(2)
        yield "session_id", message.number(2)
    else:
        yield "tunnel_id", message.number(4)
    if flags & SEQUENCE:
        yield "ns", message.number(2)
        yield "nr", message.number(2)
    if flags & OFFSET:
        yield "offset", message.number(2)
    if length is not None and length < message.at - before:
        raise Malformed("bad_length")
    if flags & CONTROL:
        rest = message.promised if length is None else length - (message.at - before)
        yield from _avps(part(message, rest))


def _avps(body: Cursor) -> Iterator[tuple[str, Any]]:
    avps: list[dict[str, Any]] = []
    yield "avps", avps
    while body.promised:
        first = body.number(2)
        size = (first & 0x3FF) - 6
        vendor, kind = body.number(2), body.number(2)
        if size < 0 or size > body.promised:
            raise Malformed("bad_length")
        value = body.take(size)
        hidden = bool(first & HIDDEN)
        avps.append({"mandatory": bool(first >> 15), "hidden": hidden, "vendor": vendor, "type": kind, "value": value})
        if vendor or hidden:
            continue
        if (kind, size) in NUMBERS:
            yield NUMBERS[kind, size], int.from_bytes(value, "big")
        elif kind in TEXTS:
            yield TEXTS[kind], text(value)

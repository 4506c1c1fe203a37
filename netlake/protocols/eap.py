"""Extensible Authentication Protocol: authentication to a network, in frames of EAP over LAN and in RADIUS messages.

A RADIUS message contains one EAP packet, split into as many attributes as it needs; it is joined here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import items, part, text
from netlake.layers.parsed import NO_ROW
from netlake.packets import Cursor, Malformed, Short
from netlake.schema import Column, List, Message, Table

# header of EAP over LAN, and its packet type of EAP
LAN_HEADER = 4
LAN_EAP = 0
# all ports of RADIUS, so that its messages are one group; accounting messages contain no EAP
RADIUS_PORTS = (1812, 1813, 1645, 1646, 3799, 1700)
RADIUS_HEADER = 20
EAP_MESSAGE = 79
HEADER = 4
TYPED = (1, 2, 5, 6)
IDENTITY = 1
NOTIFICATION = 2
NAK = 3
MD5_CHALLENGE = 4
EXPANDED = 254
TLS_METHODS = (13, 21, 25, 43, 55)
LENGTH_INCLUDED = 0x80

TABLES = (
    Table(
        "eap",
        "One row for each EAP packet.",
        spec="RFC 3748, RFC 3579",
        on=("ether.type=0x888e", *(f"udp.port={port}" for port in RADIUS_PORTS)),
        inside="eapol",
        message=Message(
            "EAP {code:1=request,2=response,3=success,4=failure}[ {type:1=identity,2=notification,3=Nak,4=MD5,13=TLS,"
            "18=SIM,21=TTLS,25=PEAP,254=expanded}][ {identity}][: {notification}]",
            "auth",
        ),
        columns=(
            Column("code", "u8", "Code: 1 request, 2 response, 3 success, 4 failure.", wireshark="eap.code"),
            Column("identifier", "u8", "Identifier: matches a response to its request.", wireshark="eap.id"),
            Column("length", "u16", "Length of the packet, bytes.", wireshark="eap.len"),
            Column("type", "u8",
                   "Method type: 1 identity, 3 Nak, 4 MD5, 13 TLS, 18 SIM, 21 TTLS, 25 PEAP, 254 expanded.",
                   wireshark="eap.type"),
            Column("type_data", "bytes", "Type data of the method, as sent.", why="one tshark field per method"),
            Column("identity", "text", "Identity response: identity of the peer.", wireshark="eap.identity"),
            Column("notification", "text", "Notification: message for the user.", wireshark="eap.notification"),
            Column("desired_types", List("u8"), "Nak: desired method types.", wireshark="eap.desired_type"),
            Column("md5_value", "bytes", "MD5: challenge or response value.", wireshark="eap.md5.value"),
            Column("tls_flags", "u8",
                   "TLS, TTLS, PEAP, FAST, TEAP: 128 length included, 64 more fragments, 32 start; low bits version.",
                   wireshark="eap.tls.flags"),
            Column("tls_length", "u32", "TLS, TTLS, PEAP, FAST, TEAP: length of the complete TLS message, bytes.",
                   wireshark="eap.tls.len"),
            Column("vendor_id", "i32", "Expanded: IANA enterprise number of the vendor.",
                   wireshark="eap.ext.vendor_id"),
            Column("vendor_type", "u32", "Expanded: method type of the vendor.", wireshark="eap.ext.vendor_type"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of the EAP packet in a frame of EAP over LAN or, for messages with ports, in a RADIUS message."""
    if message.source_port >= 0:
        joined = _in_radius(message)
        if joined is None:
            yield NO_ROW, None
            return
        yield from packet(joined)
        return
    if message.left < 2 or message.data[1] != LAN_EAP:
        yield NO_ROW, None
    message.skip(LAN_HEADER)
    yield from packet(message)


def _in_radius(message: Cursor) -> Cursor | None:
    """The EAP-Message attributes, joined, as far as they can be read; table `radius` has the fault of the others."""
    pieces = []
    missing = 0
    try:
        message.skip(2)
        body = part(message, message.number(2) - 4)
        body.skip(RADIUS_HEADER - 4)
        for kind, value in items(body, header=2):
            if kind == EAP_MESSAGE:
                pieces.append(value)
    except Malformed:
        pass
    except Short:
        missing = message.missing
    return Cursor(b"".join(pieces), faults=message.faults, missing=missing) if pieces else None


def packet(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one EAP packet."""
    code = message.number(1)
    yield "code", code
    yield "identifier", message.number(1)
    length = message.number(2)
    yield "length", length
    body = part(message, length - HEADER)
    if code not in TYPED or not body.promised:
        return
    kind = body.number(1)
    yield "type", kind
    yield "type_data", body.data[body.at : body.end]
    yield from _method(kind, code, body)


def _method(kind: int, code: int, body: Cursor) -> Iterator[tuple[str, Any]]:
    if kind == IDENTITY and code == 2:
        yield "identity", text(_whole(body))
    elif kind == NOTIFICATION:
        yield "notification", text(_whole(body))
    elif kind == NAK:
        yield "desired_types", list(_whole(body))
    elif kind == MD5_CHALLENGE:
        yield "md5_value", body.take(body.number(1))
    elif kind in TLS_METHODS:
        flags = body.number(1)
        yield "tls_flags", flags
        if flags & LENGTH_INCLUDED:
            yield "tls_length", body.number(4)
    elif kind == EXPANDED:
        yield "vendor_id", body.number(3)
        yield "vendor_type", body.number(4)
    _whole(body)


def _whole(body: Cursor) -> bytes:
    """The rest of the packet; Short if the capture truncated it."""
    return body.take(body.promised)

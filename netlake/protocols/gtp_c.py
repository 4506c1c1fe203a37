"""GTP control (GTP-C): mobile networks create, modify and delete the tunnels of subscribers; and GTP', for charging.

Decided here:
- Versions 0, 1 and 2 and GTP' share ports and are one table; the first byte selects the version.
- Common elements are also columns; of a repeated one the first, those inside grouped elements included.
  `information_elements` has every element of the message itself, as sent.
- Elements of version 1 below 128 have no length. An unknown one ends the message with the fault `bad_options`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part, text
from netlake.layers.parsed import NEXT
from netlake.layers.pools import address_text
from netlake.packets import Cursor, Malformed, Short
from netlake.schema import Column, List, Message, Struct, Table

MOST_ELEMENTS, MOST_MESSAGES, DEEPEST = 4096, 64, 3
# sizes of the elements without a length, by type; below the sizes that differ in version 0
SIZES = {
    1: 1, 2: 8, 3: 6, 4: 4, 5: 4, 8: 1, 9: 28, 11: 1, 12: 3, 13: 1, 14: 1, 15: 1, 16: 4, 17: 4, 18: 5, 19: 1, 20: 1,
    21: 1, 22: 9, 23: 1, 24: 1, 25: 2, 26: 2, 27: 2, 28: 2, 29: 1, 117: 5, 118: 6, 119: 8, 126: 1, 127: 4,
}  # fmt: skip
SIZES_0 = SIZES | {6: 3, 16: 2, 17: 2, 18: 2}
TEIDS = {16: "data", 17: "control", 18: "data II"}
# information elements of version 2
IMSI, CAUSE, APN, MEI, MSISDN, ADDRESS, RAT, F_TEID = 1, 2, 71, 75, 76, 79, 82, 87
GROUPED = (93, 109)
EXTENSION, SEQUENCE, NUMBER = 4, 2, 1

TUNNEL = Struct(
    (
        Column("interface_type", "u8", "Version 2: interface type of the endpoint, 0 to 63.",
               wireshark="gtpv2.f_teid_interface_type"),
        Column("instance", "u8", "Version 2: instance of the element, 0 to 15; distinguishes elements of one type.",
               why="gtpv2.instance has every element"),
        Column("teid", "u32", "Tunnel endpoint identifier (TEID).", wireshark="gtpv2.f_teid_gre_key"),
        Column("ipv4", "ipv4", "IPv4 address of the endpoint; null without one.", wireshark="gtpv2.f_teid_ipv4"),
        Column("ipv6", "ipv6", "IPv6 address of the endpoint; null without one.", wireshark="gtpv2.f_teid_ipv6"),
    )
)  # fmt: skip
ELEMENT = Struct(
    (
        Column("type", "u8", "Type of the element, in its version.", wireshark="gtpv2.ie_type"),
        Column("instance", "u8", "Version 2: instance of the element, 0 to 15; null in other versions.",
               why="gtpv2.instance has those inside others too"),
        Column("value", "bytes", "Value of the element, as sent.", why="one tshark field per element"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "gtp_c",
        "One row for each GTP control or GTP' message.",
        spec="3GPP TS 29.060, 29.274, 32.295, GSM 09.60",
        on=("udp.port=2123", "udp.port=3386"),
        message=Message(
            "GTP-C message {message_type}[ IMSI {imsi}][ MSISDN {msisdn}][ APN {apn}][ {user_ipv4}| {user_ipv6}]["
            " cause {cause}]",
            "mobile", hosts=("user_ipv4", "user_ipv6"),
        ),
        columns=(
            Column("version", "u8", "Version, 0 to 2, of GTP or of GTP'.", wireshark="gtpv2.version"),
            Column("charging", "bool", "Whether the message is GTP', which transfers charging records.",
                   why="gtp.flags.payload is not in every version"),
            Column("message_type", "u8",
                   "Message type: 1 and 2 echo, 16 to 21 PDP contexts (version 1), 32 to 37 sessions (version 2).",
                   wireshark="gtpv2.message_type"),
            Column("length", "u16", "Length of the message after the first part of its header, bytes.",
                   wireshark="gtpv2.msg_length"),
            Column("teid", "u32", "Tunnel endpoint identifier (TEID) of the receiver; null without one.",
                   wireshark="gtpv2.teid"),
            Column("sequence_number", "u32",
                   "Sequence number: matches a response to its request, 24 bits in version 2, else 16.",
                   wireshark="gtpv2.seq"),
            Column("tunnel_id", "text", "Version 0: tunnel identifier, IMSI and NSAPI, 16 digits.",
                   why="tshark shows its parts"),
            Column("cause", "u8", "Cause: 16 accepted in version 2, 128 in version 1.", wireshark="gtpv2.cause"),
            Column("imsi", "text", "IMSI of the subscriber, up to 15 digits.", wireshark="e212.imsi"),
            Column("msisdn", "text", "MSISDN (telephone number) of the subscriber, digits.", wireshark="e164.msisdn"),
            Column("imei", "text", "IMEI of the device, 15 or 16 digits.", wireshark="gtpv2.mei"),
            Column("apn", "text", "Access point name (APN).", wireshark="gtpv2.apn"),
            Column("rat_type", "u8", "RAT type: 1 UTRAN, 2 GERAN, 3 WLAN, 6 EUTRAN.", wireshark="gtpv2.rat_type"),
            Column("user_ipv4", "ipv4", "IPv4 address of the subscriber; null without one.",
                   wireshark="gtpv2.pdn_addr_and_prefix.ipv4"),
            Column("user_ipv6", "ipv6", "IPv6 address or prefix of the subscriber; null without one.",
                   wireshark="gtpv2.pdn_addr_and_prefix.ipv6"),
            Column("tunnels", List(TUNNEL), "Tunnel endpoints in wire order, those in grouped elements included."),
            Column("node_addresses", List("ip"), "Version 1: GSN addresses in wire order.", wireshark="gtp.gsn_ipv4"),
            Column("information_elements", List(ELEMENT), "Information elements of the message in wire order."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message, and of the messages of version 2 piggybacked on it."""
    for _ in range(MOST_MESSAGES):
        first = message.number(1)
        version, protocol = first >> 5, first >> 4 & 1
        yield "version", version
        if version == 2 and (not message.left or message.source_port != 3386 or protocol):
            piggybacked = bool(first & 0x10)
            yield from _version_2(message, first)
            if not piggybacked or not message.promised:
                return
            yield NEXT, None
            continue
        if version > 2:
            message.fault("bad_version")
            return
        yield "charging", not protocol
        yield from _prime(message, first) if not protocol else _version_1(message, first)
        return
    message.fault("too_large")


def _prime(message: Cursor, first: int) -> Iterator[tuple[str, Any]]:
    kind = message.number(1)
    yield "message_type", kind
    if not kind:
        message.fault("bad_value")
    length = message.number(2)
    yield "length", length
    yield "sequence_number", message.number(2)
    # version 0 may have the 20-byte header of GTP
    if not first >> 5 and not first & 1:
        message.skip(min(14, message.left))
    yield from _elements_1(part(message, length), SIZES)


def _version_1(message: Cursor, first: int) -> Iterator[tuple[str, Any]]:
    kind = message.number(1)
    yield "message_type", kind
    if not kind:
        message.fault("bad_value")
    length = message.number(2)
    yield "length", length
    if first >> 5 == 0:
        yield "sequence_number", message.number(2)
        message.skip(6)
        yield "tunnel_id", digits(message.take(8))
        yield from _elements_1(part(message, length), SIZES_0)
        return
    yield "teid", message.number(4)
    body = part(message, length)
    if first & (EXTENSION | SEQUENCE | NUMBER):
        number = body.number(2)
        body.skip(1)
        kind = body.number(1)
        if first & SEQUENCE:
            yield "sequence_number", number
        for _ in range(MOST_ELEMENTS if first & EXTENSION else 0):
            if not kind:
                break
            words = body.number(1)
            if not words:
                raise Malformed("bad_length")
            inside = part(body, 4 * words - 1)
            inside.skip(inside.left)
            if inside.missing:
                raise Short
            kind = inside.data[-1]
    yield from _elements_1(body, SIZES)


def _elements_1(body: Cursor, sizes: dict[int, int]) -> Iterator[tuple[str, Any]]:
    elements: list[dict[str, Any]] = []
    tunnels: list[dict[str, Any]] = []
    nodes: list[str] = []
    yield from (("information_elements", elements), ("tunnels", tunnels), ("node_addresses", nodes))
    seen: set[str] = set()
    for _ in range(MOST_ELEMENTS):
        if not body.promised:
            return
        kind = body.number(1)
        if kind < 0x80 and kind not in sizes:
            raise Malformed("bad_options")
        length = body.number(2) if kind >= 0x80 else sizes[kind]
        value = part(body, length).take(length)
        elements.append({"type": kind, "value": value})
        if kind in TEIDS and sizes is not SIZES_0:
            tunnels.append({"teid": int.from_bytes(value[-4:], "big")})
        elif kind == 133 and length in (4, 16):
            nodes.append(address_text(value))
        for name, fact in _fact_1(kind, value):
            if name not in seen:
                seen.add(name)
                yield name, fact
    body.fault("too_large")


def _fact_1(kind: int, value: bytes) -> Iterator[tuple[str, Any]]:
    """Columns of an element of version 0 or 1."""
    if kind == 1:
        yield "cause", value[0]
    elif kind == 2:
        yield "imsi", digits(value)
    elif kind == 131:
        yield "apn", labels(value)
    elif kind == 134 and value:
        yield "msisdn", digits(value[1:])
    elif kind == 151 and value:
        yield "rat_type", value[0]
    elif kind == 154:
        yield "imei", digits(value)
    elif kind == 128 and len(value) >= 6 and value[0] & 0xF == 1:
        if value[1] in (0x21, 0x8D):
            yield "user_ipv4", value[2:6]
        if value[1] == 0x57 or (value[1] == 0x8D and len(value) == 22):
            yield "user_ipv6", value[-16:]


def _version_2(message: Cursor, first: int) -> Iterator[tuple[str, Any]]:
    yield "charging", False
    yield "message_type", message.number(1)
    length = message.number(2)
    yield "length", length
    body = part(message, length)
    if first & 8:
        yield "teid", body.number(4)
    yield "sequence_number", body.number(3)
    body.skip(1)
    elements: list[dict[str, Any]] = []
    tunnels: list[dict[str, Any]] = []
    yield from (("information_elements", elements), ("tunnels", tunnels))
    seen: set[str] = set()
    for kind, instance, value in _elements_2(body):
        elements.append({"type": kind, "instance": instance, "value": value})
        for name, fact in _facts_2((kind, instance, value), tunnels, body, 0):
            if name not in seen:
                seen.add(name)
                yield name, fact


def _elements_2(body: Cursor) -> Iterator[tuple[int, int, bytes]]:
    for _ in range(MOST_ELEMENTS):
        if not body.promised:
            return
        kind, length = body.number(1), body.number(2)
        instance = body.number(1) & 0xF
        yield kind, instance, part(body, length).take(length)
    body.fault("too_large")


def _facts_2(
    element: tuple[int, int, bytes], tunnels: list[dict[str, Any]], body: Cursor, depth: int
) -> Iterator[tuple[str, Any]]:
    """Columns of an element of version 2 and of those inside it; appends tunnel endpoints to `tunnels`."""
    kind, instance, value = element
    if kind in GROUPED and depth < DEEPEST:
        try:
            for inner in _elements_2(Cursor(value, faults=body.faults)):
                yield from _facts_2(inner, tunnels, body, depth + 1)
        except (Short, Malformed):
            body.fault("bad_options")
    elif kind == F_TEID and len(value) >= 5:
        tunnels.append(_tunnel(value, instance))
    elif value:
        yield from _fact_2(kind, value)


def _fact_2(kind: int, value: bytes) -> Iterator[tuple[str, Any]]:
    """Columns of an element of version 2 that is not grouped."""
    if kind in NUMBERS:
        yield NUMBERS[kind], digits(value)
    elif kind == APN:
        yield "apn", labels(value)
    elif kind == CAUSE:
        yield "cause", value[0]
    elif kind == RAT:
        yield "rat_type", value[0]
    elif kind == ADDRESS:
        pdn = value[0] & 7
        if pdn in (2, 3) and len(value) >= 18:
            yield "user_ipv6", value[2:18]
        if pdn in (1, 3) and len(value) >= (5 if pdn == 1 else 22):
            yield "user_ipv4", value[1:5] if pdn == 1 else value[18:22]


NUMBERS = {IMSI: "imsi", MEI: "imei", MSISDN: "msisdn"}


def _tunnel(value: bytes, instance: int) -> dict[str, Any]:
    """A tunnel endpoint: interface type, TEID, and the addresses that its flags indicate."""
    end: dict[str, Any] = {
        "interface_type": value[0] & 0x3F,
        "instance": instance,
        "teid": int.from_bytes(value[1:5], "big"),
    }
    at = 5
    for flag, name, size in ((0x80, "ipv4", 4), (0x40, "ipv6", 16)):
        if value[0] & flag and at + size <= len(value):
            end[name] = address_text(value[at : at + size])
            at += size
    return end


def digits(value: bytes) -> str:
    """Digits of four bits, the lower half of a byte first, up to the first filler."""
    decoded = "".join(f"{byte & 15:x}{byte >> 4:x}" for byte in value)
    return decoded.split("f", 1)[0]


def labels(value: bytes) -> str:
    """A name in labels, each after its length, joined by dots."""
    names = []
    at = 0
    while at < len(value):
        names.append(text(value[at + 1 : at + 1 + value[at]]))
        at += 1 + value[at]
    return ".".join(names)

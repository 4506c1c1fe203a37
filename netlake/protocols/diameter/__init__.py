"""Diameter: authentication, authorization and accounting between servers of mobile and other networks.

Decided here:
- A message is the user data of an SCTP chunk, or what a stream splits off by its length. SCTP chunks with payload
  protocol 47 contain DTLS and are not read.
- `avps` has every AVP as sent; those inside a grouped AVP follow it with a `depth` one higher, up to MOST_DEPTH.
- Common AVPs are also columns: the first one of each code on the outermost level.
- Bytes after the message's length are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part, text
from netlake.packets import Cursor, Malformed
from netlake.protocols.diameter.avps import GROUPED, KNOWN, SIZES, VENDORS, meaning
from netlake.schema import Column, List, Message, Struct, Table

HEADER = 20
MOST_DEPTH = 8
VENDOR_FLAG = 0x80
TEXTS = {
    263: "session_id", 264: "origin_host", 296: "origin_realm", 293: "destination_host", 283: "destination_realm",
    1: "user_name", 269: "product_name", 281: "error_message",
}  # fmt: skip
NUMBERS = {268: "result_code", 416: "request_type", 415: "request_number", 258: "auth_application_id"}

AVP = Struct(
    (
        Column("code", "u32", "AVP code, by IANA or by the vendor.", wireshark="diameter.avp.code"),
        Column("flags", "u8", "AVP flags: 128 vendor-specific, 64 mandatory, 32 protected.",
               wireshark="diameter.avp.flags"),
        Column("vendor", "u32", "Vendor-ID: IANA enterprise number; null without one.",
               wireshark="diameter.avp.vendorId"),
        Column("depth", "u8", "Number of grouped AVPs around it, 0 to 7.", why="our own"),
        Column("value", "bytes", "Value as sent; null for a grouped AVP.", why="one tshark field per AVP"),
        Column("vendor_name", "word", "Name of the vendor; null if unknown.", why="tshark has it only as text"),
        Column("name", "word", "Name of the AVP in the RFCs and 3GPP specifications; null if unknown.",
               why="tshark has it as the name of a field"),
        Column("format", "word", "Data format of the AVP, such as Unsigned32, UTF8String or Grouped; null if unknown.",
               why="tshark has it as the type of a field"),
        Column("number", "i64", "Value of a numeric AVP, up to 2^63-1.", why="one tshark field per AVP"),
        Column("text", "text", "Value of a text, address or time AVP; times in UTC as in RFC 3339.",
               why="one tshark field per AVP"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "diameter",
        "One row for each Diameter message.",
        spec="RFC 6733, RFC 8506",
        on=("sctp.payload_protocol=46", "sctp.port=3868", "udp.port=3868"),
        message=Message(
            "Diameter {command_code:257=capabilities exchange,272=credit control,280=device watchdog,282=disconnect"
            " peer} [{request?}request|answer[ {result_code}]][ {user_name}][ of {origin_host}][: {error_message}]",
            "auth",
        ),
        columns=(
            Column("version", "u8", "Version, 1.", wireshark="diameter.version"),
            Column("length", "u32", "Length of the message, bytes.", wireshark="diameter.length"),
            Column("request", "bool", "Request flag: true request, false answer.", wireshark="diameter.flags.request"),
            Column("proxiable", "bool", "Proxiable flag: the message may be proxied, relayed or redirected.",
                   wireshark="diameter.flags.proxyable"),
            Column("error", "bool", "Error flag: the answer contains a protocol error.",
                   wireshark="diameter.flags.error"),
            Column("retransmitted", "bool", "Potentially retransmitted flag.", wireshark="diameter.flags.T"),
            Column("command_code", "u32",
                   "Command code: 257 capabilities exchange, 272 credit control, 280 watchdog, 316 update location.",
                   wireshark="diameter.cmd.code"),
            Column("application_id", "u32", "Application-ID: 0 base, 4 credit control, 16777251 S6a; others by IANA.",
                   wireshark="diameter.applicationId"),
            Column("hop_by_hop_id", "u32", "Hop-by-Hop Identifier: matches an answer to its request on one hop.",
                   wireshark="diameter.hopbyhopid"),
            Column("end_to_end_id", "u32", "End-to-End Identifier: detects duplicates.",
                   wireshark="diameter.endtoendid"),
            Column("session_id", "text", "Session-Id.", wireshark="diameter.Session-Id"),
            Column("origin_host", "text", "Origin-Host: sender of the message.", wireshark="diameter.Origin-Host"),
            Column("origin_realm", "text", "Origin-Realm: realm of the sender.", wireshark="diameter.Origin-Realm"),
            Column("destination_host", "text", "Destination-Host: receiver of the message.",
                   wireshark="diameter.Destination-Host"),
            Column("destination_realm", "text", "Destination-Realm: realm of the receiver.",
                   wireshark="diameter.Destination-Realm"),
            Column("user_name", "text", "User-Name; the IMSI in mobile networks.", wireshark="diameter.User-Name"),
            Column("result_code", "u32", "Answer: Result-Code, 2001 success, 3xxx to 5xxx errors.",
                   wireshark="diameter.Result-Code"),
            Column("error_message", "text", "Answer: Error-Message.", wireshark="diameter.Error-Message"),
            Column("auth_application_id", "u32", "Auth-Application-Id: application of the request.",
                   wireshark="diameter.Auth-Application-Id"),
            Column("request_type", "u32",
                   "Credit control: CC-Request-Type, 1 initial, 2 update, 3 termination, 4 event.",
                   wireshark="diameter.CC-Request-Type"),
            Column("request_number", "u32", "Credit control: CC-Request-Number within the session.",
                   wireshark="diameter.CC-Request-Number"),
            Column("product_name", "text", "Product-Name: software of the sender.", wireshark="diameter.Product-Name"),
            Column("avps", List(AVP), "AVPs in wire order, each grouped AVP before its members."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message."""
    version = message.number(1)
    yield "version", version
    if version != 1:
        raise Malformed("bad_version")
    length = message.number(3)
    yield "length", length
    flags = message.number(1)
    for name, bit in (("request", 0x80), ("proxiable", 0x40), ("error", 0x20), ("retransmitted", 0x10)):
        yield name, bool(flags & bit)
    yield "command_code", message.number(3)
    for name in ("application_id", "hop_by_hop_id", "end_to_end_id"):
        yield name, message.number(4)
    avps: list[dict[str, Any]] = []
    yield "avps", avps
    if length < HEADER:
        raise Malformed("bad_length")
    yield from _avps(part(message, length - HEADER), avps)


def _avps(body: Cursor, avps: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """AVPs of a message with those inside groups; the stack has the groups that are being read, outermost first."""
    seen: set[str] = set()
    stack = [body]
    while stack:
        if not stack[-1].promised:
            stack.pop()
            continue
        code, value = _avp(stack[-1], avps, len(stack) - 1)
        avp = avps[-1]
        key = (avp["vendor"], code)
        avp["name"], avp["format"] = KNOWN.get(key, (None, None))
        if key in GROUPED and len(stack) < MOST_DEPTH:
            stack.append(value)
            continue
        data = avp["value"] = value.take(value.promised)
        avp.update(meaning(avp["format"] or "", data))
        if avp["format"] in SIZES and "number" not in avp:
            body.fault("out_of_range" if len(data) == SIZES[avp["format"]] else "bad_length")
        name = TEXTS.get(code) or NUMBERS.get(code)
        if not name or name in seen or avp["vendor"] is not None or len(stack) > 1:
            continue
        seen.add(name)
        if code in TEXTS:
            yield name, text(data)
        elif len(data) == 4:
            yield name, int.from_bytes(data, "big")


def _avp(body: Cursor, avps: list[dict[str, Any]], depth: int) -> tuple[int, Cursor]:
    """Appends the next AVP to `avps`; returns its code and a cursor over its value."""
    code, flags, size = body.number(4), body.number(1), body.number(3)
    head = 8
    vendor = None
    if flags & VENDOR_FLAG:
        vendor, head = body.number(4), 12
    if size < head or size - head > body.promised:
        raise Malformed("bad_length")
    avps.append(
        {"code": code, "flags": flags, "vendor": vendor, "depth": depth, "vendor_name": VENDORS.get(vendor or 0)}
    )
    value = part(body, size - head)
    body.skip(min(-size % 4, body.left))
    return code, value

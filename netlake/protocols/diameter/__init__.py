"""Diameter: authentication, authorisation and accounting between the servers of mobile and other networks.

A message is one Diameter message: the user data of an SCTP chunk, or what a stream cuts out by its length. Every AVP
stands in `avps` as sent, those inside a grouped one behind it with `depth` one more; those that people ask for stand in
columns too, the first on the outermost level. An SCTP chunk that says 47 holds DTLS, not Diameter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part, text
from netlake.packets import Cursor, Malformed
from netlake.protocols.diameter.avps import GROUPED, KNOWN, SIZES, VENDORS, meaning
from netlake.schema import Column, List, Struct, Table

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
        Column("code", "u32", "IANA or the vendor's number of the AVP.", wireshark="diameter.avp.code"),
        Column("flags", "u8", "Bits: 128 of a vendor, 64 must be understood, 32 protected.",
               wireshark="diameter.avp.flags"),
        Column("vendor", "u32", "IANA number of the vendor; null for others.", wireshark="diameter.avp.vendorId"),
        Column("depth", "u8", "How many grouped AVPs are around it.", why="our own"),
        Column("value", "bytes", "What it holds, as sent; null for a grouped one.", why="a field for each AVP"),
        Column("vendor_name", "word", "Name of the vendor; null for one that is not known.", why="only text beside it"),
        Column("name", "word", "Name of the AVP in the RFCs and 3GPP's documents; null for one that is not known.",
               why="tshark names its fields so"),
        Column("format", "word", "Format of the value there, such as Unsigned32, UTF8String or Grouped; null likewise.",
               why="tshark's fields have types"),
        Column("number", "i64", "The value where it is a number, up to 2^63-1.", why="a field for each AVP"),
        Column("text", "text", "The value where it is text, an address, or a time: UTC, as RFC 3339 writes it.",
               why="a field for each AVP"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "diameter",
        "One row for each Diameter message.",
        spec="RFC 6733, RFC 8506",
        on=("sctp.payload_protocol=46", "sctp.port=3868", "udp.port=3868"),
        columns=(
            Column("version", "u8", "Version, 1.", wireshark="diameter.version"),
            Column("length", "u32", "Bytes of the message.", wireshark="diameter.length"),
            Column("request", "bool", "Whether it is a request.", wireshark="diameter.flags.request"),
            Column("proxiable", "bool", "Whether proxies may pass it on.", wireshark="diameter.flags.proxyable"),
            Column("error", "bool", "Whether the answer is a protocol error.", wireshark="diameter.flags.error"),
            Column("retransmitted", "bool", "Whether it may have been sent before.", wireshark="diameter.flags.T"),
            Column("command_code", "u32", "257 capabilities, 272 credit control, 280 watchdog, 316 update location.",
                   wireshark="diameter.cmd.code"),
            Column("application_id", "u32", "IANA number of the application: 0 base, 4 credit control, 16777251 S6a.",
                   wireshark="diameter.applicationId"),
            Column("hop_by_hop_id", "u32", "What ties the answer to the question on this hop.",
                   wireshark="diameter.hopbyhopid"),
            Column("end_to_end_id", "u32", "What tells repeated messages.", wireshark="diameter.endtoendid"),
            Column("session_id", "text", "Session that it belongs to.", wireshark="diameter.Session-Id"),
            Column("origin_host", "text", "Who sends it.", wireshark="diameter.Origin-Host"),
            Column("origin_realm", "text", "The sender's realm.", wireshark="diameter.Origin-Realm"),
            Column("destination_host", "text", "Who shall have it.", wireshark="diameter.Destination-Host"),
            Column("destination_realm", "text", "The realm that shall have it.",
                   wireshark="diameter.Destination-Realm"),
            Column("user_name", "text", "User; a subscriber's IMSI in mobile networks.",
                   wireshark="diameter.User-Name"),
            Column("result_code", "u32", "Answer: 2001 success, 3xxx to 5xxx errors.",
                   wireshark="diameter.Result-Code"),
            Column("error_message", "text", "Answer: what is wrong.", wireshark="diameter.Error-Message"),
            Column("auth_application_id", "u32", "Application that the sender is asked for.",
                   wireshark="diameter.Auth-Application-Id"),
            Column("request_type", "u32", "Credit control: 1 first, 2 update, 3 last, 4 event.",
                   wireshark="diameter.CC-Request-Type"),
            Column("request_number", "u32", "Credit control: number of the request in its session.",
                   wireshark="diameter.CC-Request-Number"),
            Column("product_name", "text", "Program of the sender.", wireshark="diameter.Product-Name"),
            Column("avps", List(AVP), "Every AVP in wire order, grouped ones before what they hold."),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One message; what follows its length belongs to nobody."""
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
    """AVPs of a message, those in groups too: a stack of what is left to read, outermost first."""
    seen: set[str] = set()
    stack = [body]
    while stack:
        if not stack[-1].promised:
            stack.pop()
            continue
        code, value = _avp(stack[-1], avps, len(stack) - 1)
        found = avps[-1]
        key = (found["vendor"], code)
        found["name"], found["format"] = KNOWN.get(key, (None, None))
        if key in GROUPED and len(stack) < MOST_DEPTH:
            stack.append(value)
            continue
        data = found["value"] = value.take(value.promised)
        found.update(meaning(found["format"] or "", data))
        if found["format"] in SIZES and "number" not in found:
            body.fault("out_of_range" if len(data) == SIZES[found["format"]] else "bad_length")
        name = TEXTS.get(code) or NUMBERS.get(code)
        if not name or name in seen or found["vendor"] is not None or len(stack) > 1:
            continue
        seen.add(name)
        if code in TEXTS:
            yield name, text(data)
        elif len(data) == 4:
            yield name, int.from_bytes(data, "big")


def _avp(body: Cursor, avps: list[dict[str, Any]], depth: int) -> tuple[int, Cursor]:
    """The next AVP without its value, which is the cursor."""
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

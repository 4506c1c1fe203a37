"""Point-to-Point Protocol: its frames, and its control protocols (LCP, PAP, CHAP, IPCP and others).

Decided here:
- Address and control may be compressed away, the protocol has one byte if its low bit is set (RFC 1661); in a tunnel
  the first byte may be that of Cisco HDLC, which has an EtherType instead.
- Control protocols share one header of code, identifier and length, so they share one table. Its hint is the protocol;
  protocol and code decide how the body is read. Bytes after the length are padding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import items, part, remainder, text
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Message, Struct, Table

ALL_STATIONS = 0xFF
CISCO = (0x0F, 0x8F)
LCP, IPCP, PAP, CHAP = 0xC021, 0x8021, 0xC023, 0xC223
# codes with options, request to reject; LCP codes that start with a magic number
CONFIGURE = (1, 2, 3, 4)
WITH_MAGIC = (9, 10, 11, 12, 13)
MAGIC, AUTHENTICATION, MRU = 5, 3, 1
IPCP_ADDRESSES = {3: "ip", 129: "primary_dns", 131: "secondary_dns"}

OPTION = Struct(
    (
        Column("type", "u8", "Option type, numbered by each protocol.", wireshark="lcp.opt.type"),
        Column("value", "bytes", "Option value, as sent.", why="one tshark field for each type"),
    )
)

TABLES = (
    Table(
        "ppp",
        "One row for each PPP frame.",
        spec="RFC 1661, RFC 1662",
        on=("link.type=9", "link.type=50", "link.type=166", "link.type=204", "ether.type=0x880b"),
        context="record",
        columns=(
            Column("address", "u8",
                   "Address: 255 all stations; null if compressed; 15 and 143 in a tunnel: Cisco HDLC.",
                   wireshark="ppp.address"),
            Column("control", "u8", "Control: 3 unnumbered information; null if compressed.", wireshark="ppp.control"),
            Column("protocol", "u16", "Protocol, one or two bytes: 33 IPv4, 87 IPv6, 49185 LCP.",
                   wireshark="ppp.protocol", encoding="dictionary"),
            Column("ethertype", "u16", "Cisco HDLC in a tunnel: EtherType of the payload.",
                   why="chdlc.protocol belongs to another tshark layer"),
        ),
    ),
    Table(
        "ppp_control",
        "One row for each message of a PPP control protocol: LCP, PAP, CHAP, IPCP, IPV6CP, CCP and others.",
        spec="RFC 1661, RFC 1334, RFC 1994, RFC 1332, RFC 1877, RFC 5072, RFC 1962, RFC 1968",
        on=("ppp.protocol=0xc021", "ppp.protocol=0xc023", "ppp.protocol=0xc223", "ppp.protocol=0x8021",
            "ppp.protocol=0x8057", "ppp.protocol=0x80fd", "ppp.protocol=0x8053", "ppp.protocol=0x8281"),
        message=Message(
            "PPP {protocol:49185=LCP,49187=PAP,49699=CHAP,32801=IPCP,32855=IPV6CP,33021=CCP} code {code}[ user"
            " {user}| {name}][ {ip}][: {message}]",
            "remote",
        ),
        columns=(
            Column("protocol", "u16",
                   "PPP protocol: 49185 LCP, 49187 PAP, 49699 CHAP, 32801 IPCP, 32855 IPV6CP, 33021 CCP.",
                   why="compared in ppp", encoding="dictionary"),
            Column("code", "u8", "Code: 1 to 4 configure request, ack, nak, reject; PAP and CHAP have their own.",
                   wireshark="ppp.code"),
            Column("identifier", "u8", "Identifier that matches replies to requests.", wireshark="ppp.identifier"),
            Column("length", "u16", "Bytes of the message, padding not included.", wireshark="ppp.length"),
            Column("options", List(OPTION), "Configuration options in wire order."),
            Column("mru", "u16", "LCP: maximum receive unit, bytes.", wireshark="lcp.opt.mru"),
            Column("authentication", "u16", "LCP: authentication protocol that the sender requires.",
                   wireshark="lcp.opt.auth_protocol"),
            Column("magic_number", "u32", "LCP: magic number, detects looped-back links.", why="two tshark fields"),
            Column("ip", "ipv4", "IPCP: IP address of the sender.", wireshark="ipcp.opt.ip_address"),
            Column("user", "text", "PAP: peer ID (user name).", wireshark="pap.peer_id"),
            Column("password", "text", "PAP: password, in clear text.", wireshark="pap.password"),
            Column("value", "bytes", "CHAP: challenge or response value.", wireshark="chap.value"),
            Column("name", "text", "CHAP: name of the sender.", wireshark="chap.name"),
            Column("message", "text", "PAP and CHAP: message of success or failure.", wireshark="pap.message"),
            Column("data", "bytes", "Data of other messages.", why="several tshark fields"),
            Column("primary_dns", "ipv4", "IPCP: primary DNS server address.", wireshark="ipcp.opt.pri_dns_address"),
            Column("secondary_dns", "ipv4", "IPCP: secondary DNS server address.",
                   wireshark="ipcp.opt.sec_dns_address"),
        ),
    ),
)  # fmt: skip


def parse_ppp(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of the header of one frame."""
    first = message.number(1)
    cisco = first in CISCO and message.promised > 2 and message.data[message.at : message.at + 1] in (b"", b"\0")
    if first == ALL_STATIONS or cisco:
        if message.left:
            yield "address", first
        yield "control", message.number(1)
        if cisco:
            yield "ethertype", message.number(2)
            return
        first = message.number(1)
    yield "protocol", first if first & 1 else first << 8 | message.number(1)


def parse_ppp_control(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message; bytes after its length are padding."""
    protocol = message.hint
    yield "protocol", protocol
    code = message.number(1)
    yield "code", code
    yield "identifier", message.number(1)
    length = message.number(2)
    yield "length", length
    if length < 4:
        raise Malformed("bad_length")
    body = part(message, length - 4)
    if protocol == PAP:
        yield from _password(body, code)
    elif protocol == CHAP:
        yield from _challenge(body, code)
    elif code in CONFIGURE:
        yield from _options(body, protocol)
    else:
        if protocol == LCP and code in WITH_MAGIC:
            yield "magic_number", body.number(4)
        yield from remainder(body, "data")


def _options(body: Cursor, protocol: int) -> Iterator[tuple[str, Any]]:
    options: list[dict[str, Any]] = []
    yield "options", options
    for kind, value in items(body, header=2):
        options.append({"type": kind, "value": value})
        number = int.from_bytes(value, "big")
        if protocol == IPCP and kind in IPCP_ADDRESSES and len(value) == 4:
            yield IPCP_ADDRESSES[kind], value
        elif protocol == LCP and kind == MAGIC and len(value) == 4:
            yield "magic_number", number
        elif protocol == LCP and kind == MRU and len(value) == 2:
            yield "mru", number
        elif protocol == LCP and kind == AUTHENTICATION and len(value) >= 2:
            yield "authentication", number >> 8 * (len(value) - 2)


def _password(body: Cursor, code: int) -> Iterator[tuple[str, Any]]:
    if code == 1:
        for name in ("user", "password"):
            yield name, _counted(body)
    elif code in (2, 3):
        yield "message", _counted(body)
    else:
        yield from remainder(body, "data")


def _counted(body: Cursor) -> str:
    size = body.number(1)
    if size > body.promised:
        raise Malformed("bad_length")
    return text(body.take(size))


def _challenge(body: Cursor, code: int) -> Iterator[tuple[str, Any]]:
    name = "message"
    if code in (1, 2):
        size = body.number(1)
        if size > body.promised:
            raise Malformed("bad_length")
        yield "value", body.take(size)
        name = "name"
    if code > 4:
        yield from remainder(body, "data")
    elif body.promised:
        yield name, text(body.take(body.promised))

"""The Point-to-Point Protocol: its frame, and the protocols by which its ends agree (LCP, PAP, CHAP, IPCP and others).

Control protocols share one form: code, identifier, length. What they hold is told by protocol and code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import items, part, remainder, text
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Struct, Table

ALL_STATIONS = 0xFF
CISCO = (0x0F, 0x8F)
LCP, IPCP, PAP, CHAP = 0xC021, 0x8021, 0xC023, 0xC223
# codes: requests and answers about options; of LCP those that begin with a magic number
CONFIGURE = (1, 2, 3, 4)
WITH_MAGIC = (9, 10, 11, 12, 13)
MAGIC, AUTHENTICATION, MRU = 5, 3, 1
IPCP_ADDRESSES = {3: "ip", 129: "primary_dns", 131: "secondary_dns"}

OPTION = Struct(
    (
        Column("type", "u8", "Type of the option, of the protocol's own numbers.", wireshark="lcp.opt.type"),
        Column("value", "bytes", "What it holds.", why="a field for each type"),
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
            Column("address", "u8", "255, all stations; null where left out; 15 and 143 in a tunnel: HDLC of Cisco.",
                   wireshark="ppp.address"),
            Column("control", "u8", "3, unnumbered; null where it is left out.", wireshark="ppp.control"),
            Column("protocol", "u16", "What it carries: 33 IPv4, 87 IPv6, 49185 LCP; of one byte or two.",
                   wireshark="ppp.protocol", encoding="dictionary"),
            Column("ethertype", "u16", "HDLC of Cisco in a tunnel: EtherType of what it carries.",
                   why="chdlc.protocol"),
        ),
    ),
    Table(
        "ppp_control",
        "One row for each message by which the ends of a PPP link agree: LCP, PAP, CHAP, IPCP, IPV6CP, CCP and others.",
        spec="RFC 1661, RFC 1334, RFC 1994, RFC 1332, RFC 1877, RFC 5072, RFC 1962, RFC 1968",
        on=("ppp.protocol=0xc021", "ppp.protocol=0xc023", "ppp.protocol=0xc223", "ppp.protocol=0x8021",
            "ppp.protocol=0x8057", "ppp.protocol=0x80fd", "ppp.protocol=0x8053", "ppp.protocol=0x8281"),
        columns=(
            Column("protocol", "u16", "49185 LCP, 49187 PAP, 49699 CHAP, 32801 IPCP, 32855 IPV6CP, 33021 CCP.",
                   why="compared in ppp", encoding="dictionary"),
            Column("code", "u8", "1 to 4 request, acknowledge, nak, reject; of PAP and CHAP its own.",
                   wireshark="ppp.code"),
            Column("identifier", "u8", "What ties an answer to its question.", wireshark="ppp.identifier"),
            Column("length", "u16", "Bytes of the message.", wireshark="ppp.length"),
            Column("options", List(OPTION), "Options that are agreed upon, in wire order.",
                   why="compared in its fields"),
            Column("mru", "u16", "LCP: the largest frame that is taken, bytes.", wireshark="lcp.opt.mru"),
            Column("authentication", "u16", "LCP: protocol by which the other end shall prove itself.",
                   wireshark="lcp.opt.auth_protocol"),
            Column("magic_number", "u32", "LCP: a random number, by which a loop is seen.", why="of two fields"),
            Column("ip", "ipv4", "IPCP: the sender's address.", wireshark="ipcp.opt.ip_address"),
            Column("user", "text", "PAP: who asks to be let in.", wireshark="pap.peer_id"),
            Column("password", "text", "PAP: the password, in clear text.", wireshark="pap.password"),
            Column("value", "bytes", "CHAP: the challenge, or the answer to it.", wireshark="chap.value"),
            Column("name", "text", "CHAP: who sends it.", wireshark="chap.name"),
            Column("message", "text", "PAP and CHAP: what is said to success or failure.", wireshark="pap.message"),
            Column("data", "bytes", "What follows in other messages.", why="of several fields"),
            Column("primary_dns", "ipv4", "IPCP: the first DNS server, asked for or given.",
                   wireshark="ipcp.opt.pri_dns_address"),
            Column("secondary_dns", "ipv4", "IPCP: the second DNS server, asked for or given.",
                   wireshark="ipcp.opt.sec_dns_address"),
        ),
    ),
)  # fmt: skip


def parse_ppp(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One frame's header."""
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
    """One message; what is behind its length is padding."""
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

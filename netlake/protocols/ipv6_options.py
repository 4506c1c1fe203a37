"""IPv6 headers of options: hop-by-hop, which every router on the path examines, and destination options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor
from netlake.schema import Column, List, Struct, Table

PAD_1 = 0
PAD_N = 1
ROUTER_ALERT = 5
JUMBO_PAYLOAD = 0xC2
TUNNEL_LIMIT = 4
HOME_ADDRESS = 0xC9
ADDRESS = 16
# options with a column, by table: column, type and size
HOP_BY_HOP = (("router_alert", ROUTER_ALERT, 2), ("jumbo_payload", JUMBO_PAYLOAD, 4))
DESTINATION = (("tunnel_limit", TUNNEL_LIMIT, 1), ("home_address", HOME_ADDRESS, 16))

OPTION = Struct(
    (
        Column("type", "u8", "Option type; its two highest bits give the action if it is not recognized.",
               why="ipv6.opt.type shows padding too"),
        Column("data", "bytes", "Option data, after type and length.", why="one tshark field for each type"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "ipv6_hop_by_hop",
        "One row for each IPv6 hop-by-hop options header.",
        spec="RFC 8200 section 4.3",
        on=("ip.protocol=0",),
        context="network",
        columns=(
            Column("next_header", "u8", "IANA protocol number of the next header.", wireshark="ipv6.hopopts.nxt"),
            Column("length", "i32", "Bytes of this header, 8 to 2048.", why="ipv6.hopopts.len is in other units"),
            Column("router_alert", "u16",
                   "Router alert option: 0 multicast listener discovery, 1 RSVP; others by IANA.",
                   wireshark="ipv6.opt.router_alert", encoding="dictionary"),
            Column("jumbo_payload", "u32", "Jumbo payload option: bytes of payload, above 65535.",
                   wireshark="ipv6.opt.jumbo"),
            Column("options", List(OPTION), "Options in wire order, without Pad1 and PadN of zero bytes.",
                   why="compared in router_alert and jumbo_payload"),
        ),
    ),
    Table(
        "ipv6_destination_options",
        "One row for each IPv6 destination options header.",
        spec="RFC 8200 section 4.6, RFC 2473, RFC 6275",
        on=("ip.protocol=60",),
        context="network",
        columns=(
            Column("next_header", "u8", "IANA protocol number of the next header.", wireshark="ipv6.dstopts.nxt"),
            Column("length", "i32", "Bytes of this header, 8 to 2048.", wireshark="ipv6.dstopts.len_oct"),
            Column("tunnel_limit", "u8", "Tunnel encapsulation limit option: further tunnels permitted.",
                   wireshark="ipv6.opt.tel"),
            Column("home_address", "ipv6", "Home address option: address of a mobile node at its home.",
                   wireshark="ipv6.opt.mipv6.home_address"),
            Column("options", List(OPTION), "Options in wire order, without Pad1 and PadN of zero bytes.",
                   why="compared in tunnel_limit and home_address"),
        ),
    ),
)  # fmt: skip


def parse_ipv6_hop_by_hop(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one header."""
    yield from _header(message, HOP_BY_HOP)


def parse_ipv6_destination_options(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one header."""
    yield from _header(message, DESTINATION)


def _header(message: Cursor, columns: tuple[tuple[str, int, int], ...]) -> Iterator[tuple[str, Any]]:
    """Columns of one header; a typed column has the first option of its type with the right length."""
    yield "next_header", message.number(1)
    yield "length", 8 + 8 * message.number(1)
    options: list[dict[str, Any]] = []
    yield "options", options
    typed: set[str] = set()
    while message.left or message.missing:
        kind = message.number(1)
        if kind == PAD_1:
            continue
        data = message.take(message.number(1))
        if kind != PAD_N or data.strip(b"\0"):
            options.append({"type": kind, "data": data})
        for name, code, size in columns:
            if kind == code and len(data) == size and name not in typed:
                typed.add(name)
                yield name, data if size == ADDRESS else int.from_bytes(data, "big")

"""The IPv6 hop-by-hop options header, which every router on the way looks at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor
from netlake.schema import Column, List, Struct, Table

PAD_1 = 0
PAD_N = 1
ROUTER_ALERT = 5
JUMBO_PAYLOAD = 0xC2

OPTION = Struct(
    (
        Column("type", "u8", "Type of the option; its highest bits say what to do if it is not known.",
               why="padding too"),
        Column("data", "bytes", "What follows its type and length.", why="many fields, one for each type"),
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
            Column("next_header", "u8", "IANA number of what follows.", wireshark="ipv6.hopopts.nxt"),
            Column("length", "i32", "Bytes of this header, 8 to 2048.", why="ipv6.hopopts.len in other units"),
            Column("router_alert", "u16",
                   "Option: why routers should look at the packet; 0 is multicast listener discovery.",
                   wireshark="ipv6.opt.router_alert", encoding="dictionary"),
            Column("jumbo_payload", "u32", "Option: bytes of payload, above 65535.", wireshark="ipv6.opt.jumbo"),
            Column("options", List(OPTION), "Every option in wire order but padding with zeros.",
                   why="compared in its typed columns"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One header."""
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
        for name, code, size in (("router_alert", ROUTER_ALERT, 2), ("jumbo_payload", JUMBO_PAYLOAD, 4)):
            if kind == code and len(data) == size and name not in typed:
                typed.add(name)
                yield name, int.from_bytes(data, "big")

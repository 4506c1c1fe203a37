"""Options of neighbor discovery (RFC 4861 section 4.6, RFC 8106): all as bytes, common ones in typed columns too.

Decided here:
- `options` has every option in wire order. A typed column has the first option of its type with the right length; lists
  have those of all options of the type.
- An option of length 0 is `bad_options`: RFC 4861 section 4.6 requires the message to be discarded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.pools import address_text
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Struct

SOURCE_LINK_LAYER = 1
TARGET_LINK_LAYER = 2
PREFIX_INFORMATION = 3
MTU = 5
RECURSIVE_DNS = 25

MAC_SIZE = 6
PREFIX_SIZE = 30

OPTION = Struct(
    (
        Column("type", "u8", "IANA number of the option.", wireshark="icmpv6.opt.type"),
        Column("data", "bytes", "Option data, after type and length.", why="one tshark field for each type"),
    )
)
PREFIX = Struct(
    (
        Column("prefix", "ipv6", "Prefix, as an address.", wireshark="icmpv6.opt.prefix"),
        Column("length", "u8", "Bits of the prefix that are valid, 0 to 128.", wireshark="icmpv6.opt.prefix.length"),
        Column("on_link", "bool", "On-link flag: the prefix is on this link.", wireshark="icmpv6.opt.prefix.flag.l"),
        Column("autonomous", "bool", "Autonomous flag: hosts may configure addresses from the prefix.",
               wireshark="icmpv6.opt.prefix.flag.a"),
        Column("valid_lifetime", "u32", "Time that the prefix is on-link, seconds; 4294967295: infinite.",
               wireshark="icmpv6.opt.prefix.valid_lifetime"),
        Column("preferred_lifetime", "u32",
               "Time that addresses of the prefix are preferred, seconds; 4294967295: infinite.",
               wireshark="icmpv6.opt.prefix.preferred_lifetime"),
    )
)  # fmt: skip

OPTIONS = Column("options", List(OPTION), "Options in wire order, those with typed columns included.")  # fmt: skip
SOURCE_MAC = Column("source_mac", "mac", "Option: link-layer address of the sender; null unless it has 6 bytes.",
                    wireshark="icmpv6.opt.src_linkaddr")  # fmt: skip
TARGET_MAC = Column("target_mac", "mac", "Option: link-layer address of the target; null unless it has 6 bytes.",
                    wireshark="icmpv6.opt.target_linkaddr")  # fmt: skip
LINK_MTU = Column("mtu", "u32", "Option: MTU of the link, bytes.", wireshark="icmpv6.opt.mtu", encoding="dictionary")
PREFIXES = Column("prefixes", List(PREFIX), "Option: prefixes of the link, in wire order.")  # fmt: skip
RDNSS = Column("rdnss", List("ipv6"), "Option: addresses of recursive DNS servers.", wireshark="icmpv6.opt.rdnss")


def options(message: Cursor, *columns: str) -> Iterator[tuple[str, Any]]:
    """Options up to the end of the message; `columns` are the typed columns of the table."""
    result: list[dict[str, Any]] = []
    lists: dict[str, list[Any]] = {name: [] for name in ("prefixes", "rdnss") if name in columns}
    yield "options", result
    yield from lists.items()
    given: set[str] = set()
    while message.left or message.missing:
        kind, words = message.number(1), message.number(1)
        if words == 0:
            raise Malformed("bad_options")
        data = message.take(8 * words - 2)
        result.append({"type": kind, "data": data})
        name, value = typed(kind, data)
        if name in lists:
            lists[name].extend(value)
        elif name in columns and name not in given:
            given.add(name)
            yield name, value


def typed(kind: int, data: bytes) -> tuple[str, Any]:
    """Column name and value of an option; empty if it has no typed column or a wrong length."""
    if kind in (SOURCE_LINK_LAYER, TARGET_LINK_LAYER) and len(data) == MAC_SIZE:
        return "source_mac" if kind == SOURCE_LINK_LAYER else "target_mac", data
    if kind == MTU and len(data) == 6:
        return "mtu", int.from_bytes(data[2:], "big")
    if kind == PREFIX_INFORMATION and len(data) == PREFIX_SIZE:
        prefix = {
            "prefix": address_text(data[14:30]),
            "length": data[0],
            "on_link": bool(data[1] & 0x80),
            "autonomous": bool(data[1] & 0x40),
            "valid_lifetime": int.from_bytes(data[2:6], "big"),
            "preferred_lifetime": int.from_bytes(data[6:10], "big"),
        }
        return "prefixes", [prefix]
    if kind == RECURSIVE_DNS:
        return "rdnss", [address_text(data[at : at + 16]) for at in range(6, len(data) - 15, 16)]
    return "", None

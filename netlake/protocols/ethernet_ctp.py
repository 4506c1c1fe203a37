"""Ethernet Configuration Testing Protocol: frames sent round a loop, asked to be forwarded, then answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import remainder
from netlake.layers.parsed import NO_ROW
from netlake.layers.pools import mac
from netlake.packets import Cursor
from netlake.schema import Column, List, Table

ON = ("ether.type=0x9000",)
REPLY = 1
FORWARD = 2
# functions behind the header, each with an address: more than a frame of 1,500 bytes holds
MOST = 200

TABLES = (
    Table(
        "ethernet_ctp",
        "One row for each frame of the Ethernet Configuration Testing Protocol.",
        spec="Ethernet version 2, section 8",
        on=ON,
        context="record",
        columns=(
            Column("skip_count", "u16", "Bytes to be passed over before the function that counts now.",
                   wireshark="loop.skipcount"),
            Column("function", "u16", "The function that counts now: 1 reply, 2 forward.",
                   wireshark="loop.relevant_function"),
            Column("functions", List("u16"), "Every function in wire order.", wireshark="loop.function"),
            Column("forward_addresses", List("mac"), "Where the frame is to be sent on to, in wire order.",
                   wireshark="loop.forwarding_address"),
        ),
    ),
    Table(
        "ethernet_ctp_reply",
        "One row for each reply in a configuration test: what such a frame ends in when it was forwarded everywhere.",
        spec="Ethernet version 2, section 8",
        on=ON,
        context="record",
        columns=(
            Column("function", "u16", "1, a reply.", why="loop.function of all"),
            Column("receipt_number", "u16", "What tells requests apart.", wireshark="loop.receipt_number"),
            Column("data", "bytes", "What was sent along, padding of the frame included.", why="data.data"),
        ),
    ),
)  # fmt: skip


def _relevant(message: Cursor, skip: int) -> Cursor:
    """Where the function lies that counts now."""
    return Cursor(message.data, min(message.at + skip, message.end), missing=message.missing)


def parse_ethernet_ctp(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One frame; its numbers are little-endian."""
    skip = message.little(2)
    yield "skip_count", skip
    yield "function", _relevant(message, skip).little(2)
    functions: list[int] = []
    addresses: list[str] = []
    yield "functions", functions
    yield "forward_addresses", addresses
    for _ in range(MOST):
        functions.append(message.little(2))
        if functions[-1] != FORWARD:
            return
        addresses.append(mac(message.take(6)))


def parse_ethernet_ctp_reply(message: Cursor) -> Iterator[tuple[str, Any]]:
    """The reply of one frame, if it has one."""
    if message.left < 2 or not _at_reply(message):
        yield NO_ROW, None
    yield "function", REPLY
    yield "receipt_number", message.little(2)
    yield from remainder(message, "data")


def _at_reply(message: Cursor) -> bool:
    """Pass over the skip count and the functions before the reply; whether there is one."""
    message.skip(2)
    for _ in range(MOST):
        if message.left < 2:
            return False
        function = message.little(2)
        if function != FORWARD or message.left < 6:
            return function == REPLY
        message.skip(6)
    return False

"""Ethernet Configuration Testing Protocol: loopback frames that stations forward and finally return as a reply."""

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
# most functions in a frame: more than 1500 bytes contain, each with an address
MOST = 200

TABLES = (
    Table(
        "ethernet_ctp",
        "One row for each frame of the Ethernet Configuration Testing Protocol.",
        spec="Ethernet version 2, section 8",
        on=ON,
        context="record",
        columns=(
            Column("skip_count", "u16", "Skip count: bytes before the current function.", wireshark="loop.skipcount"),
            Column("function", "u16", "Current function: 1 reply, 2 forward data.", wireshark="loop.relevant_function"),
            Column("functions", List("u16"), "Functions in wire order.", wireshark="loop.function"),
            Column("forward_addresses", List("mac"), "Forward addresses in wire order.",
                   wireshark="loop.forwarding_address"),
        ),
    ),
    Table(
        "ethernet_ctp_reply",
        "One row for each reply of the Ethernet Configuration Testing Protocol, the last function of a frame.",
        spec="Ethernet version 2, section 8",
        on=ON,
        context="record",
        columns=(
            Column("function", "u16", "Function: 1 reply.", why="loop.function has every function"),
            Column("receipt_number", "u16", "Receipt number: matches a reply to its request.",
                   wireshark="loop.receipt_number"),
            Column("data", "bytes", "Data, with the padding of the frame.", why="tshark shows it in the layer data"),
        ),
    ),
)  # fmt: skip


def _current(message: Cursor, skip: int) -> Cursor:
    """A cursor at the current function."""
    return Cursor(message.data, min(message.at + skip, message.end), missing=message.missing)


def parse_ethernet_ctp(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one frame; its numbers are little-endian."""
    skip = message.little(2)
    yield "skip_count", skip
    yield "function", _current(message, skip).little(2)
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
    """Columns of the reply of one frame; none without a reply."""
    if message.left < 2 or not _at_reply(message):
        yield NO_ROW, None
    yield "function", REPLY
    yield "receipt_number", message.little(2)
    yield from remainder(message, "data")


def _at_reply(message: Cursor) -> bool:
    """Skip the functions before the reply; returns whether there is a reply."""
    message.skip(2)
    for _ in range(MOST):
        if message.left < 2:
            return False
        function = message.little(2)
        if function != FORWARD or message.left < 6:
            return function == REPLY
        message.skip(6)
    return False

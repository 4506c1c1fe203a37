"""Slow protocols of IEEE 802.3: link aggregation (LACP), its marker protocol, and other subtypes of the EtherType.

Decided here:
- Every frame has a row of `slow_protocol`; LACP and marker frames also have one in their own table.
- TLVs are read up to the terminator; unknown ones, which version 2 may add, are skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part, remainder
from netlake.layers.parsed import NO_ROW
from netlake.packets import Cursor, Malformed, Short
from netlake.schema import Column, Table

ON = ("ether.type=0x8809",)
LACP = 1
MARKER = 2
TERMINATOR = 0
ACTOR = 1
PARTNER = 2
COLLECTOR = 3
TLV_HEADER = 2
STATES = (
    "1 active, 2 short timeout, 4 aggregatable, 8 in sync, 16 collecting, 32 distributing, 64 defaulted, 128 expired"
)


def _side(side: str, who: str) -> tuple[Column, ...]:
    """The columns of one side of the link; `who` is its name in sentences."""
    name = f"lacp.{side}"
    return (
        Column(f"{side}_system_priority", "u16", f"System priority of {who}.", wireshark=f"{name}.sys_priority"),
        Column(f"{side}_system", "mac", f"System MAC address of {who}.", wireshark=f"{name}.sysid"),
        Column(f"{side}_key", "u16", f"Key of {who}; ports with the same key can aggregate.", wireshark=f"{name}.key"),
        Column(f"{side}_port_priority", "u16", f"Port priority of {who}.", wireshark=f"{name}.port_priority"),
        Column(f"{side}_port", "u16", f"Port number of {who}.", wireshark=f"{name}.port"),
        Column(f"{side}_state", "u8", f"State of {who}: {STATES}.", wireshark=f"{name}.state"),
    )  # fmt: skip


TABLES = (
    Table(
        "slow_protocol",
        "One row for each frame of a slow protocol.",
        spec="IEEE 802.3 annex 57A",
        on=ON,
        context="record",
        columns=(
            Column("subtype", "u8", "Subtype: 1 LACP, 2 marker protocol, 3 OAM, 10 organization-specific.",
                   wireshark="slow.subtype"),
            Column("payload", "bytes", "Bytes after the subtype; null for frames with a table of their own.",
                   why="tshark dissects it by subtype"),
        ),
    ),
    Table(
        "lacp",
        "One row for each frame of the Link Aggregation Control Protocol.",
        spec="IEEE 802.1AX",
        on=ON,
        context="record",
        inside="slow_protocol",
        columns=(
            Column("version", "u8", "LACP version, 1 or 2.", wireshark="lacp.version"),
            *_side("actor", "the sender"),
            *_side("partner", "the partner, as the sender sees it"),
            Column("collector_max_delay", "u16", "Collector maximum delay, in 10 microseconds.",
                   wireshark="lacp.collector.max_delay"),
        ),
    ),
    Table(
        "lacp_marker",
        "One row for each marker frame; its response follows all frames sent before it.",
        spec="IEEE 802.1AX",
        on=ON,
        context="record",
        inside="slow_protocol",
        columns=(
            Column("version", "u8", "Marker protocol version.", wireshark="marker.version"),
            Column("type", "u8", "Type: 1 marker information, 2 marker response.", wireshark="marker.tlvType"),
            Column("requester_port", "u16", "Port of the requester.", wireshark="marker.requesterPort"),
            Column("requester_system", "mac", "System MAC address of the requester.",
                   wireshark="marker.requesterSystem"),
            Column("requester_transaction", "u32", "Transaction ID of the requester.",
                   wireshark="marker.requesterTransId"),
        ),
    ),
)  # fmt: skip


def parse_slow_protocol(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of any frame."""
    subtype = message.number(1)
    yield "subtype", subtype
    if subtype not in (LACP, MARKER):
        yield from remainder(message, "payload")


def _has_subtype(message: Cursor, subtype: int) -> bool:
    return message.left > 0 and message.number(1) == subtype


def parse_lacp(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of an LACP frame, TLV by TLV; no row for other subtypes."""
    if not _has_subtype(message, LACP):
        yield NO_ROW, None
    yield "version", message.number(1)
    while message.promised:
        kind, size = message.number(1), message.number(1) - TLV_HEADER
        if kind == TERMINATOR:
            return
        if size < 0 or size > message.promised:
            raise Malformed("bad_length")
        value = Cursor(message.data, message.at, min(message.at + size, message.end))
        try:
            yield from _tlv(kind, value)
        except Short:
            if size <= message.left:
                raise Malformed("bad_length") from None
        message.skip(size)


def _tlv(kind: int, value: Cursor) -> Iterator[tuple[str, Any]]:
    if kind in (ACTOR, PARTNER):
        side = "actor" if kind == ACTOR else "partner"
        yield f"{side}_system_priority", value.number(2)
        yield f"{side}_system", value.take(6)
        for name in ("key", "port_priority", "port"):
            yield f"{side}_{name}", value.number(2)
        yield f"{side}_state", value.number(1)
    elif kind == COLLECTOR:
        yield "collector_max_delay", value.number(2)


def parse_lacp_marker(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of a marker or its response; no row for other subtypes."""
    if not _has_subtype(message, MARKER):
        yield NO_ROW, None
    yield "version", message.number(1)
    yield "type", message.number(1)
    information = part(message, message.number(1) - TLV_HEADER)
    try:
        yield "requester_port", information.number(2)
        yield "requester_system", information.take(6)
        yield "requester_transaction", information.number(4)
    except Short:
        if not information.missing:
            raise Malformed("bad_length") from None
        raise

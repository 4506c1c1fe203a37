"""ZigBee in IEEE 802.15.4: the network layer, and the application support layer where it is not encrypted.

Decided here:
- No number identifies ZigBee. A frame is ZigBee if its 802.15.4 addresses are short, the protocol version is 2 (ZigBee
  2006 and later), and frame type and route discovery have valid values; all other frames have a row of `ieee802154`
  only.
- Encrypted payload is not decrypted: its security header is read, and `payload` has the bytes as sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import remainder
from netlake.layers.parsed import NO_ROW
from netlake.packets import Cursor, Malformed, Short
from netlake.protocols.ieee802154.mac import DATA as DATA_FRAME
from netlake.protocols.ieee802154.mac import ON, SHORT, Frame, extended, mac_header, payload
from netlake.schema import Column, List, Table

VERSION = 2
DATA, COMMAND = 0, 1
MULTICAST, SECURITY, SOURCE_ROUTE, EXTENDED_DST, EXTENDED_SRC = 0x100, 0x200, 0x400, 0x800, 0x1000
NETWORK_KEY = 1
APS_DATA, APS_COMMAND, APS_ACK = 0, 1, 2
UNICAST, GROUP = 0, 3

TABLES = (
    Table(
        "zigbee",
        "One row for each ZigBee frame.",
        spec="ZigBee 05-3474, sections 3.3, 2.2.5 and 4.5",
        on=ON,
        context="record",
        columns=(
            Column("type", "u8", "Frame type: 0 data, 1 command.", wireshark="zbee_nwk.frame_type"),
            Column("version", "u8", "Protocol version, 2.", wireshark="zbee_nwk.proto_version"),
            Column("discover_route", "u8", "Discover route: 0 suppressed, 1 enabled.", wireshark="zbee_nwk.discovery"),
            Column("multicast", "bool", "Multicast flag: the destination is a group.", wireshark="zbee_nwk.multicast"),
            Column("security", "bool", "Security flag: encrypted with the network key.", wireshark="zbee_nwk.security"),
            Column("destination", "u16", "Network address of the destination; from 65528 broadcast.",
                   wireshark="zbee_nwk.dst"),
            Column("source", "u16", "Network address of the source.", wireshark="zbee_nwk.src"),
            Column("radius", "u8", "Hops left.", wireshark="zbee_nwk.radius"),
            Column("sequence", "u8", "Sequence number.", wireshark="zbee_nwk.seqno"),
            Column("dst_extended", "word", "Extended address of the destination, with colons.",
                   wireshark="zbee_nwk.dst64"),
            Column("src_extended", "word", "Extended address of the source, with colons.", wireshark="zbee_nwk.src64"),
            Column("relays", List("u16"), "Source route: addresses of the relays.", wireshark="zbee_nwk.relay"),
            Column("key_id", "u8",
                   "Encrypted: key identifier: 0 data key, 1 network key, 2 key-transport key, 3 key-load key.",
                   wireshark="zbee.sec.key_id"),
            Column("frame_counter", "u32", "Encrypted: frame counter of the sender, grows with each frame.",
                   wireshark="zbee.sec.counter"),
            Column("security_source", "word",
                   "Encrypted: extended address of the device that secured the frame, with colons.",
                   wireshark="zbee.sec.src64"),
            Column("key_sequence", "u8", "Encrypted: sequence number of the network key.",
                   wireshark="zbee.sec.key_seqno"),
            Column("command", "u8",
                   "Network command: 1 route request, 2 route reply, 3 network status, 4 leave, 8 link status.",
                   wireshark="zbee_nwk.cmd.id"),
            Column("aps_type", "u8",
                   "Application support: frame type: 0 data, 1 command, 2 acknowledgement, 3 inter-PAN.",
                   wireshark="zbee_aps.type"),
            Column("aps_delivery", "u8", "Application support: delivery mode: 0 unicast, 2 broadcast, 3 group.",
                   wireshark="zbee_aps.delivery"),
            Column("aps_security", "bool", "Application support: the payload is encrypted.",
                   wireshark="zbee_aps.security"),
            Column("aps_ack_request", "bool", "Application support: acknowledgement request.",
                   wireshark="zbee_aps.ack_req"),
            Column("dst_endpoint", "u8", "Destination endpoint; 0 is the device itself.", wireshark="zbee_aps.dst"),
            Column("group", "u16", "Group address of the destination.", wireshark="zbee_aps.group"),
            Column("cluster", "u16", "Cluster identifier.", wireshark="zbee_aps.cluster"),
            Column("profile", "u16", "Profile identifier: 0 device profile, 260 home automation.",
                   wireshark="zbee_aps.profile"),
            Column("src_endpoint", "u8", "Source endpoint.", wireshark="zbee_aps.src"),
            Column("aps_counter", "u8", "Counter of the application support layer.", wireshark="zbee_aps.counter"),
            Column("payload", "bytes", "Payload after the headers, encrypted or not.", why="tshark dissects it"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of a ZigBee frame; no row if it is none."""
    frame = Frame()
    try:
        for _ in mac_header(message, frame):
            pass
        body = payload(message, frame)
    except (Short, Malformed):  # table `ieee802154` has the row and its fault
        yield NO_ROW, None
        return
    if frame.type != DATA_FRAME or frame.secured or frame.elements or frame.modes != (SHORT, SHORT):
        yield NO_ROW, None
        return
    control = body.little(2) if body.left >= 2 else -1
    if control < 0 or control >> 2 & 15 != VERSION or control & 3 > COMMAND or control >> 6 & 3 > 1:
        yield NO_ROW, None
        return
    yield "type", control & 3
    yield "version", VERSION
    yield "discover_route", control >> 6 & 3
    yield "multicast", bool(control & MULTICAST)
    yield "security", bool(control & SECURITY)
    yield from _network(body, control)
    if control & SECURITY:
        yield from _security(body)
    elif control & 3 == COMMAND:
        yield "command", body.number(1)
    else:
        yield from _application(body)
    yield from remainder(body, "payload")


def _network(body: Cursor, control: int) -> Iterator[tuple[str, Any]]:
    yield "destination", body.little(2)
    yield "source", body.little(2)
    yield "radius", body.number(1)
    yield "sequence", body.number(1)
    if control & EXTENDED_DST:
        yield "dst_extended", extended(body.take(8))
    if control & EXTENDED_SRC:
        yield "src_extended", extended(body.take(8))
    if control & MULTICAST:
        body.skip(1)
    if control & SOURCE_ROUTE:
        count = body.number(1)
        body.skip(1)
        relays: list[int] = []
        yield "relays", relays
        for _ in range(count):
            relays.append(body.little(2))  # noqa: PERF401 - what was read is kept


def _security(body: Cursor) -> Iterator[tuple[str, Any]]:
    control = body.number(1)
    yield "key_id", control >> 3 & 3
    yield "frame_counter", body.little(4)
    if control & 0x20:
        yield "security_source", extended(body.take(8))
    if control >> 3 & 3 == NETWORK_KEY:
        yield "key_sequence", body.number(1)


def _application(body: Cursor) -> Iterator[tuple[str, Any]]:
    control = body.number(1)
    kind, delivery = control & 3, control >> 2 & 3
    yield "aps_type", kind
    yield "aps_delivery", delivery
    secured = bool(control & 0x20)
    yield "aps_security", secured
    yield "aps_ack_request", bool(control & 0x40)
    if kind == APS_DATA or (kind == APS_ACK and not control & 0x10):
        if delivery == GROUP:
            yield "group", body.little(2)
        else:
            yield "dst_endpoint", body.number(1)
        yield "cluster", body.little(2)
        yield "profile", body.little(2)
        yield "src_endpoint", body.number(1)
    if kind in (APS_DATA, APS_COMMAND, APS_ACK):
        yield "aps_counter", body.number(1)
    if control & 0x80 and body.promised:  # an extended header: one byte, and two of blocks in fragments
        fragmentation = body.number(1) & 3
        if fragmentation:
            body.skip(1 if kind == APS_DATA else 2)
    if secured:
        yield from _security(body)

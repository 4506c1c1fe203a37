"""Frames of IEEE 802.15.4: one row each. Information elements are left in the payload."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor, Short
from netlake.protocols.ieee802154.mac import BEACON, COMMAND, MULTIPURPOSE, ON, Frame, header, payload
from netlake.schema import Column, Table

TABLES = (
    Table(
        "ieee802154",
        "One row for each IEEE 802.15.4 frame.",
        spec="IEEE 802.15.4",
        on=ON,
        context="record",
        columns=(
            Column("signal", "f64", "Power of the signal, dBm, where the capture says it.", wireshark="wpan-tap.rss"),
            Column("channel", "u16", "Number of the channel, where the capture says it.", wireshark="wpan-tap.ch_num"),
            Column("channel_page", "u8", "Page that the channel is of.", wireshark="wpan-tap.ch_page"),
            Column("quality", "u8", "Quality of the link, 0 to 255.", wireshark="wpan-tap.lqi"),
            Column("type", "u8", "0 beacon, 1 data, 2 acknowledgement, 3 command, 5 multipurpose.",
                   wireshark="wpan.frame_type"),
            Column("security", "bool", "The payload is encrypted or signed.", wireshark="wpan.security"),
            Column("pending", "bool", "More is kept for the receiver.", wireshark="wpan.pending"),
            Column("ack_request", "bool", "An acknowledgement is wanted.", wireshark="wpan.ack_request"),
            Column("pan_compression", "bool", "A network's id is left out.", wireshark="wpan.pan_id_compression"),
            Column("version", "u8", "0 of 2003, 1 of 2006, 2 of 2015.", wireshark="wpan.version"),
            Column("sequence", "u8", "Sequence number.", wireshark="wpan.seq_no"),
            Column("dst_pan", "u16", "Network of the destination, 65535 all.", wireshark="wpan.dst_pan"),
            Column("dst_short", "u16", "Short address of the destination, 65535 all.", wireshark="wpan.dst16"),
            Column("dst_extended", "word", "Extended address of the destination, with colons.", wireshark="wpan.dst64"),
            Column("src_pan", "u16", "Network of the source, where it is sent.", wireshark="wpan.src_pan"),
            Column("src_short", "u16", "Short address of the source.", wireshark="wpan.src16"),
            Column("src_extended", "word", "Extended address of the source, with colons.", wireshark="wpan.src64"),
            Column("security_level", "u8", "0 none, 1 to 3 signed, 4 encrypted, 5 to 7 both.",
                   wireshark="wpan.aux_sec.sec_level"),
            Column("key_mode", "u8", "How the key is named: 0 not, 1 index, 2 and 3 source and index.",
                   wireshark="wpan.aux_sec.key_id_mode"),
            Column("frame_counter", "u32", "Counter that grows with each secured frame.",
                   wireshark="wpan.aux_sec.frame_counter"),
            Column("key_source", "bytes", "Who made the key, as sent.", wireshark="wpan.aux_sec.key_source.bytes"),
            Column("key_index", "u8", "Which of the source's keys.", wireshark="wpan.aux_sec.key_index"),
            Column("command", "u8", "Command: 1 association, 3 its end, 4 data request, 7 beacon request.",
                   wireshark="wpan.cmd"),
            Column("beacon_order", "u8", "Beacon: time between beacons as a power, 15 none.",
                   wireshark="wpan.beacon_order"),
            Column("superframe_order", "u8", "Beacon: active time as a power.", wireshark="wpan.superframe_order"),
            Column("pan_coordinator", "bool", "Beacon: it is of the coordinator.", wireshark="wpan.bcn_coord"),
            Column("association_permit", "bool", "Beacon: devices may join.", wireshark="wpan.assoc_permit"),
            Column("payload", "bytes", "What follows the header, a message code at its end included.",
                   why="dissected by tshark"),
            Column("fcs", "u32", "Check sequence, where the capture kept it.", wireshark="wpan.fcs"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """The header, the first fields of beacons and commands, payload and check sequence."""
    frame = Frame()
    yield from header(message, frame)
    body = payload(message, frame)
    open_ = not frame.secured and not frame.elements and frame.type < MULTIPURPOSE
    if frame.type == COMMAND and open_:
        yield "command", body.number(1)
    elif frame.type == BEACON and open_ and frame.version < 2:
        superframe = body.little(2)
        yield "beacon_order", superframe & 15
        yield "superframe_order", superframe >> 4 & 15
        yield "pan_coordinator", bool(superframe & 0x4000)
        yield "association_permit", bool(superframe & 0x8000)
    if body.promised:
        yield "payload", body.rest()
    if body.missing:
        raise Short
    if frame.check:
        yield "fcs", message.little(frame.check)

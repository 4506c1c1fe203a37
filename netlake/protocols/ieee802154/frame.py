"""IEEE 802.15.4 frames, one row each. Information elements are part of the payload."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor, Short
from netlake.protocols.ieee802154.mac import BEACON, COMMAND, MULTIPURPOSE, ON, Frame, mac_header, payload
from netlake.schema import Column, Table

TABLES = (
    Table(
        "ieee802154",
        "One row for each IEEE 802.15.4 frame.",
        spec="IEEE 802.15.4",
        on=ON,
        context="record",
        columns=(
            Column("signal", "f64", "Received signal strength, dBm; null if the capture does not give it.",
                   wireshark="wpan-tap.rss"),
            Column("channel", "u16", "Channel number; null if the capture does not give it.",
                   wireshark="wpan-tap.ch_num"),
            Column("channel_page", "u8", "Channel page; null if the capture does not give it.",
                   wireshark="wpan-tap.ch_page"),
            Column("quality", "u8", "Link quality indication, 0 to 255; null if the capture does not give it.",
                   wireshark="wpan-tap.lqi"),
            Column("type", "u8", "Frame type: 0 beacon, 1 data, 2 acknowledgement, 3 command, 5 multipurpose.",
                   wireshark="wpan.frame_type"),
            Column("security", "bool", "Security enabled: the payload is encrypted or authenticated.",
                   wireshark="wpan.security"),
            Column("pending", "bool", "Frame pending: the sender has more data for the receiver.",
                   wireshark="wpan.pending"),
            Column("ack_request", "bool", "Acknowledgement request.", wireshark="wpan.ack_request"),
            Column("pan_compression", "bool", "PAN ID compression: one PAN ID is omitted.",
                   wireshark="wpan.pan_id_compression"),
            Column("version", "u8", "Frame version: 0 is 2003, 1 is 2006, 2 is 2015.", wireshark="wpan.version"),
            Column("sequence", "u8", "Sequence number.", wireshark="wpan.seq_no"),
            Column("dst_pan", "u16", "PAN ID of the destination; 65535 is broadcast.", wireshark="wpan.dst_pan"),
            Column("dst_short", "u16", "Short address of the destination; 65535 is broadcast.", wireshark="wpan.dst16"),
            Column("dst_extended", "word", "Extended address of the destination, with colons.", wireshark="wpan.dst64"),
            Column("src_pan", "u16", "PAN ID of the source; null if omitted.", wireshark="wpan.src_pan"),
            Column("src_short", "u16", "Short address of the source.", wireshark="wpan.src16"),
            Column("src_extended", "word", "Extended address of the source, with colons.", wireshark="wpan.src64"),
            Column("security_level", "u8", "Security level: 0 none, 1 to 3 authenticated, 4 encrypted, 5 to 7 both.",
                   wireshark="wpan.aux_sec.sec_level"),
            Column("key_mode", "u8", "Key identifier mode: 0 implicit, 1 index, 2 and 3 source and index.",
                   wireshark="wpan.aux_sec.key_id_mode"),
            Column("frame_counter", "u32", "Frame counter of the sender, grows with each secured frame.",
                   wireshark="wpan.aux_sec.frame_counter"),
            Column("key_source", "bytes", "Key source: originator of the key, as sent.",
                   wireshark="wpan.aux_sec.key_source.bytes"),
            Column("key_index", "u8", "Key index: number of the key at its source.",
                   wireshark="wpan.aux_sec.key_index"),
            Column("command", "u8",
                   "Command: 1 association request, 3 disassociation, 4 data request, 7 beacon request.",
                   wireshark="wpan.cmd"),
            Column("beacon_order", "u8", "Beacon: exponent of the beacon interval, 0 to 15; 15 no beacons.",
                   wireshark="wpan.beacon_order"),
            Column("superframe_order", "u8", "Beacon: exponent of the active period, 0 to 15.",
                   wireshark="wpan.superframe_order"),
            Column("pan_coordinator", "bool", "Beacon: the sender is the PAN coordinator.", wireshark="wpan.bcn_coord"),
            Column("association_permit", "bool", "Beacon: the coordinator accepts associations.",
                   wireshark="wpan.assoc_permit"),
            Column("payload", "bytes", "Payload after the header, a message integrity code included.",
                   why="tshark dissects it"),
            Column("fcs", "u32", "Frame check sequence; null if the capture does not contain it.",
                   wireshark="wpan.fcs"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one frame: header, first fields of beacons and commands, payload and frame check sequence."""
    frame = Frame()
    yield from mac_header(message, frame)
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
        yield "payload", body.kept()
    if body.missing:
        raise Short
    if frame.check:
        yield "fcs", message.little(frame.check)

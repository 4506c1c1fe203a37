"""Bidirectional Forwarding Detection: systems send control packets many times a second to detect a failed path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part
from netlake.packets import Cursor
from netlake.schema import Column, Message, Table

PASSWORD = 1
AUTHENTICATION = 0x04

TABLES = (
    Table(
        "bfd",
        "One row for each BFD control packet.",
        spec="RFC 5880, RFC 5881, RFC 5883, RFC 7130, RFC 7881",
        on=("udp.port=3784", "udp.port=4784", "udp.port=6784", "udp.port=7784"),
        message=Message(
            "BFD {state:0=AdminDown,1=Down,2=Init,3=Up}[ diagnostic {diagnostic}]",
            "routing", default=False,
        ),
        columns=(
            Column("version", "u8", "Protocol version: 1; 0 is the draft.", wireshark="bfd.version"),
            Column("diagnostic", "u8",
                   "Diagnostic: 0 none, 1 detection time expired, 3 neighbor signaled down, 7 administratively down.",
                   wireshark="bfd.diag"),
            Column("state", "u8", "Session state: 0 AdminDown, 1 Down, 2 Init, 3 Up; null in version 0.",
                   wireshark="bfd.sta"),
            Column("i_hear_you", "bool", "Version 0: I Hear You, the sender receives packets of the other system.",
                   wireshark="bfd.flags.h"),
            Column("poll", "bool", "Poll: the sender requests a packet with Final set.", wireshark="bfd.flags.p"),
            Column("final", "bool", "Final: the packet responds to a Poll.", wireshark="bfd.flags.f"),
            Column("control_plane_independent", "bool", "The sender's BFD does not depend on its control plane.",
                   wireshark="bfd.flags.c"),
            Column("authentication_present", "bool", "The authentication section is present.", wireshark="bfd.flags.a"),
            Column("demand", "bool", "Demand: the other system may stop its periodic packets.",
                   wireshark="bfd.flags.d"),
            Column("multipoint", "bool", "Multipoint: reserved for extensions, false.", wireshark="bfd.flags.m"),
            Column("detect_multiplier", "u8",
                   "Detection multiplier: consecutive missing packets until the session is down.",
                   wireshark="bfd.detect_time_multiplier"),
            Column("length", "u8", "Length of the packet, bytes.", wireshark="bfd.message_length"),
            Column("my_discriminator", "u32", "Discriminator of the session at the sender.",
                   wireshark="bfd.my_discriminator"),
            Column("your_discriminator", "u32", "Discriminator of the session at the receiver; 0 if unknown.",
                   wireshark="bfd.your_discriminator"),
            Column("desired_min_tx_interval", "u32", "Desired interval between the sender's packets, microseconds.",
                   wireshark="bfd.desired_min_tx_interval"),
            Column("required_min_rx_interval", "u32",
                   "Minimum interval between received packets that the sender supports, microseconds.",
                   wireshark="bfd.required_min_rx_interval"),
            Column("required_min_echo_rx_interval", "u32",
                   "Minimum interval between received echo packets that the sender supports, microseconds; 0: no echo.",
                   wireshark="bfd.required_min_echo_interval"),
            Column("auth_type", "u8", "Authentication type: 1 password, 2 and 3 MD5, 4 and 5 SHA-1.",
                   wireshark="bfd.auth.type"),
            Column("auth_length", "u8", "Length of the authentication section, bytes.", wireshark="bfd.auth.len"),
            Column("auth_key_id", "u8", "Number of the key or password.", wireshark="bfd.auth.key"),
            Column("auth_sequence", "u32", "Authentication sequence number; null for a password.",
                   wireshark="bfd.auth.seq_num"),
            Column("auth_data", "bytes", "Password or digest.", why="two fields: bfd.auth.password and bfd.checksum"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one packet."""
    first, flags = message.number(1), message.number(1)
    version = first >> 5
    yield "version", version
    yield "diagnostic", first & 0x1F
    yield from _flags(flags, draft=version == 0)
    names = (
        ("detect_multiplier", 1), ("length", 1), ("my_discriminator", 4), ("your_discriminator", 4),
        ("desired_min_tx_interval", 4), ("required_min_rx_interval", 4), ("required_min_echo_rx_interval", 4),
    )  # fmt: skip
    for name, size in names:
        yield name, message.number(size)
    if flags & AUTHENTICATION:
        kind, length = message.number(1), message.number(1)
        yield "auth_type", kind
        yield "auth_length", length
        body = part(message, length - 2)
        yield "auth_key_id", body.number(1)
        if kind != PASSWORD:
            body.skip(1)
            yield "auth_sequence", body.number(4)
        yield "auth_data", body.take(body.promised)


def _flags(flags: int, *, draft: bool) -> Iterator[tuple[str, Any]]:
    if draft:
        yield "i_hear_you", bool(flags & 0x80)
    else:
        yield "state", flags >> 6
    yield "poll", bool(flags & 0x20)
    yield "final", bool(flags & 0x10)
    yield "control_plane_independent", bool(flags & 0x08)
    yield "authentication_present", bool(flags & AUTHENTICATION)
    yield "demand", bool(flags & (0x40 if draft else 0x02))
    if not draft:
        yield "multipoint", bool(flags & 0x01)

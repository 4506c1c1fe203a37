"""Bidirectional Forwarding Detection: routers tell each other many times a second that the way between them works."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import part
from netlake.packets import Cursor
from netlake.schema import Column, Table

PASSWORD = 1
AUTHENTICATION = 0x04

TABLES = (
    Table(
        "bfd",
        "One row for each BFD control packet.",
        spec="RFC 5880, RFC 5881, RFC 5883, RFC 7130, RFC 7881",
        on=("udp.port=3784", "udp.port=4784", "udp.port=6784", "udp.port=7784"),
        columns=(
            Column("version", "u8", "Version of the protocol, 1; 0 was a draft.", wireshark="bfd.version"),
            Column("diagnostic", "u8",
                   "Why the session went down last: 0 it did not, 1 time ran out, 3 the neighbour said so, 7 by hand.",
                   wireshark="bfd.diag"),
            Column("state", "u8", "0 admin down, 1 down, 2 init, 3 up; null in version 0.", wireshark="bfd.sta"),
            Column("i_hear_you", "bool", "Version 0: packets of the other side arrive.", wireshark="bfd.flags.h"),
            Column("poll", "bool", "An answer is wanted.", wireshark="bfd.flags.p"),
            Column("final", "bool", "It answers a poll.", wireshark="bfd.flags.f"),
            Column("control_plane_independent", "bool", "It lives when the control plane does not.",
                   wireshark="bfd.flags.c"),
            Column("authentication_present", "bool", "It is authenticated.", wireshark="bfd.flags.a"),
            Column("demand", "bool", "Nothing need be sent unasked.", wireshark="bfd.flags.d"),
            Column("multipoint", "bool", "For extensions; false.", wireshark="bfd.flags.m"),
            Column("detect_multiplier", "u8", "How many missing packets mean down.",
                   wireshark="bfd.detect_time_multiplier"),
            Column("length", "u8", "Bytes of the packet.", wireshark="bfd.message_length"),
            Column("my_discriminator", "u32", "The session, as the sender knows it.", wireshark="bfd.my_discriminator"),
            Column("your_discriminator", "u32", "The session, as the other knows it; 0 if that is not known.",
                   wireshark="bfd.your_discriminator"),
            Column("desired_min_tx_interval", "u32", "Microseconds that the sender wants between its packets.",
                   wireshark="bfd.desired_min_tx_interval"),
            Column("required_min_rx_interval", "u32", "Microseconds that it needs between those of the other.",
                   wireshark="bfd.required_min_rx_interval"),
            Column("required_min_echo_rx_interval", "u32", "Microseconds that it needs between echoes; 0: none.",
                   wireshark="bfd.required_min_echo_interval"),
            Column("auth_type", "u8", "1 password, 2 and 3 MD5, 4 and 5 SHA-1.", wireshark="bfd.auth.type"),
            Column("auth_length", "u8", "Bytes of the authentication.", wireshark="bfd.auth.len"),
            Column("auth_key_id", "u8", "Which key or password.", wireshark="bfd.auth.key"),
            Column("auth_sequence", "u32", "Number that grows.", wireshark="bfd.auth.seq_num"),
            Column("auth_data", "bytes", "The password or the digest.", why="bfd.auth.password or bfd.checksum"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One packet."""
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

"""ISAKMP, of IKE versions 1 and 2: how the ends of an IPsec tunnel agree.

The payloads of an unencrypted message stand in `payloads` as sent, each with its type; those that people ask for stand
in columns too. On port 4500 four zero bytes stand before a message; what begins otherwise there is ESP or a keep-alive
and has no row here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.items import part, remainder
from netlake.layers.read import Columns, by_message
from netlake.packets import Cursor, Malformed, Messages
from netlake.schema import Column, List, Struct, Table

HEADER = 28
TRAVERSAL = 4500
ENCRYPTED = 1
# payloads of version 2 that hold encrypted ones
ENCRYPTED_PAYLOADS = (46, 53)
VENDOR = (13, 43)
NOTIFY = (11, 41)
IDENTITY = (5, 35, 36)
MOST_PAYLOADS = 64

PAYLOAD = Struct(
    (
        Column("type", "u8", "IANA number: 1 and 33 associations, 4 and 34 keys, 10 and 40 nonces.",
               why="isakmp.typepayload shows those inside too"),
        Column("value", "bytes", "What it holds, as sent.", why="dissected by tshark"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "isakmp",
        "One row for each ISAKMP message of IKE.",
        spec="RFC 7296, 2408, 2409, 3948",
        on=("udp.port=500", "udp.port=4500"),
        columns=(
            Column("initiator_spi", "bytes", "Number of the association, the initiator's half; 8 bytes.",
                   wireshark="isakmp.ispi"),
            Column("responder_spi", "bytes", "Number of the association, the responder's half; zero at first.",
                   wireshark="isakmp.rspi"),
            Column("next_payload", "u8", "Type of the first payload.", why="repeated for each payload"),
            Column("major_version", "u8", "1 or 2.", wireshark="isakmp.mjver"),
            Column("minor_version", "u8", "Minor version, 0.", wireshark="isakmp.mnver"),
            Column("exchange_type", "u8", "2 main mode, 4 aggressive, 32 quick; 34 IKE_SA_INIT, 35 IKE_AUTH and on.",
                   wireshark="isakmp.exchangetype"),
            Column("flags", "u8", "Version 1: 1 encrypted; version 2: 8 by the initiator, 32 an answer.",
                   wireshark="isakmp.flags"),
            Column("message_id", "u32", "Number of the message or its exchange.", wireshark="isakmp.messageid"),
            Column("length", "u32", "Bytes of the message.", wireshark="isakmp.length"),
            Column("vendor_ids", List("bytes"), "What the sender can do beyond the standard, as sent.",
                   wireshark="isakmp.vid_bytes"),
            Column("notifications", List("u16"), "Types of notifications: 14 no proposal chosen, 16388 and 16389 NAT.",
                   wireshark="isakmp.notify.msgtype"),
            Column("identity_type", "u8", "Kind of identity: 1 address, 2 name, 3 mail; null if it is encrypted.",
                   wireshark="isakmp.id.type"),
            Column("identity", "bytes", "The identity as sent.", why="a field for each kind"),
            Column("payloads", List(PAYLOAD), "Payloads in wire order; an encrypted one as sent.",
                   why="compared in columns"),
            Column("encrypted", "bytes", "Version 1: what is encrypted behind the header.",
                   why="isakmp.enc.data has no value"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> tuple[Messages, Columns]:
    """Rows of messages that are ISAKMP: on port 4500 those behind the four zero bytes."""
    ports = (messages.detail >> 16 & 0xFFFF, messages.detail & 0xFFFF)
    marked = (ports[0] == TRAVERSAL) | (ports[1] == TRAVERSAL)
    size = messages.end - messages.start
    own = np.array([not data[:4].strip(b"\0") for data in messages], np.bool_) & (size + messages.missing > 4)
    kept = messages.take(np.flatnonzero(~marked | own))
    return by_message(TABLES[0], message, kept)


def message(found: Cursor) -> Iterator[tuple[str, Any]]:
    """One message, the marker of port 4500 before it if the ports say so."""
    if TRAVERSAL in (found.detail >> 16 & 0xFFFF, found.detail & 0xFFFF):
        found.skip(4)
    yield "initiator_spi", found.take(8)
    yield "responder_spi", found.take(8)
    kind, version = found.number(1), found.number(1)
    yield "next_payload", kind
    yield "major_version", version >> 4
    yield "minor_version", version & 0xF
    yield "exchange_type", found.number(1)
    flags = found.number(1)
    yield "flags", flags
    yield "message_id", found.number(4)
    length = found.number(4)
    yield "length", length
    if version >> 4 not in (1, 2):
        found.fault("bad_version")
        return
    if length < HEADER:
        raise Malformed("bad_length")
    body = part(found, length - HEADER)
    if version >> 4 == 1 and flags & ENCRYPTED:
        yield from remainder(body, "encrypted")
        return
    yield from _payloads(body, kind)


def _identity(value: bytes, body: Cursor) -> Iterator[tuple[str, Any]]:
    if value:
        yield "identity_type", value[0]
    if len(value) < 4:
        body.fault("bad_length")
    else:
        yield "identity", value[4:]


def _payloads(body: Cursor, kind: int) -> Iterator[tuple[str, Any]]:
    payloads: list[dict[str, Any]] = []
    vendors: list[bytes] = []
    notifications: list[int] = []
    yield from (("payloads", payloads), ("vendor_ids", vendors), ("notifications", notifications))
    for _ in range(MOST_PAYLOADS):
        if not kind or not body.promised:
            return
        following, _, high, low = body.take(4)
        size = (high << 8 | low) - 4
        if size < 0 or size > body.promised:
            raise Malformed("bad_length")
        value = body.take(size)
        payloads.append({"type": kind, "value": value})
        if kind in VENDOR:
            vendors.append(value)
        elif kind in IDENTITY:
            yield from _identity(value, body)
        elif kind in NOTIFY and len(value) >= (8 if kind == NOTIFY[0] else 4):
            at = 6 if kind == NOTIFY[0] else 2
            notifications.append(int.from_bytes(value[at : at + 2], "big"))
        if kind in ENCRYPTED_PAYLOADS:
            return
        kind = following
    body.fault("too_large")

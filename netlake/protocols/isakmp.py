"""ISAKMP, of IKE versions 1 and 2: how the ends of an IPsec tunnel agree.

The payloads of an unencrypted message stand in `payloads` as sent, each with its type; those that people ask for stand
in columns too. On port 4500 four zero bytes stand before a message; what begins otherwise there is ESP and has no
row here. A keep-alive, one byte there, holds no facts and is a row of `udp` alone (`payload_length` 1).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.items import part, remainder
from netlake.layers.parsed import by_message
from netlake.packets import Columns, Cursor, Malformed, Messages, Short
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
ASSOCIATION = (1, 33)
IPSEC_IDENTITY = (1, 1)
# of an attribute's type: two bytes of value follow, and no length
SHORT_FORM = 0x8000
# attributes of transforms by number: of version 2; of version 1 for IKE itself, and for what it protects
VERSION_2 = {14: "key_length"}
IKE = {1: "encryption", 2: "hash", 3: "authentication", 4: "group", 11: "life_type", 12: "lifetime", 14: "key_length"}
IPSEC = {1: "life_type", 2: "lifetime", 3: "group", 5: "hash", 6: "key_length"}

PAYLOAD = Struct(
    (
        Column("type", "u8", "IANA number: 1 and 33 associations, 4 and 34 keys, 10 and 40 nonces.",
               why="isakmp.typepayload shows those inside too"),
        Column("value", "bytes", "What it holds, as sent.", why="dissected by tshark"),
    )
)  # fmt: skip

TRANSFORM = Struct(
    (
        Column("proposal", "u8", "Number of the proposal that it belongs to.", why="isakmp.prop.number, once each"),
        Column("protocol", "u8", "What is protected: 1 IKE, 2 AH, 3 ESP.", why="isakmp.prop.protoid, once each"),
        Column("type", "u8", "1 encryption, 2 random function, 3 integrity, 4 Diffie-Hellman group, 5 sequences.",
               wireshark="isakmp.tf.type"),
        Column("id", "u16", "IANA number within the type: encryption 12 AES-CBC, 20 AES-GCM; group 14 2048 bits.",
               why="a field for each type"),
        Column("key_length", "u16", "Bits of the key; null where the transform has one length.",
               wireshark="isakmp.ike2.attr.key_length"),
    )
)  # fmt: skip
SUITE = Struct(
    (
        Column("proposal", "u8", "Number of the proposal that it belongs to.", why="isakmp.prop.number, once each"),
        Column("protocol", "u8", "What is protected: 1 ISAKMP, 2 AH, 3 ESP.", why="isakmp.prop.protoid, once each"),
        Column("id", "u8", "IANA number of the transform: 1 IKE; of ESP 3 triple DES, 12 AES.",
               wireshark="isakmp.trans.id"),
        Column("encryption", "u16", "IKE: 1 DES, 5 triple DES, 7 AES.", why="attributes of IKE and of IPsec"),
        Column("key_length", "u16", "Bits of the key.", why="as above"),
        Column("hash", "u16", "IKE: 1 MD5, 2 SHA-1, 4 SHA-256; ESP and AH: 1 MD5, 2 SHA-1, 5 SHA-256.", why="as above"),
        Column("authentication", "u16", "IKE: 1 shared key, 3 RSA signatures, 65001 shared key and XAUTH.",
               why="as above"),
        Column("group", "u16", "Diffie-Hellman group: 2 1024 bits, 14 2048 bits.", why="as above"),
        Column("lifetime", "u32", "Seconds that it holds; null where it says bytes or nothing.", why="as above"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "isakmp",
        "One row for each ISAKMP message of IKE.",
        spec="RFC 7296, RFC 2408, RFC 2409, RFC 3948",
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
            Column("transforms", List(TRANSFORM), "Version 2: what is proposed, or chosen, in wire order.",
                   why="compared in its fields"),
            Column("suites", List(SUITE), "Version 1: the transforms that are proposed, or chosen, in wire order.",
                   why="compared in its fields"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> tuple[Messages, Columns]:
    """Rows of messages that are ISAKMP: on port 4500 those behind the four zero bytes."""
    marked = (messages.source_port == TRAVERSAL) | (messages.destination_port == TRAVERSAL)
    size = messages.end - messages.start
    own = np.array([not data[:4].strip(b"\0") for data in messages], np.bool_) & (size + messages.missing > 4)
    kept = messages.take(np.flatnonzero(~marked | own))
    return by_message(TABLES[0], message, kept)


def message(found: Cursor) -> Iterator[tuple[str, Any]]:
    """One message, the marker of port 4500 before it if the ports say so."""
    if TRAVERSAL in (found.source_port, found.destination_port):
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
    yield from _payloads(body, kind, version >> 4)


def _identity(value: bytes, body: Cursor) -> Iterator[tuple[str, Any]]:
    if value:
        yield "identity_type", value[0]
    if len(value) < 4:
        body.fault("bad_length")
    else:
        yield "identity", value[4:]


def _payloads(body: Cursor, kind: int, version: int) -> Iterator[tuple[str, Any]]:
    payloads: list[dict[str, Any]] = []
    vendors: list[bytes] = []
    notifications: list[int] = []
    transforms: list[dict[str, Any]] = []
    yield from (("payloads", payloads), ("vendor_ids", vendors), ("notifications", notifications))
    yield "transforms" if version > 1 else "suites", transforms
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
        elif kind in ASSOCIATION:
            _association(value, version, transforms, body)
        elif kind in IDENTITY:
            yield from _identity(value, body)
        elif kind in NOTIFY and len(value) >= (8 if kind == NOTIFY[0] else 4):
            at = 6 if kind == NOTIFY[0] else 2
            notifications.append(int.from_bytes(value[at : at + 2], "big"))
        if kind in ENCRYPTED_PAYLOADS:
            return
        kind = following
    body.fault("too_large")


def _association(value: bytes, version: int, found: list[dict[str, Any]], body: Cursor) -> None:
    """Every transform of an association's proposals; what does not fit marks the row, and the next payload is read."""
    message = Cursor(value)
    try:
        # version 1: the domain of interpretation and its situation; others than IPsec's simplest are not read
        if version > 1 or (message.number(4), message.number(4)) == IPSEC_IDENTITY:
            for number, proposal in _list(message):
                protocol, spi = proposal.number(1), proposal.number(1)
                proposal.skip(1 + spi)
                for first, one in _list(proposal):
                    transform = {"proposal": number, "protocol": protocol}
                    found.append(transform)
                    _transform(one, version, first, transform)
    except (Short, Malformed):
        body.fault("bad_length")


def _list(message: Cursor) -> Iterator[tuple[int, Cursor]]:
    """Proposals, or transforms: the first byte behind each header, and a cursor behind that."""
    while message.left:
        message.skip(2)
        one = part(message, message.number(2) - 4)
        yield one.number(1), one


def _transform(one: Cursor, version: int, first: int, transform: dict[str, Any]) -> None:
    if version > 1:
        transform["type"] = first
        one.skip(1)
        transform["id"] = one.number(2)
    else:
        transform["id"] = one.number(1)
        one.skip(2)
    names = VERSION_2 if version > 1 else IKE if transform["protocol"] == 1 else IPSEC
    seconds = False
    while one.left:
        kind = one.number(2)
        data = one.take(2) if kind & SHORT_FORM else one.take(one.number(2))
        number, name = int.from_bytes(data, "big"), names.get(kind & 0x7FFF, "")
        if name == "life_type":
            seconds = number == 1
        elif name and (name != "lifetime" or seconds) and len(data) <= 4:
            transform[name] = number

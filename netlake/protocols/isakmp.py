"""ISAKMP for IKE versions 1 and 2: key exchange between the endpoints of an IPsec tunnel.

Decided here:
- On port 4500 a message is ISAKMP if it starts with the four zero bytes of RFC 3948; anything else there is ESP, or a
  keep-alive of one byte (no row; table `udp` has it, with a payload length of 1).
- `payloads` has the payloads of an unencrypted message as sent. Vendor IDs, notifications, identities and security
  associations are in typed columns too. Reading ends at an encrypted payload, and after 64 payloads (`too_large`).
- Security associations of version 1 become `suites`, of version 2 `transforms`: their attributes differ in number and
  meaning. An invalid one marks the row `bad_length`, and the next payload is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.items import part, remainder
from netlake.layers.parsed import by_message
from netlake.packets import Columns, Cursor, Malformed, Messages, Short
from netlake.schema import Column, List, Message, Struct, Table

HEADER = 28
TRAVERSAL = 4500
ENCRYPTED = 1
# payloads of version 2 that contain encrypted ones
ENCRYPTED_PAYLOADS = (46, 53)
VENDOR = (13, 43)
NOTIFY = (11, 41)
IDENTITY = (5, 35, 36)
MOST_PAYLOADS = 64
ASSOCIATION = (1, 33)
IPSEC_IDENTITY = (1, 1)
# bit of an attribute type: the value has two bytes, and there is no length
SHORT_FORM = 0x8000
# transform attributes by number: version 2; version 1, phase 1 (IKE); version 1, phase 2 (IPsec)
VERSION_2 = {14: "key_length"}
IKE = {1: "encryption", 2: "hash", 3: "authentication", 4: "group", 11: "life_type", 12: "lifetime", 14: "key_length"}
IPSEC = {1: "life_type", 2: "lifetime", 3: "group", 5: "hash", 6: "key_length"}

PAYLOAD = Struct(
    (
        Column("type", "u8", "Payload type: 1 and 33 security association, 4 and 34 key exchange, 10 and 40 nonce.",
               why="isakmp.typepayload has nested payloads too"),
        Column("value", "bytes", "Payload body, as sent.", why="tshark dissects it"),
    )
)  # fmt: skip

TRANSFORM = Struct(
    (
        Column("proposal", "u8", "Number of the proposal of this transform.",
               why="isakmp.prop.number appears once for each proposal"),
        Column("protocol", "u8", "Protocol of the proposal: 1 IKE, 2 AH, 3 ESP.",
               why="isakmp.prop.protoid appears once for each proposal"),
        Column("type", "u8",
               "Transform type: 1 encryption, 2 PRF, 3 integrity, 4 Diffie-Hellman group, 5 sequence numbers.",
               wireshark="isakmp.tf.type"),
        Column("id", "u16", "Transform ID within the type: encryption 12 AES-CBC, 20 AES-GCM; group 14 2048-bit MODP.",
               why="one tshark field for each type"),
        Column("key_length", "u16", "Key length, bits; null without this attribute.",
               wireshark="isakmp.ike2.attr.key_length"),
    )
)  # fmt: skip
SUITE = Struct(
    (
        Column("proposal", "u8", "Number of the proposal of this transform.",
               why="isakmp.prop.number appears once for each proposal"),
        Column("protocol", "u8", "Protocol of the proposal: 1 ISAKMP, 2 AH, 3 ESP.",
               why="isakmp.prop.protoid appears once for each proposal"),
        Column("id", "u8", "Transform ID: 1 KEY_IKE; for ESP 3 triple DES, 12 AES.", wireshark="isakmp.trans.id"),
        Column("encryption", "u16", "IKE: encryption algorithm: 1 DES, 5 triple DES, 7 AES.",
               why="tshark has different fields for IKE and IPsec attributes"),
        Column("key_length", "u16", "Key length, bits.",
               why="tshark has different fields for IKE and IPsec attributes"),
        Column("hash", "u16", "Hash: IKE 1 MD5, 2 SHA-1, 4 SHA-256; ESP and AH 1 MD5, 2 SHA-1, 5 SHA-256.",
               why="tshark has different fields for IKE and IPsec attributes"),
        Column("authentication", "u16",
               "IKE: authentication method: 1 pre-shared key, 3 RSA signatures, 65001 pre-shared key and XAUTH.",
               why="tshark has different fields for IKE and IPsec attributes"),
        Column("group", "u16", "Diffie-Hellman group: 2 1024-bit MODP, 14 2048-bit MODP.",
               why="tshark has different fields for IKE and IPsec attributes"),
        Column("lifetime", "u32", "Lifetime, seconds; null if absent or given in kilobytes.",
               why="tshark has different fields for IKE and IPsec attributes"),
    )
)  # fmt: skip

TABLES = (
    Table(
        "isakmp",
        "One row for each ISAKMP message of IKE.",
        spec="RFC 7296, RFC 2408, RFC 2409, RFC 3948",
        on=("udp.port=500", "udp.port=4500"),
        message=Message(
            "IKE[ {major_version}] {exchange_type:2=main mode,4=aggressive mode,5=informational,32=quick"
            " mode,34=IKE_SA_INIT,35=IKE_AUTH,36=CREATE_CHILD_SA,37=INFORMATIONAL}",
            "remote",
        ),
        columns=(
            Column("initiator_spi", "bytes", "Initiator SPI (cookie), 8 bytes.", wireshark="isakmp.ispi"),
            Column("responder_spi", "bytes", "Responder SPI (cookie), 8 bytes; zero in the first message.",
                   wireshark="isakmp.rspi"),
            Column("next_payload", "u8", "Type of the first payload.",
                   why="isakmp.nextpayload appears once for each payload"),
            Column("major_version", "u8", "Major version, 1 or 2.", wireshark="isakmp.mjver"),
            Column("minor_version", "u8", "Minor version, 0.", wireshark="isakmp.mnver"),
            Column("exchange_type", "u8",
                   "Exchange type: 2 main mode, 4 aggressive, 32 quick mode, 34 IKE_SA_INIT, 35 IKE_AUTH.",
                   wireshark="isakmp.exchangetype"),
            Column("flags", "u8", "Flags: version 1: 1 encrypted; version 2: 8 initiator, 32 response.",
                   wireshark="isakmp.flags"),
            Column("message_id", "u32", "Message ID.", wireshark="isakmp.messageid"),
            Column("length", "u32", "Bytes of the message, header included.", wireshark="isakmp.length"),
            Column("vendor_ids", List("bytes"), "Vendor IDs, as sent.", wireshark="isakmp.vid_bytes"),
            Column("notifications", List("u16"),
                   "Notify message types: 14 no proposal chosen, 16388 and 16389 NAT detection.",
                   wireshark="isakmp.notify.msgtype"),
            Column("identity_type", "u8",
                   "Identification type: 1 IPv4 address, 2 FQDN, 3 user FQDN; null if encrypted.",
                   wireshark="isakmp.id.type"),
            Column("identity", "bytes", "Identification data, as sent.", why="one tshark field for each type"),
            Column("payloads", List(PAYLOAD), "Payloads in wire order; an encrypted one as sent.",
                   why="compared in the typed columns"),
            Column("encrypted", "bytes", "Version 1: encrypted bytes after the header.",
                   why="isakmp.enc.data has no value"),
            Column("transforms", List(TRANSFORM),
                   "Version 2: transforms of all proposals, offered or chosen, in wire order."),
            Column("suites", List(SUITE), "Version 1: transforms of all proposals, offered or chosen, in wire order."),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> tuple[Messages, Columns]:
    """Rows of the messages that are ISAKMP: on port 4500 those that start with four zero bytes."""
    marked = (messages.source_port == TRAVERSAL) | (messages.destination_port == TRAVERSAL)
    size = messages.end - messages.start
    own = np.array([not data[:4].strip(b"\0") for data in messages], np.bool_) & (size + messages.missing > 4)
    kept = messages.take(np.flatnonzero(~marked | own))
    return by_message(TABLES[0], message, kept)


def message(cursor: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message, after the four zero bytes if a port is 4500."""
    if TRAVERSAL in (cursor.source_port, cursor.destination_port):
        cursor.skip(4)
    yield "initiator_spi", cursor.take(8)
    yield "responder_spi", cursor.take(8)
    kind, version = cursor.number(1), cursor.number(1)
    yield "next_payload", kind
    yield "major_version", version >> 4
    yield "minor_version", version & 0xF
    yield "exchange_type", cursor.number(1)
    flags = cursor.number(1)
    yield "flags", flags
    yield "message_id", cursor.number(4)
    length = cursor.number(4)
    yield "length", length
    if version >> 4 not in (1, 2):
        cursor.fault("bad_version")
        return
    if length < HEADER:
        raise Malformed("bad_length")
    body = part(cursor, length - HEADER)
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


def _association(value: bytes, version: int, transforms: list[dict[str, Any]], body: Cursor) -> None:
    """Append every transform of a security association; an invalid one marks the row, and the next payload is read."""
    message = Cursor(value)
    try:
        # version 1: domain of interpretation and situation; only IPsec with identity is read
        if version > 1 or (message.number(4), message.number(4)) == IPSEC_IDENTITY:
            for number, proposal in _list(message):
                protocol, spi = proposal.number(1), proposal.number(1)
                proposal.skip(1 + spi)
                for first, one in _list(proposal):
                    transform = {"proposal": number, "protocol": protocol}
                    transforms.append(transform)
                    _transform(one, version, first, transform)
    except (Short, Malformed):
        body.fault("bad_length")


def _list(message: Cursor) -> Iterator[tuple[int, Cursor]]:
    """Proposals or transforms: the first byte after each generic header, and a cursor over the rest."""
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

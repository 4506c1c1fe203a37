"""Kerberos version 5: ticket requests, replies and errors.

Decided here:
- Over TCP a message follows a length of four bytes; the stream layer passes the bytes after it, so both transports are
  read alike.
- Every field of a message has a context tag, so fields are read by number, in any order. Encrypted parts are kept as
  sent.
- Columns that requests, replies and errors have in common are read from a different field in each. AP requests and
  other types have the message type only.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from netlake.layers import ber
from netlake.layers.items import text
from netlake.layers.pools import address_text
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Message, Table

AS_REQUEST, AS_REPLY, TGS_REQUEST, TGS_REPLY, ERROR = 10, 11, 12, 13, 30
REQUESTS, REPLIES = (AS_REQUEST, TGS_REQUEST), (AS_REPLY, TGS_REPLY)
APPLICATION, CONTEXT = 0x60, 0xA0
# bytes of a KerberosTime; longer values are null
LONGEST_TIME = 15

# times of a request by field number; address types of IPv4 and IPv6, with their sizes in bytes
TIMES = {4: "starts", 5: "till", 6: "renew_until"}
HOSTS = ((2, 4), (24, 16))
NETBIOS = 20

TABLES = (
    Table(
        "kerberos",
        "One row for each Kerberos message.",
        spec="RFC 4120",
        on=("udp.port=88",),
        message=Message(
            "Kerberos {message_type:10=AS-REQ,11=AS-REP,12=TGS-REQ,13=TGS-REP,14=AP-REQ,15=AP-REP,30=KRB-ERROR}["
            " {client_name}][@{client_realm}][ for {service_name}][, encryption {ticket_encryption_type}][: error"
            " {error_code}][ {error_text}]",
            "auth",
        ),
        columns=(
            Column("message_type", "u8",
                   "Message type: 10 AS-REQ, 11 AS-REP, 12 TGS-REQ, 13 TGS-REP, 14 AP-REQ, 30 KRB-ERROR.",
                   wireshark="kerberos.msg_type"),
            Column("client_realm", "text", "Realm of the client; null in a request.", why="tshark has several fields"),
            Column("client_name", "text", "Principal name of the client, parts joined by slashes.",
                   why="kerberos.CNameString is in parts"),
            Column("service_realm", "text", "Realm of the service; in a reply that of the ticket.",
                   why="tshark has several fields"),
            Column("service_name", "text", "Principal name of the service, parts joined by slashes.",
                   why="kerberos.SNameString is in parts"),
            Column("options", "bytes", "Request: KDC options, 4 bytes.", wireshark="kerberos.kdc_options"),
            Column("till", "ts", "Request: requested end time of the ticket, UTC.", why="tshark shows text"),
            Column("nonce", "i64", "Request: nonce, repeated in the reply.", wireshark="kerberos.nonce"),
            Column("encryption_types", List("i64"),
                   "Request: encryption types in order of preference; 18 and 17 AES, 23 RC4.",
                   wireshark="kerberos.ENCTYPE"),
            Column("preauthentication", List("i64"), "Types of the pre-authentication data.",
                   why="kerberos.padata_type also appears within error data"),
            Column("ticket_encryption_type", "i64", "Reply: encryption type of the ticket.",
                   why="kerberos.etype appears in three places"),
            Column("ticket_cipher", "bytes", "Reply: encrypted part of the ticket.",
                   why="kerberos.cipher appears in three places"),
            Column("reply_encryption_type", "i64", "Reply: encryption type of the part for the client.",
                   why="kerberos.etype appears in three places"),
            Column("error_code", "i64",
                   "Error code: 6 unknown client, 7 unknown service, 18 revoked, 24 pre-auth failed, 25 required.",
                   wireshark="kerberos.error_code"),
            Column("error_text", "text", "Error: text.", wireshark="kerberos.e_text"),
            Column("starts", "ts", "Request: requested start time of the ticket, UTC.", why="tshark shows text"),
            Column("renew_until", "ts", "Request: requested end of renewal, UTC.", why="tshark shows text"),
            Column("client_addresses", List("text"), "Request: addresses of the client; NetBIOS names without padding.",
                   why="one tshark field for each type"),
            Column("ticket_key_version", "i64", "Reply: version of the key that encrypts the ticket.",
                   why="kerberos.kvno appears in three places"),
            Column("reply_cipher", "bytes", "Reply: encrypted part for the client.",
                   why="kerberos.cipher appears in three places"),
            Column("server_time", "ts", "Error: time at the server, UTC, seconds.", why="tshark shows text"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message."""
    tag, outer = ber.value(message)
    if tag & 0xE0 != APPLICATION:
        raise Malformed("bad_value")
    kind = tag & 0x1F
    yield "message_type", kind
    fields = _fields(ber.expect(outer, ber.SEQUENCE))
    if kind in REQUESTS:
        yield from _request(fields)
    elif kind in REPLIES:
        yield from _reply(fields)
    elif kind == ERROR:
        yield from _error(fields)
    else:
        for _ in fields:
            pass


def _fields(body: Cursor) -> Iterator[tuple[int, Cursor]]:
    """Number and content of each context-tagged field."""
    for tag, content in ber.values(body):
        if tag & 0xE0 != CONTEXT:
            raise Malformed("bad_value")
        yield tag & 0x1F, content


def _request(fields: Iterator[tuple[int, Cursor]]) -> Iterator[tuple[str, Any]]:
    for number, content in fields:
        if number == 3:
            yield from _preauthentication(content)
        elif number == 4:
            for inner, value in _fields(ber.expect(content, ber.SEQUENCE)):
                yield from _request_body(inner, value)


def _request_body(number: int, value: Cursor) -> Iterator[tuple[str, Any]]:
    if number == 0:
        yield "options", ber.taken(value, 0x03)[1:]
    elif number in (1, 3):
        yield "client_name" if number == 1 else "service_name", _name(value)
    elif number == 2:
        yield "service_realm", _text(value)
    elif number in TIMES:
        yield TIMES[number], _time(ber.whole(ber.value(value)[1]))
    elif number == 9:
        yield from _hosts(value)
    elif number == 7:
        yield "nonce", ber.number(value)
    elif number == 8:
        types = [ber.integer(item) for _, item in ber.values(ber.expect(value, ber.SEQUENCE))]
        yield "encryption_types", [number for number in types if number is not None]


def _reply(fields: Iterator[tuple[int, Cursor]]) -> Iterator[tuple[str, Any]]:
    for number, content in fields:
        if number == 2:
            yield from _preauthentication(content)
        elif number == 3:
            yield "client_realm", _text(content)
        elif number == 4:
            yield "client_name", _name(content)
        elif number == 5:
            yield from _ticket(ber.value(content)[1])
        elif number == 6:
            yield from _encrypted(content, "reply")


def _ticket(ticket: Cursor) -> Iterator[tuple[str, Any]]:
    for number, value in _fields(ber.expect(ticket, ber.SEQUENCE)):
        if number == 1:
            yield "service_realm", _text(value)
        elif number == 2:
            yield "service_name", _name(value)
        elif number == 3:
            yield from _encrypted(value, "ticket")


def _error(fields: Iterator[tuple[int, Cursor]]) -> Iterator[tuple[str, Any]]:
    names = {8: "client_name", 10: "service_name"}
    texts = {7: "client_realm", 9: "service_realm", 11: "error_text"}
    for number, content in fields:
        if number == 4:
            yield "server_time", _time(ber.whole(ber.value(content)[1]))
        elif number == 6:
            yield "error_code", ber.number(content)
        elif number in names:
            yield names[number], _name(content)
        elif number in texts:
            yield texts[number], _text(content)


def _preauthentication(content: Cursor) -> Iterator[tuple[str, Any]]:
    kinds: list[int] = []
    yield "preauthentication", kinds
    for _, entry in ber.values(ber.expect(content, ber.SEQUENCE)):
        for number, value in _fields(entry):
            kind = ber.number(value) if number == 1 else None
            if kind is not None:
                kinds.append(kind)


def _encrypted(content: Cursor, part: str) -> Iterator[tuple[str, Any]]:
    for number, value in _fields(ber.expect(content, ber.SEQUENCE)):
        if number == 0:
            yield f"{part}_encryption_type", ber.number(value)
        elif number == 1 and part == "ticket":
            yield "ticket_key_version", ber.number(value)
        elif number == 2:
            yield f"{part}_cipher", ber.taken(value, ber.OCTETS)


def _hosts(content: Cursor) -> Iterator[tuple[str, Any]]:
    hosts: list[str] = []
    yield "client_addresses", hosts
    for _, entry in ber.values(ber.expect(content, ber.SEQUENCE)):
        kind = None
        for number, value in _fields(entry):
            if number == 0:
                kind = ber.number(value)
            elif number == 1:
                hosts.append(_host(kind, ber.taken(value, ber.OCTETS)))


def _host(kind: int | None, data: bytes) -> str:
    """Text of an address; of a NetBIOS name its first 15 characters without padding; hexadecimal for other types."""
    if (kind, len(data)) in HOSTS:
        return address_text(data)
    return text(data[:15].rstrip(b" ")) if kind == NETBIOS else data.hex()


def _name(content: Cursor) -> str | None:
    """Components of a principal name, joined by slashes."""
    for number, value in _fields(ber.expect(content, ber.SEQUENCE)):
        if number == 1:
            return "/".join(text(ber.whole(part)) for _, part in ber.values(ber.expect(value, ber.SEQUENCE)))
    return None


def _text(content: Cursor) -> str:
    return text(ber.whole(ber.value(content)[1]))


def _time(data: bytes) -> datetime | None:
    """Value of a KerberosTime such as 20261123063000Z; cached, as clients send the same one again and again."""
    return _parsed_time(data[: LONGEST_TIME + 1])


@lru_cache(256)
def _parsed_time(data: bytes) -> datetime | None:
    try:
        return datetime.strptime(data.decode("ascii", "replace"), "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None

"""Kerberos version 5 over UDP: who asks for tickets, for which services, with which encryption.

Over TCP the same message follows four bytes of length: a stream hands over what comes behind them. Every field of a
message is tagged with its number, so that a message is read by number; what is encrypted is kept as it is.
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
from netlake.schema import Column, List, Table

AS_REQUEST, AS_REPLY, TGS_REQUEST, TGS_REPLY, ERROR = 10, 11, 12, 13, 30
REQUESTS, REPLIES = (AS_REQUEST, TGS_REQUEST), (AS_REPLY, TGS_REPLY)
APPLICATION, CONTEXT = 0x60, 0xA0
# bytes; what is longer is none
LONGEST_TIME = 15

# times of a request by number, and kinds of the hosts in it, with their bytes
TIMES = {4: "starts", 5: "till", 6: "renew_until"}
HOSTS = ((2, 4), (24, 16))
NETBIOS = 20

TABLES = (
    Table(
        "kerberos",
        "One row for each Kerberos message.",
        spec="RFC 4120",
        on=("udp.port=88",),
        columns=(
            Column("message_type", "u8", "10 and 11 AS request and reply, 12 and 13 TGS, 14 AP request, 30 error.",
                   wireshark="kerberos.msg_type"),
            Column("client_realm", "text", "Realm of the client; of the server in a request.", why="several fields"),
            Column("client_name", "text", "Who wants the ticket, parts joined by slashes.",
                   why="kerberos.CNameString, in parts"),
            Column("service_realm", "text", "Realm of the service; that of the ticket in a reply.",
                   why="several fields"),
            Column("service_name", "text", "What the ticket is for, parts joined by slashes.",
                   why="kerberos.SNameString, in parts"),
            Column("options", "bytes", "Request: flags of the ticket that are wanted, 4 bytes.",
                   wireshark="kerberos.kdc_options"),
            Column("till", "ts", "Request: end of the ticket that is wanted, UTC.", why="shown as text"),
            Column("nonce", "i64", "Request: what the reply must hold.", wireshark="kerberos.nonce"),
            Column("encryption_types", List("i64"), "Request: wanted, best first; 18 and 17 AES, 23 RC4.",
                   wireshark="kerberos.ENCTYPE"),
            Column("preauthentication", List("i64"), "Kinds of data sent for authentication beforehand.",
                   why="kerberos.padata_type, in errors within data too"),
            Column("ticket_encryption_type", "i64", "Reply: encryption of the ticket.", why="kerberos.etype of three"),
            Column("ticket_cipher", "bytes", "Reply: the ticket's encrypted part.", why="kerberos.cipher of three"),
            Column("reply_encryption_type", "i64", "Reply: encryption of the part for the client.", why="as above"),
            Column("error_code", "i64",
                   "Error: 6 no such client, 7 no such service, 18 revoked, 24 wrong password, 25 authenticate beforehand.",
                   wireshark="kerberos.error_code"),
            Column("error_text", "text", "Error: in words.", wireshark="kerberos.e_text"),
            Column("starts", "ts", "Request: beginning of the ticket that is wanted, UTC.", why="shown as text"),
            Column("renew_until", "ts", "Request: until when it shall be renewable, UTC.", why="shown as text"),
            Column("client_addresses", List("text"), "Request: hosts of the client; NetBIOS names without filling.",
                   why="a field for each kind"),
            Column("ticket_key_version", "i64", "Reply: version of the key that the ticket is encrypted with.",
                   why="kerberos.kvno of three"),
            Column("reply_cipher", "bytes", "Reply: the part for the client, encrypted.", why="kerberos.cipher of all"),
            Column("server_time", "ts", "Error: time of the server, UTC, seconds.", why="shown as text"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One message."""
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
    """Number and content of each tagged field."""
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
        yield "nonce", ber.signed(ber.taken(value, ber.INTEGER))
    elif number == 8:
        types = [ber.integer(found) for _, found in ber.values(ber.expect(value, ber.SEQUENCE))]
        yield "encryption_types", [found for found in types if found is not None]


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
            yield "error_code", ber.signed(ber.taken(content, ber.INTEGER))
        elif number in names:
            yield names[number], _name(content)
        elif number in texts:
            yield texts[number], _text(content)


def _preauthentication(content: Cursor) -> Iterator[tuple[str, Any]]:
    kinds: list[int] = []
    yield "preauthentication", kinds
    for _, entry in ber.values(ber.expect(content, ber.SEQUENCE)):
        for number, value in _fields(entry):
            kind = ber.signed(ber.taken(value, ber.INTEGER)) if number == 1 else None
            if kind is not None:
                kinds.append(kind)


def _encrypted(content: Cursor, part: str) -> Iterator[tuple[str, Any]]:
    for number, value in _fields(ber.expect(content, ber.SEQUENCE)):
        if number == 0:
            yield f"{part}_encryption_type", ber.signed(ber.taken(value, ber.INTEGER))
        elif number == 1 and part == "ticket":
            yield "ticket_key_version", ber.signed(ber.taken(value, ber.INTEGER))
        elif number == 2:
            yield f"{part}_cipher", ber.taken(value, ber.OCTETS)


def _hosts(content: Cursor) -> Iterator[tuple[str, Any]]:
    hosts: list[str] = []
    yield "client_addresses", hosts
    for _, entry in ber.values(ber.expect(content, ber.SEQUENCE)):
        kind = None
        for number, value in _fields(entry):
            if number == 0:
                kind = ber.signed(ber.taken(value, ber.INTEGER))
            elif number == 1:
                hosts.append(_host(kind, ber.taken(value, ber.OCTETS)))


def _host(kind: int | None, data: bytes) -> str:
    """An address as text, or a NetBIOS name of 15 letters and a suffix, filled up with spaces."""
    if (kind, len(data)) in HOSTS:
        return address_text(data)
    return text(data[:15].rstrip(b" ")) if kind == NETBIOS else data.hex()


def _name(content: Cursor) -> str | None:
    """Parts of a principal's name, joined."""
    for number, value in _fields(ber.expect(content, ber.SEQUENCE)):
        if number == 1:
            return "/".join(text(ber.whole(part)) for _, part in ber.values(ber.expect(value, ber.SEQUENCE)))
    return None


def _text(content: Cursor) -> str:
    return text(ber.whole(ber.value(content)[1]))


def _time(data: bytes) -> datetime | None:
    """A time as 20261123063000Z; clients ask for the same far away one."""
    return _remembered(data[: LONGEST_TIME + 1])


@lru_cache(256)
def _remembered(data: bytes) -> datetime | None:
    try:
        return datetime.strptime(data.decode("ascii", "replace"), "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None

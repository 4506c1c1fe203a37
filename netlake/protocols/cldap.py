"""Connectionless LDAP (over UDP): clients of a Windows domain search for its controllers.

Decided here:
- One row for each LDAP message of a datagram, at most 64: a search result entry and its done message share a datagram.
- Search filters are converted to the text of RFC 4515, at most 16 levels deep; bytes that are not printable ASCII are
  escaped. Filters of another kind (substrings, extensible match) are null.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers import ber
from netlake.layers.items import text
from netlake.layers.parsed import NEXT
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Message, Struct, Table

ENUMERATED = 0x0A
SET = 0x31
SEARCH, ENTRY = 0x63, 0x64
APPLICATION = 0x40
MOST_MESSAGES = 64
MOST_DEPTH = 16
# filters: and, or, not; equality, greater or equal, less or equal, approximate; present
JOINED = {0xA0: "&", 0xA1: "|", 0xA2: "!"}
COMPARED = {0xA3: "=", 0xA5: ">=", 0xA6: "<=", 0xA8: "~="}
PRESENT = 0x87

ATTRIBUTE = Struct(
    (
        Column("type", "word", "Attribute type.", wireshark="ldap.type"),
        Column("values", List("bytes"), "Attribute values, as sent.", why="tshark dissects those of Netlogon"),
    )
)

TABLES = (
    Table(
        "cldap",
        "One row for each LDAP message over UDP.",
        spec="RFC 4511, MS-ADTS 6.3.3",
        on=("udp.port=389",),
        message=Message(
            "CLDAP {operation:3=search,4=entry,5=done,16=abandon}[ {base_object}][ {filter}][: result {result_code}]",
            "auth",
        ),
        columns=(
            Column("message_id", "i64", "Message ID: matches a response to its request.", wireshark="ldap.messageID"),
            Column("operation", "u8",
                   "Operation: 3 search request, 4 search result entry, 5 search result done, 16 abandon request.",
                   wireshark="ldap.protocolOp"),
            Column("base_object", "text", "Search request: base object; empty for the root.",
                   wireshark="ldap.baseObject"),
            Column("scope", "i64", "Search request: scope, 0 base object, 1 single level, 2 whole subtree.",
                   wireshark="ldap.scope"),
            Column("filter", "text", "Search request: filter as in RFC 4515; null for substrings and extensible match.",
                   why="tshark splits it into its parts"),
            Column("requested", List("text"), "Search request: requested attributes.",
                   wireshark="ldap.AttributeDescription"),
            Column("object_name", "text", "Search result entry: name of the object.", wireshark="ldap.objectName"),
            Column("attributes", List(ATTRIBUTE), "Search result entry: attributes."),
            Column("result_code", "i64",
                   "Search result done: result code, 0 success, 1 operations error; others by RFC 4511.",
                   why="tshark shows it in the layer of the entry"),
            Column("error_message", "text", "Search result done: diagnostic message.",
                   why="tshark shows it in the layer of the entry"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of every message of a datagram."""
    for number in range(MOST_MESSAGES):
        if number:
            yield NEXT, None
        body = ber.expect(message, ber.SEQUENCE)
        yield "message_id", ber.integer(ber.expect(body, ber.INTEGER))
        tag, operation = ber.value(body)
        yield "operation", tag & 0x1F
        if tag == SEARCH:
            yield from _search(operation)
        elif tag == ENTRY:
            yield from _entry(operation)
        elif tag & 0xC0 == APPLICATION and tag & ber.CONSTRUCTED:
            yield "result_code", ber.integer(ber.expect(operation, ENUMERATED))
            ber.whole(ber.expect(operation, ber.OCTETS))
            yield "error_message", text(ber.whole(ber.expect(operation, ber.OCTETS)))
        if not message.promised:
            return
    message.fault("too_large")


def _search(body: Cursor) -> Iterator[tuple[str, Any]]:
    yield "base_object", text(ber.whole(ber.expect(body, ber.OCTETS)))
    yield "scope", ber.integer(ber.expect(body, ENUMERATED))
    for _ in range(4):
        ber.whole(ber.value(body)[1])
    tag, condition = ber.value(body)
    yield "filter", _filter(tag, Cursor(ber.whole(condition)), 0)
    requested: list[str] = []
    yield "requested", requested
    requested.extend(text(ber.whole(name)) for _, name in ber.values(ber.expect(body, ber.SEQUENCE)))


def _filter(tag: int, condition: Cursor, depth: int) -> str | None:
    """A filter in the form of RFC 4515, None for other kinds."""
    if depth > MOST_DEPTH:
        raise Malformed("too_deep")
    if tag in JOINED:
        parts = [_filter(kind, part, depth + 1) for kind, part in ber.values(condition)]
        return f"({JOINED[tag]}{''.join(part or '' for part in parts)})"
    if tag in COMPARED:
        name = text(ber.whole(ber.expect(condition, ber.OCTETS)))
        return f"({name}{COMPARED[tag]}{_plain(ber.whole(ber.expect(condition, ber.OCTETS)))})"
    return f"({text(ber.whole(condition))}=*)" if tag == PRESENT else None


def _plain(data: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in b"()*\\" else f"\\{byte:02x}" for byte in data)


def _entry(body: Cursor) -> Iterator[tuple[str, Any]]:
    yield "object_name", text(ber.whole(ber.expect(body, ber.OCTETS)))
    attributes: list[dict[str, Any]] = []
    yield "attributes", attributes
    for _, attribute in ber.values(ber.expect(body, ber.SEQUENCE)):
        name = text(ber.whole(ber.expect(attribute, ber.OCTETS)))
        values = [ber.whole(value) for _, value in ber.values(ber.expect(attribute, SET))]
        attributes.append({"type": name, "values": values})

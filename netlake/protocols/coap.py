"""Constrained Application Protocol: what small devices ask each other in the manner of HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import remainder, text
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Struct, Table

URI_HOST, OBSERVE, LOCATION, URI_PATH, CONTENT_FORMAT, MAX_AGE, URI_QUERY = 3, 6, 8, 11, 12, 14, 15
NUMBERS = {OBSERVE: "observe", CONTENT_FORMAT: "content_format", MAX_AGE: "max_age"}

OPTION = Struct(
    (
        Column("number", "u16", "IANA number of the option.", why="shown as a difference"),
        Column("value", "bytes", "What it holds, as sent.", why="a field for each option"),
    )
)

TABLES = (
    Table(
        "coap",
        "One row for each CoAP message.",
        spec="RFC 7252, RFC 7641",
        on=("udp.port=5683",),
        columns=(
            Column("version", "u8", "Version, 1.", wireshark="coap.version"),
            Column("message_type", "u8", "0 to be confirmed, 1 not, 2 acknowledgment, 3 reset.", wireshark="coap.type"),
            Column("code", "u8", "Request: 1 get, 2 post, 3 put, 4 delete; answer: class in the three upper bits.",
                   wireshark="coap.code"),
            Column("code_name", "word", "The same as class and detail, such as 2.05.", why="a form of coap.code"),
            Column("message_id", "u16", "What tells repeated messages.", wireshark="coap.mid"),
            Column("token", "bytes", "What ties answers to the question, 0 to 8 bytes.", wireshark="coap.token"),
            Column("uri_host", "text", "Host that is meant.", wireshark="coap.opt.uri_host"),
            Column("uri_path", "text", "Path that is asked for, with slashes.", why="coap.opt.uri_path, as a list"),
            Column("uri_query", "text", "Query, parts joined by &.", why="coap.opt.uri_query, as a list"),
            Column("location_path", "text", "Where it was made, with slashes.", why="as a list"),
            Column("content_format", "u16", "Media type of the payload: 0 text, 40 links, 50 JSON, 60 CBOR.",
                   why="coap.opt.ctype is a name"),
            Column("observe", "u32", "Request: 0 begins, 1 ends observation; answer: order.", why="in two fields"),
            Column("max_age", "u32", "How long it may be cached, seconds.", wireshark="coap.opt.max_age"),
            Column("options", List(OPTION), "Every option in wire order.", why="compared in columns"),
            Column("payload", "bytes", "What it carries.", why="dissected by tshark"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One message."""
    first = message.number(1)
    yield "version", first >> 6
    if first >> 6 != 1:
        raise Malformed("bad_version")
    yield "message_type", first >> 4 & 3
    code = message.number(1)
    yield "code", code
    yield "code_name", f"{code >> 5}.{code & 31:02}"
    yield "message_id", message.number(2)
    if first & 0xF > 8:
        raise Malformed("bad_length")
    yield "token", message.take(first & 0xF)
    yield from _options(message)


def _options(message: Cursor) -> Iterator[tuple[str, Any]]:
    options: list[dict[str, Any]] = []
    listed: dict[int, list[str]] = {URI_PATH: [], URI_QUERY: [], LOCATION: []}
    yield "options", options
    number = 0
    while message.promised:
        first = message.number(1)
        if first == 0xFF:
            yield from remainder(message, "payload")
            break
        number += _extended(message, first >> 4)
        size = _extended(message, first & 0xF)
        if size > message.promised or number > 0xFFFF:
            raise Malformed("bad_options")
        value = message.take(size)
        options.append({"number": number, "value": value})
        if number in listed:
            listed[number].append(text(value))
        elif number == URI_HOST:
            yield "uri_host", text(value)
        elif number in NUMBERS and size <= 4:
            yield NUMBERS[number], int.from_bytes(value, "big")
    if listed[URI_PATH]:
        yield "uri_path", "/" + "/".join(listed[URI_PATH])
    if listed[URI_QUERY]:
        yield "uri_query", "&".join(listed[URI_QUERY])
    if listed[LOCATION]:
        yield "location_path", "/" + "/".join(listed[LOCATION])


def _extended(message: Cursor, nibble: int) -> int:
    """A number of which 13 and 14 say that one or two bytes more follow (RFC 7252 section 3.1)."""
    if nibble == 15:
        raise Malformed("bad_options")
    if nibble == 14:
        return message.number(2) + 269
    return message.number(1) + 13 if nibble == 13 else nibble

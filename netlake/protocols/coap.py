"""Constrained Application Protocol: requests and responses like those of HTTP, for small devices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import remainder, text
from netlake.packets import Cursor, Malformed
from netlake.schema import Column, List, Message, Struct, Table

URI_HOST, OBSERVE, LOCATION, URI_PATH, CONTENT_FORMAT, MAX_AGE, URI_QUERY = 3, 6, 8, 11, 12, 14, 15
NUMBERS = {OBSERVE: "observe", CONTENT_FORMAT: "content_format", MAX_AGE: "max_age"}

OPTION = Struct(
    (
        Column("number", "u16", "IANA number of the option.", why="tshark shows the difference to the one before"),
        Column("value", "bytes", "Value of the option, as sent.", why="one tshark field per option"),
    )
)

TABLES = (
    Table(
        "coap",
        "One row for each CoAP message.",
        spec="RFC 7252, RFC 7641",
        on=("udp.port=5683",),
        message=Message("CoAP {code_name}[ {uri_host}][/{uri_path}][?{uri_query}]", "iot"),
        columns=(
            Column("version", "u8", "Version, 1.", wireshark="coap.version"),
            Column("message_type", "u8", "Type: 0 confirmable, 1 non-confirmable, 2 acknowledgement, 3 reset.",
                   wireshark="coap.type"),
            Column("code", "u8",
                   "Code. Request: 1 GET, 2 POST, 3 PUT, 4 DELETE; response: class in the upper three bits.",
                   wireshark="coap.code"),
            Column("code_name", "word", "Code as class and detail, such as 2.05.", why="derived from code"),
            Column("message_id", "u16", "Message ID: detects duplicates, matches acknowledgements.",
                   wireshark="coap.mid"),
            Column("token", "bytes", "Token: matches a response to its request, 0 to 8 bytes.", wireshark="coap.token"),
            Column("uri_host", "text", "Uri-Host: host of the requested resource.", wireshark="coap.opt.uri_host"),
            Column("uri_path", "text", "Path of the requested resource, with slashes.",
                   why="coap.opt.uri_path has one value per part"),
            Column("uri_query", "text", "Query of the request, parts joined by &.",
                   why="coap.opt.uri_query has one value per part"),
            Column("location_path", "text", "Path of the created resource, with slashes.",
                   why="coap.opt.location_path has one value per part"),
            Column("content_format", "u16", "Content-Format of the payload: 0 text, 40 links, 50 JSON, 60 CBOR.",
                   why="coap.opt.ctype is a name"),
            Column("observe", "u32", "Observe. Request: 0 register, 1 deregister; notification: sequence number.",
                   why="two tshark fields, by request and response"),
            Column("max_age", "u32", "Max-Age: time that the response may be cached, seconds.",
                   wireshark="coap.opt.max_age"),
            Column("options", List(OPTION), "Options in wire order."),
            Column("payload", "bytes", "Payload as sent.", why="tshark dissects it"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message."""
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
    """Option delta or length: nibbles 13 and 14 mean one or two further bytes (RFC 7252 section 3.1)."""
    if nibble == 15:
        raise Malformed("bad_options")
    if nibble == 14:
        return message.number(2) + 269
    return message.number(1) + 13 if nibble == 13 else nibble

"""Session Initiation Protocol: call signalling.

Decided here:
- A message is text: start line, headers, empty line, body. `headers` has all headers as sent, folded lines joined.
- Common headers have columns, under their full names if the compact form was sent; of a repeated header the first is
  used, `via` and `contact` have all.
- On other ports `probe` requires a start line with the version 2.0, as the first or the last word.
- Keep-alives of CR and LF on the SIP ports are rows without columns, with the fault `bad_value`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.headers import headers, line, whole_number
from netlake.layers.items import remainder
from netlake.layers.probes import by_content, byte_at
from netlake.packets import Cursor, Mask, Messages
from netlake.schema import Column, List, Message, Struct, Table

COMPACT = {
    "c": "content-type", "e": "content-encoding", "f": "from", "i": "call-id", "k": "supported", "l": "content-length",
    "m": "contact", "s": "subject", "t": "to", "v": "via",
}  # fmt: skip
TEXTS = {
    "from": "from_header", "to": "to_header", "call-id": "call_id", "user-agent": "user_agent", "server": "server",
    "subject": "subject", "authorization": "authorization", "proxy-authorization": "authorization",
    "content-type": "content_type",
}  # fmt: skip
NUMBERS = {"max-forwards": "max_forwards", "expires": "expires", "content-length": "content_length"}
VERSION = "SIP/2.0"
PORTS = (5060, 5061)
# a status line, or a request line: a method, a URI with a scheme, the version (RFC 3261 section 7)
START_LINE = re.compile(rb"SIP/2\.0 [1-6][0-9][0-9] [^\r\n]*|[A-Z]+ [A-Za-z][A-Za-z0-9+.-]*:[^ \r\n]+ SIP/2\.0")
LONGEST_LINE = 1024
# letters at the start of each of them
SHORTEST_METHOD = 3
LARGEST = (1 << 32) - 1

HEADER = Struct(
    (
        Column("name", "word", "Header name, as sent.", why="sip.msg_hdr is one text"),
        Column("value", "text", "Header value, on one line.", why="sip.msg_hdr is one text"),
    )
)

TABLES = (
    Table(
        "sip",
        "One row for each SIP message.",
        spec="RFC 3261",
        on=("udp.port=5060", "sctp.port=5060", "udp.port=5061"),
        message=Message(
            "SIP [{response?}{status_code} {reason_phrase}[ to {cseq_method}]|{method} {request_uri}][ from"
            " {from_header}][ to {to_header}][ by {user_agent}]",
            "voice",
        ),
        columns=(
            Column("response", "bool", "Response, else request.", why="derived from the start line"),
            Column("version", "word", "SIP version, such as SIP/2.0.", why="part of the start line"),
            Column("method", "word", "Request: method, such as INVITE or REGISTER; null in a response.",
                   wireshark="sip.Method"),
            Column("request_uri", "text", "Request: Request-URI.", wireshark="sip.r-uri"),
            Column("status_code", "u16",
                   "Response: status code: 1xx provisional, 2xx success, 3xx redirection, 4xx to 6xx failure.",
                   wireshark="sip.Status-Code"),
            Column("reason_phrase", "text", "Response: reason phrase.", why="part of the start line"),
            Column("from_header", "text", "From header: initiator of the request, with its tag.", wireshark="sip.From"),
            Column("to_header", "text", "To header: recipient of the request, with its tag.", wireshark="sip.To"),
            Column("call_id", "text", "Call-ID, shared by all messages of a call.", wireshark="sip.Call-ID"),
            Column("cseq_number", "u32", "CSeq: sequence number of the request in its dialog.",
                   wireshark="sip.CSeq.seq"),
            Column("cseq_method", "word", "CSeq: method of the request, in responses too.",
                   wireshark="sip.CSeq.method"),
            Column("via", List("text"), "Via headers: path of the responses, nearest hop first.", wireshark="sip.Via"),
            Column("contact", List("text"), "Contact headers: addresses of the sender.", wireshark="sip.Contact"),
            Column("user_agent", "text", "User-Agent: software of the client.", wireshark="sip.User-Agent"),
            Column("server", "text", "Server: software of the server.", wireshark="sip.Server"),
            Column("subject", "text", "Subject header.", wireshark="sip.Subject"),
            Column("authorization", "text", "Authorization or Proxy-Authorization header, as sent.",
                   why="two headers in one column"),
            Column("max_forwards", "u32", "Max-Forwards: hops left.", wireshark="sip.Max-Forwards"),
            Column("expires", "u32", "Expires: validity, seconds.", wireshark="sip.Expires"),
            Column("content_type", "text", "Media type of the body, such as application/sdp.",
                   wireshark="sip.Content-Type"),
            Column("content_length", "u32", "Content-Length: bytes of the body.", wireshark="sip.Content-Length"),
            Column("headers", List(HEADER), "Headers in wire order.", why="compared in the typed columns"),
            Column("body", "bytes", "Body, as sent; a session description in most calls.",
                   why="sip.msg_body contains dissections"),
            Column("heuristic", "bool", "Recognized by content, not by port.", why="defined by netlake"),
        ),
    ),
)  # fmt: skip


def accept(messages: Messages) -> Mask:
    """On SIP ports: messages that start with a letter, and keep-alives of CR and LF."""
    first = byte_at(messages, 0)
    letter = first & 0xDF
    return np.asarray(((letter >= 0x41) & (letter <= 0x5A)) | (first == 0x0D) | (first == 0x0A) | (first <= 0))


def probe(messages: Messages) -> Mask:
    """Messages whose first line is a status line or a request line of SIP 2.0."""
    result = np.ones(len(messages), np.bool_)
    for place in range(SHORTEST_METHOD):
        letter = byte_at(messages, place)
        result &= (letter >= 0x41) & (letter <= 0x5A)
        if not result.any():
            return result
    for index in np.flatnonzero(result).tolist():
        start = int(messages.start[index])
        line = messages.data[start : min(start + LONGEST_LINE, int(messages.end[index]))].tobytes().partition(b"\r\n")
        result[index] = bool(line[1]) and START_LINE.fullmatch(line[0]) is not None
    return np.asarray(result)


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message; a keep-alive of empty lines has no columns and is marked."""
    yield "heuristic", by_content(message, PORTS)
    first = line(message).split(" ", 2)
    if first[0].startswith("SIP/"):
        yield "response", True
        yield "version", first[0]
        _version(first[0], message)
        yield "status_code", _number(first[1] if len(first) > 1 else "", message, 999)
        yield "reason_phrase", first[2] if len(first) > 2 else None
    elif len(first) == 3 and first[2].startswith("SIP/"):
        yield "response", False
        yield from (("method", first[0]), ("request_uri", first[1]), ("version", first[2].strip()))
        _version(first[2], message)
    else:
        message.fault("bad_value")
    yield from _headers(message)
    yield from remainder(message, "body")


def _version(sent: str, message: Cursor) -> None:
    if sent.strip().upper() != VERSION:
        message.fault("bad_version")


def _number(value: str, message: Cursor, most: int = LARGEST) -> int | None:
    number = whole_number(value, most)
    if number is None:
        message.fault("bad_value")
    return number


def _headers(message: Cursor) -> Iterator[tuple[str, Any]]:
    all_headers: list[dict[str, Any]] = []
    listed: dict[str, list[str]] = {"via": [], "contact": []}
    seen: set[str] = set()
    yield "headers", all_headers
    yield from listed.items()
    for sent, value in headers(message, all_headers):
        name = COMPACT.get(sent, sent)
        if name in listed:
            listed[name].append(value)
        if name in seen:
            continue
        seen.add(name)
        if name in TEXTS:
            yield TEXTS[name], value
        elif name in NUMBERS:
            yield NUMBERS[name], _number(value, message)
        elif name == "cseq":
            number, method = [*value.split(None, 1), "", ""][:2]
            yield "cseq_number", _number(number, message)
            yield "cseq_method", method.strip() or None

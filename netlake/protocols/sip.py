"""Session Initiation Protocol: who calls whom, and the headers and bodies in which they agree.

A message is text: a start line, headers, an empty line, a body. Every header stands in `headers` as sent, continued
lines put together; those that people ask for stand in columns too, under their full names where the compact ones were
sent. Where a header stands twice its column has the first; `via` and `contact` have all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.headers import headers, line, whole_number
from netlake.layers.items import remainder
from netlake.layers.probes import byte_at
from netlake.packets import Cursor, Mask, Messages
from netlake.schema import Column, List, Struct, Table

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
LARGEST = (1 << 32) - 1

HEADER = Struct(
    (
        Column("name", "word", "Name as sent.", why="sip.msg_hdr is one text"),
        Column("value", "text", "Value as sent, on one line.", why="sip.msg_hdr is one text"),
    )
)

TABLES = (
    Table(
        "sip",
        "One row for each SIP message.",
        spec="RFC 3261",
        on=("udp.port=5060", "sctp.port=5060", "udp.port=5061"),
        columns=(
            Column("response", "bool", "Whether it answers a request.", why="told by the start line"),
            Column("version", "word", "Version, such as SIP/2.0.", why="part of the start line"),
            Column("method", "word", "Request: INVITE, REGISTER and others; null in an answer.",
                   wireshark="sip.Method"),
            Column("request_uri", "text", "Request: whom it is for.", wireshark="sip.r-uri"),
            Column("status_code", "u16", "Answer: 1xx goes on, 2xx done, 3xx elsewhere, 4xx to 6xx failed.",
                   wireshark="sip.Status-Code"),
            Column("reason_phrase", "text", "Answer: the code in words.", why="part of the start line"),
            Column("from_header", "text", "Who began it, with the tag of its side.", wireshark="sip.From"),
            Column("to_header", "text", "Whom it is meant for, with the tag of its side.", wireshark="sip.To"),
            Column("call_id", "text", "What ties the messages of a call together.", wireshark="sip.Call-ID"),
            Column("cseq_number", "u32", "Number of the request in its dialogue.", wireshark="sip.CSeq.seq"),
            Column("cseq_method", "word", "Method of the request, in answers too.", wireshark="sip.CSeq.method"),
            Column("via", List("text"), "Hops on the way back, the nearest first.", wireshark="sip.Via"),
            Column("contact", List("text"), "Where the sender can be reached.", wireshark="sip.Contact"),
            Column("user_agent", "text", "Program of the caller.", wireshark="sip.User-Agent"),
            Column("server", "text", "Program of the answerer.", wireshark="sip.Server"),
            Column("subject", "text", "What it is about.", wireshark="sip.Subject"),
            Column("authorization", "text", "Credentials as sent, for the callee or a proxy.",
                   why="two headers of one meaning"),
            Column("max_forwards", "u32", "Hops that it may still take.", wireshark="sip.Max-Forwards"),
            Column("expires", "u32", "How long it holds, seconds.", wireshark="sip.Expires"),
            Column("content_type", "text", "Media type of the body, such as application/sdp.",
                   wireshark="sip.Content-Type"),
            Column("content_length", "u32", "Bytes of the body, as told.", wireshark="sip.Content-Length"),
            Column("headers", List(HEADER), "Every header in wire order.", why="compared in columns"),
            Column("body", "bytes", "The body as sent; a session description for most calls.",
                   why="sip.msg_body holds dissections"),
        ),
    ),
)  # fmt: skip


def accept(messages: Messages) -> Mask:
    """On its ports: what begins with a letter, or the ends of lines that keep an address translation open."""
    first = byte_at(messages, 0)
    letter = first & 0xDF
    return np.asarray(((letter >= 0x41) & (letter <= 0x5A)) | (first == 0x0D) | (first == 0x0A) | (first <= 0))


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One message; keep-alives of empty lines have no columns and are marked."""
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
    found: list[dict[str, Any]] = []
    listed: dict[str, list[str]] = {"via": [], "contact": []}
    seen: set[str] = set()
    yield "headers", found
    yield from listed.items()
    for sent, value in headers(message, found):
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

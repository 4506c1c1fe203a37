"""Simple Service Discovery Protocol: searches for and announcements of UPnP devices, in HTTP format.

Decided here:
- `headers` has all headers as sent; common ones have columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.headers import headers, line, whole_number
from netlake.layers.items import remainder
from netlake.packets import Cursor
from netlake.schema import Column, List, Message, Struct, Table

TEXTS = {
    "host": "host", "st": "search_target", "nt": "notification_type", "nts": "notification_subtype", "usn": "usn",
    "location": "location", "server": "server", "user-agent": "user_agent", "man": "man",
    "cache-control": "cache_control",
}  # fmt: skip

HEADER = Struct(
    (
        Column("name", "word", "Header name, as sent.", why="http.request.line is one text"),
        Column("value", "text", "Header value, on one line.", why="http.request.line is one text"),
    )
)

TABLES = (
    Table(
        "ssdp",
        "One row for each SSDP message.",
        spec="UPnP Device Architecture 2.0",
        on=("udp.port=1900",),
        layers=("ssdp",),
        message=Message(
            "SSDP [{response?}response {status_code}|{method}][ {search_target}| {notification_type}]["
            " {notification_subtype}][ {location}][ {server}]",
            "discovery",
        ),
        columns=(
            Column("response", "bool", "Response to a search, else request.", why="derived from the start line"),
            Column("method", "word", "Method: M-SEARCH or NOTIFY; null in a response.",
                   wireshark="http.request.method"),
            Column("target", "text", "Request target, an asterisk.", wireshark="http.request.uri"),
            Column("version", "word", "HTTP version, such as HTTP/1.1.", why="one tshark field for each direction"),
            Column("status_code", "u16", "Response: status code, 200.", wireshark="http.response.code"),
            Column("host", "text", "Host header: destination address.", wireshark="http.host"),
            Column("man", "text", "Search: MAN header, ssdp:discover in quotes.", why="no tshark field"),
            Column("mx", "u32", "Search: MX header, maximum delay of a response, seconds.", why="no tshark field"),
            Column("search_target", "text", "ST header: search target, requested or found.", why="no tshark field"),
            Column("notification_type", "text", "Announcement: NT header, notification type.", why="no tshark field"),
            Column("notification_subtype", "text", "Announcement: NTS header: ssdp:alive, ssdp:byebye or ssdp:update.",
                   why="no tshark field"),
            Column("usn", "text", "USN header: unique service name.", why="no tshark field"),
            Column("location", "text", "Location header: URL of the device description.", wireshark="http.location"),
            Column("server", "text", "Server header: operating system and software of the device.",
                   wireshark="http.server"),
            Column("user_agent", "text", "User-Agent header: operating system and software of the searching host.",
                   wireshark="http.user_agent"),
            Column("cache_control", "text", "Cache-Control header: validity, such as max-age=1800.",
                   wireshark="http.cache_control"),
            Column("headers", List(HEADER), "Headers in wire order.", why="compared in the typed columns"),
            Column("body", "bytes", "Bytes after the headers.", why="no tshark field"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message."""
    first = line(message).split(" ", 2)
    if first[0].startswith("HTTP/"):
        yield from (("response", True), ("version", first[0]))
        yield "status_code", whole_number(first[1], 999) if len(first) > 1 else None
    elif len(first) == 3 and first[2].startswith("HTTP/"):
        yield from (("response", False), ("method", first[0]), ("target", first[1]), ("version", first[2].strip()))
    else:
        message.fault("bad_value")
    all_headers: list[dict[str, Any]] = []
    yield "headers", all_headers
    for name, value in headers(message, all_headers):
        if name in TEXTS:
            yield TEXTS[name], value
        elif name == "mx":
            yield "mx", whole_number(value, (1 << 32) - 1)
    yield from remainder(message, "body")

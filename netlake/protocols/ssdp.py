"""Simple Service Discovery Protocol: devices of UPnP that look for each other and announce themselves.

The form is HTTP's. Every header stands in `headers` as sent; those that people ask for stand in columns too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.headers import headers, line, whole_number
from netlake.layers.items import remainder
from netlake.packets import Cursor
from netlake.schema import Column, List, Struct, Table

TEXTS = {
    "host": "host", "st": "search_target", "nt": "notification_type", "nts": "notification_subtype", "usn": "usn",
    "location": "location", "server": "server", "user-agent": "user_agent", "man": "man",
    "cache-control": "cache_control",
}  # fmt: skip

HEADER = Struct(
    (
        Column("name", "word", "Name as sent.", why="http.request.line is one text"),
        Column("value", "text", "Value as sent, on one line.", why="http.request.line is one text"),
    )
)

TABLES = (
    Table(
        "ssdp",
        "One row for each SSDP message.",
        spec="UPnP Device Architecture 2.0",
        on=("udp.port=1900",),
        columns=(
            Column("response", "bool", "Whether it answers a search.", why="told by the start line"),
            Column("method", "word", "M-SEARCH or NOTIFY; null in an answer.", wireshark="http.request.method"),
            Column("target", "text", "What the method is for, an asterisk.", wireshark="http.request.uri"),
            Column("version", "word", "Version, such as HTTP/1.1.", why="a field for each direction"),
            Column("status_code", "u16", "Answer: 200.", wireshark="http.response.code"),
            Column("host", "text", "Address that it is sent to.", wireshark="http.host"),
            Column("man", "text", "Search: the extension, ssdp:discover in quotes.", why="tshark has no such field"),
            Column("mx", "u32", "Search: longest wait before an answer, seconds.", why="tshark has no such field"),
            Column("search_target", "text", "What is looked for, or was found (ST).", why="no such field"),
            Column("notification_type", "text", "Announcement: what there is (NT).", why="no such field"),
            Column("notification_subtype", "text", "Announcement: ssdp:alive, ssdp:byebye or ssdp:update (NTS).",
                   why="no such field"),
            Column("usn", "text", "Unique name of the service.", why="no such field"),
            Column("location", "text", "Where its description is.", wireshark="http.location"),
            Column("server", "text", "System and program of the device.", wireshark="http.server"),
            Column("user_agent", "text", "System and program of the searcher.", wireshark="http.user_agent"),
            Column("cache_control", "text", "How long it holds, such as max-age=1800.", wireshark="http.cache_control"),
            Column("headers", List(HEADER), "Every header in wire order.", why="compared in columns"),
            Column("body", "bytes", "What follows the headers.", why="tshark has no such field"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One message."""
    first = line(message).split(" ", 2)
    if first[0].startswith("HTTP/"):
        yield from (("response", True), ("version", first[0]))
        yield "status_code", whole_number(first[1], 999) if len(first) > 1 else None
    elif len(first) == 3 and first[2].startswith("HTTP/"):
        yield from (("response", False), ("method", first[0]), ("target", first[1]), ("version", first[2].strip()))
    else:
        message.fault("bad_value")
    found: list[dict[str, Any]] = []
    yield "headers", found
    for name, value in headers(message, found):
        if name in TEXTS:
            yield TEXTS[name], value
        elif name == "mx":
            yield "mx", whole_number(value, (1 << 32) - 1)
    yield from remainder(message, "body")

"""Syslog: log messages of hosts, in the formats of RFC 3164 and RFC 5424.

Decided here:
- A message is of RFC 5424 if version 1 follows its priority; any other is of RFC 3164. Senders follow RFC 3164 loosely:
  timestamp, host and tag are read only where they match; everything else is the message.
- Timestamps are kept as text, since RFC 3164 has neither year nor time zone.
- Of a truncated message only the priority is read: other parts may be incomplete.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from netlake.layers.items import text
from netlake.packets import Cursor, Short
from netlake.schema import Column, List, Message, Struct, Table

HEAD = ("timestamp", "hostname", "app_name", "process_id", "message_id")
PRIORITY = re.compile(r"<(\d{1,3})>")
RFC_5424 = re.compile(r"1 (\S+) (\S+) (\S+) (\S+) (\S+) ?")
RFC_3164 = re.compile(r"([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\S+) (\S+) ")
TAG = re.compile(r"([\w./-]{1,48})(?:\[([^\]]{1,32})\])?: ?")
ELEMENT = re.compile(r"\[([^ =\]\"]+)((?: [^ =\]\"]+=\"(?:[^\"\\\]]|\\.)*\")*)\]")
PARAMETER = re.compile(r" ([^ =\]\"]+)=\"((?:[^\"\\\]]|\\.)*)\"")

PARAMETERS = Struct(
    (
        Column("id", "word", "SD-ID: name of the structured data element.", why="no tshark field"),
        Column("name", "word", "Parameter name; null for an element without parameters.", why="no tshark field"),
        Column("value", "text", "Parameter value, without escapes.", why="no tshark field"),
    )
)

TABLES = (
    Table(
        "syslog",
        "One row for each syslog message.",
        spec="RFC 5424, RFC 3164, RFC 5426",
        on=("udp.port=514",),
        message=Message(
            "syslog[ {severity:0=emergency,1=alert,2=critical,3=error,4=warning,5=notice,6=info,7=debug}]["
            " {hostname}][ {app_name}]: {message}",
            "management",
        ),
        columns=(
            Column("facility", "u8", "Facility: 0 kernel, 3 daemons, 4 authorization, 16 to 23 local use.",
                   wireshark="syslog.facility"),
            Column("severity", "u8",
                   "Severity: 0 emergency, 1 alert, 2 critical, 3 error, 4 warning, 5 notice, 6 info, 7 debug.",
                   wireshark="syslog.level"),
            Column("version", "u8", "RFC 5424: version, 1; null for RFC 3164.", wireshark="syslog.version"),
            Column("timestamp", "text", "Timestamp, as sent.", why="one tshark field for each format"),
            Column("hostname", "text", "Host name of the sender.", why="tshark has it for RFC 5424 only"),
            Column("app_name", "text", "Application name; for RFC 3164 the tag.",
                   why="tshark has it for RFC 5424 only"),
            Column("process_id", "text", "Process ID.", why="tshark has it for RFC 5424 only"),
            Column("message_id", "text", "RFC 5424: message ID, the type of message.",
                   why="tshark has other text in it for RFC 3164"),
            Column("structured_data", List(PARAMETERS), "RFC 5424: parameters of the structured data, in wire order.",
                   why="no tshark field"),
            Column("message", "text", "Message text, without the parts in other columns.",
                   why="for RFC 3164 syslog.msg is the whole line"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message; of a truncated one the priority only."""
    line = text(message.kept()).rstrip("\r\n\0")
    at = 0
    if priority := PRIORITY.match(line):
        number = int(priority[1])
        yield from (("facility", number >> 3), ("severity", number & 7))
        at = priority.end()
    elif not message.missing:
        message.fault("bad_value")
    if message.missing:
        raise Short
    yield from _rfc_5424(line, header) if (header := RFC_5424.match(line, at)) else _rfc_3164(line, at)


def _rfc_5424(line: str, head: re.Match[str]) -> Iterator[tuple[str, Any]]:
    yield "version", 1
    for name, value in zip(HEAD, head.groups(), strict=True):
        yield name, None if value == "-" else value
    at = head.end()
    if line[at : at + 1] == "-":
        at += 1
    parameters: list[dict[str, str]] = []
    yield "structured_data", parameters
    while element := ELEMENT.match(line, at):
        at = element.end()
        pairs = PARAMETER.findall(element[2])
        parameters += [{"id": element[1], "name": n, "value": re.sub(r"\\(.)", r"\1", v)} for n, v in pairs]
        if not pairs:
            parameters.append({"id": element[1]})
    yield "message", line[at:].removeprefix(" ").removeprefix("\ufeff")


def _rfc_3164(line: str, at: int) -> Iterator[tuple[str, Any]]:
    if head := RFC_3164.match(line, at):
        yield from (("timestamp", head[1]), ("hostname", head[2]))
        at = head.end()
    if tag := TAG.match(line, at):
        yield from (("app_name", tag[1]), ("process_id", tag[2]))
        at = tag.end()
    yield "message", line[at:]

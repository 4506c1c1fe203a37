"""Syslog: lines that systems log, in the old form (RFC 3164) and the new (RFC 5424).

A message of the new form has version 1 behind its priority. Senders of the old form keep to it loosely: a time stamp
and a host are taken where they are of its shape, and all else is the message. Times are kept as text: the old form
lacks the year and the zone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from netlake.layers.items import text
from netlake.packets import Cursor, Short
from netlake.schema import Column, List, Struct, Table

HEAD = ("timestamp", "hostname", "app_name", "process_id", "message_id")
PRIORITY = re.compile(r"<(\d{1,3})>")
NEW = re.compile(r"1 (\S+) (\S+) (\S+) (\S+) (\S+) ?")
OLD = re.compile(r"([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\S+) (\S+) ")
TAG = re.compile(r"([\w./-]{1,48})(?:\[([^\]]{1,32})\])?: ?")
ELEMENT = re.compile(r"\[([^ =\]\"]+)((?: [^ =\]\"]+=\"(?:[^\"\\\]]|\\.)*\")*)\]")
PARAMETER = re.compile(r" ([^ =\]\"]+)=\"((?:[^\"\\\]]|\\.)*)\"")

PARAMETERS = Struct(
    (
        Column("id", "word", "Name of the element.", why="tshark has no such field"),
        Column("name", "word", "Name of the parameter; null for an element without any.", why="as above"),
        Column("value", "text", "Its value, without escapes.", why="as above"),
    )
)

TABLES = (
    Table(
        "syslog",
        "One row for each syslog message.",
        spec="RFC 5424, RFC 3164, RFC 5426",
        on=("udp.port=514",),
        columns=(
            Column("facility", "u8", "Which part of the system: 0 kernel, 3 daemons, 4 authorisation, 16 to 23 local.",
                   wireshark="syslog.facility"),
            Column("severity", "u8", "0 emergency, 1 alert, 2 critical, 3 error, 4 warning, 5 notice, 6 info, 7 debug.",
                   wireshark="syslog.level"),
            Column("version", "u8", "1 in the new form; null in the old.", wireshark="syslog.version"),
            Column("timestamp", "text", "When it happened, as sent.", why="a field for each form"),
            Column("hostname", "text", "Host that says so.", why="shown in the new form only"),
            Column("app_name", "text", "Program that says so; the tag in the old form.", why="as above"),
            Column("process_id", "text", "Its process.", why="as above"),
            Column("message_id", "text", "New form: kind of message.", why="holds text of the old form"),
            Column("structured_data", List(PARAMETERS), "New form: parameters in wire order.",
                   why="tshark has no such field"),
            Column("message", "text", "What is said, without what stands in the columns before.",
                   why="syslog.msg is the whole line in the old form"),
        ),
    ),
)  # fmt: skip


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """One message; of one that the capture cut the parts that are surely whole."""
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
    yield from _new(line, new) if (new := NEW.match(line, at)) else _old(line, at)


def _new(line: str, head: re.Match[str]) -> Iterator[tuple[str, Any]]:
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
        found = PARAMETER.findall(element[2])
        parameters += [{"id": element[1], "name": n, "value": re.sub(r"\\(.)", r"\1", v)} for n, v in found]
        if not found:
            parameters.append({"id": element[1]})
    yield "message", line[at:].removeprefix(" ").removeprefix("\ufeff")


def _old(line: str, at: int) -> Iterator[tuple[str, Any]]:
    if head := OLD.match(line, at):
        yield from (("timestamp", head[1]), ("hostname", head[2]))
        at = head.end()
    if tag := TAG.match(line, at):
        yield from (("app_name", tag[1]), ("process_id", tag[2]))
        at = tag.end()
    yield "message", line[at:]

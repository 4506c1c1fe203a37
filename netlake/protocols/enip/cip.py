"""Common Industrial Protocol: what is asked of objects in controllers, and what they answer.

Read from the data items of EtherNet/IP requests; messages without such an item have no row here. Class, instance and
attribute are those of the request's path; a path by name is in `symbol`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.items import text
from netlake.layers.parsed import NEXT, by_message
from netlake.packets import Columns, Cursor, Malformed, Messages, Short
from netlake.protocols.enip.items import HEADER, SEND_COMMANDS, items, plain
from netlake.schema import Column, List, Table

UNCONNECTED = 0xB2
CONNECTED = 0xB1
SEGMENTS = {0x20: "class_id", 0x24: "instance_id", 0x30: "attribute_id"}

TABLES = (
    Table(
        "cip",
        "One row for each CIP request or answer in EtherNet/IP.",
        spec="CIP Networks Library, volume 1",
        on=("udp.port=44818", "udp.port=2222"),
        inside="enip",
        columns=(
            Column("response", "bool", "Whether it is an answer.", wireshark="cip.rr"),
            Column("service", "u8", "What is asked: 1 all attributes, 14 one, 76 read tag, 77 write tag, 84 open.",
                   wireshark="cip.sc"),
            Column("connected", "bool", "Whether it travels on a connection.", why="told by the item"),
            Column("sequence", "u16", "Number on its connection; null without one.", why="cip.seq in some layers"),
            Column("class_id", "u32", "Request: class of the object.", wireshark="cip.class"),
            Column("instance_id", "u32", "Request: instance of the class.", wireshark="cip.instance"),
            Column("attribute_id", "u32", "Request: attribute of the instance.", wireshark="cip.attribute"),
            Column("symbol", "text", "Request: name of the tag, parts joined by dots.", why="cip.symbol, in parts"),
            Column("status", "u8", "Answer: 0 success.", wireshark="cip.genstat"),
            Column("additional_status", List("u16"), "Answer: what it means in particular.", why="in several fields"),
            Column("data", "bytes", "What the service takes or gives.", why="dissected by tshark"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> tuple[Messages, Columns]:
    """Rows of the messages that carry CIP."""
    kept, columns = by_message(TABLES[0], each, messages)
    if "service" not in columns:
        return kept.take(np.zeros(0, np.intp)), {}
    with_row = columns["service"].is_valid().to_numpy(zero_copy_only=False).nonzero()[0]
    return kept.take(with_row), {name: value.take(with_row) for name, value in columns.items()}


def each(message: Cursor) -> Iterator[tuple[str, Any]]:
    """CIP messages of one EtherNet/IP message; a row without a service is none."""
    if not plain(message):
        command = message.little(2)
        if command not in SEND_COMMANDS:
            return
        message.skip(HEADER - 2 + 6)
    rows = 0
    for kind, value in items(message):
        if kind == UNCONNECTED or (kind == CONNECTED and not plain(message)):
            if rows:
                yield NEXT, None
            rows += 1
            try:
                yield from _message(Cursor(value), connected=kind == CONNECTED)
            except (Short, Malformed):
                message.fault("bad_length")


def _message(body: Cursor, *, connected: bool) -> Iterator[tuple[str, Any]]:
    if connected:
        yield "sequence", body.little(2)
    first = body.number(1)
    yield "service", first & 0x7F
    yield "response", bool(first & 0x80)
    yield "connected", connected
    if first & 0x80:
        body.skip(1)
        yield "status", body.number(1)
        additional: list[int] = []
        yield "additional_status", additional
        additional.extend(body.little(2) for _ in range(body.number(1)))
    else:
        yield from _path(Cursor(body.take(2 * body.number(1))))
    if body.left:
        yield "data", body.kept()


def _path(path: Cursor) -> Iterator[tuple[str, Any]]:
    """Segments of a path: numbers of one, two or four bytes, and names."""
    names: list[str] = []
    while path.left:
        segment = path.number(1)
        if segment & 0xFC in SEGMENTS and segment & 3 < 3:
            size = 1 << (segment & 3)
            path.skip(size > 1)
            yield SEGMENTS[segment & 0xFC], path.little(size)
        elif segment == 0x91:
            size = path.number(1)
            names.append(text(path.take(size)))
            path.skip(size % 2)
        else:
            break
    if names:
        yield "symbol", ".".join(names)

"""Common Industrial Protocol: requests to objects in controllers, and their responses.

Decided here:
- A row is one CIP message in a data item of an EtherNet/IP message; messages without such an item have no row.
- Class, instance and attribute are those of the request path; a symbolic path is in `symbol`.
- Connected items on port 2222 are input and output data, not CIP messages, and have no row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from netlake.layers.items import text
from netlake.layers.parsed import NEXT, by_message
from netlake.packets import Columns, Cursor, Malformed, Messages, Short
from netlake.protocols.enip.items import HEADER, SEND_COMMANDS, items, plain
from netlake.schema import Column, List, Message, Table

UNCONNECTED = 0xB2
CONNECTED = 0xB1
SEGMENTS = {0x20: "class_id", 0x24: "instance_id", 0x30: "attribute_id"}

TABLES = (
    Table(
        "cip",
        "One row for each CIP request or response in EtherNet/IP.",
        spec="CIP Networks Library, volume 1",
        on=("udp.port=44818", "udp.port=2222"),
        inside="enip",
        message=Message(
            "CIP {service:1=get all attributes,2=set all attributes,5=reset,7=stop,14=get attribute,16=set"
            " attribute,76=read tag,77=write tag,84=forward open,78=forward close} [{response?}response|request]["
            " {symbol}][ class {class_id}[ instance {instance_id}]][ {status?!0}status {status}]",
            "ics",
        ),
        columns=(
            Column("response", "bool", "True response, false request.", wireshark="cip.rr"),
            Column("service", "u8",
                   "Service: 1 get all attributes, 14 get one attribute, 76 read tag, 77 write tag, 84 forward open.",
                   wireshark="cip.sc"),
            Column("connected", "bool", "Whether the message is on a CIP connection.",
                   why="derived from the item type"),
            Column("sequence", "u16", "Sequence count on the connection; null without one.",
                   why="cip.seq is not in every layer"),
            Column("class_id", "u32", "Request: class ID of the object.", wireshark="cip.class"),
            Column("instance_id", "u32", "Request: instance ID.", wireshark="cip.instance"),
            Column("attribute_id", "u32", "Request: attribute ID.", wireshark="cip.attribute"),
            Column("symbol", "text", "Request: tag name, parts joined by dots.",
                   why="cip.symbol has one value per part"),
            Column("status", "u8", "Response: general status, 0 success.", wireshark="cip.genstat"),
            Column("additional_status", List("u16"), "Response: additional status.", why="one tshark field per status"),
            Column("data", "bytes", "Data of the service, as sent.", why="tshark dissects it"),
        ),
    ),
)  # fmt: skip


def read(messages: Messages) -> tuple[Messages, Columns]:
    """Columns and rows of the messages that contain CIP."""
    kept, columns = by_message(TABLES[0], each, messages)
    if "service" not in columns:
        return kept.take(np.zeros(0, np.intp)), {}
    with_row = columns["service"].is_valid().to_numpy(zero_copy_only=False).nonzero()[0]
    return kept.take(with_row), {name: value.take(with_row) for name, value in columns.items()}


def each(message: Cursor) -> Iterator[tuple[str, Any]]:
    """CIP messages of one EtherNet/IP message; the caller removes rows without a service."""
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
    """Class, instance and attribute of a path (numbers of one, two or four bytes), and its symbols joined by dots."""
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

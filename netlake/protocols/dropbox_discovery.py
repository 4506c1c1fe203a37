"""Dropbox LAN sync discovery: a client announces itself and its namespaces to others in its network, as JSON.

Decided here:
- A message is one JSON object. Members that are missing or of another type are null; other members are ignored.
- Numbers are read as text, since `host_int` has up to 128 bits, and the columns decide what they can store.
- A message that is not JSON, or that the capture truncated, has no columns: JSON has no valid part.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import numpy as np

from netlake.layers.headers import whole_number
from netlake.layers.probes import byte_at
from netlake.packets import Cursor, Malformed, Mask, Messages
from netlake.schema import Column, List, Message, Table

OBJECT = 0x7B

TABLES = (
    Table(
        "dropbox_discovery",
        "One row for each message of the Dropbox LAN sync discovery.",
        spec="none; Dropbox clients",
        on=("udp.port=17500",),
        message=Message("Dropbox of {host_id}[ {display_name}]", "discovery", default=False),
        columns=(
            Column("host_id", "text", "host_int: number of the client.", why="one tshark field for all numbers"),
            Column("version", List("u32"), "version: numbers of the protocol version, such as 2 and 0.",
                   why="one tshark field for all numbers"),
            Column("display_name", "text", "displayname: name of the client, mostly empty.",
                   wireshark="json.value.string"),
            Column("port", "u16", "port: TCP port of the client for LAN sync.", why="one tshark field for all numbers"),
            Column("namespaces", List("u64"), "namespaces: numbers of the shared folders.",
                   why="one tshark field for all numbers"),
        ),
    ),
)  # fmt: skip


# arrays and objects in each other that are read; a message of Dropbox has two
MOST_DEPTH = 100
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)  # also without its end, so that the search is linear
STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}


class Number(str):
    """The text of a number, as distinct from a string."""

    __slots__ = ()


def accept(messages: Messages) -> Mask:
    """Messages that can be a JSON object."""
    return np.isin(byte_at(messages, 0), (OBJECT, -1))


def parse(message: Cursor) -> Iterator[tuple[str, Any]]:
    """Columns of one message."""
    try:
        data = message.rest()
        _bound(data)
        content = json.loads(data, parse_int=Number, parse_float=Number, parse_constant=Number)
    except ValueError:  # neither JSON nor UTF-8
        raise Malformed("bad_value") from None
    if not isinstance(content, dict):
        raise Malformed("bad_value")
    host, name = content.get("host_int"), content.get("displayname")
    yield "host_id", host if isinstance(host, Number) else None
    yield "display_name", _text(name) if type(name) is str else None
    yield "port", _number(content.get("port"), 65535)
    for member, most in (("version", (1 << 32) - 1), ("namespaces", (1 << 63) - 1)):
        listed = content.get(member)
        numbers = [_number(value, most) for value in listed] if isinstance(listed, list) else []
        yield member, [number for number in numbers if number is not None]


def _bound(data: bytes) -> None:
    """Malformed for arrays and objects in each other beyond MOST_DEPTH: how deep `json` reads depends on Python."""
    if data.count(b"[") + data.count(b"{") <= MOST_DEPTH:
        return
    steps = (STEPS.get(byte, 0) for byte in STRING.sub(b"", data))
    if max(accumulate(steps)) > MOST_DEPTH:
        raise Malformed("bad_value")


def _text(value: str) -> str:
    """A string of the object; half of a surrogate pair, which JSON can escape, becomes U+FFFD."""
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _number(value: object, most: int) -> int | None:
    """A whole number of the object, up to `most`."""
    return whole_number(str(value), most) if isinstance(value, Number) else None

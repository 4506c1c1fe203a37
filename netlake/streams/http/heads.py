"""The heads of some HTTP/1 messages as columns, by gathers of spans."""

from __future__ import annotations

import base64
import binascii
import re
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake.kernels import http1_split as kernels
from netlake.kernels.flow_state import Records
from netlake.layers.read import lists
from netlake.layers.spans import text_of, texts, unescaped
from netlake.packets import Bytes, Ints, Mask, Messages
from netlake.schema import Table

AMPERSAND, SEMICOLON = 38, 59
_USER = re.compile(rb'\busername\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))', re.IGNORECASE)
Strings = list[str | None]


class Heads:
    """The heads of `messages`, split: `parts` of their start lines, `lines` of all, `first` by known name."""

    def __init__(self, messages: Messages, most_lines: int) -> None:
        self.data, count = messages.data, len(messages)
        starts, ends = np.ascontiguousarray(messages.start), np.ascontiguousarray(messages.end)
        self.parts = np.zeros(count, kernels.START)
        self.first = np.empty((count, len(kernels.KNOWN)), np.int32)
        lines = np.zeros(most_lines, kernels.PAIR)
        used = kernels.split_heads(self.data, starts, ends, self.parts, lines, self.first)
        self.lines: Records = lines[:used]

    def part(self, name: str) -> pa.StringArray:
        """A part of the start lines: `first`, `second` or `third`; null where it is empty."""
        starts, ends = self.parts[name], self.parts[f"{name}_end"]
        return texts(self.data, starts, ends, ends > starts)

    def has(self, name: str) -> Mask:
        """Which messages have a header."""
        found: Mask = self.first[:, kernels.NUMBER[name]] >= 0
        return found

    def header(self, name: str) -> pa.StringArray:
        """The value of the first header of each message with a known name."""
        return texts(self.data, *self.value_spans(name))

    def value_spans(self, name: str) -> tuple[Ints, Ints, Mask]:
        """Starts and ends of the values of a header; and which messages have it."""
        has = self.has(name)
        if not has.any():
            zeros = np.zeros(len(has), np.int64)
            return zeros, zeros, has
        at = np.where(has, self.first[:, kernels.NUMBER[name]], 0)
        return self.lines["value"][at], self.lines["value_end"][at], has

    def headers(self, table: Table) -> pa.Array:
        """All headers; of credentials only the scheme."""
        lines = self.lines
        ends = lines["value_end"].copy()
        secret = np.isin(lines["known"], [kernels.NUMBER["authorization"], kernels.NUMBER["proxy-authorization"]])
        for at in np.flatnonzero(secret).tolist():
            ends[at] = _scheme_end(self.data, int(lines["value"][at]), int(ends[at]))
        names = texts(self.data, lines["name"], lines["name_end"])
        return lists(table, "headers", offsets_of(lines["owner"], len(self.parts)), names,
                     texts(self.data, lines["value"], ends))  # fmt: skip

    def every(self, table: Table, column: str, name: str) -> pa.Array:
        """The list column with the values of all headers of a known name."""
        lines = self.lines[self.lines["known"] == kernels.NUMBER[name]]
        values = texts(self.data, lines["value"], lines["value_end"])
        return lists(table, column, offsets_of(lines["owner"], len(self.parts)), values)

    def cookies(self, table: Table) -> pa.Array:
        """The list column `cookies`."""
        lines = self.lines[self.lines["known"] == kernels.NUMBER["cookie"]]
        found = pairs(self.data, lines["value"], lines["value_end"], SEMICOLON)
        names, values = (texts(self.data, found[name], found[f"{name}_end"]) for name in ("name", "value"))
        owners = lines["owner"][found["owner"]]
        return lists(table, "cookies", offsets_of(owners, len(self.parts)), names, values)

    def credentials(self) -> tuple[pa.StringArray, pa.StringArray]:
        """The schemes of Authorization, else Proxy-Authorization, and the names of the users."""
        schemes: Strings = [None] * len(self.parts)
        users: Strings = [None] * len(self.parts)
        for name in ("proxy-authorization", "authorization"):
            starts, ends, has = self.value_spans(name)
            for row in np.flatnonzero(has).tolist():
                schemes[row], users[row] = credentials_of(self.data[starts[row] : ends[row]].tobytes())
        return pa.array(schemes, pa.string()), pa.array(users, pa.string())


def parameters(table: Table, column: str, data: Bytes, starts: Ints, ends: Ints) -> pa.Array:
    """The list column with the parameters in spans of form encoding (WHATWG URL, section 5)."""
    found = pairs(data, starts, ends, AMPERSAND)
    names, values = (unescaped(data, found[name], found[f"{name}_end"], plus=True) for name in ("name", "value"))
    return lists(table, column, offsets_of(found["owner"], len(starts)), names, values)


def pairs(data: Bytes, starts: Ints, ends: Ints, separator: int) -> Records:
    """Pairs of name and value in spans, of dtype PAIR."""
    starts, ends = np.ascontiguousarray(starts, np.int64), np.ascontiguousarray(ends, np.int64)
    found = np.zeros(int((ends - starts + 1).sum()) // 2 + len(starts), kernels.PAIR)
    return found[: kernels.split_pairs(data, starts, ends, separator, found)]


def offsets_of(owners: npt.NDArray[Any], count: int) -> npt.NDArray[np.int32]:
    """Offsets of a list column with `count` rows, whose elements belong to the rows `owners`, in order."""
    return np.searchsorted(owners, np.arange(count + 1)).astype(np.int32)


def _scheme_end(data: Bytes, start: int, end: int) -> int:
    """Where the scheme of credentials ends; a value without a space is all credentials, and hidden."""
    value = data[start:end].tobytes()
    space = value.find(b" ")
    return start + max(space, 0)


@lru_cache(1 << 10)
def credentials_of(value: bytes) -> tuple[str | None, str | None]:
    """Scheme and name of the user of one header with credentials (RFC 9110 section 11.4)."""
    scheme, space, rest = value.partition(b" ")
    if not space:
        return None, None
    if scheme.lower() == b"basic":
        try:
            return text_of(scheme), text_of(base64.b64decode(rest.strip()).partition(b":")[0])
        except (binascii.Error, ValueError):
            return text_of(scheme), None
    if scheme.lower() == b"digest" and (found := _USER.search(rest)):
        return text_of(scheme), text_of(re.sub(rb"\\(.)", rb"\1", found[1]) if found[2] is None else found[2])
    return text_of(scheme), None

"""Messages of text lines: a start line, headers (`Name: value`, continued by indentation), an empty line, a body.

A line that the capture cut is not given: half a value would look like a whole one. SIP and SSDP are made of these, and
whatever else takes its form from HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import text
from netlake.packets import Cursor, Short


def line(message: Cursor) -> str:
    """The next line without its end, which is LF or CR LF; the last may lack it unless the capture cut the message."""
    end = message.data.find(b"\n", message.at, message.end)
    if end < 0:
        if message.missing:
            raise Short
        return text(message.rest())
    found = message.data[message.at : end]
    message.at = end + 1
    return text(found.rstrip(b"\r\n"))


def headers(message: Cursor, into: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Headers up to the empty line, added to `into` as sent; given in small letters once their value is whole.

    A line without a colon is a header without a value. A message that ends before the empty line is `short_header`.
    """
    name, value = "", ""
    while message.promised:
        read = line(message)
        if read[:1] in (" ", "\t") and name:
            value = f"{value} {read.strip()}"
            continue
        if name:
            into.append({"name": name, "value": value})
            yield name.lower(), value
        if not read:
            return
        name, _, value = read.partition(":")
        name, value = name.strip(), value.strip()
    if name:
        into.append({"name": name, "value": value})
        yield name.lower(), value
    message.fault("short_header")


def whole_number(value: str, most: int = (1 << 63) - 1) -> int | None:
    """A decimal number, None where the text is none or it is larger than `most`."""
    digits = value.strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) > 20:
        return None
    number = int(digits)
    return number if number <= most else None

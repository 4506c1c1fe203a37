"""Messages of text lines: start line, headers (`Name: value`, continued by indentation), empty line, body.

SIP, SSDP and other protocols modelled on HTTP use it. A truncated line is not returned: part of a value would look like
a complete one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.layers.items import text
from netlake.packets import Cursor, Short


def line(message: Cursor) -> str:
    """The next line without its LF or CR LF; a last line without them is complete unless the message is truncated."""
    end = message.data.find(b"\n", message.at, message.end)
    if end < 0:
        if message.missing:
            raise Short
        return text(message.rest())
    content = message.data[message.at : end]
    message.at = end + 1
    return text(content.rstrip(b"\r\n"))


def headers(message: Cursor, into: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Name in lower case and value of each header up to the empty line; appends them to `into` as sent.

    A line without a colon is a header with an empty value. A message that ends before the empty line gets
    `short_header`.
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
    """A decimal number; None if the text is not one, or if it is larger than `most`."""
    digits = value.strip()
    if not digits.isascii() or not digits.isdigit() or len(digits) > 20:
        return None
    number = int(digits)
    return number if number <= most else None

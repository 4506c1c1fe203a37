"""Parts of application messages: items of code, length and value; parts with a length; text; the rest of a message.

All functions distinguish truncation from error: a part that the capture truncated is read as far as it goes and then
raises Short; a length beyond the end of the message on the wire raises Malformed. Every loop takes at least one byte
per iteration, and so ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor, Malformed, Short


def part(message: Cursor, count: int) -> Cursor:
    """The next `count` bytes as a cursor with the same faults; Malformed if the message on the wire has fewer."""
    at, end = message.at, message.at + count
    # fast path: all bytes are captured
    if count >= 0 and end <= message.end:
        message.at = end
        return Cursor(message.data[at:end], 0, count, message.hint, message.faults)
    if count < 0 or count > message.promised:
        raise Malformed("bad_length")
    kept = message.kept()
    return Cursor(kept, hint=message.hint, faults=message.faults, missing=count - len(kept))


def items(  # noqa: PLR0913 - the parameters in which the formats differ
    message: Cursor, *, code: int = 1, size: int = 1, header: int = 0, pad: int = 1, most: int = 1 << 16
) -> Iterator[tuple[int, bytes]]:
    """Code and value of each item to the end of `message`; both numbers are big-endian, of `code` and `size` bytes.

    `header` is the part of the length beyond the value, `pad` the alignment of items. Raises Malformed if a length does
    not fit, Short if an item is truncated; more than `most` items give the fault `too_large`.
    """
    data, end, head = message.data, message.end, code + size
    for _ in range(most):
        at = message.at
        if at >= end and not message.promised:
            return
        begin = at + head
        if begin <= end:
            # two calls of `number`, inlined
            kind = data[at] if code == 1 else int.from_bytes(data[at : at + code])
            length = (data[begin - 1] if size == 1 else int.from_bytes(data[at + code : begin])) - header
        else:
            kind = message.number(code)
            length = message.number(size) - header
        stop = begin + length
        if length < 0 or stop > end:
            message.at = begin
            if length < 0 or length > message.promised:
                raise Malformed("bad_length")
            raise Short
        message.at = stop
        yield kind, data[begin:stop]
        if pad > 1:
            message.skip(min(-(length + head) % pad, message.left))
    message.fault("too_large")


def remainder(message: Cursor, name: str) -> Iterator[tuple[str, Any]]:
    """The rest of the message as column `name`, null if none of it is captured; Short if it is truncated."""
    if message.left:
        yield name, message.kept()
    complete(message)


def complete(message: Cursor) -> None:
    """Raise Short if the capture lacks bytes of a message that was read to its end."""
    if message.missing:
        raise Short


def text(data: bytes) -> str:
    """Text as sent; bytes that are not UTF-8 become U+FFFD."""
    return data.decode("utf-8", "replace")


def c_text(data: bytes) -> str:
    """Text up to its first zero byte."""
    return text(data.split(b"\0", 1)[0])

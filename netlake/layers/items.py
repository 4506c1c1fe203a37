"""What application messages are made of: items of code, length and value, parts with a length, text, and what is left.

All of it knows what the capture did not keep: a part that the capture cut is read as far as it goes and then ends in
Short, a length that points behind what was promised is malformed. Every loop here takes at least one byte a turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netlake.packets import Cursor, Malformed, Short


def part(message: Cursor, count: int) -> Cursor:
    """The next `count` bytes as a cursor of their own, marking the same row; Malformed if there never were so many."""
    at, end = message.at, message.at + count
    # the common case: nothing of it is missing
    if count >= 0 and end <= message.end:
        message.at = end
        return Cursor(message.data[at:end], 0, count, message.hint, message.faults)
    if count < 0 or count > message.promised:
        raise Malformed("bad_length")
    kept = message.kept()
    return Cursor(kept, hint=message.hint, faults=message.faults, missing=count - len(kept))


def items(  # noqa: PLR0913 - what tells one format from another
    message: Cursor, *, code: int = 1, size: int = 1, header: int = 0, pad: int = 1, most: int = 1 << 16
) -> Iterator[tuple[int, bytes]]:
    """Code and value of each item to the end of `message`: both numbers big-endian, of `code` and `size` bytes.

    `header` is how many bytes the length counts beside the value, `pad` what each item is filled up to. Malformed where
    a length does not fit; Short where the capture cut one.
    """
    data, end, head = message.data, message.end, code + size
    for _ in range(most):
        at = message.at
        if at >= end and not message.promised:
            return
        begin = at + head
        if begin <= end:
            # as `number` twice, written out
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
    """All that is left as column `name`, null where there is nothing; Short if the capture lacks some of it."""
    if message.promised:
        yield name, message.kept()
    complete(message)


def complete(message: Cursor) -> None:
    """Short if the capture lacks bytes of what was just read to its end."""
    if message.missing:
        raise Short


def text(data: bytes) -> str:
    """Text as sent; bytes that are not UTF-8 become U+FFFD."""
    return data.decode("utf-8", "replace")


def c_text(data: bytes) -> str:
    """Text up to its first zero byte."""
    return text(data.split(b"\0", 1)[0])

"""Names and character strings as text, in plain Python.

Rules and limits are those of the kernel (kernels/dns_text.py), whose tables of escapes this module uses.
"""

from __future__ import annotations

from netlake.kernels.dns_text import IN_NAME, IN_STRING, MAX_NAME, MAX_POINTERS
from netlake.packets import Cursor, Malformed


class NameCursor(Cursor):
    """A cursor over a whole message; `pointed` is set when a name contains a pointer."""

    __slots__ = ("pointed",)

    def __init__(self, data: bytes, at: int, end: int) -> None:
        super().__init__(data, at, end)
        self.pointed = False


def _escapes(how: bytes) -> tuple[str, ...]:
    return tuple((chr(byte), "\\" + chr(byte), f"\\{byte:03d}")[rule] for byte, rule in enumerate(how))


NAME_CHARACTERS = _escapes(IN_NAME.tobytes())
STRING_CHARACTERS = _escapes(IN_STRING.tobytes())


def escaped(data: bytes) -> str:
    """The bytes of a character string, escaped as within quotes."""
    return "".join([STRING_CHARACTERS[byte] for byte in data])


def without_dot(name: str) -> str:
    """A name as in columns: without the final dot, the root as one dot."""
    return name[:-1] if len(name) > 1 else name


def read_name(cursor: Cursor) -> str:
    """The name at the cursor with its final dot; `cursor.data` must be the whole message for pointers."""
    message, at = cursor.data, cursor.at
    _pass_name(cursor)
    if message[at] >= 192:
        at = _pointed(cursor, at, at)
    labels: list[str] = []
    smallest, length, pointers = at, 0, 0
    while size := _byte(message, at):
        if size >= 192:
            pointers += 1
            if pointers > MAX_POINTERS:
                raise Malformed("bad_name")
            at = smallest = _pointed(cursor, at, smallest)
            continue
        length += size + 1
        if size >= 64 or length >= MAX_NAME or at + 1 + size > len(message):
            raise Malformed("bad_name")
        labels.append("".join([NAME_CHARACTERS[byte] for byte in message[at + 1 : at + 1 + size]]) + ".")
        at += 1 + size
    return "".join(labels) or "."


def _byte(message: bytes, at: int) -> int:
    if at >= len(message):
        raise Malformed("bad_name")
    return message[at]


def _pointed(cursor: Cursor, at: int, before: int) -> int:
    """Target of the pointer at `at`; it must be less than `before`."""
    if isinstance(cursor, NameCursor):
        cursor.pointed = True
    target = (_byte(cursor.data, at) & 0x3F) << 8 | _byte(cursor.data, at + 1)
    if target >= before:
        raise Malformed("bad_name")
    return target


def _pass_name(cursor: Cursor) -> None:
    """Move the cursor after the name, at its end or its first pointer."""
    while size := cursor.number(1):
        if size >= 192:
            cursor.skip(1)
            return
        if size >= 64:
            raise Malformed("bad_name")
        cursor.skip(size)

"""ASN.1 values in BER and DER, as in SNMP, Kerberos and LDAP: tag, length, content.

Decided here:
- Values are read from a cursor, without recursion: the caller reads nested values from the cursor of the content, so
  that its own code bounds the depth.
- A truncated value has a cursor over its captured bytes, whose end is Short. A length that exceeds the value around it
  is Malformed, as are indefinite lengths, which RFC 3417 and RFC 4120 forbid.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from netlake.layers.items import part
from netlake.packets import Cursor, Malformed, Short

INTEGER = 0x02
OCTETS = 0x04
NULL = 0x05
OID = 0x06
SEQUENCE = 0x30
CONSTRUCTED = 0x20
# most components of an object identifier; the protocols here have fewer
MOST_NUMBERS = 128
# longest object identifier in the cache, bytes
SHORT_OID = 32


def value(message: Cursor) -> tuple[int, Cursor]:
    """Identifier byte (class, form and tags below 31) and content cursor of the next value."""
    data, at, last = message.data, message.at, message.end
    # fast path: a complete value with a short tag and a valid length
    if at + 2 <= last and data[at] & 0x1F != 0x1F and (size := data[at + 1]) <= 0x84 and size != 0x80:
        begin = at + 2
        if size > 0x80:
            begin += size & 0x7F
            size = int.from_bytes(data[at + 2 : begin])
        end = begin + size
        if end <= last:
            message.at = end
            return data[at], Cursor(data[begin:end], 0, size, message.hint, message.faults)
    tag = message.number(1)
    if tag & 0x1F == 0x1F:
        raise Malformed("bad_value")
    size = message.number(1)
    if size == 0x80 or size > 0x84:
        raise Malformed("bad_length")
    return tag, part(message, message.number(size & 0x7F) if size & 0x80 else size)


def values(message: Cursor) -> Iterator[tuple[int, Cursor]]:
    """Identifier byte and content cursor of every value to the end of `message`."""
    while message.at < message.end or message.missing:
        yield value(message)


def expect(message: Cursor, *tags: int) -> Cursor:
    """Content of the next value; Malformed if its identifier byte is not one of `tags`."""
    tag, content = value(message)
    if tag not in tags:
        raise Malformed("bad_value")
    return content


def whole(content: Cursor) -> bytes:
    """All bytes of a content; Short if it is truncated."""
    if content.missing:
        raise Short
    return content.rest()


def taken(message: Cursor, tag: int) -> bytes:
    """All bytes of the next value's content; like `whole(expect(message, tag))`, but faster."""
    data, at = message.data, message.at
    if at + 2 <= message.end and data[at] == tag and (size := data[at + 1]) < 0x80 and at + 2 + size <= message.end:
        message.at = at + 2 + size
        return data[at + 2 : at + 2 + size]
    return whole(expect(message, tag))


def integer(content: Cursor) -> int | None:
    """A signed integer; None with the fault `bad_length` if it has no bytes, which X.690 section 8.3.1 forbids."""
    return _number(whole(content), content, is_signed=True)


def number(message: Cursor, tag: int = INTEGER, *, is_signed: bool = True) -> int | None:
    """The integer that is the next value, of type `tag`; like `integer(expect(message, tag))`, but faster."""
    return _number(taken(message, tag), message, is_signed=is_signed)


def _number(data: bytes, around: Cursor, *, is_signed: bool) -> int | None:
    if not data:
        around.fault("bad_length")
        return None
    return int.from_bytes(data, "big", signed=is_signed)


def signed(data: bytes) -> int | None:
    """Like `integer`, for the bytes of a content and without a fault."""
    return int.from_bytes(data, "big", signed=True) if data else None


def oid(data: bytes) -> str | None:
    """An object identifier as numbers joined by dots; None if it is malformed or too long."""
    return _remembered(data) if len(data) <= SHORT_OID else _dotted(data)


def _dotted(data: bytes) -> str | None:
    numbers: list[int] = []
    number = 0
    for byte in data:
        number = number << 7 | byte & 0x7F
        if number >> 64 or len(numbers) > MOST_NUMBERS:
            return None
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    if not numbers or data[-1] & 0x80:
        return None
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))


# SNMP requests repeat a few object identifiers
_remembered = lru_cache(1 << 12)(_dotted)

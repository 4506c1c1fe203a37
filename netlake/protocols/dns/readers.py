"""Readers of RDATA fields, one per encoding; the layouts in types.py name them.

A reader takes the cursor and returns an Item or several: the word that `dig +nosplit` prints, and the value of the
field: a number, a text, or both if the number has a mnemonic. It raises Short or Malformed for data that breaks its
rules.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from netlake.layers.pools import ip_text
from netlake.packets import Cursor, Malformed
from netlake.protocols.dns.names import escaped, read_name, without_dot
from netlake.protocols.dns.types import SERVICE_KEYS, rcode_name, type_name


class Item(NamedTuple):
    """A word of the text (none if empty), a field (none without number and value); `name` replaces the layout's."""

    text: str
    number: int | None = None
    value: str | None = None
    name: str | None = None


FieldReader = Callable[[Cursor], Item | list[Item]]

# most values of one field: real data has fewer, and each value needs more memory than its bytes
MOST_VALUES = 1024


def _same(text: str) -> Item:
    """An item whose word is its value."""
    return Item(text, None, text)


def _every(cursor: Cursor) -> Iterator[None]:
    """Yields while bytes are left; more than MOST_VALUES are `too_large`."""
    for _ in range(MOST_VALUES):
        if not cursor.left:
            return
        yield
    if cursor.left:
        raise Malformed("too_large")


def _name(cursor: Cursor) -> Item:
    name = read_name(cursor)
    return Item(name, None, without_dot(name))


def _number(size: int) -> FieldReader:
    def read(cursor: Cursor) -> Item:
        number = cursor.number(size)
        return Item(str(number), number)

    return read


def _large(cursor: Cursor) -> Item:
    """A number of 64 bits; one that its column cannot store is in the text only."""
    number = cursor.number(8)
    if number >= 1 << 63:
        cursor.fault("out_of_range")
        return Item(str(number))
    return Item(str(number), number)


def _type(cursor: Cursor) -> Item:
    number = cursor.number(2)
    return Item(type_name(number), number, type_name(number))


def _rcode(cursor: Cursor) -> Item:
    number = cursor.number(2)
    return Item(rcode_name(number), number, rcode_name(number))


def _time(cursor: Cursor) -> Item:
    number = cursor.number(4)
    text = datetime.fromtimestamp(number, UTC).strftime("%Y%m%d%H%M%S")
    return Item(text, number, text)


def _ipv4(cursor: Cursor) -> Item:
    return _same(_ip(cursor.take(4)))


def _ipv6(cursor: Cursor) -> Item:
    return _same(_ip(cursor.take(16)))


# HTTPS records repeat a few addresses in their hints
_ip = lru_cache(maxsize=4096)(ip_text)


def _counted(cursor: Cursor) -> bytes:
    return cursor.take(cursor.number(1))


def _quoted(data: bytes) -> Item:
    text = escaped(data)
    return Item(f'"{text}"', None, text)


def _string(cursor: Cursor) -> Item:
    return _quoted(_counted(cursor))


def _strings(cursor: Cursor) -> list[Item]:
    return [_string(cursor) for _ in _every(cursor)]


def _optional_string(cursor: Cursor) -> list[Item]:
    return [_string(cursor)] if cursor.left else []


def _text(cursor: Cursor) -> Item:
    return _quoted(cursor.rest())


def _tag(cursor: Cursor) -> Item:
    return _same(escaped(_counted(cursor)))


def _hex(cursor: Cursor) -> Item:
    return _same(cursor.rest().hex().upper())


def _prefixed_hex(cursor: Cursor) -> Item:
    return _same("0x" + cursor.rest().hex().upper())


def _counted_hex(cursor: Cursor) -> Item:
    text = _counted(cursor).hex().upper()
    return Item(text or "-", None, text)


def _base64(cursor: Cursor) -> Item:
    return _same(base64.b64encode(cursor.rest()).decode())


def _counted_base64(cursor: Cursor) -> list[Item]:
    data = cursor.take(cursor.number(2))
    return [Item(str(len(data))), _same(base64.b64encode(data).decode())]


def _base32(cursor: Cursor) -> Item:
    return _same(base64.b32hexencode(_counted(cursor)).decode().rstrip("="))


def _groups(cursor: Cursor) -> Item:
    return _same(cursor.take(8).hex(":", 2))


def _eui(size: int) -> FieldReader:
    return lambda cursor: _same(cursor.take(size).hex("-"))


def _bits(bitmap: bytes) -> list[int]:
    """Positions of the bits that are set."""
    if int.from_bytes(bitmap, "big").bit_count() > MOST_VALUES:
        raise Malformed("too_large")
    return [8 * at + bit for at, byte in enumerate(bitmap) if byte for bit in range(8) if byte & 128 >> bit]


def _types(cursor: Cursor) -> list[Item]:
    items: list[Item] = []
    last = -1
    while cursor.left:
        window, bitmap = cursor.number(1), _counted(cursor)
        if window <= last or not 1 <= len(bitmap) <= 32:
            raise Malformed("bad_length")
        last = window
        items += [Item(type_name(kind), kind, type_name(kind)) for kind in (window << 8 | bit for bit in _bits(bitmap))]
        if len(items) > MOST_VALUES:
            raise Malformed("too_large")
    return items


def _ports(cursor: Cursor) -> list[Item]:
    bitmap = cursor.rest()
    if len(bitmap) > 8192:
        raise Malformed("bad_length")
    return [Item(str(port), port) for port in _bits(bitmap)]


def _metres(size: int) -> tuple[str, int]:
    """A precision of LOC (mantissa and exponent of centimetres) as text, and in centimetres."""
    mantissa, exponent = size >> 4, size & 15
    if mantissa > 9 or exponent > 9:
        raise Malformed("bad_value")
    centimetres = mantissa * 10**exponent
    return (f"{centimetres // 100}m" if exponent > 1 else f"0.{centimetres:02d}m"), centimetres


def _angle(number: int, limit: int, hemispheres: str) -> tuple[str, int]:
    """Degrees, minutes, seconds and hemisphere, and the angle in thousandths of an arc second."""
    angle = number - (1 << 31)
    if abs(angle) > limit * 3_600_000:
        raise Malformed("bad_value")
    seconds, thousandths = divmod(abs(angle), 1000)
    text = f"{seconds // 3600} {seconds // 60 % 60} {seconds % 60}.{thousandths:03d} {hemispheres[angle < 0]}"
    return text, angle


def _location(cursor: Cursor) -> list[Item]:
    if cursor.number(1):
        raise Malformed("bad_version")
    size, horizontal, vertical = (_metres(cursor.number(1)) for _ in range(3))
    latitude, longitude = _angle(cursor.number(4), 90, "NS"), _angle(cursor.number(4), 180, "EW")
    altitude = cursor.number(4) - 10_000_000
    height = f"{'-' if altitude < 0 else ''}{abs(altitude) // 100}.{abs(altitude) % 100:02d}m"
    named = {"latitude": latitude, "longitude": longitude, "altitude": (height, altitude), "size": size,
             "horizontal_precision": horizontal, "vertical_precision": vertical}  # fmt: skip
    return [Item(text, number, text, name) for name, (text, number) in named.items()]


def _prefixes(cursor: Cursor) -> list[Item]:
    items = []
    for _ in _every(cursor):
        family, length, count = cursor.number(2), cursor.number(1), cursor.number(1)
        size = {1: 4, 2: 16}.get(family)
        if size is None or length > 8 * size:
            raise Malformed("bad_value")
        if count & 127 > size:
            raise Malformed("bad_length")
        address = cursor.take(count & 127).ljust(size, b"\0")
        items.append(_same(f"{'!' if count & 128 else ''}{family}:{_ip(address)}/{length}"))
    return items


def _gateway(cursor: Cursor, kind: int) -> Item:
    """Gateway of IPSECKEY or relay of AMTRELAY, by its type."""
    if kind > 3:
        raise Malformed("bad_value")
    return (lambda _: Item(".", None, "."), _ipv4, _ipv6, _name)[kind](cursor)


def _ipsec_gateway(cursor: Cursor) -> list[Item]:
    kind, algorithm = cursor.number(1), cursor.number(1)
    gateway = _gateway(cursor, kind)
    return [
        Item(str(kind), kind, None, "gateway_type"),
        Item(str(algorithm), algorithm, None, "algorithm"),
        gateway,
    ]


def _relay(cursor: Cursor) -> list[Item]:
    kind = cursor.number(1)
    relay = _gateway(cursor, kind & 127)
    return [
        Item(str(kind >> 7), kind >> 7, None, "discovery_optional"),
        Item(str(kind & 127), kind & 127, None, "relay_type"),
        relay,
    ]


def _host_identity(cursor: Cursor) -> list[Item]:
    tag_size, algorithm, key_size = cursor.number(1), cursor.number(1), cursor.number(2)
    tag, key = cursor.take(tag_size).hex().upper(), base64.b64encode(cursor.take(key_size)).decode()
    servers = [_name(cursor)._replace(name="rendezvous_server") for _ in _every(cursor)]
    return [
        Item(str(algorithm), algorithm, None, "algorithm"),
        Item(tag, None, tag, "host_identity_tag"),
        Item(key, None, key, "public_key"),
        *servers,
    ]


def _parameters(cursor: Cursor) -> list[Item]:
    """SvcParams of RFC 9460: one word per parameter, one field per value."""
    items: list[Item] = []
    last = -1
    for _ in _every(cursor):
        key, size = cursor.number(2), cursor.number(2)
        if key <= last:
            raise Malformed("bad_value")
        last = key
        name = SERVICE_KEYS.get(key, f"key{key}")
        values, text = _parameter(key, cursor.part(size))
        items.append(Item(name + text))
        items += [Item("", None, value, name) for value in values]
    return items


def _parameter(key: int, cursor: Cursor) -> tuple[list[str], str]:
    """Values of one SvcParam, and the text after its key."""
    every = _every(cursor)
    if key == 0:
        values = [SERVICE_KEYS.get(number, f"key{number}") for number in (cursor.number(2) for _ in every)]
    elif key in (1, 10):
        identifiers = [_counted(cursor) for _ in every]
        listed = b",".join(one.replace(b"\\", rb"\\").replace(b",", rb"\,") for one in identifiers)
        return [escaped(one) for one in identifiers], f'="{escaped(listed)}"'
    elif key == 3:
        values = [str(cursor.number(2))]
    elif key == 9:
        values = [str(cursor.number(2)) for _ in every]
    elif key in (4, 6):
        values = [_ip(cursor.take(4 if key == 4 else 16)) for _ in every]
    elif key == 5:
        values = [base64.b64encode(cursor.rest()).decode()]
    else:
        value = escaped(cursor.rest())
        return [value], f'="{value}"' if value else ""
    if cursor.left or not values:
        raise Malformed("bad_length")
    return values, "=" + ",".join(values)


READERS: dict[str, FieldReader] = {
    "u8": _number(1),
    "u16": _number(2),
    "u32": _number(4),
    "u48": _number(6),
    "u64": _large,
    "name": _name,
    "type": _type,
    "rcode": _rcode,
    "time": _time,
    "ipv4": _ipv4,
    "ipv6": _ipv6,
    "string": _string,
    "strings": _strings,
    "optional_string": _optional_string,
    "text": _text,
    "tag": _tag,
    "hex": _hex,
    "prefixed_hex": _prefixed_hex,
    "counted_hex": _counted_hex,
    "base64": _base64,
    "counted_base64": _counted_base64,
    "base32": _base32,
    "groups": _groups,
    "eui48": _eui(6),
    "eui64": _eui(8),
    "types": _types,
    "ports": _ports,
    "location": _location,
    "prefixes": _prefixes,
    "ipsec_gateway": _ipsec_gateway,
    "relay": _relay,
    "host_identity": _host_identity,
    "parameters": _parameters,
}

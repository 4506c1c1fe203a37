"""Fields of certificates that the library `cryptography` refuses (RFC 5280 section 4.1), read as far as they go.

The library requires strict DER and valid characters. Certificates in use violate both: a default value that is encoded,
a `*` in a PrintableString. Here each field is read independently: one that cannot be read is left out.

Names are written as RFC 4514 requires: last attribute first, multi-valued ones with `+`, special characters escaped,
unknown types as object identifiers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

from netlake.layers import ber
from netlake.layers.ber import INTEGER, OID, SEQUENCE, expect, value, values, whole
from netlake.layers.items import text
from netlake.packets import Cursor, Malformed, Short

Fields = dict[str, Any]
VERSION, EXTENSIONS = 0xA0, 0xA3
SET, BOOLEAN, OCTETS, UTC_TIME, GENERALIZED_TIME, BMP_STRING = 0x31, 0x01, 0x04, 0x17, 0x18, 0x1E
ALTERNATIVE_NAMES, CONSTRAINTS = "2.5.29.17", "2.5.29.19"
# the names of attributes in RFC 4514
ATTRIBUTES = {
    "2.5.4.3": "CN", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.6": "C",
    "2.5.4.9": "STREET", "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}  # fmt: skip
# the column of each kind of alternative name, by its identifier byte
NAMES = {0x81: "san_email", 0x82: "san_dns", 0x86: "san_uri", 0x87: "san_ip"}
MOST_EXTENSIONS = 256
ESCAPED = frozenset('"+,;<>\\')


def fields(data: bytes) -> Fields:
    """The columns of a certificate that can be read; algorithms are object identifiers."""
    found: Fields = {}
    with suppress(Short, Malformed):
        body = expect(expect(Cursor(data), SEQUENCE), SEQUENCE)
        found["version"] = 1
        if body.left and body.data[body.at] == VERSION:
            found["version"] = int.from_bytes(whole(expect(expect(body, VERSION), INTEGER))) + 1
        _read(found, body)
    return found


def _read(found: Fields, body: Cursor) -> None:
    """Read the fields behind the version; Short or Malformed at the first that is none."""
    found["serial_number"] = whole(expect(body, INTEGER))
    found["signature_algorithm"] = _identifier(expect(body, SEQUENCE))
    parts = [whole(expect(body, SEQUENCE)) for _ in range(4)]
    issuer, validity, subject, key = parts
    found["self_issued"] = issuer == subject
    steps: tuple[tuple[Callable[[Cursor], Fields], bytes], ...] = (
        (lambda one: {"issuer": _name(one)}, issuer), (lambda one: {"subject": _name(one)}, subject),
        (_validity, validity), (_key, key),
    )  # fmt: skip
    for step, part in steps:
        with suppress(Short, Malformed, ValueError, OverflowError):
            found |= step(Cursor(part))
    for tag, content in values(body):
        if tag == EXTENSIONS:
            _extensions(found, expect(content, SEQUENCE))


def _name(name: Cursor) -> str:
    """A distinguished name as RFC 4514 writes it."""
    written = []
    for _, attributes in values(name):
        parts = []
        for _, pair in values(attributes):
            kind = _identifier(pair)
            tag, content = value(pair)
            data = whole(content)
            shown = data.decode("utf-16-be", "replace") if tag == BMP_STRING else text(data)
            parts.append(f"{ATTRIBUTES.get(kind, kind)}={_escaped(shown)}")
        written.append("+".join(parts))
    return ",".join(reversed(written))


def _escaped(value: str) -> str:
    """A value with its special characters escaped (RFC 4514 section 2.4)."""
    shown = "".join("\\00" if one == "\0" else f"\\{one}" if one in ESCAPED else one for one in value)
    if shown[:1] in ("#", " "):
        shown = f"\\{shown}"
    return f"{shown[:-1]}\\ " if len(shown) > 1 and shown.endswith(" ") else shown


def _validity(validity: Cursor) -> Fields:
    times = list(_times(validity))
    return dict(zip(("not_before", "not_after"), times, strict=False))


def _times(validity: Cursor) -> Iterator[datetime]:
    """Times in UTC; years of two digits from 50 on are of the last century (RFC 5280 section 4.1.2.5)."""
    for tag, content in values(validity):
        shown = text(whole(content))
        if tag == UTC_TIME:
            shown = ("19" if shown >= "50" else "20") + shown
        elif tag != GENERALIZED_TIME:
            raise Malformed("bad_value")
        yield datetime.strptime(shown, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _identifier(message: Cursor) -> str:
    """The next value, an object identifier."""
    found = ber.oid(whole(expect(message, OID)))
    if found is None:
        raise Malformed("bad_value")
    return found


def _key(key: Cursor) -> Fields:
    return {"key_algorithm": _identifier(expect(key, SEQUENCE))}


def _extensions(found: Fields, extensions: Cursor) -> None:
    for _ in range(MOST_EXTENSIONS):
        if not extensions.left:
            return
        extension = expect(extensions, SEQUENCE)
        kind = _identifier(extension)
        tag, content = value(extension)
        if tag == BOOLEAN:
            content = expect(extension, OCTETS)
        with suppress(Short, Malformed):
            if kind == ALTERNATIVE_NAMES and "san_dns" not in found:
                _alternative_names(found, expect(content, SEQUENCE))
            elif kind == CONSTRAINTS and "is_ca" not in found:
                found["is_ca"] = _is_ca(expect(content, SEQUENCE))


def _is_ca(constraints: Cursor) -> bool:
    """The first field of basic constraints, by default false."""
    for tag, content in values(constraints):
        if tag == BOOLEAN:
            return any(whole(content))
    return False


def _alternative_names(found: Fields, names: Cursor) -> None:
    found |= {column: [] for column in NAMES.values()}
    for tag, content in values(names):
        if tag in NAMES:
            data = whole(content)
            if tag == 0x87 and len(data) in (4, 16):
                found["san_ip"].append(str(ip_address(data)))
            elif tag != 0x87:
                found[NAMES[tag]].append(text(data))

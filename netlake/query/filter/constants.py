"""The constants of filters, as values of the type that they are compared with.

A number is decimal, hexadecimal (0x), octal (0 in front) or binary (0b), or has a fraction. Addresses and networks are
those of IPv4 and IPv6; bytes are hexadecimal digits, with `:` or `-` between bytes or without. A time is ISO 8601, or
as Wireshark prints it ("Jan 2, 2026 03:04:05.678"), in UTC unless it names another offset, or seconds since 1970.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from decimal import Decimal, InvalidOperation

from netlake.query.filter import syntax
from netlake.query.filter.plan import Const

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
LARGEST = 1 << 63
TYPE_NAMES = {"hex": "bytes", "bytes": "bytes", "ip": "an IP address", "mac": "a MAC address", "number": "a number",
              "bool": "a flag", "text": "a text", "time": "a time", "day": "a date"}  # fmt: skip
_BOOLS = {"true": True, "false": False, "set": True, "not set": False, "yes": True, "no": False, "1": True, "0": False}
_TIME = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d|[A-Z][a-z]{2} +\d{1,2}, +\d{4})"
    r"(?:[T ]+(?P<clock>\d\d?:\d\d(?::\d\d)?)(?:\.(?P<fraction>\d{1,9}))?)? *(?P<zone>Z|UTC|[+-]\d\d:?\d\d)?"
)
_BYTES = re.compile(r"(?:[0-9a-f]{2}[:-])*[0-9a-f]{2}[:-]?|(?:[0-9a-f]{2})+|[0-9a-f]", re.IGNORECASE)


class WrongConstantError(Exception):
    """A text is no constant of a type; the argument is the reason."""


def number(text: str) -> Const:
    """A number."""
    digits = text.lower()
    try:
        if digits.startswith("0x"):
            found: int | float = int(digits, 16)
        elif digits.startswith("0b"):
            found = int(digits, 2)
        elif digits.isdecimal():
            found = int(digits, 8 if digits.startswith("0") and digits.strip("0") else 10)
        else:
            found = float(digits)
    except ValueError:
        raise WrongConstantError(f"{text} is not a number; one that begins with 0 is octal") from None
    if not -LARGEST <= found < LARGEST:
        raise WrongConstantError(f"{text} does not fit in 64 bits")
    return Const("number", found)


def boolean(text: str) -> Const:
    """A flag: a number, or true, false, set, not set, yes, no."""
    if (known := _BOOLS.get(text.lower())) is not None:
        return Const("bool", known)
    if text[:1].isdecimal():
        return Const("bool", bool(number(text).value))
    raise WrongConstantError(f"{text} is neither true nor false")


def address(text: str) -> Const:
    """An IP address or a network; a mask may be written as a prefix length or an IPv4 address."""
    try:
        if "/" not in text:
            return Const("ip", written(ipaddress.ip_address(text)))
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise WrongConstantError(f"{text} is neither an IP address nor a network such as 10.0.0.0/8") from None
    first, last = network.network_address.packed.hex(), network.broadcast_address.packed.hex()
    return Const("network", (first, last, network.prefixlen))


def written(found: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """An address as columns have it: RFC 5952."""
    if found.version == 6 and (mapped := found.ipv4_mapped):
        return f"::ffff:{mapped}"
    return str(found)


def mac(text: str) -> Const:
    """A MAC address."""
    digits = re.sub("[:-]", "", hexadecimal(text))
    if len(digits) != 12:
        raise WrongConstantError(f"{text} is not a MAC address, which has 6 bytes")
    return Const("mac", ":".join(digits[at : at + 2] for at in range(0, 12, 2)))


def hexadecimal(text: str) -> str:
    """The digits of bytes."""
    if not _BYTES.fullmatch(text):
        raise WrongConstantError(f"{text} is not bytes; write them as 00:1f:ff")
    digits = re.sub("[:-]", "", text).lower()
    return digits if len(digits) % 2 == 0 else f"0{digits}"


def time(text: str) -> Const:
    """A time: a date with or without a time of day, or seconds since 1970."""
    if found := _TIME.fullmatch(text.strip()):
        try:
            return Const("time", _nanoseconds(found))
        except (ValueError, OverflowError):
            raise WrongConstantError(f"{text} is a time that does not exist") from None
    try:
        nanoseconds = int(Decimal(text).scaleb(9)) if re.fullmatch(r"-?[\d.eE+]{1,40}", text) else None
    except (InvalidOperation, OverflowError, ValueError):
        nanoseconds = None
    if nanoseconds is None or abs(nanoseconds) >= LARGEST:
        raise WrongConstantError(f"{text} is not a time; write it as 2026-01-02T03:04:05Z")
    return Const("time", nanoseconds)


def _nanoseconds(found: re.Match[str]) -> int:
    day, clock, zone = found["day"], found["clock"] or "0:00:00", found["zone"]
    form = "%Y-%m-%d" if day[0].isdecimal() else "%b %d, %Y"
    form += " %H:%M:%S" if clock.count(":") == 2 else " %H:%M"
    offset = "+0000" if zone in (None, "Z", "UTC") else zone.replace(":", "")
    moment = dt.datetime.strptime(f"{' '.join(day.split())} {clock} {offset}", f"{form} %z")
    whole = (moment - EPOCH) // dt.timedelta(seconds=1)
    found_time = whole * 1_000_000_000 + int((found["fraction"] or "0").ljust(9, "0"))
    if abs(found_time) >= LARGEST:
        raise OverflowError
    return found_time


def of_node(node: syntax.Value, kind: str) -> Const:
    """A constant of the tree as a value of the type `kind`; WrongConstantError if it is none."""
    if isinstance(node, syntax.Minus) and isinstance(node.of, syntax.Number) and kind in ("number", "time"):
        positive = of_node(node.of, kind).value
        return Const(kind, -positive)  # type: ignore[operator]
    quoted = isinstance(node, syntax.Text)
    text = node.value if isinstance(node, syntax.Text) else syntax.value(node)
    if kind == "text":
        return Const("text", text)
    if kind in ("hex", "bytes"):
        plain = text.encode("utf-8", "surrogateescape").hex() if quoted else hexadecimal(text)
        return Const("hex", plain)
    if kind == "number" and isinstance(node, syntax.Text):
        if node.char and len(node.value) == 1:
            return Const("number", ord(node.value))
        raise WrongConstantError(f"{syntax.value(node)} is a text, and netlake has no names for this number")
    if kind == "number" and not isinstance(node, syntax.Number):
        raise WrongConstantError(f"{text} is not a number")
    readers = {"number": number, "bool": boolean, "ip": address, "mac": mac,
               "time": time}  # fmt: skip
    if kind not in readers:
        raise WrongConstantError(f"{TYPE_NAMES[kind]} cannot be compared with a constant; use the time")
    return readers[kind](text)

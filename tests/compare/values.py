"""A value from tshark's text, in a form that equals netlake's where the two mean the same.

Each kind has one form on both sides: numbers are numbers (tshark prints some in hexadecimal), addresses are their
bytes, bytes are hexadecimal text, times are microseconds. What cannot be read as its kind is kept as text and so is a
difference.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from netlake.schema import SCALARS

Value = int | float | bool | str | bytes | None


def _number(show: str, value: str) -> Value:
    if re.fullmatch(r"-?[0-9]+", show):
        return int(show)
    if re.fullmatch(r"0[xX][0-9a-fA-F]+", show):
        return int(show, 16)
    if show in ("True", "False"):
        return int(show == "True")
    return int(value, 16) if re.fullmatch(r"[0-9a-fA-F]+", value) else show


def _boolean(show: str, value: str) -> Value:
    number = _number(show, value)
    return bool(number) if isinstance(number, int) else number


def _address(show: str, value: str) -> Value:
    del value
    try:
        return ipaddress.ip_address(show).packed
    except ValueError:
        return show


def _lower(show: str, value: str) -> Value:
    del value
    return show.lower()


def _text(show: str, value: str) -> Value:
    """Text on one line, since XML makes spaces of the ends of lines in it; how many U+FFFD bytes become is taste."""
    del value
    return re.sub("\ufffd+", "\ufffd", re.sub(r"\r\n|[\t\r\n]", " ", show))


def _escaped(text: str) -> str:
    """Text as tshark shows it: a control character, which XML cannot hold, as backslash, x and its number."""
    return re.sub(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]", lambda found: f"\\x{ord(found[0]):x}", text)


def _hexadecimal(show: str, value: str) -> Value:
    return value.lower() or show.replace(":", "").lower()


def _float(show: str, value: str) -> Value:
    del value
    try:
        return float(show)
    except ValueError:
        return show


def _small(show: str, value: str) -> Value:
    """A signed byte, which tshark gives as an unsigned one in places."""
    number = _number(show, value)
    return number - 256 if isinstance(number, int) and number > 127 else number


def _time(show: str, value: str) -> Value:
    """Seconds since 1970 with nine decimals, or a date with them, as microseconds, truncated towards the past."""
    del value
    if dated := re.fullmatch(r"(\w{3} +[0-9]+, [0-9]{4} [0-9:]{8})\.([0-9]{6})[0-9]* UTC", show):
        whole = datetime.strptime(dated[1], "%b %d, %Y %H:%M:%S").replace(tzinfo=UTC)
        return int(whole.timestamp()) * 1_000_000 + int(dated[2])
    # a fraction above a second, as a file may have it, is printed with more digits
    found = re.fullmatch(r"(-?)([0-9]+)\.([0-9]{9,})", show)
    if not found:
        return show
    nanoseconds = int(found[2]) * 1_000_000_000 + int(found[3])
    return (-nanoseconds if found[1] else nanoseconds) // 1000


READERS: dict[str, Callable[[str, str], Value]] = {
    "bool": _boolean,
    "ip": _address,
    "ipv4": _address,
    "ipv6": _address,
    "mac": _lower,
    "word": _text,
    "text": _text,
    "bytes": _hexadecimal,
    "hex64": _hexadecimal,
    "f64": _float,
    "duration": _float,
    "ts": _time,
    "i8": _small,
}


def theirs(kind: str, show: str, value: str) -> Value:
    """What tshark shows (`show`) of the bytes `value`, as a value of `kind`."""
    return READERS.get(kind, _number)(show, value)


def ours(kind: str, value: Any) -> Value:
    """A value that netlake stored, in the same form."""
    if kind in ("ip", "ipv4", "ipv6"):
        return _address(str(value), "")
    if isinstance(value, bytes):
        return value.hex()
    if kind == "text":
        return _escaped(str(_text(value, "")))
    if isinstance(value, datetime):
        return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return value  # type: ignore[no-any-return]


def dns_name(name: Value) -> Value:
    """A DNS name as both write it.

    The root is <Root> for tshark and a dot for netlake. Netlake escapes bytes as zone files do; tshark shows them as
    the UTF-8 that they may be, and its XML holds no control characters.
    """
    if not isinstance(name, str):
        return name
    if name == "<Root>":
        return "."
    plain = re.sub(rb"\\([0-9]{3})", lambda found: bytes([int(found[1]) % 256]), name.encode())
    plain = re.sub(rb"\\(.)", rb"\1", plain, flags=re.DOTALL)
    text = re.sub("\ufffd+", "\ufffd", plain.decode("utf-8", "replace"))
    text = text.removesuffix(".") or "."
    return re.sub(r"[\x00-\x1f\x7f]", "?", text)


KINDS = frozenset(SCALARS)

"""Converts tshark's text and netlake's values to a common form.

Each kind has one form: numbers are numbers (tshark prints some in hexadecimal), addresses are their bytes, bytes are
hexadecimal text, times are microseconds. Text that is not valid for its kind stays text, and is therefore a
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
    """Text on one line, as XML replaces newlines by spaces; runs of U+FFFD become one, as their number varies."""
    del value
    return re.sub("\ufffd+", "\ufffd", re.sub(r"\r\n|[\t\r\n]", " ", show))


def _escaped(text: str) -> str:
    """Text as tshark prints it: control characters, which XML does not allow, escaped in hexadecimal."""
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
    """A signed byte, which tshark prints as unsigned for some fields."""
    number = _number(show, value)
    return number - 256 if isinstance(number, int) and number > 127 else number


def _time(show: str, value: str) -> Value:
    """Seconds since 1970 or a date, with nine decimals, as microseconds, rounded down."""
    del value
    if dated := re.fullmatch(r"(\w{3} +[0-9]+, [0-9]{4} [0-9:]{8})\.([0-9]{6})[0-9]* UTC", show):
        whole = datetime.strptime(dated[1], "%b %d, %Y %H:%M:%S").replace(tzinfo=UTC)
        return int(whole.timestamp()) * 1_000_000 + int(dated[2])
    # a fraction above one second, possible in a capture file, is printed with more digits
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
    """The text `show` of tshark for the bytes `value`, as a value of `kind`."""
    return READERS.get(kind, _number)(show, value)


def ours(kind: str, value: Any) -> Value:
    """A value of netlake in the same form."""
    if kind in ("ip", "ipv4", "ipv6"):
        return _address(str(value), "")
    if isinstance(value, bytes):
        return value.hex()
    if kind in ("text", "word"):
        return _escaped(str(_text(value, "")))
    if isinstance(value, datetime):
        return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return value  # type: ignore[no-any-return]


def dns_name(name: Value) -> Value:
    """A DNS name in a common form.

    The root is <Root> in tshark and a dot in netlake. netlake escapes bytes as in zone files; tshark prints them as
    UTF-8 without control characters.
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


def _bits_reversed(address: Value) -> Value:
    """A MAC address with the bits of each byte in reverse order."""
    octets = str(address).split(":")
    if not all(re.fullmatch(r"[0-9a-f]{2}", octet) for octet in octets):
        return address
    return ":".join(f"{int(f'{int(octet, 16):08b}'[::-1], 2):02x}" for octet in octets)


def _bytes_reversed(address: Value) -> Value:
    """An address with its bytes in reverse order."""
    return address[::-1] if isinstance(address, bytes) else address


def _until_zero(text: Value) -> Value:
    """Text before its first zero byte, where tshark ends a text."""
    return text.partition("\0")[0] if isinstance(text, str) else text


def _signed(number: Value) -> Value:
    """A number of 32 bits as signed."""
    return number - (1 << 32) if isinstance(number, int) and number >= 1 << 31 else number


def _unfolded(text: Value) -> Value:
    """A text with one blank for any white space, as the programs unfold lines with different numbers of them."""
    return re.sub(r"\s+", " ", text).strip() if isinstance(text, str) else text


def _sixteen(digest: Value) -> Value:
    """The first 16 bytes."""
    return digest[:32] if isinstance(digest, str) else digest


# name of a form: (function for values of netlake, function for those of tshark)
FORMS: dict[str, tuple[Callable[[Value], Value], Callable[[Value], Value]]] = {
    "dns_name": (dns_name, dns_name),
    "bits_reversed": (lambda value: value, _bits_reversed),
    "bytes_reversed": (lambda value: value, _bytes_reversed),
    "until_zero": (_until_zero, _until_zero),
    "signed": (_signed, _signed),
    "unfolded": (_unfolded, _unfolded),
    "upper": (lambda value: value, lambda value: str(value).upper()),
    "sixteen_bytes": (_sixteen, _sixteen),
}


def formed(name: str, ours: list[Value], theirs: list[Value]) -> tuple[list[Value], list[Value]]:
    """The values in the form `name` of `layers.toml`, in which both programs show the same value alike.

    `once`: tshark shows each value twice in succession. `names`: tshark shows a list as one text, with commas.
    `words`: with blanks.
    """
    if name == "names":
        return ours, [part for value in theirs for part in str(value).split(",") if part]
    if name == "words":
        return ours, [part for value in theirs for part in str(value).split()]
    if name == "once":
        return ours, theirs[::2] if theirs[::2] == theirs[1::2] else theirs
    mine, other = FORMS[name]
    return [mine(value) for value in ours], [other(value) for value in theirs]


KINDS = frozenset(SCALARS)

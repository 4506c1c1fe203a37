"""Addresses of data connections, in commands and replies of FTP."""

from __future__ import annotations

import re
from ipaddress import ip_address

Address = tuple[bytes | None, int]
_SIX = re.compile(rb"(?<!\d)(\d{1,3}) *, *(\d{1,3}) *, *(\d{1,3}) *, *(\d{1,3}) *, *(\d{1,3}) *, *(\d{1,3})(?!\d)")
_EXTENDED = re.compile(rb"\((.)\1\1(\d{1,5})\1\)")
MOST_PORT = 0xFFFF


def of_command(name: bytes, argument: bytes) -> Address | None:
    """The address of PORT or EPRT; None if it is none."""
    return of_reply(argument) if name == b"PORT" else _of_eprt(argument.strip())


def of_reply(shown: bytes) -> Address | None:
    """The address in a reply 227, which has no fixed place there (RFC 1123 section 4.1.2.6); None without one."""
    found = _SIX.search(shown)
    if found is None:
        return None
    numbers = [int(number) for number in found.groups()]
    if max(numbers) > 255:
        return None
    return bytes(numbers[:4]), numbers[4] << 8 | numbers[5]


def extended(shown: bytes) -> Address | None:
    """The port in a reply 229 (RFC 2428 section 3); None without one."""
    found = _EXTENDED.search(shown)
    return (None, int(found[2])) if found is not None and int(found[2]) <= MOST_PORT else None


def _of_eprt(argument: bytes) -> Address | None:
    """|1|132.235.1.2|6275| or |2|1080::8:800:200C:417A|5282| (RFC 2428 section 2)."""
    parts = argument.split(argument[:1]) if argument else []
    if len(parts) != 5 or parts[0] or parts[4] or not parts[3].isdigit() or len(parts[3]) > 5:
        return None
    try:
        address, port = ip_address(parts[2].decode("ascii")), int(parts[3])
    except (UnicodeDecodeError, ValueError):
        return None
    return (address.packed, port) if port <= MOST_PORT else None

"""Addresses and bytes in SQL: as hexadecimal digits, which sort as their bytes, and networks."""

from __future__ import annotations

import ipaddress

from netlake.query.filter.plan import Const
from netlake.schema.sql import literal


def hexadecimal(value: str, kind: str) -> str:
    """The SQL of the bytes of `value`, an IP address, a MAC address or bytes, in lower hexadecimal digits."""
    if kind == "hex":
        return value
    if kind == "bytes":
        return f"lower(hex({value}))"
    if kind == "mac":
        return f"replace({value}, ':', '')"
    return f"CASE WHEN contains({value}, ':') THEN {_six(value)} ELSE {_four(value)} END"


def _four(value: str) -> str:
    parts = ", ".join(f"TRY_CAST(split_part({value}, '.', {number}) AS INTEGER)" for number in (1, 2, 3, 4))
    return f"printf('%02x%02x%02x%02x', {parts})"


def _six(value: str) -> str:
    """An IPv6 address: its last 32 bits may be written as IPv4, and :: is as many zeros as are missing.

    A group is empty at the ends of a text that begins or ends with ::.
    """
    tail = f"split_part({value}, ':', -1)"
    digits = _four(tail)
    plain = (
        f"CASE WHEN contains({value}, '.') THEN left({value}, length({value}) - length({tail}))"
        f" || left({digits}, 4) || ':' || right({digits}, 4) ELSE {value} END"
    )
    colons = f"length({plain}) - length(replace({plain}, ':', ''))"
    whole = f"replace({plain}, '::', ':' || repeat('0:', 8 - ({colons})))"
    return f"array_to_string(list_transform(string_split({whole}, ':'), lambda one: lpad(one, 4, '0')), '')"


def within(value: str, network: Const) -> str:
    """The SQL condition that the address `value` is in a network.

    The whole bytes of an IPv4 prefix are compared as text: 10.1. <= value < 10.1/, as `/` follows the full stop.
    """
    first, last, prefix = network.network
    if len(first) == 32:
        # the first group of an address with a prefix is in the text, unless it is 0
        group = f"{int(first[:4], 16):x}" if prefix >= 16 else "0"
        near = "" if group == "0" else f"{value} >= '{group}:' AND {value} < '{group};' AND "
        packed = hexadecimal(value, "ip")
        return f"({near}length({packed}) = 32 AND {packed} BETWEEN {literal(first)} AND {literal(last)})"
    octets = str(ipaddress.IPv4Address(bytes.fromhex(first))).split(".")
    if prefix == 32:
        return f"{value} = {literal('.'.join(octets))}"
    whole, bits = divmod(prefix, 8)
    parts = []
    if whole:
        start = ".".join(octets[:whole])
        parts.append(f"{value} >= {literal(start + '.')} AND {value} < {literal(start + '/')}")
    else:
        parts.append(f"NOT contains({value}, ':')")
    if bits:
        low, high = (int(one[2 * whole : 2 * whole + 2], 16) for one in (first, last))
        parts.append(f"TRY_CAST(split_part({value}, '.', {whole + 1}) AS INTEGER) BETWEEN {low} AND {high}")
    return f"({' AND '.join(parts)})"


def latin(digits: str) -> str:
    """The SQL of bytes in hexadecimal as a text with a character for each byte, for regular expressions."""
    byte = f"chr(CAST('0x' || substr({digits}, 2 * at + 1, 2) AS INTEGER))"
    return f"array_to_string(list_transform(range(length({digits}) // 2), lambda at: {byte}), '')"

"""DHCP (RFC 2131) with its options (RFC 2132, RFC 3046, RFC 4702) and BOOTP (RFC 951), whose vendor area has none.

Options of the same code are one option in pieces (RFC 3396), unless a value has the whole size of its type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netlake import tables
from netlake.packets import Cursor, Short
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row, address, mark, mark_short

FIXED = 28
COOKIE = b"\x63\x82\x53\x63"
PAD, OVERLOAD, RELAY, END = 0, 52, 82, 255


def rows(message: Message) -> list[Row]:
    """The row of one message."""
    row = fixed(tables.table("dhcpv4"), message)
    if len(message.data) < FIXED:
        return [row]
    try:
        body(Cursor(message.data, FIXED, missing=message.missing), row)
    except Short:
        mark_short(row, message)
    columns(row)
    return [row]


def body(cursor: Cursor, row: Row) -> None:
    """Hardware address, server name, file and options, which continue in file and name if option 52 permits it."""
    row["client_hardware"] = cursor.take(16)
    if (row["hardware_type"], row["hardware_length"]) == (1, 6):
        row["client_mac"] = address(row["client_hardware"][:6])
    fields = {"server_name": cursor.take(64), "file": cursor.take(128)}
    overload = 0
    if cursor.promised >= 4 and cursor.take(4) == COOKIE:
        row["options"] = []
        read_options(cursor, row)
        overloads = [option["value"] for option in row["options"] if option["code"] == OVERLOAD]
        overload = overloads[0][0] if overloads and overloads[0] else 0
    for bit, name in ((1, "file"), (2, "server_name")):
        if overload & bit:
            read_options(Cursor(fields[name]), row)
        else:
            row[name] = text(fields[name])


def read_options(cursor: Cursor, row: Row) -> None:
    """Options up to the end option, each in `options`."""
    while cursor.promised:
        code = cursor.number(1)
        if code == END:
            return
        if code == PAD:
            continue
        size = cursor.number(1)
        if size > cursor.promised:
            mark(row, "bad_options")
            return
        row["options"].append({"code": code, "value": cursor.take(size)})


def columns(row: Row) -> None:
    """Set the columns of the options that were read."""
    options = row.get("options", [])
    for code in {option["code"] for option in options}:
        value = joined(code, [option["value"] for option in options if option["code"] == code])
        if code in COLUMNS:
            name, typed = COLUMNS[code]
            row[name] = typed(value)
        elif code == RELAY:
            relay(value, row)


def joined(code: int, values: list[bytes]) -> bytes:
    """RFC 3396: the values of one code, joined; of types of fixed size from the last whole value on."""
    whole = [at for at, value in enumerate(values) if len(value) == SIZES.get(code)]
    return b"".join(values[whole[-1] if whole else 0 :])


def relay(value: bytes, row: Row) -> None:
    """RFC 3046: suboptions 1 and 2."""
    while len(value) >= 2:
        code, size = value[:2]
        if code in (1, 2):
            row[("circuit_id", "remote_id")[code - 1]] = value[2 : 2 + size]
        value = value[2 + size :]


def text(value: bytes) -> str:
    return value.split(b"\0")[0].decode("utf-8", "replace")


def one_address(value: bytes) -> str | None:
    return address(value) if len(value) == 4 else None


def addresses(value: bytes) -> list[str]:
    return [address(value[at : at + 4]) for at in range(0, len(value) // 4 * 4, 4)]


def number(most: int) -> Callable[[bytes], int | None]:
    """A reader of numbers of 1 to `most` bytes."""
    return lambda value: int.from_bytes(value) if 1 <= len(value) <= most else None


def fqdn(value: bytes) -> str | None:
    """RFC 4702: flags, two result codes, and the name, in labels if flag E is set, else as text."""
    if len(value) < 3:
        return None
    flags, name = value[0], value[3:]
    if not flags & 4:
        return name.rstrip(b"\0").decode("utf-8", "replace")
    labels = []
    while name and name[0]:
        labels.append(name[1 : 1 + name[0]].decode("utf-8", "replace"))
        name = name[1 + name[0] :]
    return ".".join(labels) or None


COLUMNS: dict[int, tuple[str, Callable[[bytes], Any]]] = {
    1: ("subnet_mask", one_address),
    3: ("routers", addresses),
    6: ("dns_servers", addresses),
    12: ("hostname", text),
    15: ("domain_name", text),
    28: ("broadcast_ip", one_address),
    42: ("ntp_servers", addresses),
    50: ("requested_ip", one_address),
    51: ("lease_time", number(4)),
    # the first byte, whatever follows it
    53: ("message_type", lambda value: value[0] if value else None),
    54: ("server_id", one_address),
    55: ("fingerprint", lambda value: ",".join(str(code) for code in value)),
    56: ("message", text),
    57: ("max_message_size", number(2)),
    58: ("renewal_time", number(4)),
    59: ("rebinding_time", number(4)),
    60: ("vendor_class", text),
    61: ("client_id", bytes),
    66: ("tftp_server", text),
    67: ("boot_file", text),
    77: ("user_class", bytes),
    81: ("client_fqdn", fqdn),
}
# bytes of the types of fixed size: addresses and numbers of RFC 2132
SIZES = {1: 4, 28: 4, 50: 4, 51: 4, 53: 1, 54: 4, 57: 2, 58: 4, 59: 4}

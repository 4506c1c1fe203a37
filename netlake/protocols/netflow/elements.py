"""The information elements of NetFlow version 9 and IPFIX that have a column, and how their values are read.

Source: IANA's registry of IPFIX information elements, whose first 127 numbers are those of NetFlow version 9.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# seconds from 1900 to 1970
NTP_EPOCH = 2_208_988_800
# the enterprise whose element n is element n of the reverse direction (RFC 5103)
REVERSE = 29305
LONGEST = 8
# the first time that has no date, in microseconds
YEAR_10000 = 253_402_300_800_000_000


def number(value: bytes) -> int | None:
    """A number in as many bytes as the template gives it."""
    return int.from_bytes(value, "big") if 0 < len(value) <= LONGEST else None


def address(value: bytes) -> bytes | None:
    """An IPv4 or IPv6 address."""
    return value if len(value) in (4, 16) else None


def mac(value: bytes) -> bytes | None:
    """A MAC address."""
    return value if len(value) == 6 else None


def text(value: bytes) -> str | None:
    """Text without the zero bytes behind it."""
    return value.rstrip(b"\0").decode("utf-8", "replace")


def uptime(value: bytes) -> float | None:
    """Milliseconds since the exporter started, as seconds."""
    milliseconds = number(value)
    return None if milliseconds is None else milliseconds / 1000


def seconds(value: bytes) -> int | None:
    """Seconds since 1970, as microseconds."""
    return int.from_bytes(value, "big") * 1_000_000 if len(value) == 4 else None


def milliseconds(value: bytes) -> int | None:
    """Milliseconds since 1970, as microseconds; None beyond the year 9999."""
    time = int.from_bytes(value, "big") * 1000
    return time if len(value) == 8 and time < YEAR_10000 else None


def ntp(value: bytes) -> int | None:
    """Seconds since 1900 and their fraction in 2^-32 seconds, as microseconds since 1970."""
    if len(value) != 8:
        return None
    whole, fraction = int.from_bytes(value[:4], "big"), int.from_bytes(value[4:], "big")
    return (whole - NTP_EPOCH) * 1_000_000 + (fraction * 1_000_000 >> 32)


Read = Callable[[bytes], Any]

# (enterprise, element): column and reader. The first value of a column is used, later ones are in `fields`.
ELEMENTS: dict[tuple[int | None, int], tuple[str, Read]] = {
    (None, 1): ("bytes", number), (None, 2): ("packets", number), (None, 4): ("protocol", number),
    (None, 5): ("tos", number), (None, 6): ("tcp_flags", number), (None, 7): ("flow_src_port", number),
    (None, 8): ("flow_src_ip", address), (None, 9): ("src_mask", number), (None, 10): ("input_interface", number),
    (None, 11): ("flow_dst_port", number), (None, 12): ("flow_dst_ip", address), (None, 13): ("dst_mask", number),
    (None, 14): ("output_interface", number), (None, 15): ("next_hop", address), (None, 16): ("src_as", number),
    (None, 17): ("dst_as", number), (None, 18): ("bgp_next_hop", address), (None, 21): ("last_uptime", uptime),
    (None, 22): ("first_uptime", uptime), (None, 27): ("flow_src_ip", address), (None, 28): ("flow_dst_ip", address),
    (None, 29): ("src_mask", number), (None, 30): ("dst_mask", number), (None, 32): ("icmp_type_code", number),
    (None, 34): ("sampling_interval", number), (None, 56): ("src_mac", mac), (None, 58): ("vlan_id", number),
    (None, 60): ("ip_version", number), (None, 61): ("direction", number), (None, 62): ("next_hop", address),
    (None, 63): ("bgp_next_hop", address), (None, 80): ("dst_mac", mac), (None, 82): ("interface_name", text),
    (None, 85): ("total_bytes", number), (None, 86): ("total_packets", number), (None, 96): ("application_name", text),
    (None, 136): ("end_reason", number), (None, 139): ("icmpv6_type_code", number), (None, 148): ("flow_id", number),
    (None, 150): ("first_time", seconds), (None, 151): ("last_time", seconds),
    (None, 152): ("first_time", milliseconds), (None, 153): ("last_time", milliseconds),
    (None, 154): ("first_time", ntp), (None, 155): ("last_time", ntp),
    (None, 156): ("first_time", ntp), (None, 157): ("last_time", ntp), (None, 225): ("nat_src_ip", address),
    (None, 226): ("nat_dst_ip", address), (None, 227): ("nat_src_port", number), (None, 228): ("nat_dst_port", number),
    (None, 230): ("nat_event", number), (None, 231): ("bytes", number), (None, 232): ("reverse_bytes", number),
    (None, 233): ("firewall_event", number), (None, 281): ("nat_src_ip", address), (None, 282): ("nat_dst_ip", address),
    (None, 298): ("packets", number), (None, 299): ("reverse_packets", number),
    (REVERSE, 1): ("reverse_bytes", number), (REVERSE, 85): ("reverse_bytes", number),
    (REVERSE, 2): ("reverse_packets", number), (REVERSE, 86): ("reverse_packets", number),
}  # fmt: skip

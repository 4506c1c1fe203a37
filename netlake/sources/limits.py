"""The greatest captured length of a packet by link type, Wireshark's limits: above it, the file is damaged."""

from __future__ import annotations

ORDINARY = 262144
GREATEST = {
    186: 128 << 20,  # USB of FreeBSD
    189: 128 << 20,  # USB of Linux
    220: 128 << 20,  # USB of Linux, mapped
    231: 128 << 20,  # D-Bus
    249: 128 << 20,  # USBPcap
    266: 128 << 20,  # USB of Darwin
    279: 8 << 20,  # EBHSCR
}


def greatest_captured(link_type: int) -> int:
    """The greatest captured length, in bytes, of a packet of LINKTYPE_ number `link_type`."""
    return GREATEST.get(link_type, ORDINARY)

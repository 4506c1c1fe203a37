"""VXLAN (RFC 7348), and VXLAN-GPE on a port of its own, which names its payload."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import Space, carries, malformed
from netlake.kernels.bytes import u24
from netlake.kernels.numbers import EtherType
from netlake.kernels.tunnels.nsh import next_protocol
from netlake.schema.faults import SHORT_HEADER

GPE_PORT = 4790
NAMES_PAYLOAD = 4
VALID = 8
POLICY = 0x80


@kernel()
def vxlan(data, keys, w):
    """Ethernet, or what the header names; the identifier is the VNI."""
    at = w.at
    if w.end - at < 8:
        return malformed(SHORT_HEADER)
    identifier = u24(data, at + 4)
    if (w.source_port == GPE_PORT or w.destination_port == GPE_PORT) and data[at] & NAMES_PAYLOAD:
        return next_protocol(np.int64(data[at + 3]), at + 8, identifier)
    return carries(Space.ETHER_TYPE, EtherType.TRANSPARENT_ETHERNET, at + 8, identifier=identifier)


@kernel()
def vxlan_fits(data, keys, w):
    """Flags of VXLAN, of its group policy extension, or on its port of VXLAN-GPE; reserved bits are zero."""
    at = w.at
    if w.end - at < 8 or data[at + 7] != 0:
        return False
    flags, rest = np.int64(data[at]), u24(data, at + 1)
    if w.source_port == GPE_PORT or w.destination_port == GPE_PORT:
        return flags & 0xF0 == 0 and flags & (VALID | NAMES_PAYLOAD) != 0 and rest <= 0xFF
    if flags == VALID:
        return rest == 0
    return flags == VALID | POLICY and rest & 0xB70000 == 0

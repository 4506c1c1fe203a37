"""LISP, the Locator/ID Separation Protocol (RFC 9300): its data plane, also in the form of RFC 9305."""

from __future__ import annotations

import numpy as np

from netlake.kernels import kernel
from netlake.kernels.answers import ip_or, malformed
from netlake.kernels.bytes import u24
from netlake.kernels.tunnels.nsh import next_protocol
from netlake.schema.faults import SHORT_HEADER

INSTANCE = 0x08
NAMES_PAYLOAD = 0x04


@kernel()
def lisp(data, keys, w):
    """An IP packet, or what the header names; the identifier is the instance, which both directions carry."""
    at = w.at
    if w.end - at < 8:
        return malformed(SHORT_HEADER)
    flags = data[at]
    identifier = u24(data, at + 4) if flags & INSTANCE else np.int64(0)
    if flags & NAMES_PAYLOAD:
        return next_protocol(np.int64(data[at + 3]), at + 8, identifier)
    return ip_or(data, at + 8, w.end, -1, identifier, 0)

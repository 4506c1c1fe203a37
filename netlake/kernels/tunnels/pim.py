"""PIM (RFC 7761), whose register message carries a multicast packet."""

from __future__ import annotations

from netlake.kernels import kernel
from netlake.kernels.answers import done, ip_or

REGISTER = 0x21  # version 2, type 1


@kernel()
def pim(data, keys, w):
    """A register carries an IP packet, other messages nothing; the identifier is 0.

    A null register has a header in place of the packet and nothing behind it.
    """
    at = w.at
    if w.end - at < 8 or data[at] != REGISTER:
        return done()
    return ip_or(data, at + 8, w.end, -1, 0, 0)

"""External Data Representation (RFC 4506), in which RPC and sFlow are written: units of four bytes, big-endian."""

from __future__ import annotations

from netlake.layers.items import part
from netlake.packets import Cursor


def opaque(message: Cursor) -> bytes:
    """Bytes after their length, without padding; Malformed if the length does not fit, Short if they are truncated."""
    inside = part(message, message.number(4))
    data = inside.rest()
    message.skip(min(-len(data) % 4, message.promised))
    return data

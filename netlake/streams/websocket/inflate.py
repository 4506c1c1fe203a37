"""Compressed messages of one side of a WebSocket connection (permessage-deflate, RFC 7692).

A side may refer to its earlier messages (context takeover), so all of its compressed messages are decoded, in order,
also those of which nothing is kept. Of a side at most BUDGET bytes are decoded; behind a gap, or data that is no
DEFLATE, nothing is. What the library decodes before an error depends on the pieces in which it is given the data: the
frame with the error has no text.
"""

from __future__ import annotations

import zlib
from typing import Any

BUDGET = 16 << 20
# bytes that are decoded at once
STEP = 1 << 14
# what the sender leaves out at the end of a message (section 7.2.1)
TAIL = b"\0\0\xff\xff"


class Inflate:
    """Decodes the compressed messages of a side; `is_lost`: nothing more of it can be decoded, `is_bad`: it is no DEFLATE."""

    __slots__ = ("decoder", "is_bad", "is_lost", "left")

    def __init__(self) -> None:
        self.decoder: Any = None
        self.left, self.is_lost, self.is_bad = BUDGET, False, False

    def decode(self, data: bytes, most: int) -> bytes:
        """The first `most` bytes that these bytes of a message decode to."""
        found = bytearray()
        while data and not self.is_lost:
            if self.decoder is None or self.decoder.eof:  # a message may end with a final block (section 7.2.3.4)
                self.decoder = zlib.decompressobj(-15)
            try:
                part = self.decoder.decompress(data, min(STEP, self.left))
            except zlib.error:
                self.lose()
                self.is_bad = True
                return b""
            found += part[: most - len(found)] if len(found) < most else b""
            self.left -= len(part)
            data = self.decoder.unused_data if self.decoder.eof else self.decoder.unconsumed_tail
            if not self.left:
                self.lose()
        return bytes(found)

    def end(self, most: int) -> bytes:
        """As `decode`, for what is left at the end of a message."""
        return self.decode(TAIL, most)

    def lose(self) -> None:
        """Nothing more is decoded."""
        self.decoder, self.is_lost = None, True

"""Removes content codings from bodies (netlake.layers.contents), within bounds.

- Bytes that are not what the coding says: the content is what was decoded before them. If that is nothing, the body is
  the content as it was sent, so that a file with a wrong label is not lost.
- Wrong check values and reserved flags of gzip do not end the decoding; such a body is `broken`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from netlake.kernels.http1_state import Coding

MOST_DECODED, MOST_CODED, MOST_SMALL, RATIO = 1 << 30, 16 << 20, 1 << 20, 200
MOST_KEPT, MOST_DECODERS = 64 << 20, 2048
# bytes that are decoded at once; of the coded body, which does not arrive in the same pieces each time
STEP, BLOCK = 1 << 16, 1 << 14
# bytes of a block with an error that are decoded again at once
NARROW = 1 << 10
# the longest header of a gzip member
MOST_HEADER = 1 << 17
# flags of a gzip member (RFC 1952 section 2.3.1)
FHCRC, FEXTRA, FNAME, FCOMMENT, RESERVED = 2, 4, 8, 16, 0xE0
FIXED, TRAILER = 10, 8
# names of content codings (RFC 9110 section 8.4.1)
CODINGS = {
    "": Coding.NONE, "identity": Coding.NONE, "gzip": Coding.GZIP, "x-gzip": Coding.GZIP, "deflate": Coding.DEFLATE,
    "x-deflate": Coding.DEFLATE, "br": Coding.BROTLI, "zstd": Coding.ZSTD,
}  # fmt: skip


def coding_of(value: str | None) -> int:
    """The Coding that a Content-Encoding names."""
    # empty elements of a list count nothing (RFC 9110 section 5.6.1)
    return CODINGS.get((value or "").strip(" \t,").lower(), Coding.OTHER).value


@dataclass(slots=True)
class Kept:
    """The bytes that bodies keep, and how many are being decoded."""

    bytes: int = 0
    decoders: int = 0

    def take(self, count: int) -> bool:
        """Keep `count` bytes; False if there are too many."""
        if self.bytes + count > MOST_KEPT:
            return False
        self.bytes += count
        return True

    def give(self, count: int) -> None:
        """Bytes are no longer kept."""
        self.bytes -= count


def before_error(decoder: Any, data: bytes) -> bytes:
    """What `data`, in which zlib finds an error, decodes to before it; `decoder` is in the state before the data.

    zlib gives nothing of a piece with an error, so it is decoded again in small pieces, the last of them byte by byte.
    """
    found, at, size = bytearray(), 0, NARROW
    while at < len(data):
        saved, piece = decoder.copy(), data[at : at + size]
        try:
            found += decoder.decompress(piece, STEP)
        except zlib.error:
            if size == 1:
                break
            decoder, size = saved, 1
            continue
        at += len(piece) - len(decoder.unconsumed_tail)
    return bytes(found)


class Gzip:
    """One member of a gzip file (RFC 1952), with the methods and attributes of zlib's decompressor.

    zlib's own decoder loses the last bytes of a member with a wrong check value, and refuses reserved flags. Here they
    are decoded, and `is_intact` is False.
    """

    def __init__(self) -> None:
        self.header, self.trailer = bytearray(), bytearray()
        self.deflate: Any = None
        self.sum = self.size = 0
        self.is_intact, self.eof = True, False
        self.unconsumed_tail = self.unused_data = b""

    def decompress(self, data: bytes, most: int) -> bytes:
        """At most `most` bytes that `data` decodes to; zlib.error if it is no gzip."""
        self.unconsumed_tail = b""
        if self.deflate is None:
            self.header += data
            if (at := self._header_end()) is None:
                if len(self.header) > MOST_HEADER:
                    raise zlib.error("the header of gzip is too long")
                return b""
            self.deflate, data = zlib.decompressobj(-15), bytes(self.header[at:])
            self.is_intact = not self.header[3] & RESERVED
        if self.deflate.eof:
            return self._ended(data)
        part: bytes = self.deflate.decompress(data, most)
        self.sum, self.size = zlib.crc32(part, self.sum), self.size + len(part)
        self.unconsumed_tail = self.deflate.unconsumed_tail
        if self.deflate.eof:
            self._ended(self.deflate.unused_data)
        return part

    def copy(self) -> Gzip:
        """A copy of its state."""
        other = Gzip()
        other.header, other.trailer = self.header.copy(), self.trailer.copy()
        other.deflate = None if self.deflate is None else self.deflate.copy()
        other.sum, other.size, other.is_intact, other.eof = self.sum, self.size, self.is_intact, self.eof
        return other

    def flush(self, size: int) -> bytes:
        """What is left in the decoder of a member that ends early."""
        if self.deflate is None or self.deflate.eof:
            return b""
        part: bytes = self.deflate.flush(size)
        return part

    def _ended(self, data: bytes) -> bytes:
        """The bytes behind the data: two check values, and what is behind the member."""
        self.trailer += data
        if len(self.trailer) >= TRAILER:
            self.eof, self.unused_data = True, bytes(self.trailer[TRAILER:])
            right = struct.pack("<II", self.sum, self.size & 0xFFFFFFFF)
            self.is_intact = self.is_intact and self.trailer[:TRAILER] == right
        return b""

    def _header_end(self) -> int | None:
        """Where the header ends; None if it is not complete."""
        header = self.header
        if header[:2] != b"\x1f\x8b"[: len(header)] or (len(header) > 2 and header[2] != 8):
            raise zlib.error("no header of gzip")
        if len(header) < FIXED:
            return None
        flags, at = header[3], FIXED
        if flags & FEXTRA:
            at += 2 + int.from_bytes(header[at : at + 2], "little")
        for flag in (FNAME, FCOMMENT):
            if flags & flag:
                at = header.find(0, at) + 1
                if at == 0:
                    return None
        at += 2 if flags & FHCRC else 0
        return at if at <= len(header) else None


class Decoder:
    """Removes a content coding, within the bounds; `broken` is True where it ended early."""

    def __init__(self, coding: int, all_kept: Kept) -> None:
        self.coding, self.all_kept = coding, all_kept
        self.broken, self.done = all_kept.decoders >= MOST_DECODERS, False
        all_kept.decoders += 1
        self.given = self.made = self.members = 0
        self.kept = bytearray()
        # whether all members were right; whether the body is not what its coding says, so that it is the content
        self.is_intact, self.is_as_sent = True, False
        self.zlib: Any = None

    def decode(self, data: memoryview) -> Iterable[bytes]:
        """What bytes of the body decode to."""
        if self.is_as_sent:
            yield bytes(data)
        if self.broken or self.done:
            return
        if self.coding in (Coding.BROTLI, Coding.ZSTD):
            self.given += len(data)
            if len(self.kept) + len(data) > MOST_CODED or not self.all_kept.take(len(data)):
                self.broken = True
                self.all_kept.give(len(self.kept))
                self.kept = bytearray()
            else:
                self.kept += data
            return
        self.kept += data
        while len(self.kept) >= BLOCK and not self.broken and not self.done:
            block = bytes(self.kept[:BLOCK])
            del self.kept[:BLOCK]
            yield from self._inflate(block)
            if self.is_as_sent:
                yield bytes(self.kept)

    def _inflate(self, data: bytes, *, is_last: bool = False) -> Iterable[bytes]:
        """What one block decodes to; the next one begins with a byte that could begin another member."""
        self.given += len(data)
        while data and not self.broken:
            if self.zlib is None:
                if len(data) < 2 and not is_last:
                    self.kept[:0] = data
                    self.given -= len(data)
                    return
                self.zlib = self._decoder(data)
                if self.zlib is None:
                    self.done = True
                    return
            before = self.zlib.copy()
            try:
                part = self.zlib.decompress(data, STEP)
            except zlib.error:
                self.broken = True
                part = before_error(before, data)
                if self.made == 0 and not part and self.given == len(data):
                    self.is_as_sent = True
                    yield data
                    return
            if part:
                yield self._counted(part)
            data = self.zlib.unconsumed_tail
            if self.zlib.eof:
                self.is_intact = self.is_intact and getattr(self.zlib, "is_intact", True)
                data, self.zlib = self.zlib.unused_data, None
                self.members += 1
                self.done = self.coding != Coding.GZIP
                if self.done:
                    return

    def _decoder(self, data: bytes) -> Any:
        """The decoder of what begins with `data`; None if that is nothing."""
        if self.coding == Coding.GZIP:
            # a gzip file can have several members (RFC 1952 section 2.2)
            return Gzip() if not self.members or data[:2] == b"\x1f\x8b" else None
        # `deflate` means zlib (RFC 9110 section 8.4.1.2); some servers send it without the header of zlib
        with_header = data[0] & 15 == 8 and int.from_bytes(data[:2]) % 31 == 0
        return zlib.decompressobj(15 if with_header else -15)

    def _counted(self, part: bytes) -> bytes:
        self.made += len(part)
        if self.made > min(MOST_DECODED, max(MOST_SMALL, RATIO * self.given)):
            self.broken = True
        return part

    def end(self) -> Iterable[bytes]:
        """What is decoded at the end of the body."""
        if self.coding in (Coding.BROTLI, Coding.ZSTD):
            yield from self._at_once()
        else:
            if not self.broken and not self.done:
                yield from self._inflate_rest()
            self.broken = self.broken or not (self.done and self.is_intact)
        self.close()

    def close(self) -> None:
        """Give back what is kept."""
        self.all_kept.decoders -= 1
        if self.coding in (Coding.BROTLI, Coding.ZSTD):
            self.all_kept.give(len(self.kept))

    def _inflate_rest(self) -> Iterable[bytes]:
        """What the last block decodes to, and what is in the decoder of a body that ends early."""
        block, self.kept = bytes(self.kept), bytearray()
        yield from self._inflate(block, is_last=True)
        if self.zlib is None:
            self.done = self.done or self.members > 0
        elif not self.broken:
            try:
                part = self.zlib.flush(STEP)
            except zlib.error:
                return
            self.done = self.zlib.eof
            if part:
                yield self._counted(part)

    def _at_once(self) -> Iterable[bytes]:
        if self.broken or not self.kept:
            return
        self.done = True
        name = "brotli" if self.coding == Coding.BROTLI else "zstd"
        try:
            with pa.CompressedInputStream(pa.BufferReader(pa.py_buffer(bytes(self.kept))), name) as stream:
                while not self.broken and (part := stream.read(STEP)):
                    yield self._counted(part)
        except (OSError, pa.ArrowException):
            self.broken = True
            if self.made == 0:
                yield bytes(self.kept)

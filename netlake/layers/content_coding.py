"""Removes content codings from bodies (netlake.layers.contents), within bounds."""

from __future__ import annotations

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
# names of content codings (RFC 9110 section 8.4.1)
CODINGS = {
    "": Coding.NONE, "identity": Coding.NONE, "gzip": Coding.GZIP, "x-gzip": Coding.GZIP, "deflate": Coding.DEFLATE,
    "br": Coding.BROTLI, "zstd": Coding.ZSTD,
}  # fmt: skip


def coding_of(value: str | None) -> int:
    """The Coding that a Content-Encoding names."""
    return CODINGS.get((value or "").strip().lower(), Coding.OTHER).value


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


class Decoder:
    """Removes a content coding, within the bounds; `broken` is True where it ended early."""

    def __init__(self, coding: int, all_kept: Kept) -> None:
        self.coding, self.all_kept = coding, all_kept
        self.broken, self.done = all_kept.decoders >= MOST_DECODERS, False
        all_kept.decoders += 1
        self.given = self.made = self.members = 0
        self.kept = bytearray()
        self.zlib: Any = None

    def decode(self, data: memoryview) -> Iterable[bytes]:
        """What bytes of the body decode to."""
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
                part = _before_error(before, data)
            if part:
                yield self._counted(part)
            data = self.zlib.unconsumed_tail
            if self.zlib.eof:
                data, self.zlib = self.zlib.unused_data, None
                self.members += 1
                self.done = self.coding != Coding.GZIP
                if self.done:
                    return

    def _decoder(self, data: bytes) -> Any:
        """The decoder of what begins with `data`; None if that is nothing."""
        if self.coding == Coding.GZIP:
            # a gzip file can have several members (RFC 1952 section 2.2)
            return zlib.decompressobj(31) if not self.members or data[:2] == b"\x1f\x8b" else None
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
            self.broken = self.broken or not self.done
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


def _before_error(decoder: Any, data: bytes) -> bytes:
    """What `data`, in which the library finds an error, decodes to before it."""
    found = bytearray()
    try:
        for at in range(len(data)):
            found += decoder.decompress(data[at : at + 1])
    except zlib.error:
        pass
    return bytes(found)

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
# bytes that are decoded at once
STEP = 1 << 16


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
        self.given = self.made = 0
        self.kept = bytearray()
        self.zlib: Any = zlib.decompressobj(31) if coding == Coding.GZIP else None

    def decode(self, data: memoryview) -> Iterable[bytes]:
        """What bytes of the body decode to."""
        self.given += len(data)
        if self.broken or self.done:
            return
        if self.coding in (Coding.BROTLI, Coding.ZSTD):
            if len(self.kept) + len(data) > MOST_CODED or not self.all_kept.take(len(data)):
                self.broken = True
                self.all_kept.give(len(self.kept))
                self.kept = bytearray()
            else:
                self.kept += data
            return
        if self.zlib is None:
            # `deflate` means zlib (RFC 9110 section 8.4.1.2); some servers send it without the header of zlib
            self.kept += data
            if len(self.kept) < 2:
                return
            with_header = self.kept[0] & 15 == 8 and (self.kept[0] << 8 | self.kept[1]) % 31 == 0
            self.zlib = zlib.decompressobj(15 if with_header else -15)
            data, self.kept = memoryview(bytes(self.kept)), bytearray()
        yield from self._inflate(bytes(data))

    def _inflate(self, data: bytes) -> Iterable[bytes]:
        while data and not self.broken:
            try:
                part = self.zlib.decompress(data, STEP)
            except zlib.error:
                self.broken = True
                return
            if part:
                yield self._counted(part)
            data = self.zlib.unconsumed_tail
            if self.zlib.eof:
                rest = self.zlib.unused_data
                # a gzip file can have several members (RFC 1952 section 2.2)
                if self.coding == Coding.GZIP and rest[:2] == b"\x1f\x8b":
                    self.zlib, data = zlib.decompressobj(31), rest
                else:
                    self.done = True
                    return

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
            if self.zlib is not None and not self.broken and not self.done:
                yield from self._inflate_rest()
            self.broken = self.broken or not self.done
        self.close()

    def close(self) -> None:
        """Give back what is kept."""
        self.all_kept.decoders -= 1
        if self.coding in (Coding.BROTLI, Coding.ZSTD):
            self.all_kept.give(len(self.kept))

    def _inflate_rest(self) -> Iterable[bytes]:
        """What is in the decoder of a body that ends early."""
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

"""Compressed captures, known by their first bytes and not by their names, unpacked in bounded memory.

gzip, bzip2 and xz are the standard library's, fed piecewise; zstd and lz4 (frame format) are pyarrow's. A stream that
is cut short or damaged gives every byte before that place. No library gives anything of the call in which it meets the
damage, be it a wrong checksum at the very end, so a file is then unpacked again up to there, and from there byte by
byte; of a pipe 64 KiB can be lost.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any, Protocol

from netlake.sources.raw import Raw
from netlake.sources.window import ByteStream

MAGIC = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
}
PIECE = 64 << 10
DAMAGE = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)


def compression_of(head: bytes) -> str | None:
    """The compression that `head` begins with, None if none is known."""
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), None)


class Decoder(Protocol):
    """What bz2 and lzma have in common."""

    eof: bool
    unused_data: bytes

    @property
    def needs_input(self) -> bool:
        """Whether it can give no more without further input."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Take `data` and give at most `max_length` bytes."""


class Gzip:
    """zlib's decoder of gzip members with the face of the others."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(31)
        self._waiting = b""
        self.needs_input = True

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        """What follows the member."""
        return self._decoder.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Take `data` and give at most `max_length` bytes."""
        out = self._decoder.decompress(self._waiting + data, max_length)
        self._waiting = self._decoder.unconsumed_tail
        self.needs_input = len(out) < max_length
        return out


DECODERS: dict[str, Callable[[], Any]] = {"gzip": Gzip, "bzip2": bz2.BZ2Decompressor, "xz": lzma.LZMADecompressor}


class Members:
    """A stream of gzip, bzip2 or xz, of any number of members; raises one of DAMAGE where it cannot go on."""

    def __init__(self, source: ByteStream, compression: str) -> None:
        self._source, self._make = source, DECODERS[compression]
        self._magic = next(magic for magic, name in MAGIC.items() if name == compression)
        self._decoder: Decoder = self._make()
        self._held = bytearray(PIECE)
        self._rest = self._ahead = b""

    @property
    def until(self) -> float | None:
        """As of the stream below: see ByteStream."""
        return self._source.until

    @until.setter
    def until(self, value: float | None) -> None:
        self._source.until = value

    def _input(self) -> bytes:
        rest, self._rest = self._rest, b""
        return rest or bytes(self._held[: self._source.readinto(memoryview(self._held))])

    def readinto(self, view: memoryview) -> int:
        """Fill `view`; 0 at the end."""
        while True:
            if self._decoder.eof and not self._next():
                return 0
            data = self._input() if self._decoder.needs_input else b""
            ended = not data and self._decoder.needs_input
            out = self._decoder.decompress(data, len(view))
            if out:
                view[: len(out)] = out
                return len(out)
            if ended and not self._decoder.eof:
                raise EOFError("it is cut short")

    def _next(self) -> bool:
        """Begin another member; False where none follows."""
        # kept in the object: a read that raises LateError is repeated from here
        self._ahead = self._ahead or self._decoder.unused_data
        while len(ahead := self._ahead.lstrip(b"\0")) < len(self._magic) and (more := self._input()):
            self._ahead = ahead + more
        if not ahead:
            return False
        if not ahead.startswith(self._magic):
            raise ValueError("other data follows it")
        self._decoder, self._rest, self._ahead = self._make(), ahead, b""
        return True


class _File:
    """What pyarrow wants of a Python file."""

    closed = False

    def __init__(self, source: ByteStream) -> None:
        self._source, self._held = source, bytearray(PIECE)

    def read(self, count: int = PIECE) -> bytes:
        """At most `count` bytes."""
        view = memoryview(self._held)[: min(count, PIECE)]
        return bytes(view[: self._source.readinto(view)])

    def close(self) -> None:
        """The source is its opener's."""
        self.closed = True


def _arrow(source: ByteStream, compression: str) -> ByteStream:
    import pyarrow as pa  # 0.3 s that only these files need

    return pa.CompressedInputStream(pa.PythonFile(_File(source), mode="r"), compression)  # type: ignore[no-any-return]


class _Slow:
    """An input that is given byte by byte from `near` on, so that what a decoder chokes on is one byte."""

    def __init__(self, raw: Raw, near: int) -> None:
        self._raw, self._near = raw, near
        self.until: float | None = None

    def readinto(self, view: memoryview) -> int:
        """Fill `view`, or its first byte."""
        left = self._near - self._raw.bytes_read
        return self._raw.readinto(view[: max(1, left)])


class Decompressed:
    """The bytes of a compressed input; after 0, `damage` says why it ended where that was not its end."""

    def __init__(self, raw: Raw, compression: str) -> None:
        self._raw, self.compression = raw, compression
        self._stream = self._begin(raw)
        self.position = 0
        self.damage: str | None = None
        self._until: float | None = None

    @property
    def until(self) -> float | None:
        """See ByteStream; pyarrow's decoders would lose bytes if they were interrupted, so they wait."""
        return self._until

    @until.setter
    def until(self, value: float | None) -> None:
        self._until = value
        if self.compression in DECODERS:
            self._raw.until = value

    def _begin(self, source: ByteStream) -> ByteStream:
        return Members(source, self.compression) if self.compression in DECODERS else _arrow(source, self.compression)

    def readinto(self, view: memoryview) -> int:
        """Fill `view` with at most 64 KiB; 0 at the end, and where the stream cannot be read on."""
        if self.damage:
            return 0
        view = view[:PIECE]
        try:
            count = self._stream.readinto(view)
        except DAMAGE as error:
            self.damage = "it is cut short" if "Truncated" in str(error) else str(error).strip().rstrip(".")
            count = self._rescue(view) if self._raw.regular else 0
        self.position += count
        return count

    def _rescue(self, view: memoryview) -> int:
        """What can be had from here to the damage, byte by byte from a second reading."""
        raw = self._raw.again()
        count = 0
        try:
            # a decoder holds no more than the last piece and the rest of the one before
            stream, left = self._begin(_Slow(raw, self._raw.bytes_read - 2 * PIECE)), self.position
            skipped = memoryview(bytearray(PIECE))
            while left and (step := stream.readinto(skipped[: min(left, PIECE)])):
                left -= step
            while not left and count < len(view) and stream.readinto(view[count : count + 1]):
                count += 1
        except DAMAGE:
            pass
        finally:
            raw.close()
        return count

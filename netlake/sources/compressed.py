"""Unpack compressed captures in bounded memory.

- The compression is recognized by the first bytes, not by the name of the file.
- gzip, bzip2 and xz are unpacked by the standard library, piece by piece; zstd and lz4 (frame format) by pyarrow.
- Of a truncated or damaged stream, every byte before the damage is returned. The libraries return nothing of the call
  in which they find damage, even if that is a wrong checksum at the end. So a file is unpacked a second time up to this
  call, and then byte by byte; of a pipe the bytes of one call are lost, up to 64 KiB.
- pyarrow's decoders return when they have all bytes that were asked for. Of a pipe that is not full, few bytes are
  asked for, so that packets appear as they arrive and little is lost at an interrupt.
"""

from __future__ import annotations

import bz2
import fcntl
import lzma
import struct
import termios
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
# bytes asked for of a pipe in which fewer than FULL bytes wait: 0.6 us a call, less than a packet costs
FEW, FULL = 256, 32 << 10
DAMAGE = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError)


def compression_of(head: bytes) -> str | None:
    """The compression with the magic number at the start of `head`, None if there is none."""
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), None)


class Decompressor(Protocol):
    """The interface of the decompressors of bz2 and lzma."""

    eof: bool
    unused_data: bytes

    @property
    def needs_input(self) -> bool:
        """Whether it needs input to return more."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Unpack `data` and return at most `max_length` bytes."""


class Gzip:
    """zlib's decoder of gzip members with the interface of the others."""

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
        """The bytes after the member."""
        return self._decoder.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Unpack `data` and return at most `max_length` bytes."""
        out = self._decoder.decompress(self._waiting + data, max_length)
        self._waiting = self._decoder.unconsumed_tail
        self.needs_input = len(out) < max_length
        return out


DECODERS: dict[str, Callable[[], Any]] = {"gzip": Gzip, "bzip2": bz2.BZ2Decompressor, "xz": lzma.LZMADecompressor}


class Members:
    """A stream of gzip, bzip2 or xz with any number of members; raises one of DAMAGE if it is damaged."""

    def __init__(self, source: ByteStream, compression: str) -> None:
        self._source, self._make = source, DECODERS[compression]
        self._magic = next(magic for magic, name in MAGIC.items() if name == compression)
        self._decoder: Decompressor = self._make()
        self._held = bytearray(PIECE)
        self._rest = self._ahead = b""

    @property
    def until(self) -> float | None:
        """As of the stream below: see ByteStream."""
        return self._source.until

    @until.setter
    def until(self, value: float | None) -> None:
        """Set it in the stream below."""
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
                raise EOFError("it is truncated")

    def _next(self) -> bool:
        """Begin the next member; False if there is none."""
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
    """A Python file for pyarrow that reads from a stream."""

    closed = False

    def __init__(self, source: ByteStream) -> None:
        self._source, self._held = source, bytearray(PIECE)

    def read(self, count: int = PIECE) -> bytes:
        """At most `count` bytes."""
        view = memoryview(self._held)[: min(count, PIECE)]
        return bytes(view[: self._source.readinto(view)])

    def close(self) -> None:
        """Mark it closed; the stream below is closed by its opener."""
        self.closed = True


def _arrow(source: ByteStream, compression: str) -> ByteStream:
    import pyarrow as pa  # 0.3 s, needed for these files only

    return pa.CompressedInputStream(pa.PythonFile(_File(source), mode="r"), compression)  # type: ignore[no-any-return]


class _Slow:
    """An input that returns one byte at a time from `near` on, so that a decoder fails at the damaged byte."""

    def __init__(self, raw: Raw, near: int) -> None:
        self._raw, self._near = raw, near
        self.until: float | None = None

    def readinto(self, view: memoryview) -> int:
        """Fill `view`, from `near` on its first byte only."""
        left = self._near - self._raw.bytes_read
        return self._raw.readinto(view[: max(1, left)])


def _waiting(descriptor: int) -> int:
    """How many bytes can be read at once; 0 where that is not known."""
    try:
        (count,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))
    except OSError:
        return 0
    return int(count)


class Decompressed:
    """The unpacked bytes of a compressed input; `damage` is why it ended early, None if it did not."""

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
        """Set it, and in the input if its decoder can be interrupted."""
        self._until = value
        if self.compression in DECODERS:
            self._raw.until = value

    def _begin(self, source: ByteStream) -> ByteStream:
        return Members(source, self.compression) if self.compression in DECODERS else _arrow(source, self.compression)

    def readinto(self, view: memoryview) -> int:
        """Fill `view` with at most 64 KiB; 0 at the end and after damage."""
        if self.damage:
            return 0
        few = not self._raw.regular and self.compression not in DECODERS and _waiting(self._raw.descriptor) < FULL
        view = view[: FEW if few else PIECE]
        try:
            count = self._stream.readinto(view)
        except DAMAGE as error:
            self.damage = "it is truncated" if "Truncated" in str(error) else str(error).strip().rstrip(".")
            count = self._rescue(view) if self._raw.regular else 0
        self.position += count
        return count

    def _rescue(self, view: memoryview) -> int:
        """Unpack the bytes from the present position to the damage again, one at a time."""
        raw = self._raw.again()
        count = 0
        try:
            # a decoder has buffered at most the last piece and the rest of the one before
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

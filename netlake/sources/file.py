"""One capture file, pipe or standard input, of any format and compression.

Layers, each of which reads from the one below: Raw (bytes of the file), Decompressed (if its first bytes are those of a
compression), Window (the part in memory), and the reader of the format, which is recognized by the first bytes too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from netlake.errors import InputError
from netlake.packets import Packets
from netlake.sources import pcap, pcapng
from netlake.sources.compressed import Decompressed, compression_of
from netlake.sources.facts import Part
from netlake.sources.raw import Raw
from netlake.sources.source import Facts, FormatReader, lend, room
from netlake.sources.window import ByteStream, Window


class FileSource(Facts):
    """The packets of one file, pipe or standard input."""

    def __init__(
        self,
        spec: str | os.PathLike[str],
        *,
        salvage: bool,
        sha256: bool,
        first_number: int,
        first_interface: int,
    ) -> None:
        raw = Raw(spec, sha256=sha256)
        super().__init__(raw.name, first_number, first_interface)
        self._finished = False
        self.raw, self.capture_id, self.former_id, self.size = raw, raw.capture_id, raw.former_id, raw.size
        try:
            self.compression = compression_of(raw.head(8))
            self.unpacked = Decompressed(raw, self.compression) if self.compression else None
            self.note = f" (Bytes are those of the unpacked {self.compression} data.)" if self.compression else ""
            stream: ByteStream = self.unpacked or raw
            self.window = Window(stream)
            self.reader = self._reader(salvage=salvage)
        except BaseException:
            raw.close()
            raise
        self.format = self.reader.format

    def _reader(self, *, salvage: bool) -> FormatReader:
        head = self.window.peek(16)
        if not head:
            raise InputError(self._nothing())
        if pcap.magic_of(head):
            return pcap.PcapReader(self.window, self, salvage=salvage)
        if head.startswith(pcapng.SECTION_HEADER):
            return pcapng.PcapngReader(self.window, self, salvage=salvage)
        packed = f", unpacked from {self.compression}," if self.compression else ""
        raise InputError(f"{self.name}{packed} is not a capture: it starts with the bytes {head[:8].hex(' ')}.")

    def _nothing(self) -> str:
        if self.unpacked and self.unpacked.damage:
            return f"{self.name} cannot be unpacked: {self.unpacked.damage}."
        return f"{self.name} is empty." if self.bytes_read == 0 else f"{self.name} is empty after unpacking."

    def _finish(self) -> None:
        """Record the problems that are known at the end of the input."""
        if self.unpacked and self.unpacked.damage:
            at = self.unpacked.position
            self.problem(
                at,
                f"the {self.compression} data could only be unpacked up to byte {at}: {self.unpacked.damage}.",
                partial=True,
            )
        if self.raw.shrunk:
            self.problem(
                self.raw.bytes_read,
                f"the file had {self.size} bytes when it was opened, and ended at byte {self.raw.bytes_read}.",
                partial=True,
            )

    @property
    def bytes_read(self) -> int:
        """Bytes of the input read so far, before unpacking."""
        return self.raw.bytes_read

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of the input, after waiting for it; None if not requested or a pipe was not read to its end."""
        return self.raw.sha256

    @property
    def parts(self) -> list[Part]:
        """The file itself."""
        raw = self.raw
        return [Part(self.name, self.size, raw.capture_id, raw.sha256, self.first_number, raw.path, raw.stamp)]

    @property
    def files(self) -> list[Part]:
        """The file itself, without waiting for its SHA-256."""
        raw = self.raw
        return [Part(self.name, self.size, raw.capture_id, None, self.first_number, raw.path, raw.stamp)]

    def batches(self, rows: int = 8192, max_wait: float | None = None) -> Iterator[Packets]:
        """Every packet not yet read, in batches that are valid until the next is requested.

        `max_wait` ends a batch of a pipe or of standard input so many seconds after its first packet (see `Source`).
        Streams of zstd and lz4 are unpacked 64 KiB at a time and wait for so much.
        """
        self.window.max_wait = None if self.raw.regular else max_wait
        batch = room(rows)
        while not self.reader.done:
            self.window.begin()
            if count := self.reader.fill(batch, rows):
                lend(batch, self.window, count, self.next_number)
                self.count(batch)
                yield batch
        if not self._finished:
            self._finished = True
            self._finish()

    def close(self) -> None:
        """Close the input."""
        self.raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

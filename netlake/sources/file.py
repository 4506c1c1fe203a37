"""One capture file, whatever its format and compression."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from netlake.errors import InputError
from netlake.packets import Packets
from netlake.sources import pcap
from netlake.sources.facts import Part
from netlake.sources.raw import Raw
from netlake.sources.source import Facts, Reader, lend, room
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
        self.raw, self.capture_id, self.size = raw, raw.capture_id, raw.size
        try:
            self.stream: ByteStream = raw
            self.window = Window(self.stream)
            self.reader = self._reader(salvage=salvage)
        except BaseException:
            raw.close()
            raise
        self.format = self.reader.format

    def _reader(self, *, salvage: bool) -> Reader:
        head = self.window.peek(16)
        if not head:
            raise InputError(f"{self.name} is empty.")
        if pcap.magic_of(head):
            return pcap.PcapReader(self.window, self, salvage=salvage)
        raise InputError(f"{self.name} is not a capture: it begins with the bytes {head[:8].hex(' ')}.")

    @property
    def bytes_read(self) -> int:
        """Bytes of the input read so far, as they lie."""
        return self.raw.bytes_read

    @property
    def sha256(self) -> str | None:
        """The hash of the input, waited for; None if not asked for or not all of a pipe was read."""
        return self.raw.sha256

    @property
    def parts(self) -> list[Part]:
        """This file."""
        return [Part(self.name, self.size, self.capture_id, self.sha256, self.first_number)]

    def batches(self, max_packets: int = 8192) -> Iterator[Packets]:
        """Every packet not yet read, in batches that are valid until the next is asked for."""
        batch = room(max_packets)
        while not self.reader.done:
            self.window.carry()
            first = self.first_number + self.packets
            if count := self.reader.fill(batch, max_packets):
                lend(batch, self.window, count, first)
                self.count(batch)
                yield batch

    def close(self) -> None:
        """Give the input back."""
        self.raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

"""Classic pcap: a file header, then records. All variants that Wireshark reads, recognized in the same way.

    magic (either byte order)                         header of each record
    a1b2c3d4 microseconds, a1b23c4d nanoseconds       16 bytes: seconds, fraction, captured, length
    a1b2cd34 Kuznetzov's "modified"                   24 bytes, with interface and protocol; 28 in an older variant
    1c0001ac, 1c0001ab Ixia lcap, microseconds        16 bytes, after a file header with 4 more bytes

Rules
- The plain magic was also used by writers with longer record headers (modified libpcap: 24, Nokia: 20). The first three
  records are read with each size, and the size with the fewest errors is used, the plain one if they are equal.
- Version 2.3 sometimes has the two lengths swapped, older versions always.
- A record with more captured bytes than its link type can have ends the reading, because the next record cannot be
  found. With `salvage` the reader searches for three plausible records in a row.
- A record may have more captured bytes than its length on the wire; both are kept unchanged.
- Times are unsigned; a fraction of more than one second is added.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from netlake.errors import InputError
from netlake.kernels.records import ALWAYS_SWAPPED, CORRUPT, MORE, PCAP, SWAPPED_IF_LESS, index_pcap, search_pcap
from netlake.packets import Packets
from netlake.sources.facts import Interface, Section
from netlake.sources.limits import greatest_captured
from netlake.sources.source import Facts, rows_of
from netlake.sources.window import Window

MAGIC = {0xA1B2C3D4: "pcap", 0xA1B23C4D: "pcap, nanoseconds", 0xA1B2CD34: "pcap, modified",
         0x1C0001AC: "pcap, Ixia", 0x1C0001AB: "pcap, Ixia"}  # fmt: skip
RECORD_SIZES = {0xA1B2C3D4: (16, 24, 20), 0xA1B2CD34: (24, 28)}
# AIX writes version 2.2, nanoseconds, and interface types in place of link types
AIX = {6: 1, 9: 6, 15: 10, 24: 0}
# records beyond this offset are not used to choose the variant
FAR = 4 << 20
# salvage accepts seconds that differ from those of the last good record by no more than this
YEARS = 5 * 366 * 86400


def magic_of(head: bytes) -> tuple[int, bool] | None:
    """The magic number at the start of `head` and whether it is big-endian; None if it is not classic pcap."""
    for big in (False, True):
        magic = int.from_bytes(head[:4], "big" if big else "little")
        if len(head) >= 4 and magic in MAGIC:
            return magic, big
    return None


@dataclass(slots=True)
class Header:
    """A file header, and the layout of records that follows from it."""

    big: bool
    link_type: int
    snaplen: int
    fcs_length: int | None
    unit: int
    swapped: int
    record: int = 16


def read_header(window: Window, name: str) -> tuple[int, Header]:
    """The magic number and the header of the file; InputError if it is truncated or of an unknown version."""
    found = magic_of(window.peek(4))
    if found is None:
        raise InputError(f"{name} is not a classic pcap file.")
    magic, big = found
    size = 28 if MAGIC[magic] == "pcap, Ixia" else 24
    raw = window.peek(size)
    if len(raw) < size:
        raise InputError(f"{name} ends at byte {len(raw)}, within its file header: it has no packets.")
    window.take(size)
    major, minor, _zone, _sigfigs, snaplen, network = struct.unpack_from(">HHiIII" if big else "<HHiIII", raw, 4)
    if major < 2:
        raise InputError(f"{name} is a pcap file of version {major}.{minor}; the oldest supported version is 2.0.")
    link_type, nano = network & 0x03FFFFFF, MAGIC[magic] == "pcap, nanoseconds"
    if (major, minor) == (2, 2) and link_type in AIX:
        link_type, nano = AIX[link_type], True
    swapped = 2 if major == 543 or (major == 2 and minor < 3) else int((major, minor) == (2, 3))
    fcs = (network >> 28) * 2 if network & 0x04000000 else None
    return magic, Header(big, link_type, snaplen, fcs, 1 if nano else 1000, swapped)


class PcapReader:
    """Reads the records of one classic pcap file, whose header has been read."""

    def __init__(self, window: Window, facts: Facts, *, salvage: bool) -> None:
        self.window, self.facts, self.salvage = window, facts, salvage
        magic, self.header = read_header(window, facts.name)
        self.format = MAGIC[magic]
        self.limit = greatest_captured(self.header.link_type)
        self.header.record = self._record_size(RECORD_SIZES.get(magic, (16,)))
        self.done = False
        self.salvaging = False
        self.last_seconds = -1
        facts.sections.append(_section())
        facts.interfaces.append(_interface(self.header, facts.first_interface))

    def _variant(self, limit: int) -> npt.NDArray[np.void]:
        """One PCAP, for the kernels."""
        header = self.header
        return np.array([(self.window.base, header.big, header.record, header.unit, header.swapped, limit)], PCAP)

    def _record_size(self, candidates: tuple[int, ...]) -> int:
        """The size of record headers with the fewest errors in the first records."""
        if len(candidates) == 1:
            return candidates[0]
        merits = [self._wrong(size) for size in candidates]
        return candidates[merits.index(min(merits))]

    def _wrong(self, size: int) -> int:
        """The number of errors in the first three records if their headers have `size` bytes; -1 for a perfect end."""
        wrong: int = 0
        at: int = 0
        begin: int | None = None
        order = ">" if self.header.big else "<"
        for records in range(3):
            if not self.window.more(at + size, move=True):
                # a file that ends after a whole record has this size; but a truncated plain file could end after one
                ends_here = self.window.end - self.window.at == at
                return -1 if ends_here and records != 1 else wrong + 1
            head = self.window.data[self.window.at + at : self.window.at + at + 16].tobytes()
            seconds, fraction, kept, sent = struct.unpack(order + "IIII", head)
            begin = seconds if begin is None else begin
            if self.header.swapped == ALWAYS_SWAPPED or (self.header.swapped == SWAPPED_IF_LESS and kept > sent):
                kept, sent = sent, kept
            # payload bytes read as a header rarely contain a time near the first one
            wrong += int(kept > self.header.snaplen) + (abs(seconds - begin) > YEARS)
            wrong += (fraction * self.header.unit >= 10**9) + (kept > self.limit) + (sent > self.limit) + (kept > sent)
            at += size + kept
            if wrong or at > FAR:
                return wrong
        return wrong

    def fill(self, batch: Packets, rows: int) -> int:
        """Write up to `rows` packets to `batch` and return their number; `done` is set after the last."""
        row, window = 0, self.window
        mark = 0 if self.salvaging else rows
        out = rows_of(batch)
        while row < rows and not self.done:
            row, window.at, why, value = index_pcap(
                window.data, window.at, window.end, self._variant(self.limit), row, rows, out
            )
            if why == MORE and not window.more(value, move=row == 0):
                if not window.eof:
                    break
                self._ended(value)
            elif why == CORRUPT:
                if row and self.salvage:
                    break  # the search moves the buffer: return the packets in it first
                self._corrupt(value)
            mark = min(mark, row) if self.salvaging else mark
        if row:
            self.last_seconds = int(batch.ts[row - 1] // 10**9)
        self.facts.salvaged += max(0, row - mark)
        batch.link_type[:row] = self.header.link_type
        batch.interface[:row] = self.facts.first_interface
        return row

    def _ended(self, need: int) -> None:
        left = self.window.end - self.window.at
        if left == 0:
            self.done = True
            return
        where = f"the record at byte {self.window.offset}"
        self._stop(f"the file ends within {where}, which needs {need} bytes; the file has {left} more")

    def _corrupt(self, kept: int) -> None:
        where, limit = f"the record at byte {self.window.offset}", self.limit
        self._stop(f"{where} has a captured length of {kept} bytes; its link type allows {limit}")

    def _stop(self, reason: str) -> None:
        """Record why reading ends here; with `salvage`, search for the next packet."""
        at = self.window.offset
        found = self.salvage and self._search()
        again = f"; reading continues at byte {self.window.offset}" if found else ""
        self.facts.problem(at, f"{reason}{again}.", partial=True)
        self.done = not found

    def _search(self) -> bool:
        """Move to the next place with plausible records; False if there is none."""
        window, self.salvaging = self.window, True
        low, high = (max(0, self.last_seconds - YEARS), self.last_seconds + YEARS)
        low, high = (low, high) if self.last_seconds >= 0 else (0, 1 << 32)
        variant = self._variant(min(self.limit, greatest_captured(1)))
        window.at += 1
        while True:
            window.at, need = search_pcap(window.data, window.at, window.end, window.eof, variant, low, high)
            if need == 0:
                return True
            if window.eof:
                return False
            window.more(int(need), move=True)


def _section() -> Section:
    return Section(0)


def _interface(header: Header, number: int) -> Interface:
    return Interface(
        number,
        0,
        header.link_type,
        0 if header.snaplen == 0xFFFFFFFF else header.snaplen,
        fcs_length=header.fcs_length,
        resolution="10^-9" if header.unit == 1 else "10^-6",
    )

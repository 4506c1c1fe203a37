"""pcapng: sections of blocks. A kernel indexes the packets; the other blocks are read one by one.

Rules
- A block of which the two lengths differ, or whose contents do not fit in it, ends the reading, as in Wireshark: the
  next block cannot be found. With `salvage` the reader searches for a block of a known type with two equal lengths.
- Blocks of unknown type are skipped and counted. Those to which Wireshark gives packet numbers (journal entries, system
  calls, custom blocks) are skipped and their numbers are left out, so that packet numbers equal Wireshark's.
- A simple packet has no time. Its captured length is its length, or the interface's snaplen if that is less.
- Of decryption secrets, key logs of TLS are read. They count from their place in the file on, so they end a batch.
- A block other than a packet is only read, and the buffer only moved, while the batch has no packets yet: `first`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from netlake.errors import InputError
from netlake.kernels import records_ng as ng
from netlake.kernels.records import BLOCK, FULL, MORE, OPTIONS
from netlake.packets import Packets
from netlake.sources import blocks, packet_options
from netlake.sources.blocks import BadBlockError
from netlake.sources.facts import Comment
from netlake.sources.limits import greatest_captured
from netlake.sources.source import Facts, rows_of
from netlake.sources.window import Window

SECTION_HEADER = b"\x0a\x0d\x0d\x0a"
ORDERS = {b"\x1a\x2b\x3c\x4d": True, b"\x4d\x3c\x2b\x1a": False}
MOST_INTERFACES = 1 << 16
# blocks other than packets are read up to this size, far above any that is useful, and skipped above it
LONGEST_READ = 8 << 20
# bytes of secrets that are kept between two batches
MOST_SECRETS = 64 << 20
READ = {ng.DESCRIPTION, ng.STATISTICS, ng.NAMES, ng.SECRETS}
# journal entries, custom blocks (two kinds), system calls (older and newer)
NUMBERED = {9, 0xBAD, 0x40000BAD, 0x204, 0x216, 0x221}

REASONS = {
    ng.SHORT_BLOCK: "has a length of {}, less than the minimum of its type",
    ng.LONG_BLOCK: "has a length of {}, more than the maximum of a block",
    ng.OTHER_LENGTH: "has a length of {} at its start and another at its end",
    ng.NO_INTERFACE: "has interface {}, which was not described",
    ng.LONG_PACKET: "has a captured length of {} bytes, more than its link type allows",
    ng.PAST_BLOCK: "has a captured length of {} bytes, which do not fit in it",
    ng.BAD_OPTIONS: "has options that do not fit in its {} bytes",
}


class PcapngReader:
    """Reads the blocks of one pcapng file."""

    format = "pcapng"

    def __init__(self, window: Window, facts: Facts, *, salvage: bool) -> None:
        self.window, self.facts, self.salvage = window, facts, salvage
        self.done = self.salvaging = self.big = False
        self.section = -1
        self.first = len(facts.interfaces)  # of the section, in facts.interfaces
        self.table: npt.NDArray[np.void] = np.zeros(16, ng.INTERFACE)
        self.count = 0
        self.options: npt.NDArray[np.void] = np.zeros(8192, ng.OPTION)
        self.state: npt.NDArray[np.void] = np.zeros(1, ng.NG)
        self.packet: npt.NDArray[np.void] = np.zeros(1, ng.PACKET)
        if not self._begin():
            raise InputError(f"{facts.name} cannot be read: {facts.problems[-1].reason}")

    def _begin(self) -> bool:
        self._header()
        return not self.done

    def fill(self, batch: Packets, rows: int) -> int:
        """Write up to `rows` packets to `batch` and return their number; `done` is set after the last."""
        row, window, found = 0, self.window, 0
        mark = 0 if self.salvaging else rows
        out = rows_of(batch)
        while row < rows and not self.done:
            first = self.facts.first_interface + self.first
            self.state[0] = (window.base, self.big, self.count, first, found)
            row, window.at, why, value = ng.index_pcapng(
                window.data, window.at, window.end, self.state, self.table, row, rows, out, self.options, self.packet
            )
            found = int(self.state[0]["options"])
            if why == MORE and window.more(value, move=row == 0):
                continue
            if why == OPTIONS:
                self.options = np.concatenate([self.options, np.zeros(value, ng.OPTION)])
            elif why != FULL and not self._between(int(why), int(value), row):
                break
            mark = min(mark, row) if self.salvaging else mark
        self._note_options(self.options[:found])
        self.facts.salvaged += max(0, row - mark)
        return row

    def _between(self, why: int, value: int, row: int) -> bool:
        """Handle a place without a packet; False to return the packets before it first."""
        window = self.window
        if why == MORE:
            if window.eof:
                self._ended(value)
            return window.eof
        if why == BLOCK:
            return self._block(value, first=row == 0)
        if row and self.salvage:
            return False  # the search moves the buffer
        self._stop(f"the block at byte {window.offset} {REASONS[why].format(value)}")
        return True

    def _note_options(self, found: npt.NDArray[np.void]) -> None:
        if not len(found):
            return
        facts, data = self.facts, self.window.data
        facts.comments += packet_options.comments(data, found, facts.next_number)
        if (others := packet_options.others(data, found, facts.next_number)) is not None:
            facts.options.append(others)

    # -- blocks that are not packets

    def _block(self, total: int, *, first: bool) -> bool:
        window = self.window
        kind = int.from_bytes(window.data[window.at : window.at + 4].tobytes(), "big" if self.big else "little")
        if kind == ng.SECTION:
            # a new section may have another byte order, and numbers its interfaces from 0
            return self._header(move=first)
        return self._other(kind, total, first=first)

    def _other(self, kind: int, total: int, *, first: bool) -> bool:
        window = self.window
        whole = total + 3 & ~3
        if not first and (total > LONGEST_READ or kind in NUMBERED or kind == ng.SECRETS):
            return False
        if total > LONGEST_READ:
            self._pass_over(kind, total, whole)
            return True
        if not self._have(whole, move=first):
            return window.eof
        if (wrong := self._read(kind, window.data[window.at : window.at + whole].tobytes(), total)) is None:
            window.at += whole
            self.facts.next_number += kind in NUMBERED
            return True
        if not first and self.salvage:
            return False
        self._stop(f"the block at byte {window.offset} of type {kind} cannot be read: {wrong}")
        return True

    def _pass_over(self, kind: int, total: int, whole: int) -> None:
        """Skip a block that is too large for memory; with `salvage`, its length is treated as damage."""
        window, at = self.window, self.window.offset
        if total > ng.LONGEST_BLOCK or self.salvage:
            self._stop(f"the block at byte {at} {REASONS[ng.LONG_BLOCK].format(total)}")
        elif window.skip(whole - 4) and window.more(4, move=True):
            if blocks.number(window.take(4), self.big) == total:
                self._skipped(kind)
                if kind in READ:
                    self.facts.problem(
                        at, f"the block at byte {at} has {total} bytes, more than are read.", partial=True
                    )
            else:
                window.at -= 4
                self._stop(f"the block at byte {at} {REASONS[ng.OTHER_LENGTH].format(total)}")
        else:
            self._stop(f"the file ends within the block at byte {at}, which needs {whole} bytes")

    def _skipped(self, kind: int) -> None:
        self.facts.skipped_blocks[kind] = self.facts.skipped_blocks.get(kind, 0) + 1

    def _read(self, kind: int, block: bytes, total: int) -> str | None:
        """Read a block's facts; returns a reason if it is invalid, None if not."""
        if blocks.number(block[-4:], self.big) != total:
            return f"its length is {total} at its start and another at its end"
        body = block[8:-4]
        try:
            if kind == ng.DESCRIPTION:
                self._interface(body)
            elif kind == ng.STATISTICS:
                self._statistics(body)
            elif kind == ng.NAMES:
                names, comments = blocks.names(body, self.big)
                self.facts.names += names
                self._comment(comments, None)
            elif kind == ng.SECRETS:
                self._secrets(body)
            else:
                self._skipped(kind)
        except BadBlockError as error:
            return str(error)
        return None

    def _secrets(self, body: bytes) -> None:
        """Keep a key log of TLS until the next batch; secrets of other protocols are skipped."""
        log = blocks.key_log(body, self.big)
        if log is None:
            self._skipped(ng.SECRETS)
        elif sum(map(len, self.facts.secrets)) + len(log) > MOST_SECRETS:
            at = self.window.offset
            self.facts.problem(
                at, f"there are too many secrets before byte {at}; further ones are skipped.", partial=True
            )
        else:
            self.facts.secrets.append(log)

    def _comment(self, comments: list[str], interface: int | None) -> None:
        self.facts.comments += [Comment(None, interface, comment) for comment in comments]

    def _interface(self, body: bytes) -> None:
        facts = self.facts
        if len(facts.interfaces) >= MOST_INTERFACES:
            raise BadBlockError(f"there are more than {MOST_INTERFACES} interfaces")
        found, comments = blocks.interface(
            body, self.big, facts.first_interface + len(facts.interfaces), max(0, self.section)
        )
        facts.interfaces.append(found)
        self._comment(comments, found.number)
        if self.count == len(self.table):
            self.table = np.concatenate([self.table, np.zeros_like(self.table)])
        clock = blocks.clock(found.resolution, found.ts_offset)
        self.table[self.count] = (found.link_type, greatest_captured(found.link_type), found.snaplen, *clock)
        self.count += 1

    def _statistics(self, body: bytes) -> None:
        index, counters, times, comments = blocks.statistics(body, self.big)
        if index >= self.count:
            self.facts.problem(
                self.window.offset,
                f"the statistics at byte {self.window.offset} have interface {index}, which was not described.",
                partial=False,
            )
            return
        interface = self.facts.interfaces[self.first + index]
        for name, value in counters.items():
            setattr(interface, name, value)
        for name, ticks in times.items():
            setattr(interface, name, blocks.time_of(ticks, interface.resolution, interface.ts_offset))
        self._comment(comments, interface.number)

    def _have(self, need: int, *, move: bool) -> bool:
        """Whether the next `need` bytes are in memory; if the file ends before them, the problem is recorded."""
        if self.window.more(need, move=move):
            return True
        if self.window.eof:
            self._ended(need)
        return False

    def _header(self, *, move: bool = True) -> bool:
        """Begin a section; False if its block is not in memory and the buffer may not be moved."""
        window = self.window
        try:
            block = self._section_block(move=move)
            if block is None:
                return window.eof
            big = ORDERS[block[8:12]]
            found, comments = blocks.section(block[24:-4], big, self.section + 1)
        except BadBlockError as error:
            if not move and self.salvage:
                return False
            self._stop(f"the section header at byte {window.offset} is invalid: {error}")
            return True
        self.big, self.section, self.first, self.count = big, self.section + 1, len(self.facts.interfaces), 0
        self.facts.sections.append(found)
        self._comment(comments, None)
        window.at += len(block)
        return True

    def _section_block(self, *, move: bool) -> bytes | None:
        """The whole block of a section header, None if it is not in memory; BadBlockError if it is invalid."""
        window = self.window
        if not self._have(28, move=move):
            return None
        head = window.data[window.at : window.at + 28].tobytes()
        if head[8:12] not in ORDERS:
            raise BadBlockError(f"its byte-order magic is {head[8:12].hex(' ')}")
        big = ORDERS[head[8:12]]
        total = blocks.number(head[4:8], big)
        major, minor = blocks.number(head[12:14], big), blocks.number(head[14:16], big)
        if not 28 <= total <= LONGEST_READ:
            raise BadBlockError(f"its length is {total}")
        if (major, minor) not in {(1, 0), (1, 2)}:
            raise BadBlockError(f"its version is {major}.{minor}; supported are 1.0 and 1.2")
        whole = total + 3 & ~3
        if not self._have(whole, move=move):
            return None
        block = window.data[window.at : window.at + whole].tobytes()
        if blocks.number(block[-4:], big) != total:
            raise BadBlockError(f"its length is {total} at its start and another at its end")
        return block

    # -- the end

    def _ended(self, need: int) -> None:
        left = self.window.end - self.window.at
        if left == 0:
            self.done = True
            return
        where = f"the block at byte {self.window.offset}"
        self._stop(f"the file ends within {where}, which needs {need} bytes; the file has {left} more")

    def _stop(self, reason: str) -> None:
        """Record why reading ends here; with `salvage`, search for the next block."""
        at = self.window.offset
        found = self.salvage and self.section >= 0 and self._search()
        again = f"; reading continues at byte {self.window.offset}" if found else ""
        self.facts.problem(at, f"{reason}{again}.", partial=True)
        self.done = not found

    def _search(self) -> bool:
        window, self.salvaging = self.window, True
        window.at += 1
        while True:
            window.at, need = ng.search_pcapng(window.data, window.at, window.end, window.eof, self.big, self.count)
            if need == 0:
                return True
            if window.eof:
                return False
            window.more(int(need), move=True)

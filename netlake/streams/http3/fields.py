"""Header blocks of one side of an HTTP/3 connection (QPACK, RFC 9204), by the library pylsqpack.

Rules
- A block that refers to the dynamic table needs the instructions of its side's encoder stream before it. Until they
  are there it waits; its stream is not read further.
- The table is as large as the other side allows in SETTINGS; if these are not known, as the first instruction sets it.
  A table of more than MOST_TABLE bytes is not kept: blocks that refer to it are not read.
- Behind a gap in the encoder stream, blocks that refer to the dynamic table cannot be read. Others can.
- A block of which the references to the table could have more than MOST_EXPANDED bytes is not read, nor is a list of
  fields of more than MOST_LIST bytes (RFC 9114 section 4.2.2 counts them).
- A block that violates QPACK has no fields.
"""

from __future__ import annotations

from collections.abc import Callable

from pylsqpack import Decoder, DecompressionFailed, EncoderStreamError, StreamBlocked

from netlake.packets import Malformed
from netlake.streams.http2.fields import Block

MOST_TABLE, MOST_LIST, MOST_EXPANDED = 1 << 20, 64 << 10, 4 << 20
# blocks that wait for instructions, and their bytes
MOST_BLOCKED, MOST_WAITING = 256, 1 << 20
# bytes that an entry of the static table adds to an instruction, at most
STATIC_NAME = 64
SET_CAPACITY, OF_CAPACITY = 0x20, 5


class Blocks:
    """Reads the header blocks of a side; `allowed()` is the largest size of its table, None if that is not known."""

    def __init__(self, allowed: Callable[[], int | None]) -> None:
        self.allowed = allowed
        self.static = Decoder(0, 0)
        self.dynamic: Decoder | None = None
        self.early = b""  # instructions before the size of the table is known
        self.capacity = self.instructed = 0
        self.problem: str | None = None  # why the dynamic table is not known
        self.waiting: dict[int, bytes] = {}
        self.is_fed: set[int] = set()  # those of `waiting` that the decoder has
        self.held = 0

    def instruct(self, data: bytes) -> list[int]:
        """Read instructions; the streams whose blocks can be read now."""
        if self.problem is not None:
            return []
        self.instructed += len(data)
        self.early += data
        if self.dynamic is None and not self._begin():
            return []
        data, self.early = self.early, b""
        try:
            assert self.dynamic is not None  # noqa: S101 - begun above
            ready = self.dynamic.feed_encoder(data)
        except EncoderStreamError:
            return self.lose("qpack_error")
        # blocks that came before the size of the table was known
        unfed = [stream for stream in self.waiting if stream not in self.is_fed]
        return [*(stream for stream in ready if stream in self.waiting), *unfed]

    def lose(self, problem: str) -> list[int]:
        """Instructions are missing; the streams whose blocks do not wait any longer."""
        self.problem = self.problem or problem
        self.dynamic, self.early = None, b""
        self.is_fed.clear()
        return list(self.waiting)

    def read(self, stream: int, data: bytes) -> Block | None:
        """The fields of a block; None if it waits."""
        if data[:1] == b"\0":
            return self._decoded(lambda: self.static.feed_header(stream, data)[1])
        if self.problem is None and self.dynamic is None:
            self._begin()
        if self.problem is not None:
            return Block(anomaly=self.problem)
        if self._expanded(data) > MOST_EXPANDED:
            return Block(anomaly="large_header_list")
        if self.dynamic is not None:
            try:
                decoder = self.dynamic
                return self._decoded(lambda: decoder.feed_header(stream, data)[1])
            except StreamBlocked:
                self.is_fed.add(stream)
        self.waiting[stream] = data
        self.held += len(data)
        if len(self.waiting) > MOST_BLOCKED or self.held > MOST_WAITING:
            return self.give_up(stream)
        return None

    def resume(self, stream: int) -> Block | None:
        """The fields of a block that waited; None if it waits still."""
        data = self.waiting.pop(stream)
        self.held -= len(data)
        if self.problem is not None:
            return Block(anomaly=self.problem)
        if stream not in self.is_fed:
            return self.read(stream, data)
        self.is_fed.discard(stream)
        assert self.dynamic is not None  # noqa: S101 - it has the block
        decoder = self.dynamic
        return self._decoded(lambda: decoder.resume_header(stream)[1])

    def give_up(self, stream: int) -> Block:
        """A block is not waited for any longer."""
        data = self.waiting.pop(stream, b"")
        self.held -= len(data)
        if stream in self.is_fed and self.dynamic is not None:
            self.is_fed.discard(stream)
            self.dynamic.cancel_stream(stream)
        return Block(anomaly="after_gap")

    def _begin(self) -> bool:
        """Make the decoder, if the size of the table is known."""
        capacity = self.allowed()
        if capacity is None:
            capacity = _capacity(self.early)
        if capacity is None:
            return False
        if capacity > MOST_TABLE:
            self.lose("large_table")
            return False
        self.capacity, self.dynamic = capacity, Decoder(capacity, MOST_BLOCKED + 1)
        return True

    def _decoded(self, decode: Callable[[], list[tuple[bytes, bytes]]]) -> Block:
        try:
            found = decode()
        except DecompressionFailed:
            return Block(anomaly="qpack_error")
        if sum(len(name) + len(value) + 32 for name, value in found) > MOST_LIST:
            return Block(anomaly="large_header_list")
        return Block(found)

    def _expanded(self, data: bytes) -> int:
        """Bytes that the references to the dynamic table can have, at most."""
        # Huffman codes have at least five bits
        largest = min(self.capacity or MOST_TABLE, 2 * self.instructed + STATIC_NAME)
        return _references(data) * largest


def _references(data: bytes) -> int:
    """How many lines of a block refer to the dynamic table (RFC 9204 section 4.5), as far as it can be read."""
    count = 0
    try:
        at = _integer(data, 0, 8)[1]
        at = _integer(data, at, 7)[1]
        while at < len(data):
            first = data[at]
            strings = 1
            if first & 0x80:
                count, strings = count + (not first & 0x40), 0
                at = _integer(data, at, 6)[1]
            elif first & 0x40:
                count += not first & 0x10
                at = _integer(data, at, 4)[1]
            elif first & 0x20:
                size, at = _integer(data, at, 3)
                at += size
            elif first & 0x10:
                count, strings = count + 1, 0
                at = _integer(data, at, 4)[1]
            else:
                count += 1
                at = _integer(data, at, 3)[1]
            if strings:
                size, at = _integer(data, at, 7)
                at += size
    except Malformed:
        pass
    return count


def _capacity(data: bytes) -> int | None:
    """The size of the table that the first instruction sets; None if it is not known yet."""
    if not data:
        return None
    if data[0] >> OF_CAPACITY != SET_CAPACITY >> OF_CAPACITY:
        return 0
    try:
        return _integer(data, 0, OF_CAPACITY)[0]
    except Malformed:
        return None if len(data) < LONGEST_INTEGER else 0


LONGEST_INTEGER = 11


def _integer(data: bytes, at: int, bits: int) -> tuple[int, int]:
    """An integer whose prefix has `bits` bits (RFC 7541 section 5.1), and the offset after it."""
    if at >= len(data):
        raise Malformed("bad_length")
    most = (1 << bits) - 1
    value, at = data[at] & most, at + 1
    if value < most:
        return value, at
    for shift in range(0, 7 * (LONGEST_INTEGER - 1), 7):
        if at >= len(data):
            break
        byte, at = data[at], at + 1
        value += (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise Malformed("bad_length")

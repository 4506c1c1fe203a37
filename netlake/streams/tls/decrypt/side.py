"""What decryption keeps of one direction: records from segments, and handshake messages from records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from netlake.kernels.tls_state import HEADER_SIZE, LONGEST_RECORD, MOST, Content
from netlake.layers.decrypted import Place
from netlake.streams.tls.decrypt.protection import Protection, Record

FIRST_TYPE, LAST_TYPE = Content.CHANGE_CIPHER_SPEC.value, Content.HEARTBEAT.value
NOWHERE = Place(0, 0, 0)
# the header of a handshake message
MESSAGE_HEADER = 4


@dataclass(slots=True)
class Messages:
    """Handshake messages of one direction; of types that are not `read`, and larger ones than MOST, nothing is kept."""

    read: frozenset[int]
    kept: bytearray = field(default_factory=bytearray)
    begin: Place = NOWHERE
    passed: int = 0

    def add(self, data: bytes, place: Place) -> Iterator[tuple[int, bytes, Place]]:
        """The messages that are complete with `data`: type, body, and where they begin."""
        at = 0
        while at < len(data):
            if self.passed:
                count = min(self.passed, len(data) - at)
                self.passed, at = self.passed - count, at + count
                continue
            if not self.kept:
                self.begin = place
            size = MESSAGE_HEADER
            if len(self.kept) >= size:
                size += int.from_bytes(self.kept[1:size], "big")
            some = data[at : at + size - len(self.kept)]
            self.kept += some
            at += len(some)
            if len(self.kept) >= MESSAGE_HEADER:
                yield from self._whole()

    def _whole(self) -> Iterator[tuple[int, bytes, Place]]:
        kind, size = self.kept[0], int.from_bytes(self.kept[1:MESSAGE_HEADER], "big")
        if kind not in self.read or size > MOST:
            self.passed = size - (len(self.kept) - MESSAGE_HEADER)
            self.kept.clear()
        elif len(self.kept) == MESSAGE_HEADER + size:
            body = bytes(self.kept[MESSAGE_HEADER:])
            self.kept.clear()
            yield kind, body, self.begin

    def lose(self) -> None:
        """What follows does not continue the message that is not complete."""
        self.kept.clear()
        self.passed = 0


@dataclass(slots=True)
class Side:
    """One direction of a flow.

    `missed` are the bytes of records since the last one that was opened, which are missing or were not authentic; while
    there are any, sequence numbers are searched. `lost`: the next segment that begins with a record continues the
    stream, or bytes that can be the header of an encrypted record, wherever they are: whether they are, decryption
    shows. `end` are the last bytes that were passed over, `rest` those of a record that is missing in
    part, which are to be passed over.
    """

    messages: Messages
    buffer: bytearray = field(default_factory=bytearray)
    number: int = 0
    ts: int = 0
    rest: int = 0
    lost: bool = False
    missed: int = 0
    end: bytes = b""
    minor: int = 3
    # keys: `stage` is that of TLS 1.3
    changed: bool = False
    protection: Protection | None = None
    secret: bytes = b""
    stage: int = -1
    sequence: int = 0
    opened: int = 0
    failing: int = 0
    closed: bool = False
    pending: list[tuple[Record, Place]] = field(default_factory=list)
    pending_size: int = 0

    @property
    def held(self) -> int:
        """Bytes that are kept."""
        return len(self.buffer) + len(self.messages.kept) + self.pending_size

    def records(self, data: bytes, place: Place) -> Iterator[tuple[Record, Place]]:
        """The records that are complete with `data`, each with where it begins and where it is complete."""
        at = min(self.rest, len(data))
        self.rest, self.missed = self.rest - at, self.missed + at
        if at == len(data):
            return
        if self.lost:
            data, at = self._found(data[at:], place), 0
        while at < len(data):
            if not self.buffer:
                self.number, self.ts = place.number, place.ts
            size = HEADER_SIZE
            if len(self.buffer) >= size:
                size += int.from_bytes(self.buffer[3:size], "big")
            some = data[at : at + size - len(self.buffer)]
            self.buffer += some
            at += len(some)
            if len(self.buffer) < HEADER_SIZE:
                return
            if not _is_header(self.buffer):
                self.messages.lose()
                self.lost = True
                data, at = self._found(bytes(self.buffer) + data[at:], place), 0
                self.buffer.clear()
                continue
            self.minor = self.buffer[2]
            if len(self.buffer) == HEADER_SIZE + int.from_bytes(self.buffer[3:HEADER_SIZE], "big"):
                found = bytes(self.buffer)
                self.buffer.clear()
                record = Record(found[0], int.from_bytes(found[1:3], "big"), found[HEADER_SIZE:])
                yield record, Place(self.number, self.ts, place.at)

    def _found(self, data: bytes, place: Place) -> bytes:
        """What of lost bytes continues the stream; empty if nothing does."""
        if plausible(data):
            at, self.end = 0, b""
        else:
            data, self.missed = self.end + data, self.missed - len(self.end)
            at = data.find(bytes((Content.APPLICATION_DATA.value, 3, self.minor)))
            while at >= 0 and len(data) - at >= HEADER_SIZE and not _is_header(data[at : at + HEADER_SIZE]):
                at = data.find(data[at : at + 3], at + 1)
        if at < 0:
            self.end = data[-2:]
            self.missed += len(data)
            return b""
        self.end, self.lost = b"", False
        self.missed += at
        self.number, self.ts = place.number, place.ts
        return data[at:]

    def gap(self, size: int) -> None:
        """Bytes are missing: within a record its rest is passed over, else the stream is lost."""
        self.messages.lose()
        had = len(self.buffer)
        if had >= HEADER_SIZE:
            self.rest = HEADER_SIZE + int.from_bytes(self.buffer[3:HEADER_SIZE], "big") - had
        self.buffer.clear()
        self.missed += had + size
        self.end = b""
        if self.lost or size > self.rest:
            self.lost, self.rest = True, 0
        else:
            self.rest -= size

    def wait(self, record: Record, place: Place, most: int) -> None:
        """Keep an encrypted record until it can be opened; if more than `most` bytes wait, all of them are missing."""
        self.pending.append((record, place))
        self.pending_size += HEADER_SIZE + len(record.fragment)
        if self.pending_size > most:
            self.missed += self.pending_size
            self.take_pending()

    def take_pending(self) -> list[tuple[Record, Place]]:
        """The records that wait, which no longer do."""
        found, self.pending, self.pending_size = self.pending, [], 0
        return found

    def forget(self) -> None:
        """Keep nothing."""
        self.buffer.clear()
        self.messages.lose()
        self.take_pending()


def _is_header(header: bytes | bytearray) -> bool:
    kind, size = header[0], int.from_bytes(header[3:HEADER_SIZE], "big")
    return FIRST_TYPE <= kind <= LAST_TYPE and header[1] == 3 and header[2] <= 4 and size <= LONGEST_RECORD


def plausible(data: bytes) -> bool:
    """Whether a segment begins with a record, and continues with another one if it is longer than that."""
    at = 0
    while len(data) - at >= HEADER_SIZE:
        size = int.from_bytes(data[at + 3 : at + HEADER_SIZE], "big")
        if not _is_header(data[at : at + HEADER_SIZE]) or not size:
            return False
        at += HEADER_SIZE + size
        if at >= len(data):
            return True
    return False

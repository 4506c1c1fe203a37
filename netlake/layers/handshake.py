"""TLS handshake messages in datagrams: the bytes of CRYPTO frames (QUIC) and of fragments (DTLS), joined.

Theory of operation
- A reader of datagrams that carry handshakes keeps an Assembly for each direction of a connection (QUIC, whose CRYPTO
  frames are one stream) or for each message (DTLS, whose fragments have a message number). It offers each piece by its
  offset, and takes the messages that are then whole.
- Of bytes that were sent twice the first ones are kept, as in streams. Pieces behind missing bytes wait.
- What was found is a Handshake, in a `Handshakes` that the reader's memory has as `handshakes`. The decoder takes them
  after each call of the reader, and hands them to the readers of TABLES_OF, like messages of TCP streams.
- A message begins in the packet that carries its first byte (`first`), and ends in the one that completes it (`last`).
- A message that is never whole is found when its connection is dropped: `GAP`, with the bytes before the first missing
  one. Rules of dropping depend on the packets of the capture only, not on its batches (Kept).
- Bounds: MOST bytes of a message, MOST_EARLY pieces that wait in an Assembly, MOST_CONNECTIONS and MOST_BYTES of all.
  Pieces beyond them are left out, so that their message ends as GAP.
- Connections whose messages are whole keep no bytes, so that their later datagrams cost nothing here.

Why in Python, and not in the arena of streams: a connection has two messages, in one to four datagrams that Python
reads in any case, because it decrypts them. Measured: 4 us a piece, against 95 us to decrypt the first packet of a
connection and 43 us for each later one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar, runtime_checkable

from netlake.kernels.tls_state import REASON_SHIFT, TRANSPORT_SHIFT, VERSION_SHIFT, Handshake, Reason, Transport
from netlake.layers.parsed import Origin
from netlake.layers.pieces import Pieces

# most bytes of a message, and of pieces that wait
MOST = 1 << 16
MOST_EARLY = 1024
# limits for all connections of a reader; microseconds after which one without new pieces is dropped
MOST_CONNECTIONS, MOST_BYTES, TIMEOUT = 1024, 1 << 22, 60_000_000
HEADER = 4
# the table of each type of handshake message
TABLES_OF = {
    Handshake.CLIENT_HELLO.value: "tls_client_hello", Handshake.SERVER_HELLO.value: "tls_server_hello",
    Handshake.CERTIFICATE.value: "x509",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """A handshake message: its type, its bytes as far as they are known, and the packets of its first and last byte.

    `version` is that of its record, 0 without one. `first` and `last` are None outside of a capture.
    """

    kind: int
    data: bytes
    first: Origin | None
    last: Origin | None
    transport: Transport
    version: int = 0
    reason: Reason = Reason.WHOLE

    @property
    def hint(self) -> int:
        """Type, version, reason and transport as a number (netlake.kernels.tls_state)."""
        found = self.kind | self.version << VERSION_SHIFT | self.reason.value << REASON_SHIFT
        return found | self.transport.value << TRANSPORT_SHIFT

    @property
    def missing(self) -> int:
        """Bytes of it that are not known, at least 1 if it is not whole."""
        if self.reason is Reason.WHOLE:
            return 0
        size = HEADER + int.from_bytes(self.data[1:HEADER]) if len(self.data) >= HEADER else 0
        return max(1, size - len(self.data))


@dataclass(slots=True)
class Handshakes:
    """What was found since the last `take`; messages outside of a capture have no rows."""

    found: list[Found] = field(default_factory=list)

    def add(self, one: Found) -> None:
        """Add a message, if its type is read."""
        if one.kind in TABLES_OF and one.first is not None:
            self.found.append(one)

    def take(self) -> list[Found]:
        """All messages, in the order in which they were found; none are left."""
        found, self.found = self.found, []
        return found


@runtime_checkable
class Carrier(Protocol):
    """The memory of a reader (hook `memory`) whose messages carry handshakes."""

    handshakes: Handshakes

    def finish(self) -> None:
        """Find the messages that are not whole, because the capture ends."""


class Assembly:
    """The bytes of one direction of a handshake, from pieces by offset, and its messages in order."""

    __slots__ = ("begins", "buffer", "done", "early", "ended", "last")

    def __init__(self) -> None:
        self.done = 0  # bytes before `buffer`: of messages that were taken
        self.buffer = bytearray()
        self.begins: list[tuple[int, Origin | None]] = []  # (offset, origin) of the pieces in `buffer`
        self.early: Pieces[Origin | None] = Pieces(MOST, MOST_EARLY)
        self.last: Origin | None = None
        self.ended = False  # a message is too large: nothing behind it is read

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return len(self.buffer) + self.early.held

    @property
    def reached(self) -> int:
        """The offset of the first byte that is not known."""
        return self.done + len(self.buffer)

    def offer(self, offset: int, data: bytes, origin: Origin | None) -> None:
        """Add a piece; known bytes and those beyond the bounds are left out."""
        if self.ended or offset + len(data) <= self.reached:
            return
        self.last = origin
        while offset + len(data) > self.reached:
            if offset > self.reached:
                self.early.keep(offset, data, origin)
                return
            first = self.early.first
            size = len(data) if first is None else first - offset
            self._append(offset, data[:size], origin)
            self._due()
            offset, data = offset + size, data[size:]

    def message(self) -> tuple[bytes, Origin | None] | None:
        """The next message that is whole, with the packet of its first byte; None without one.

        One that is too large is returned with its header only; nothing is read behind it.
        """
        if len(self.buffer) < HEADER:
            return None
        size = HEADER + int.from_bytes(self.buffer[1:HEADER])
        if size > MOST:
            data, first = bytes(self.buffer[:HEADER]), self.begins[0][1]
            self.ended = True
            self.buffer.clear()
            self.early.clear()
            return data, first
        if len(self.buffer) < size:
            return None
        data, first = bytes(self.buffer[:size]), self.begins[0][1]
        self.done += size
        del self.buffer[:size]
        while len(self.begins) > 1 and self.begins[1][0] <= self.done:
            del self.begins[0]
        return data, first

    def rest(self) -> tuple[bytes, Origin | None] | None:
        """The message that is not whole, up to the first missing byte, and the first packet with bytes of it."""
        if not self.size:
            return None
        if self.buffer:
            return bytes(self.buffer), self.begins[0][1]
        origins = [piece.origin for piece in self.early.waiting]
        return b"", min(origins, key=lambda one: -1 if one is None else one.number)

    def _append(self, offset: int, data: bytes, origin: Origin | None) -> None:
        """Add a piece that begins in or directly behind the buffer."""
        reached = self.reached
        if offset + len(data) <= reached or len(self.buffer) > MOST:
            return
        if not self.buffer:
            self.begins.clear()
        self.begins.append((reached, origin))
        self.buffer += data[reached - offset :]

    def _due(self) -> None:
        """Add what waited for the bytes before it."""
        for piece in self.early.due(self.reached):
            self._append(*piece)


class Sized(Protocol):
    """What Kept keeps: its bytes, and the packet in which it was used last."""

    last: Origin | None

    @property
    def size(self) -> int:
        """Bytes that are kept."""


One = TypeVar("One", bound=Sized)


class Kept(Generic[One]):
    """The connections of a capture, by key, in the order in which they were used last; `drop` is called for old ones.

    Dropped are those that were not used for TIMEOUT, when another one is used, and the oldest beyond the limits.
    """

    def __init__(self, drop: Callable[[One], None]) -> None:
        self.drop = drop
        self.kept: OrderedDict[Hashable, One] = OrderedDict()
        self.sizes: dict[Hashable, int] = {}
        self.size = 0

    def get(self, key: Hashable) -> One | None:
        """The connection of a key."""
        return self.kept.get(key)

    def put(self, key: Hashable, one: One) -> None:
        """Add a connection; one that had its key is dropped."""
        old = self.kept.pop(key, None)
        if old is not None:
            self._forget(key)
            self.drop(old)
        self.kept[key] = one
        self.sizes[key] = 0

    def used(self, key: Hashable, now: Origin | None) -> None:
        """Note that the connection of `key` was used, and what it keeps; drop others beyond the limits."""
        one = self.kept[key]
        one.last = now
        self.kept.move_to_end(key)
        self.size += one.size - self.sizes[key]
        self.sizes[key] = one.size
        while len(self.kept) > 1 and self._is_over(next(iter(self.kept.values())), now):
            self._oldest()

    def finish(self) -> None:
        """Drop all."""
        while self.kept:
            self._oldest()

    def _is_over(self, oldest: One, now: Origin | None) -> bool:
        if len(self.kept) > MOST_CONNECTIONS or self.size > MOST_BYTES:
            return True
        before = oldest.last
        timed = now is not None and before is not None and not (now.untimed or before.untimed)
        return timed and now.ts - before.ts > TIMEOUT  # type: ignore[union-attr]

    def _oldest(self) -> None:
        key, one = self.kept.popitem(last=False)
        self._forget(key)
        self.drop(one)

    def _forget(self, key: Hashable) -> None:
        self.size -= self.sizes.pop(key, 0)

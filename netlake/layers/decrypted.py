"""The contract of a protocol in TCP streams that carries others encrypted: what decrypts it, if secrets are known.

A Stream (netlake.layers.streamed) with `decryptor` is decrypted by objects of that class, one for each flow. An object
is fed with what both sides send, in the order of the capture, and appends Pieces to its `found`. The pipeline
(netlake.pipeline.decrypted) takes these for the events of streams inside, and reads them as those of TCP.

Rules of decryptors
- Pieces depend on the streams only, not on where segments and batches end. A piece belongs to the packet in which its
  record begins, and is complete with the packet that completes the record.
- A piece with `own` has messages of the protocol itself that were encrypted, in records as its walker reads them.
- Nothing raises because of what is sent. A decryptor that has nothing more to decrypt sets `over`.
- `held` are the bytes that it keeps; the caller ends decryptors that together keep too many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple, Protocol

from netlake.kernels.stream_state import Kind
from netlake.layers.key_log import Secrets


class Place(NamedTuple):
    """The packet that carries a byte, its time, and the packet in which the byte became due (EVENT)."""

    number: int
    ts: int
    at: int


class Piece(NamedTuple):
    """What a side sent: DATA of the stream inside, a GAP of about `size` bytes, or its END."""

    side: int
    kind: Kind
    data: bytes
    size: int
    place: Place
    own: bool = False


class Outcome(Enum):
    """How much of a flow with secrets was decrypted, as `connection.decryption` has it; NONE: there are no secrets."""

    NONE = None
    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"


class Decryptor(Protocol):
    """Decrypts one flow; side 0 is the originator."""

    found: list[Piece]
    counts: Counter[str]
    over: bool

    @property
    def held(self) -> int:
        """Bytes that are kept."""

    @property
    def outcome(self) -> Outcome:
        """How much was decrypted so far."""

    def feed(self, side: int, data: bytes, place: Place) -> None:
        """Read the next bytes of a side."""

    def gap(self, side: int, size: int, place: Place) -> None:
        """`size` bytes of a side are missing."""

    def end(self, side: int, place: Place) -> None:
        """A side sends nothing more."""

    def give_up(self) -> None:
        """Keep nothing, and decrypt nothing more."""


Decrypting = Callable[[Secrets], Decryptor]

"""What is transferred in datagrams (TFTP, QUIC): readers of all messages of a table, in the order of the capture.

A reader is one object for each capture. It is fed with each message, whatever its flow, because a transfer can have
several: a server answers from a new port. It returns rows and pieces of bodies, as machines do (netlake.layers.dialog),
under the same rules; a row begins and ends in the flow of the message. `open` has the flows in which something is being
transferred. When one of them leaves the tracker, `leave` ends it.

A reader that decrypts (`decrypts`) exists only if there are secrets. Its rows are marked as decrypted. Of flows that
are idle, because nothing in them can be decrypted, it is fed only with the messages that can begin something; of others
with every datagram. Messages of other tables that it decrypts (Inner) are read by the readers of these tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

from netlake.layers.decrypted import Outcome
from netlake.layers.dialog import Said, Where
from netlake.layers.key_log import Secrets
from netlake.packets import Mask, Messages


class Peer(NamedTuple):
    """One end of a datagram: tunnel, address of 4 or 16 bytes, and port."""

    tunnel: int
    address: bytes
    port: int


class Datagram(NamedTuple):
    """A message, of whose end the capture lacks `missing` bytes; `flow` is the number of its flow."""

    data: bytes
    missing: int
    source: Peer
    destination: Peer
    at: Where
    flow: int


class Inner(NamedTuple):
    """A message of `table` that was decrypted, with the `hint` that its reader needs."""

    table: str
    data: bytes
    hint: int
    begin: Where
    end: Where


class DatagramReader(Protocol):
    """Reads the messages of a table."""

    @property
    def open(self) -> Mapping[int, Any]:
        """What is being transferred, by flow."""

    def feed(self, message: Datagram) -> Iterator[Said | Inner]:
        """Read a message."""

    def leave(self, flow: int) -> Iterator[Said | Inner]:
        """Nothing more is transferred in a flow."""


@runtime_checkable
class DecryptingReader(DatagramReader, Protocol):
    """Reads and decrypts the messages of a table; `counts` are those of the quality report."""

    counts: Counter[str]

    def begins(self, messages: Messages) -> Mask:
        """The messages that can begin something in an idle flow."""

    def is_idle(self, flow: int) -> bool:
        """Whether nothing is decrypted of a flow."""

    def outcome(self, flow: int) -> tuple[Outcome, tuple[str, ...]]:
        """How much of a flow was decrypted that has left, and the protocols in it; it is then forgotten."""

    def give_up(self, flow: int) -> None:
        """Decrypt nothing more of a flow, because reading it raised."""


@dataclass(frozen=True, slots=True)
class Datagrams:
    """A reader of the messages of `table`; its rows are of `tables`. One that decrypts is made with the secrets."""

    table: str
    tables: tuple[str, ...]
    reader: Callable[[], DatagramReader] | None = None
    decrypts: Callable[[Secrets], DecryptingReader] | None = None

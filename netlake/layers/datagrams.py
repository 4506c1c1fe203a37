"""What is transferred in datagrams (TFTP): readers of all messages of a table, in the order of the capture.

A reader is one object for each capture. It is fed with each message, whatever its flow, because a transfer can have
several: a server answers from a new port. It returns rows and pieces of bodies, as machines do (netlake.layers.dialog),
under the same rules; a row begins and ends in the flow of the message. `open` has the flows in which something is being
transferred. When one of them leaves the tracker, `leave` ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from netlake.layers.dialog import Said, Where


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


class DatagramReader(Protocol):
    """Reads the messages of a table."""

    @property
    def open(self) -> Mapping[int, Any]:
        """What is being transferred, by flow."""

    def feed(self, message: Datagram) -> Iterator[Said]:
        """Read a message."""

    def leave(self, flow: int) -> Iterator[Said]:
        """Nothing more is transferred in a flow."""


@dataclass(frozen=True, slots=True)
class Datagrams:
    """A reader of the messages of `table`; its rows are of `tables`."""

    table: str
    tables: tuple[str, ...]
    reader: Callable[[], DatagramReader]

"""The contract of a protocol in TCP streams: what a module of streams/ or protocols/ declares, and what it works with.

A module declares `STREAMS`, a tuple of Stream, beside its TABLES; there is no list of modules. A stream's protocol is
decided by its first bytes: those of its Streams whose `starts` fit are asked by `probe`, the ones on their `ports`
first. A protocol has one of three interfaces:

- `frame`: each message has its length at a fixed place. No code is needed: whole messages go to the reader of the
  module's table, as datagrams do.
- `walker`: a class whose kernels pass over all streams of a batch that are of the protocol (Walker).
- `machine`: a class of which there is one object for each flow (netlake.layers.dialog), for protocols that are rare.
  It reads both directions of a flow.

Flows that another flow announces
- A dialog that names the address and port of another connection (FTP, PORT and PASV) declares `announces`, and returns
  Expect with the protocol of that connection. This one declares `is_announced`: no probe finds it, and its machine is
  made with what was announced (netlake.layers.dialog.Announced).
- An announcement is for one flow, whose first payload is in a packet behind the announcing byte. It counts before all
  probes. Whatever batches are: streams of protocols with `announces` are read before others are decided.
- Announcements are bounded in number, and expire (netlake.pipeline.expected).

Rules that keep rows independent of the batches:
- A probe answers YES, NO or UNSURE. What it answers for the first bytes of a stream it answers for more of them too,
  but for UNSURE. It is asked with at most 64 bytes; then UNSURE is NO.
- A message belongs to the packet with its first byte (packet, ts); `last_packet` is the packet with which it was
  complete. Its `place` is counted in the state of its stream.
- What a stream says before it is complete is kept in the arena, bounded by the walker.

Files in datagrams: a module declares `IN_DATAGRAMS`, a tuple of Datagrams, each with a reader of the messages of one of
its tables (netlake.layers.datagrams). Its rows and bodies are those of machines.

Located messages are copied into a buffer (Pool) that outlives the batch, so that a reader reads a thousand at once.
Their addresses and ports are looked up when the batch ends, while the row of the flow is still its own (`Pool.settle`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from netlake.kernels import framed
from netlake.kernels.flow_state import Records
from netlake.kernels.stream_state import LOCATED, POOL, Arena
from netlake.layers.decrypted import Decrypting
from netlake.packets import Bytes, Columns, Messages, Shorts, Tiny
from netlake.schema import Table

# a pool is read when it has as many messages, or bytes
MOST_MESSAGES, MOST_BYTES = 1 << 10, 4 << 20
# room beyond that: what one batch can add
ROOM_MESSAGES, ROOM_BYTES = 1 << 16, 28 << 20


class Verdict(Enum):
    """What a probe says of the first bytes of a stream."""

    YES = 1
    NO = 2
    UNSURE = 3


YES, NO, UNSURE = Verdict


@dataclass(frozen=True, slots=True)
class Frame:
    """A message with its length in `size` bytes at offset `at`: length + `add` bytes in all, length included.

    A length of more than `most` is not one: the stream is lost. At most `keep` bytes of a message are read, the rest is
    `missing`. The reader gets the message without its first `skip` bytes.
    """

    at: int
    size: int
    add: int
    little: bool = False
    most: int = 1 << 20
    keep: int = 1 << 16
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Stream:
    """A protocol in streams; `name` is its name in `connection.service`.

    `starts`: what the first bytes of either direction can be, `?` for any byte. Without them a stream is of the
    protocol on its `ports` only, unless it can be `anywhere`, or the protocol before it in the stream names it as one
    of its `tokens`, in lower case: those of Upgrade (RFC 9110 section 7.8) and ALPN (RFC 7301). `probe` is called with
    the first bytes of a stream and its side: 0 if the originator sent them, 1 if the responder did. `tables`: names of
    the tables that have its messages; for `frame` one. `port_probe` is called in place of `probe` if one port of the
    flow is of `ports`, whatever `starts` are. `decryptor` decrypts what its streams carry, if secrets are known
    (netlake.layers.decrypted).
    """

    name: str
    probe: Callable[[bytes, int], Verdict]
    tables: tuple[str, ...]
    starts: tuple[bytes, ...] = ()
    ports: tuple[int, ...] = ()
    anywhere: bool = False
    tokens: tuple[str, ...] = ()
    frame: Frame | None = None
    walker: Callable[[int], Walker] | None = None
    machine: Callable[..., Any] | None = None
    port_probe: Callable[[bytes, int], Verdict] | None = None
    announces: bool = False
    is_announced: bool = False
    decryptor: Decrypting | None = None


@dataclass(frozen=True, slots=True)
class Chains:
    """The events of a batch by stream: `first` has the first event of each stream, EVENT.link leads to the next one.

    `states` (2 * flows) are of STREAM, `data` is the batch's buffer; events of kind LATE are in `arena.tail`.
    """

    first: Shorts
    states: Records
    data: Bytes
    arena: Arena


class Walker(Protocol):
    """Reads all streams of its protocol, batch by batch; made with the protocol's number in STREAM.protocol."""

    def walk(self, chains: Chains) -> None:
        """Pass over the streams of `chains` whose `protocol` is its number."""

    @property
    def pools(self) -> tuple[Pool, ...]:
        """Its located messages."""

    def rows(self, take: Take, *, every: bool) -> Iterator[tuple[Table, Messages, Columns | None]]:
        """The rows of the messages that were located, if a pool is full; with `every` in any case.

        `take` makes messages with their context. Without columns the reader of the table reads the messages. Pools are
        cleared when all their messages were read.
        """

    def forget(self) -> None:
        """Forget the messages that were located, because `rows` raised."""

    def close(self) -> None:
        """End what runs beside the decoding, such as threads; nothing is walked afterwards."""


@runtime_checkable
class NamesNext(Protocol):
    """A walker with `tunnels` (netlake.pipeline.handed) whose messages name the protocol that follows."""

    def follows(self, handed: np.void) -> str:
        """The token of the protocol that follows in one of `tunnels` (Stream.tokens); empty if it is not known."""


@runtime_checkable
class ReadsContents(Protocol):
    """A walker of messages with bodies (netlake.layers.contents); given before the first batch."""

    contents: Any


@dataclass(slots=True)
class Pool:
    """Located messages (LOCATED) in the order in which they were found, and the bytes they are in.

    `control` is one record of dtype POOL: bytes and messages in use. `flows` are the flows of the first `settled`
    messages, as netlake.flows.tracker has them. `decrypted`: its rows were decrypted; the places of their messages
    begin with `first_place`.
    """

    data: Bytes = field(default_factory=lambda: np.zeros(MOST_BYTES + ROOM_BYTES, np.uint8))
    messages: Records = field(default_factory=lambda: np.zeros(MOST_MESSAGES + ROOM_MESSAGES, LOCATED))
    control: Records = field(default_factory=lambda: np.zeros(1, POOL))
    flows: list[Any] = field(default_factory=list)
    settled: int = 0
    decrypted: bool = False
    first_place: int = 0

    def __len__(self) -> int:
        return int(self.control["messages"][0])

    @property
    def full(self) -> bool:
        """Whether its messages should be read."""
        return len(self) >= MOST_MESSAGES or int(self.control["used"][0]) >= MOST_BYTES

    def settle(self, context: Callable[[Shorts, Tiny], Any]) -> None:
        """Look up flow, addresses and ports of the messages of this batch (Tracker.context)."""
        fresh = self.messages[self.settled : len(self)]
        if len(fresh):
            stream = fresh["stream"]
            self.flows.append(context((stream >> 1).astype(np.int32), (1 - (stream & 1)).astype(np.int8)))
            self.settled = len(self)

    def grow(self) -> None:
        """Double its room, for a kernel that returned early because a stream of the batch needs more."""
        self.data = np.concatenate([self.data, np.zeros(len(self.data), np.uint8)])
        self.messages = np.concatenate([self.messages, np.zeros(len(self.messages), LOCATED)])

    def clear(self) -> None:
        """Forget all messages, which were read."""
        self.control["used"] = self.control["messages"] = 0
        self.flows, self.settled = [], 0


class FramedWalker:
    """The walker of a protocol with `frame`, whose messages the reader of its table reads."""

    def __init__(self, frame: Frame, table: Table, protocol: int) -> None:
        self.table, self.skip, self.pool = table, frame.skip, Pool()
        self.frame = np.zeros(1, framed.FRAME)
        self.frame["protocol"] = protocol
        for name in ("at", "size", "add", "little", "most", "keep"):
            self.frame[name] = getattr(frame, name)

    @property
    def pools(self) -> tuple[Pool, ...]:
        """Its located messages."""
        return (self.pool,)

    def walk(self, chains: Chains) -> None:
        """Locate the messages of all streams of the protocol."""
        at, pool = 0, self.pool
        while True:
            at = framed.walk(
                at, chains.first, chains.states, chains.data, chains.arena, pool.data, pool.messages, pool.control,
                self.frame,
            )  # fmt: skip
            if at == len(chains.first):
                return
            pool.grow()

    def rows(self, take: Take, *, every: bool) -> Iterator[tuple[Table, Messages, Columns | None]]:
        """The located messages, without columns."""
        if len(self.pool) and (every or self.pool.full):
            messages = take(self.pool, self.table, np.arange(len(self.pool)))
            messages.start = np.minimum(messages.start + self.skip, messages.end)
            yield self.table, messages, None
            self.pool.clear()

    def forget(self) -> None:
        """Forget the located messages."""
        self.pool.clear()

    def close(self) -> None:
        """Nothing runs beside it."""


Index = npt.NDArray[np.intp]
# the messages of a pool at `index`, with the context that rows of the table have (netlake.records.located)
Take = Callable[[Pool, Table, Index], Messages]

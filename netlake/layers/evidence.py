"""Evidence of several datagrams: probes whose one datagram proves nothing, such as those of RTP and uTP.

Rules
- A table with the hook `evidence` has a `probe` that returns candidates only. The object that `evidence()` returns, one
  for each capture, judges them: it takes a candidate, leaves it, or makes it wait for later datagrams of its flow.
- Nothing depends on where a batch ends. Candidates are judged in the order of the capture, and all limits are numbers
  of packets: what a flow has shown is forgotten after MEMORY packets without a candidate of it, and a candidate waits
  for HOLD packets. A candidate that was not taken by then is undecided for ever.
- A candidate is of a flow: `sender` and `receiver` are hashes of tunnel, address and port of its two ends, of 64 bits.
- Only datagrams of at most LARGEST_WAITING bytes wait, so that those that wait need at most 32 MB: a candidate in every
  packet. Usual traffic has few.

Two kinds of evidence:
- `Known`: some datagrams are certain, and others belong to the same flow. Datagrams before the first certain one are
  not taken, so none waits.
- `Streams`: several datagrams are evidence together. Each stream has a state of the protocol; its candidates wait until
  it is confirmed, and are taken from then on. The candidates of confirmed streams are judged column by column, the
  others one by one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from netlake.packets import Headers, Ints, Mask, Messages

Index = npt.NDArray[np.intp]
# packets after which a flow without candidates is forgotten
MEMORY = 1 << 16
# packets for which a candidate waits for evidence
HOLD = 1 << 14
# bytes of the largest datagram that waits
LARGEST_WAITING = 2048
# streams that are kept before those that are older than MEMORY are removed
MANY = 1 << 12
# odd numbers with evenly distributed bits, from the fractional parts of the golden ratio and of pi
MIX, MIX_MORE = np.uint64(0x9E3779B97F4A7C15), np.uint64(0x243F6A8885A308D3)


class Candidates:
    """Candidates of one batch in the order of the capture: `messages`, and the `number` of the packet of each.

    `sender` and `receiver` are hashes of tunnel, address and port of the ends, computed when they are needed.
    """

    def __init__(self, messages: Messages, number: Ints, headers: Headers) -> None:
        self.messages, self.number, self.headers = messages, number, headers

    @cached_property
    def ends(self) -> tuple[Ints, Ints]:
        """Hashes of the sender and of the receiver."""
        return ends(self.messages, self.headers)

    @property
    def sender(self) -> Ints:
        """The hash of the sender of each candidate."""
        return self.ends[0]

    @property
    def receiver(self) -> Ints:
        """The hash of the receiver of each candidate."""
        return self.ends[1]

    @property
    def flow(self) -> Ints:
        """A hash of both ends, the same in both directions."""
        return self.ends[0] + self.ends[1]

    def take(self, index: Index) -> Candidates:
        """The candidates of `index`, in that order."""
        taken = Candidates(self.messages.take(index), self.number[index], self.headers)
        taken.ends = (self.sender[index], self.receiver[index])
        return taken


class Judged(NamedTuple):
    """What is known of the candidates of one call.

    - `taken`: mask of those that are the table's
    - `tickets`: a number for each candidate that waits, -1 for the others
    - `late`: tickets of earlier calls whose candidates are the table's
    """

    taken: Mask
    tickets: Ints
    late: list[int]


class Evidence(Protocol):
    """Judges the candidates of one table in one capture."""

    def judge(self, candidates: Candidates) -> Judged:
        """What is known of `candidates`, at least one, which follow those of earlier calls."""


def mixed(*parts: npt.NDArray[Any]) -> Ints:
    """A hash of 64 bits for each row of `parts`, columns of integers."""
    result = np.zeros(len(parts[0]), np.uint64)
    for part in parts:
        result = (result ^ part.astype(np.int64).view(np.uint64)) * MIX
        result ^= result >> np.uint64(29)
        result *= MIX_MORE
        result ^= result >> np.uint64(32)
    return result.view(np.int64)


def ends(messages: Messages, headers: Headers) -> tuple[Ints, Ints]:
    """Hashes of the sender and the receiver of each message: tunnel, address and port."""
    count = len(messages)
    header = messages.header
    # the upper half of an address is 0 in IPv4
    words = np.zeros((count, 2, 2), np.int64)
    key = np.zeros(count, np.int64)
    if len(headers):
        key[:] = np.where(header >= 0, headers["key"][header], 0)
        version = np.where(header >= 0, headers["version"][header], 0)
        network = headers["network"][header]
        four, six = np.flatnonzero(version == 4), np.flatnonzero(version == 6)
        if len(four):
            words[four, :, 1] = messages.data[network[four, None] + np.arange(12, 20)].view(np.int32)
        if len(six):
            words[six] = messages.data[network[six, None] + np.arange(8, 40)].view(np.int64).reshape(-1, 2, 2)
    sender, receiver = (
        mixed(key << 32 | port & 0xFFFF, words[:, end, 0], words[:, end, 1])
        for end, port in enumerate((messages.source_port.astype(np.int64), messages.destination_port.astype(np.int64)))
    )
    return sender, receiver


def slices(number: Ints) -> Iterable[slice]:
    """Parts of the candidates whose packets are at most MEMORY apart, so that no flow is forgotten within one."""
    first = 0
    while first < len(number):
        last = int(np.searchsorted(number, number[first] + MEMORY, side="right"))
        yield slice(first, last)
        first = last


class Known(ABC):
    """Flows of which a datagram was certain; their other datagrams are taken too."""

    def __init__(self) -> None:
        self.last: dict[int, int] = {}

    @abstractmethod
    def certain(self, messages: Messages) -> Mask:
        """The candidates that need no other evidence."""

    @abstractmethod
    def topics(self, candidates: Candidates) -> tuple[tuple[Ints, ...], Ints]:
        """Hashes: what a certain datagram makes known, in several columns, and what another one has to have."""

    def judge(self, candidates: Candidates) -> Judged:
        """Take those that are certain, and those of which an earlier one in the capture made the topic known."""
        certain = self.certain(candidates.messages)
        taken = certain.copy()
        if self.last or certain.any():
            taught, asked = self.topics(candidates)
            for part in slices(candidates.number):
                number = candidates.number[part]
                taken[part] |= self._known(number, certain[part], [column[part] for column in taught], asked[part])
            if len(self.last) > MANY:
                least = int(candidates.number[-1]) - MEMORY
                self.last = {topic: last for topic, last in self.last.items() if last >= least}
        return Judged(taken, np.full(len(certain), -1, np.int64), [])

    def _known(self, number: Ints, certain: Mask, taught: list[Ints], asked: Ints) -> Mask:
        """Which candidates of a part have a topic that is known before them."""
        count = len(number)
        topics, inverse = np.unique(np.concatenate([asked, *taught]), return_inverse=True)
        first = np.full(len(topics), count)
        for column in range(len(taught)):
            of = inverse[count * (column + 1) : count * (column + 2)]
            np.minimum.at(first, of[certain], np.flatnonzero(certain))
        mine = inverse[:count]
        begin = np.full(len(topics), number[-1])
        np.minimum.at(begin, mine, number)
        seen = [self.last.get(topic, -MEMORY - 1) for topic in topics.tolist()]
        first[begin - np.array(seen, np.int64) <= MEMORY] = -1
        found = np.arange(count) > first[mine]
        last = np.full(len(topics), -1, np.int64)
        for column, which in ((-1, found), *((column, certain) for column in range(len(taught)))):
            of = inverse[count * (column + 1) : count * (column + 2)]
            np.maximum.at(last, of[which], number[which])
        used = last >= 0
        self.last.update(zip(topics[used].tolist(), last[used].tolist(), strict=True))
        return found


@dataclass(slots=True)
class Stream:
    """A stream of datagrams: its last packet, those that wait as (packet, ticket), and the state of the protocol."""

    last: int
    confirmed: bool = False
    waiting: deque[tuple[int, int]] = field(default_factory=deque)
    state: Any = None


class Streams(ABC):
    """Streams that are confirmed by several of their datagrams."""

    def __init__(self) -> None:
        self.streams: dict[int, Stream] = {}
        self.tickets = 0

    @abstractmethod
    def keys(self, candidates: Candidates) -> Ints:
        """The stream of each candidate, as a hash."""

    @abstractmethod
    def values(self, candidates: Candidates) -> Iterable[Any]:
        """What `confirmed` needs of each candidate."""

    @abstractmethod
    def confirmed(self, stream: Stream, value: Any) -> tuple[int, ...] | None:
        """The other streams that a candidate of `stream` confirms with it; None if it confirms none."""

    def find(self, key: int, number: int) -> Stream | None:
        """The stream `key` if it had a candidate in the MEMORY packets before packet `number`."""
        stream = self.streams.get(key)
        return stream if stream is not None and number - stream.last <= MEMORY else None

    def judge(self, candidates: Candidates) -> Judged:
        """Take the candidates of streams that are confirmed; the others wait."""
        count = len(candidates.number)
        judged = Judged(np.zeros(count, np.bool_), np.full(count, -1, np.int64), [])
        for part in slices(candidates.number):
            whole = part.stop - part.start == count
            some = candidates if whole else candidates.take(np.arange(part.start, part.stop))
            self._part(some, judged, part.start)
        self.tickets += count
        size = candidates.messages.end - candidates.messages.start
        judged.tickets[judged.taken | (size > LARGEST_WAITING)] = -1
        if len(self.streams) > MANY:
            least = int(candidates.number[-1]) - MEMORY
            self.streams = {key: stream for key, stream in self.streams.items() if stream.last >= least}
        return judged

    def _part(self, candidates: Candidates, judged: Judged, begin: int) -> None:
        """Judge candidates of which the first is candidate `begin` of the call."""
        keys, number = self.keys(candidates), candidates.number
        distinct, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        last = np.empty(len(distinct), np.int64)
        last[inverse] = number
        sure = np.zeros(len(distinct), np.bool_)
        columns = (distinct.tolist(), number[first].tolist(), last.tolist())
        for place, (key, one, end) in enumerate(zip(*columns, strict=True)):
            stream = self.find(key, one)
            if stream is not None and stream.confirmed:
                sure[place], stream.last = True, end
        judged.taken[begin : begin + len(keys)] = sure[inverse]
        index = np.flatnonzero(~sure[inverse])
        if len(index):
            each = zip(
                (begin + index).tolist(), keys[index].tolist(), number[index].tolist(),
                self.values(candidates.take(index)), strict=True,
            )  # fmt: skip
            for at, key, packet, value in each:
                self._one(judged, at, key, packet, value)

    def _one(self, judged: Judged, at: int, key: int, packet: int, value: Any) -> None:
        """Judge candidate `at` of the call, in a stream that was not confirmed before the call."""
        stream = self.find(key, packet)
        if stream is None:
            stream = self.streams[key] = Stream(packet)
        stream.last = packet
        if stream.confirmed:
            judged.taken[at] = True
            return
        judged.tickets[at] = self.tickets + at
        stream.waiting.append((packet, self.tickets + at))
        while stream.waiting[0][0] < packet - HOLD:
            judged_before = stream.waiting.popleft()[1] - self.tickets
            if judged_before >= 0:
                judged.tickets[judged_before] = -1
        others = self.confirmed(stream, value)
        if others is not None:
            for one in (stream, *(self.streams[other] for other in others)):
                one.confirmed = True
                self._take(judged, one, packet)

    def _take(self, judged: Judged, stream: Stream, packet: int) -> None:
        """Take the candidates that wait for a stream that is confirmed."""
        for waited, ticket in stream.waiting:
            if waited < packet - HOLD:
                continue
            if ticket >= self.tickets:
                judged.taken[ticket - self.tickets] = True
            else:
                judged.late.append(ticket)
        stream.waiting.clear()

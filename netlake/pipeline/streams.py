"""Streams of one capture: from the segments of a batch to rows. The only code that knows all protocols in streams.

Order of work for a batch, after the tracker:
1. Reassembly turns segments into events: data, gap, end.
2. First look: the protocol of each stream that has none yet, by its first bytes. Streams of no protocol, and those
   whose tables are not written, are muted: from then on they cost one comparison a packet.
3. Walkers read the events of their streams, and copy complete messages into their pools.
4. Addresses and ports of these messages are looked up while the flows have their rows in the tracker's state.
5. Pools that are full are read into rows, with all others when codes become void or the capture ends.

Flows that leave the tracker's state are finished first (`leaving`): what waits is handed on, and messages that are not
complete end there.

Choice of a protocol
- Candidates are the protocols whose `starts` fit the first bytes. Those on one of their ports are asked first, then the
  one that the other direction has, then the others, in the order of their names.
- Behind a tunnel (CONNECT, Upgrade) a stream is looked at again from its first byte there (netlake.pipeline.handed).
  A protocol that was announced for it is one on its port.
- The first that answers YES has the stream. If none does and one is UNSURE, the bytes are kept and it is asked again.
- A protocol with `machine` is a dialog: it has both directions of a flow. A direction that no other protocol takes, or
  that is not decided yet, gets the dialog of the direction that began before it. One that was decided before keeps what
  it has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake import tables
from netlake.flows.reassembly import Reassembly
from netlake.flows.segments import segments
from netlake.flows.tracker import Flows, Tracker
from netlake.kernels import first_look
from netlake.kernels.flow_columns import SIDES
from netlake.kernels.flow_state import Records
from netlake.kernels.numbers import IpProtocol
from netlake.layers.contents import Contents
from netlake.layers.dialog import DialogWalker
from netlake.layers.streamed import NO, UNSURE, YES, Chains, FramedWalker, ReadsContents, Stream, Verdict, Walker
from netlake.packets import Bytes, Columns, Headers, Ints, Messages, Packets, Shorts
from netlake.pipeline.handed import NO_PROTOCOL, Handed
from netlake.records.located import take
from netlake.records.weak import weak
from netlake.schema import Table

Failed = Callable[[str, Exception], None]
# how often the protocol of a stream can change within a batch
ROUNDS = 4
_NONE: Bytes = np.zeros(0, np.uint8)


class Streams:
    """The streams of one capture.

    `wanted` tells which tables are written; `contents` makes what reads the bodies of a walker's messages.
    """

    def __init__(
        self, tracker: Tracker, wanted: Callable[[str], bool], failed: Failed, contents: Callable[[], Contents]
    ) -> None:
        self.tracker, self.failed = tracker, failed
        self.reassembly = Reassembly(len(tracker.state.flows))
        self.streams = tables.in_streams()
        self.numbers = {name: number for number, name in enumerate(self.streams, 1)}
        self.names = {number: name for name, number in self.numbers.items()}
        self.handed = Handed()
        self.look = FirstLook(self.streams, self.numbers, failed, self.handed.announced)
        self.walkers = {
            self.numbers[name]: _walker(stream, self.numbers[name], contents, failed)
            for name, stream in self.streams.items()
            if any(map(wanted, stream.tables))
        }
        self.found: Counter[str] = Counter()
        self.undecoded: Counter[tuple[str | None, int]] = Counter()
        tracker.leaving = weak(self.leaving)

    def batch(self, packets: Packets, headers: Headers, flows: Flows) -> None:
        """Read the streams of a batch."""
        found = segments(packets.data, headers, flows)
        for count in self.reassembly.batch(packets, found):
            self._events(packets.data, count)
        self._settle()

    def leaving(self, slots: Shorts) -> dict[str, pa.Array]:
        """End the streams of flows whose rows in the tracker's state are about to be freed.

        Returns the columns of `connection` that streams know, for these rows.
        """
        flows = self.tracker.state.flows[slots]
        columns: dict[str, pa.Array] = {}
        for count in self.reassembly.finish(slots):
            self._events(_NONE, count)
            self._settle()
            columns = self._columns(slots, flows)
        for walker in self.walkers.values():
            if isinstance(walker, DialogWalker):
                walker.leave(slots)
        return columns

    def _columns(self, slots: Shorts, flows: Records) -> dict[str, pa.Array]:
        """What was spoken in the streams of flows, and the bytes that no protocol decoded."""
        states = self.reassembly.states[2 * slots[:, None] + np.arange(2)]
        # the row of a stream without payload can be of an earlier flow
        numbers = np.where(states["flow"] == flows["number"][:, None], states["protocol"], 0)
        originator = flows["originator"].astype(np.int64)
        sent = self.tracker.state.sides[slots]["payload_bytes"]
        sent = np.stack([sent[np.arange(len(slots)), originator ^ side] for side in range(2)], axis=1)
        undecoded = np.where((numbers == 0) | (numbers == NO_PROTOCOL), sent, states["undecoded"])
        earlier = self.handed.leaving(flows["number"], numbers, sent, states["undecoded"], undecoded)
        unread = (numbers != 0) & (numbers != NO_PROTOCOL) & ~np.isin(numbers, list(self.walkers))
        null = unread | (flows["protocol"] != IpProtocol.TCP.value)[:, None]
        self._count(flows, np.where(null, 0, undecoded).sum(axis=1), numbers.max(axis=1))
        return {
            "service": self._services(numbers, earlier),
            **{f"{name}_undecoded_bytes": pa.array(undecoded[:, side], mask=null[:, side])
               for side, name in enumerate(SIDES)},
        }  # fmt: skip

    def _count(self, flows: Records, undecoded: Ints, numbers: npt.NDArray[np.uint8]) -> None:
        """Add the bytes that no protocol decoded to `undecoded`, by protocol and port of the responder."""
        some = np.flatnonzero(undecoded)
        port = np.where(flows["originator"] == 0, flows["b_port"], flows["a_port"])[some]
        keys, inverse = np.unique(np.stack([numbers[some], port]), axis=1, return_inverse=True)
        sums = np.bincount(inverse.reshape(-1), weights=undecoded[some], minlength=keys.shape[1])
        for (number, at), bytes_ in zip(keys.T.tolist(), sums.tolist(), strict=True):
            self.undecoded[self.names.get(number), at] += int(bytes_)

    @property
    def problems(self) -> dict[str, int]:
        """Counts of what was not in order, for the quality report."""
        lost = sum(int(pool.control["lost"][0]) for walker in self.walkers.values() for pool in walker.pools)
        return {**self.reassembly.counters, "lost": lost}

    def _services(self, numbers: npt.NDArray[np.uint8], earlier: dict[int, list[int]]) -> pa.Array:
        """The protocols of both directions of each flow, one if they are equal; behind `earlier` ones of its row."""
        spoken = (numbers != 0) & (numbers != NO_PROTOCOL)
        spoken[:, 1] &= ~(spoken[:, 0] & (numbers[:, 1] == numbers[:, 0]))
        offsets = np.concatenate([[0], np.cumsum(spoken.sum(axis=1))]).astype(np.int32)
        names = [self.names.get(number, "") for number in range(NO_PROTOCOL + 1)]
        found = pa.ListArray.from_arrays(pa.array(offsets), pa.array(names).take(pa.array(numbers[spoken])))
        if not earlier:
            return found
        texts = found.to_pylist()
        for row, before in earlier.items():
            texts[row] = list(dict.fromkeys([*(names[number] for number in before), *texts[row]]))
        return pa.array(texts, found.type)

    def rows(self, *, every: bool = False) -> Iterator[tuple[Table, Messages, Columns | None]]:
        """The rows of full pools, with `every` of all; without columns, the table's reader reads the messages."""
        for number, walker in self.walkers.items():
            try:
                yield from walker.rows(take, every=every)
            except Exception as error:  # noqa: BLE001 - any exception; decoding continues
                self.failed(self.names[number], error)
                for pool in walker.pools:
                    pool.clear()

    def close(self) -> None:
        """End the threads of walkers, after the last call of `rows`."""
        for walker in self.walkers.values():
            walker.close()

    def _settle(self) -> None:
        for walker in self.walkers.values():
            for pool in walker.pools:
                pool.settle(self.tracker.context)

    def _events(self, data: Bytes, count: int) -> None:
        if not count:
            return
        made = self.reassembly
        chains: Chains | None = Chains(made.chain(count), made.states, data, made.arena)
        for _ in range(ROUNDS):
            if chains is None:
                return
            self._decide(chains)
            for number, walker in self.walkers.items():
                self._walk(number, walker, chains)
            chains = self.handed.next_chains(chains, self.walkers)

    def _walk(self, number: int, walker: Walker, chains: Chains) -> None:
        """Let a walker read its streams; those that a dialog is done with are muted."""
        try:
            walker.walk(chains)
        except Exception as error:  # noqa: BLE001 - any exception; decoding continues
            self.failed(self.names[number], error)
        if isinstance(walker, DialogWalker) and (done := walker.take_done()):
            self.reassembly.mute(self._of_protocol(np.array(done, np.int32), number))

    def _of_protocol(self, streams: Shorts, numbers: Any) -> Shorts:
        """Those of `streams` that have the protocol `numbers`."""
        of: Shorts = streams[self.reassembly.states["protocol"][streams] == numbers]
        return of

    def _decide(self, chains: Chains) -> None:
        """Give a protocol to streams that have none, and mute those that nobody reads."""
        found = self.look.batch(chains, self.tracker.state.flows)
        if found is None:
            return
        streams, numbers = found
        states = chains.states
        decided = numbers > 0
        states["protocol"][streams[decided]] = numbers[decided]
        for number, many in zip(*np.unique(numbers[decided], return_counts=True), strict=True):
            if number != NO_PROTOCOL:
                self.found[self.names[int(number)]] += int(many)
        unread = decided & ~np.isin(numbers, list(self.walkers))
        if unread.any():
            # a dialog also gives its number to the other direction
            others = self._of_protocol(streams[unread] ^ 1, numbers[unread])
            self.reassembly.mute(np.concatenate([streams[unread], others]))


class FirstLook:
    """Which protocol streams have, by their first bytes."""

    def __init__(
        self,
        streams: Mapping[str, Stream],
        numbers: Mapping[str, int],
        failed: Failed,
        announced: Callable[[int], str] = lambda _: "",
    ) -> None:
        self.streams, self.numbers, self.failed = list(streams.values()), numbers, failed
        self.announced = announced
        self.by_name: dict[str, int] = {}
        for bit, stream in enumerate(self.streams):
            for name in stream.announced:
                self.by_name[name] = self.by_name.get(name, 0) | 1 << bit
        # may[k, b]: bits of the streams whose byte k can be b
        self.may = np.zeros((LEADING, 256), np.uint64)
        for bit, stream in enumerate(self.streams):
            for start in stream.starts or (b"",):
                for k in range(LEADING):
                    fits = slice(None) if k >= len(start) or start[k : k + 1] == b"?" else start[k]
                    self.may[k, fits] |= np.uint64(1 << bit)
        self.on_port: dict[int, int] = {}
        for bit, stream in enumerate(self.streams):
            for port in stream.ports:
                self.on_port[port] = self.on_port.get(port, 0) | 1 << bit
        self.dialogs = {numbers[stream.name] for stream in self.streams if stream.machine is not None}
        self.anywhere = sum(1 << bit for bit, stream in enumerate(self.streams) if stream.starts or stream.anywhere)
        self.looks = np.zeros(1 << 10, first_look.LOOK)
        self.scratch = np.zeros(1 << 16, np.uint8)

    def batch(self, chains: Chains, flows: Records) -> tuple[Shorts, npt.NDArray[np.uint8]] | None:
        """The streams that were looked at, and their protocols; None without any.

        0 is not decided, NO_PROTOCOL is none.
        """
        if len(chains.first) > len(self.looks):
            self.looks = np.zeros(2 * len(chains.first), first_look.LOOK)
        count = first_look.gather(chains.first, chains.states, chains.data, chains.arena, self.looks)
        if not count:
            return None
        looks = self.looks[:count]
        streams: Shorts = chains.arena.events["stream"][looks["first"]]
        numbers = self._numbers(looks, streams, flows[streams >> 1], chains.states)
        undecided = numbers == 0
        if undecided.any():
            undecided = undecided.view(np.uint8)
            first_look.keep_first(looks, undecided, chains.states, chains.data, chains.arena, self.scratch)
        return streams, numbers

    def _numbers(self, looks: Records, streams: Shorts, flow: Records, states: Records) -> npt.NDArray[np.uint8]:
        """The protocols of streams, in the order in which they began; a dialog is also given to the other direction."""
        decided: dict[int, int] = {}
        hints = [self._hints(*one) for one in flow[["a_port", "b_port", "number"]].tolist()]
        others = states["protocol"][streams ^ 1].tolist()
        for look, stream, hinted, other in zip(looks, streams.tolist(), hints, others, strict=True):
            other = decided.get(stream ^ 1, other)  # noqa: PLW2901 - decided in this batch
            number = self._protocol(look, hinted, other, stream & 1)
            decided[stream] = number
            if number in self.dialogs and other == 0:
                if stream ^ 1 in decided:
                    decided[stream ^ 1] = number
                elif states["flow"][stream ^ 1] == states["flow"][stream]:
                    states["protocol"][stream ^ 1] = number
        return np.array([decided[stream] for stream in streams.tolist()], np.uint8)

    def _hints(self, port: int, other_port: int, flow: int) -> int:
        """The protocols of the ports of a flow, and those that were announced for it."""
        announced = self.by_name.get(self.announced(flow), 0)
        return self.on_port.get(port, 0) | self.on_port.get(other_port, 0) | announced

    def _protocol(self, look: np.void, hinted: int, other: int, side: int) -> int:
        """The protocol of one stream, 0 if more bytes are needed; `other` is that of the other direction."""
        data = bytes(look["data"][: look["size"]])
        bits = self._candidates(data)
        unsure = False
        for bit in _order(bits & (hinted | self.anywhere), hinted, other - 1):
            verdict = self._ask(self.streams[bit], data, side)
            if verdict is YES:
                return self.numbers[self.streams[bit].name]
            is_dialog = other in self.dialogs and bit == other - 1
            unsure |= verdict is UNSURE and not is_dialog
        if unsure and not look["closed"]:
            return 0
        return other if other in self.dialogs else NO_PROTOCOL

    def _candidates(self, data: bytes) -> int:
        bits = np.uint64(0xFFFFFFFFFFFFFFFF)
        for k, byte in enumerate(data[:LEADING]):
            bits &= self.may[k, byte]
        return int(bits)

    def _ask(self, stream: Stream, data: bytes, side: int) -> Verdict:
        try:
            return stream.probe(data, side)
        except Exception as error:  # noqa: BLE001 - any exception; decoding continues
            self.failed(stream.name, error)
            return NO


# bytes that candidates are chosen by
LEADING = 4


def _order(bits: int, hinted: int, other: int) -> Iterator[int]:
    """The candidates, in the order in which they are asked."""
    some = [bit for bit in range(bits.bit_length()) if bits >> bit & 1]
    return iter(sorted(some, key=lambda bit: (not hinted >> bit & 1, bit != other, bit)))


def _walker(stream: Stream, number: int, contents: Callable[[], Contents], failed: Failed) -> Walker:
    if stream.frame is not None:
        return FramedWalker(stream.frame, tables.table(stream.tables[0]), number)
    if stream.machine is not None:
        dialogs = DialogWalker(stream, {name: tables.table(name) for name in stream.tables}, number, failed)
        if "file" in stream.tables:
            dialogs.bodies.contents = contents()
        return dialogs
    assert stream.walker is not None  # noqa: S101 - rules of declarations
    walker = stream.walker(number)
    if isinstance(walker, ReadsContents):
        walker.contents = contents()
    return walker

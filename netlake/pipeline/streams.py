"""Streams of one capture: from the segments of a batch to rows. The only code that knows all protocols in streams.

Order of work for a batch, after the tracker:
1. Reassembly turns segments into events: data, gap, end.
2. First look: the protocol of each stream that has none yet, by its first bytes. Streams of no protocol, and those
   whose tables are not written, are muted: from then on they cost one comparison a packet.
   Streams of protocols that announce other flows (Stream.announces) are read before the others are decided, which may
   be announced (netlake.pipeline.expected).
3. Walkers read the events of their streams, and copy complete messages into their pools.
4. Addresses and ports of these messages are looked up while the flows have their rows in the tracker's state.
5. Pools that are full are read into rows, with all others when codes become void or the capture ends.

Flows that leave the tracker's state are finished first (`leaving`): what waits is handed on, and messages that are not
complete end there.

Choice of a protocol
- A stream of a flow that was announced is of the announced protocol, and so is the other direction.
- Candidates are the protocols whose `starts` fit the first bytes. Those on one of their ports are asked first, then the
  one that the other direction has, then the others, in the order of their names.
- Behind a tunnel (CONNECT, Upgrade, STARTTLS, SOCKS) a stream is looked at again from its first byte there
  (netlake.pipeline.handed).
- The first that answers YES has the stream. If none does and one is UNSURE, the bytes are kept and it is asked again.
- A protocol with `machine` is a dialog: it has both directions of a flow. A direction that no other protocol takes, or
  that is not decided yet, gets the dialog of the direction that began before it. One that was decided before keeps what
  it has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from netlake import tables
from netlake.flows.reassembly import Reassembly
from netlake.flows.segments import segments
from netlake.flows.tracker import Flows, Tracker
from netlake.kernels.flow_columns import SIDES
from netlake.kernels.flow_state import Records
from netlake.kernels.numbers import IpProtocol
from netlake.layers.contents import Contents
from netlake.layers.dialog_walker import DialogWalker
from netlake.layers.key_log import Secrets
from netlake.layers.streamed import Chains, FramedWalker, ReadsContents, Stream, Walker
from netlake.packets import Bytes, Columns, Headers, Ints, Messages, Packets, Shorts
from netlake.pipeline.datagrams import DatagramFiles
from netlake.pipeline.expected import Expected, in_order
from netlake.pipeline.first_look import FirstLook
from netlake.pipeline.handed import NO_PROTOCOL, Handed
from netlake.records.located import take
from netlake.records.weak import weak
from netlake.schema import Table

Failed = Callable[[str, Exception], None]
_NONE: Bytes = np.zeros(0, np.uint8)


class Inside(Protocol):
    """What is carried encrypted in streams, and decrypted (netlake.pipeline.decrypted)."""

    undecoded: Counter[tuple[str | None, int]]
    ended: Counter[str]

    @property
    def report(self) -> dict[str, Any]:
        """What the quality report has of decryption."""

    def take(self, chains: Chains) -> None:
        """Decrypt the events of streams whose protocol is known."""

    def leave(self, slots: Shorts, columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
        """End the flows of these rows; returns their columns of `connection`, corrected."""

    def rows(self, *, every: bool) -> Iterator[tuple[Table, Messages, Columns | None]]:
        """As Streams.rows."""

    def close(self) -> None:
        """As Streams.close."""


class Streams:
    """The streams of one capture.

    `wanted(name)` is True for a table that is written; `contents` makes what reads the bodies of a walker's messages.
    There is room for `for_each` pairs of streams of each flow. `inside` reads what the streams carry encrypted.
    """

    def __init__(
        self,
        tracker: Tracker,
        wanted: Callable[[str], bool],
        failed: Failed,
        contents: Callable[[], Contents],
        *,
        for_each: int = 1,
    ) -> None:
        self.tracker, self.failed = tracker, failed
        self.reassembly = Reassembly(for_each * len(tracker.state.flows))
        self.inside: Inside | None = None
        self.streams = tables.in_streams()
        self.numbers = {name: number for number, name in enumerate(self.streams, 1)}
        self.names = {number: name for name, number in self.numbers.items()}
        self.handed = Handed()
        self.look = FirstLook(self.streams, self.numbers, failed, self.handed)
        self.walkers = {
            self.numbers[name]: _walker(stream, self.numbers[name], contents, failed)
            for name, stream in self.streams.items()
            if any(map(wanted, stream.tables))
        }
        # whether protocols are read, by number
        self.read = np.isin(np.arange(NO_PROTOCOL + 1), list(self.walkers))
        self.announcing = [number for name, number in self.numbers.items() if self.streams[name].announces]
        self.expected = Expected()
        self.found: Counter[str] = Counter()
        self.undecoded: Counter[tuple[str | None, int]] = Counter()
        self.datagrams = DatagramFiles(tracker, wanted, failed, contents)
        tracker.leaving = weak(self.leaving)

    def decrypt(self, inside: Inside, protocols: list[int], secrets: Secrets) -> None:
        """Hand streams of `protocols` to `inside`, also if their own tables are not written; decrypt datagrams too."""
        self.inside, inside.undecoded = inside, self.undecoded
        self.read[protocols] = True
        self.datagrams.decrypt(secrets)

    @property
    def decryption(self) -> dict[str, Any]:
        """What the quality report has of decryption; empty without secrets."""
        if self.inside is None:
            return {}
        report = self.inside.report
        for name, count in sorted(self.datagrams.counts.items()):
            report[name] = report.get(name, 0) + count
        return report

    def batch(self, packets: Packets, headers: Headers, flows: Flows) -> None:
        """Read the streams of a batch, and decrypt its datagrams."""
        self.datagrams.decrypted(packets, headers, flows)
        found = segments(packets.data, headers, flows)
        for count in self.reassembly.batch(packets, found):
            self._events(packets.data, count)
        self._settle()

    def leaving(self, slots: Shorts) -> dict[str, pa.Array]:
        """End the streams of flows whose rows in the tracker's state are about to be freed.

        Returns the columns of `connection` that streams know, for these rows.
        """
        self.datagrams.leaving(slots)
        for count in self.reassembly.finish(slots):
            self._events(_NONE, count)
            self._settle()
        columns = self._columns(slots)
        self.reassembly.clear(slots)
        for walker in self.walkers.values():
            if isinstance(walker, DialogWalker):
                walker.leave(slots)
        if self.inside is None:
            return columns
        return self.datagrams.corrected(slots, self.inside.leave(slots, columns), self.inside.ended)

    def _columns(self, slots: Shorts) -> dict[str, pa.Array]:
        """What was spoken in the streams of flows, and the bytes that no protocol decoded."""
        flows, states = self.tracker.state.flows, self.reassembly.states
        flow, both = flows["number"][slots], 2 * slots[:, None] + np.arange(2)
        # the row of a stream without payload can be of an earlier flow
        numbers = np.where(states["flow"][both] == flow[:, None], states["protocol"][both], 0)
        originator = flows["originator"][slots].astype(np.int64)
        sides = np.stack([originator ^ side for side in range(2)], axis=1)
        sent = self.tracker.state.sides["payload_bytes"][slots[:, None], sides]
        missed = states["undecoded"][both]
        undecoded = np.where((numbers == 0) | (numbers == NO_PROTOCOL), sent, missed)
        earlier = self.handed.leaving(flow, numbers, sent, missed, undecoded)
        unread = (numbers != 0) & (numbers != NO_PROTOCOL) & ~self.read[numbers]
        null = unread | (flows["protocol"][slots] != IpProtocol.TCP.value)[:, None]
        port = np.where(originator == 0, flows["b_port"][slots], flows["a_port"][slots])
        self._count(port, np.where(null, 0, undecoded).sum(axis=1), numbers.max(axis=1))
        return {
            "service": self._services(numbers, earlier),
            **{f"{name}_undecoded_bytes": pa.array(undecoded[:, side], mask=null[:, side])
               for side, name in enumerate(SIDES)},
        }  # fmt: skip

    def _count(self, ports: Ints, undecoded: Ints, numbers: npt.NDArray[np.uint8]) -> None:
        """Add the bytes that no protocol decoded to `undecoded`, by protocol and port of the responder."""
        some = np.flatnonzero(undecoded)
        keys, inverse = np.unique(numbers[some].astype(np.int64) << 32 | ports[some], return_inverse=True)
        sums = np.bincount(inverse, weights=undecoded[some], minlength=len(keys))
        for key, bytes_ in zip(keys.tolist(), sums.tolist(), strict=True):
            self.undecoded[self.names.get(key >> 32), key & 0xFFFF] += int(bytes_)

    @property
    def problems(self) -> dict[str, int]:
        """Counts of what was not in order, for the quality report."""
        lost = sum(int(pool.control["lost"][0]) for walker in self.walkers.values() for pool in walker.pools)
        return {**self.reassembly.counters, "lost": lost}

    def _services(self, numbers: npt.NDArray[np.uint8], earlier: dict[int, list[int]]) -> pa.Array:
        """The protocols of both directions of each flow, one if they are equal; behind `earlier` ones of its row."""
        spoken = (numbers != 0) & (numbers != NO_PROTOCOL)
        spoken[:, 1] &= ~(spoken[:, 0] & (numbers[:, 1] == numbers[:, 0]))
        sizes = spoken.sum(axis=1)
        lists = {
            row: list(dict.fromkeys([*before, *numbers[row][spoken[row]].tolist()])) for row, before in earlier.items()
        }
        sizes[list(lists)] = [len(one) for one in lists.values()]
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
        found = np.zeros(offsets[-1], np.uint8)
        spoken[list(lists)] = False
        places = offsets[:-1, None] + np.cumsum(spoken, axis=1) - 1
        found[places[spoken]] = numbers[spoken]
        for row, one in lists.items():
            found[offsets[row] : offsets[row + 1]] = one
        names = pa.array([self.names.get(number, "") for number in range(NO_PROTOCOL + 1)])
        return pa.ListArray.from_arrays(pa.array(offsets), names.take(pa.array(found)))

    def rows(self, *, every: bool = False) -> Iterator[tuple[Table, Messages, Columns | None]]:
        """The rows of full pools, with `every` of all; without columns, the table's reader reads the messages."""
        yield from self.datagrams.rows(every=every)
        for number, walker in self.walkers.items():
            try:
                yield from walker.rows(take, every=every)
            except Exception as error:  # noqa: BLE001 - any exception; decoding continues
                self.failed(self.names[number], error)
                walker.forget()
        if self.inside is not None:
            yield from self.inside.rows(every=every)

    def close(self) -> None:
        """End the threads of walkers, after the last call of `rows`."""
        for walker in self.walkers.values():
            walker.close()
        self.datagrams.close()
        if self.inside is not None:
            self.inside.close()

    def _settle(self) -> None:
        for walker in self.walkers.values():
            for pool in walker.pools:
                pool.settle(self.tracker.context)

    def _events(self, data: Bytes, count: int) -> None:
        if not count:
            return
        made = self.reassembly
        chains: Chains | None = Chains(made.chain(count), made.states, data, made.arena)
        while chains is not None:
            self._decide(chains)
            if self.inside is not None:
                self.inside.take(chains)
            for number, walker in self.walkers.items():
                if number not in self.announcing:
                    self._walk(number, walker, chains)
            chains = self.handed.next_chains(chains, self.walkers)

    def _walk(self, number: int, walker: Walker, chains: Chains) -> None:
        """Let a walker read its streams; those that a dialog is done with are muted, what it announced is noted."""
        try:
            walker.walk(chains)
        except Exception as error:  # noqa: BLE001 - any exception; decoding continues
            self.failed(self.names[number], error)
        if not isinstance(walker, DialogWalker):
            return
        for slot, expect in in_order(walker.take_expected()):
            self.expected.add(expect, self.tracker.state.flows[slot])
        if done := walker.take_done():
            self.reassembly.mute(self._of_protocol(np.array(done, np.int32), number))

    def _of_protocol(self, streams: Shorts, numbers: Any) -> Shorts:
        """Those of `streams` that have the protocol `numbers`."""
        of: Shorts = streams[self.reassembly.states["protocol"][streams] == numbers]
        return of

    def _decide(self, chains: Chains) -> None:
        """Give a protocol to streams that have none, and mute those that nobody reads."""
        flows, states = self.tracker.state.flows, chains.states
        looks = self.look.gather(chains)
        streams: Shorts = chains.arena.events["stream"][looks["first"]]
        numbers = self.look.numbers_of(looks, streams, flows[streams >> 1], states)
        if self.announcing:
            announces = np.isin(numbers, self.announcing)
            states["protocol"][streams[announces]] = numbers[announces]
            for number in self.announcing:
                if number in self.walkers:
                    self._walk(number, self.walkers[number], chains)
        if len(self.expected):
            self._announced(chains, looks, streams, numbers)
        self.look.keep(looks, numbers == 0, chains)
        if not len(looks):
            return
        decided = numbers > 0
        states["protocol"][streams[decided]] = numbers[decided]
        for number, many in zip(*np.unique(numbers[decided], return_counts=True), strict=True):
            if number != NO_PROTOCOL:
                self.found[self.names[int(number)]] += int(many)
        unread = decided & ~self.read[numbers]
        if unread.any():
            # a dialog also gives its number to the other direction
            others = self._of_protocol(streams[unread] ^ 1, numbers[unread])
            self.reassembly.mute(np.concatenate([streams[unread], others]))

    def _announced(self, chains: Chains, looks: Records, streams: Shorts, numbers: npt.NDArray[np.uint8]) -> None:
        """Change the protocols `numbers` of streams whose flow was announced."""
        flows, states, arena = self.tracker.state.flows, chains.states, chains.arena
        known: dict[int, int] = {}
        some = self.expected.may_be(flows[streams >> 1]) & ~np.isin(numbers, self.announcing)
        for row in np.flatnonzero(some).tolist():
            stream, first = int(streams[row]), int(looks["first"][row])
            kept = int(states["kept"][stream])
            begin = arena.heads[kept] if kept else arena.events[first]
            flow = flows[stream >> 1]
            found = self.expected.take(flow, int(begin["number"]), int(begin["ts"]))
            if found is not None:
                number = known[stream ^ 1] = self.numbers[found[0]]
                numbers[row] = number
                walker = self.walkers.get(number)
                if isinstance(walker, DialogWalker):
                    walker.announced[int(flow["number"])] = found[1]
                if states["flow"][stream ^ 1] == states["flow"][stream]:
                    states["protocol"][stream ^ 1] = number
            elif stream in known:
                numbers[row] = known[stream]


def _walker(stream: Stream, number: int, contents: Callable[[], Contents], failed: Failed) -> Walker:
    if stream.frame is not None:
        return FramedWalker(stream.frame, tables.table(stream.tables[0]), number)
    if stream.machine is not None:
        dialogs = DialogWalker(stream, {name: tables.table(name) for name in stream.tables}, number, failed)
        dialogs.findings.contents = contents()
        return dialogs
    assert stream.walker is not None  # noqa: S101 - rules of declarations
    walker = stream.walker(number)
    if isinstance(walker, ReadsContents):
        walker.contents = contents()
    return walker

"""Streams inside other streams: what TLS carries, decrypted with the secrets of a key log.

Nothing of this exists without secrets. With them, the streams of protocols that have a `decryptor`
(netlake.layers.decrypted) are read twice: by their walker, as ever, and by one Decryptor for each flow, whose pieces
are the events of streams inside. Those are read as the streams of TCP are: first look, walkers, machines.

Rules
- Rows of decrypted streams have `decrypted`. All other rows are those without secrets, except that `connection` has the
  protocols inside in `service`, bytes that none of these understood as undecoded, and `decryption`.
- Each flow has two pairs of streams inside: one for its data, and, `flows` rows further on, one for the messages of the
  protocol itself that were encrypted, which the walker of the protocol reads.
- A flow is left alone if the capture begins within it, or its decryptor is `over`. At most MOST_FLOWS flows are
  decrypted at once, and their decryptors keep at most MOST_HELD bytes: a flow beyond that is given up, and counted.
- The first look takes the port of the protocol with encryption for that without: 853 for 53.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from netlake.flows.ended import words
from netlake.flows.tracker import Flows, Tracker
from netlake.kernels.flow_columns import SIDES
from netlake.kernels.stream_state import BLOCK, EVENT, Kind, Known
from netlake.layers.contents import Contents
from netlake.layers.decrypted import Decryptor, Outcome, Piece, Place
from netlake.layers.dialog_walker import DialogWalker
from netlake.layers.key_log import Secrets
from netlake.layers.streamed import Chains
from netlake.packets import Shorts, Tiny
from netlake.pipeline.handed import NO_PROTOCOL, OF_READER
from netlake.pipeline.streams import Failed, Streams

MOST_FLOWS = 1 << 14
MOST_HELD = 64 << 20
# bytes and events after which those inside are read
MOST_BYTES, MOST_EVENTS = 4 << 20, 1 << 16
# ports of protocols over TLS, and those of the same protocols without
PLAIN_PORTS = {
    443: 80, 465: 25, 563: 119, 636: 389, 853: 53, 989: 20, 990: 21, 992: 23, 993: 143, 994: 6667, 995: 110, 5061: 5060,
    5671: 5672, 6697: 6667, 8443: 8080, 8883: 1883,
}  # fmt: skip
# places of decrypted messages that other messages of the same table and packet may have too
FIRST_PLACE = 1 << 14
OUTCOMES = [one.value for one in Outcome]


@dataclass(slots=True)
class Flow:
    """One flow: its number, the number of its protocol, and how many bytes each stream inside has so far."""

    number: int
    protocol: int
    decryptor: Decryptor
    held: int = 0
    begun: set[int] = field(default_factory=set)
    offsets: dict[int, int] = field(default_factory=dict)


class Decrypted(Streams):
    """The streams inside those of `tracker`'s flows; the other arguments are those of Streams."""

    def __init__(
        self,
        tracker: Tracker,
        wanted: Callable[[str], bool],
        failed: Failed,
        contents: Callable[[], Contents],
        secrets: Secrets,
    ) -> None:
        leaving = tracker.leaving
        super().__init__(tracker, wanted, failed, contents, for_each=2)
        tracker.leaving = leaving  # the streams outside call `leave`
        self.look.on_port[list(PLAIN_PORTS)] |= self.look.on_port[list(PLAIN_PORTS.values())]
        self.secrets, self.most = secrets, len(tracker.state.flows)
        self.decryptors = {
            self.numbers[name]: stream.decryptor
            for name, stream in self.streams.items()
            if stream.decryptor is not None
        }
        for number, walker in self.walkers.items():
            for pool in walker.pools:
                pool.decrypted = True
                pool.first_place = FIRST_PLACE if number in self.decryptors else 0
        self.flows: dict[int, Flow] = {}
        self.passed = np.zeros(self.most, np.bool_)  # flows that are left alone
        self.outcomes: dict[int, Outcome] = {}
        self.counts: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.held = 0
        self._events_of: list[tuple[int, ...]] = []
        self._data = bytearray()
        self._offsets: dict[int, int] = {}

    @property
    def report(self) -> dict[str, Any]:
        """What the quality report has of decryption."""
        secrets = self.secrets
        found = {
            "secrets": len(secrets),
            "bad_lines": secrets.bad,
            "ignored_lines": secrets.ignored,
            "forgotten_secrets": secrets.forgotten,
            **{{"complete": "decrypted"}.get(name, name): count for name, count in sorted(self.ended.items())},
            **dict(sorted(self.counts.items())),
            "stream_protocols": dict(sorted(self.found.items())),
        }
        return {name: value for name, value in found.items() if value or name == "secrets"}

    def take(self, chains: Chains) -> None:
        """Decrypt the events of streams whose protocol has a decryptor, in the order of the capture."""
        events, states = chains.arena.events, chains.states
        streams = events["stream"][chains.first]
        chosen = np.isin(states["protocol"][streams], list(self.decryptors)) & ~self.passed[streams >> 1]
        if not chosen.any():
            return
        indexes: list[int] = []
        links = events["link"]
        for first in chains.first[chosen].tolist():
            index = first
            while index >= 0:
                indexes.append(index)
                index = int(links[index])
        for index in sorted(indexes):
            self._event(events[index], chains)
        self._flush()

    def _event(self, event: np.void, chains: Chains) -> None:
        stream = int(event["stream"])
        slot, side = stream >> 1, stream & 1
        flow = self._flow(stream, chains)
        if flow is None:
            return
        place = Place(int(event["number"]), int(event["ts"]), int(event["at"]))
        decryptor, kind = flow.decryptor, int(event["kind"])
        try:
            if side not in flow.begun:
                flow.begun.add(side)
                self._kept(decryptor, side, stream, chains, place.at)
            if kind <= Kind.LATE.value:
                source, start = chains.data if kind == Kind.DATA.value else chains.arena.tail, int(event["start"])
                decryptor.feed(side, source[start : start + int(event["size"])].tobytes(), place)
            elif kind == Kind.GAP.value:
                decryptor.gap(side, int(event["size"]), place)
            else:
                decryptor.end(side, place)
        except Exception as error:  # noqa: BLE001 - any exception; decoding continues
            self.failed(self.names[flow.protocol], error)
            decryptor.give_up()
        self._pieces(slot, flow)
        self._bound(slot, flow)

    def _flow(self, stream: int, chains: Chains) -> Flow | None:
        """What is known of the flow of a stream; None if it is left alone."""
        slot, state = stream >> 1, chains.states[stream]
        if self.passed[slot]:
            return None
        flow = self.flows.get(slot)
        if flow is not None and (stream & 1 in flow.begun or _is_fresh(state)):
            return flow
        if flow is None and _is_fresh(state) and len(self.flows) < MOST_FLOWS:
            number = int(state["protocol"])
            flow = self.flows[slot] = Flow(int(state["flow"]), number, self.decryptors[number](self.secrets))
            return flow
        self.counts["given_up"] += len(self.flows) >= MOST_FLOWS
        self.passed[slot] = True
        return None

    def _kept(self, decryptor: Decryptor, side: int, stream: int, chains: Chains, at: int) -> None:
        """Feed what was kept of a stream until its protocol was known."""
        arena, block = chains.arena, int(chains.states["kept"][stream])
        if not block:
            return
        head, data = arena.heads[block], bytearray()
        while block and len(data) < head["size"]:
            data += arena.blocks[block][: min(BLOCK, int(head["size"]) - len(data))].tobytes()
            block = int(arena.heads["more"][block])
        decryptor.feed(side, bytes(data), Place(int(head["number"]), int(head["ts"]), at))

    def _bound(self, slot: int, flow: Flow) -> None:
        """Count what the decryptor of a flow keeps, and end one that is over."""
        held = flow.decryptor.held
        self.held, flow.held = self.held + held - flow.held, held
        if self.held > MOST_HELD and held:
            flow.decryptor.give_up()
            self.held, flow.held = self.held - held, 0
            self.counts["given_up"] += 1
        if flow.decryptor.over:
            self._over(slot, flow)

    def _over(self, slot: int, flow: Flow) -> None:
        self.outcomes[slot] = flow.decryptor.outcome
        self.counts.update(flow.decryptor.counts)
        self.held -= flow.held
        self.passed[slot] = True
        del self.flows[slot]

    # -- the streams inside

    def _pieces(self, slot: int, flow: Flow) -> None:
        """Make events of what was decrypted."""
        for piece in flow.decryptor.found:
            self._piece(2 * slot + piece.side + 2 * self.most * piece.own, flow, piece)
        flow.decryptor.found.clear()
        if len(self._data) > MOST_BYTES or len(self._events_of) > MOST_EVENTS:
            self._flush()

    def _piece(self, stream: int, flow: Flow, piece: Piece) -> None:
        offset = flow.offsets.get(stream)
        states = self.reassembly.states
        if offset is None:
            if piece.kind is Kind.END:
                return
            offset = flow.offsets[stream] = 0
            states[stream] = self.reassembly.streams.blank[0]
            states["flow"][stream], states["known"][stream] = flow.number, Known.NEXT.value
            states["protocol"][stream] = flow.protocol if piece.own else 0
        known = int(states["known"][stream])
        if known & Known.ENDED.value:
            return
        flow.offsets[stream] = self._offsets[stream] = offset + piece.size
        if known & Known.MUTE.value:
            return
        if piece.kind is Kind.END:
            states["known"][stream] |= Known.ENDED.value
        number, ts, at = piece.place
        self._events_of.append((
            len(self._data), piece.size, offset, number, ts, at, stream, -1, -1, piece.kind.value,
        ))  # fmt: skip
        self._data += piece.data

    def _flush(self) -> None:
        """Read the events inside so far."""
        self.reassembly.states["offset"][list(self._offsets)] = list(self._offsets.values())
        self._offsets = {}
        if not self._events_of:
            return
        data, made = self._data, self._events_of
        self._data, self._events_of = bytearray(), []
        self.reassembly.arena.events[: len(made)] = np.array(made, EVENT)
        self._events(np.frombuffer(data, np.uint8) if data else np.zeros(0, np.uint8), len(made))
        self._settle()

    def _settle(self) -> None:
        for walker in self.walkers.values():
            for pool in walker.pools:
                pool.settle(self._context)

    def _context(self, slots: Shorts, from_originator: Tiny) -> Flows:
        return self.tracker.context(slots % self.most, from_originator)

    # -- flows that leave

    def leave(self, slots: Shorts, columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
        """End the streams inside of these rows; `columns` of `connection` with what is known of them."""
        for slot in slots.tolist():
            if (flow := self.flows.get(slot)) is not None:
                self._over(slot, flow)
        outcomes = [self.outcomes.pop(slot, Outcome.NONE) for slot in slots.tolist()]
        self.passed[slots] = False
        self.ended.update(one.value for one in outcomes if one.value is not None)
        both = np.concatenate([slots, slots + self.most])
        for count in self.reassembly.finish(both):
            self._events(np.zeros(0, np.uint8), count)
            self._settle()
        if any(one is not Outcome.NONE for one in outcomes):
            columns = columns | self._corrected(slots, columns)
        self.reassembly.clear(both)
        for walker in self.walkers.values():
            if isinstance(walker, DialogWalker):
                walker.leave(slots)
        codes = np.array([OUTCOMES.index(one.value) for one in outcomes], np.int64)
        return columns | {"decryption": words(OUTCOMES, codes)}

    def _corrected(self, slots: Shorts, columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
        """Services and undecoded bytes with those of the streams inside."""
        flows, states = self.tracker.state.flows, self.reassembly.states
        flow, both = flows["number"][slots], 2 * slots[:, None] + np.arange(2)
        is_own = states["flow"][both] == flow[:, None]
        numbers = np.where(is_own, states["protocol"][both], 0)
        sent = np.where(is_own, states["offset"][both], 0)
        missed = np.where(is_own, states["undecoded"][both], 0)
        undecoded = np.where((numbers == 0) | (numbers == NO_PROTOCOL), sent, missed)
        earlier = self.handed.leaving(flow, numbers, sent, missed, undecoded)
        undecoded[(numbers != 0) & (numbers != NO_PROTOCOL) & ~self.read[numbers]] = 0
        port = np.where(flows["originator"][slots] == 0, flows["b_port"][slots], flows["a_port"][slots])
        self._count(port, undecoded.sum(axis=1), numbers.max(axis=1))
        services = zip(columns["service"].to_pylist(), self._services(numbers, earlier).to_pylist(), strict=True)
        result = {"service": pa.array([list(dict.fromkeys(a + b)) for a, b in services], columns["service"].type)}
        for side, name in enumerate(SIDES):
            column = f"{name}_undecoded_bytes"
            pairs = zip(columns[column].to_pylist(), undecoded[:, side].tolist(), strict=True)
            result[column] = pa.array([None if a is None else a + b for a, b in pairs], pa.int64())
        return result


def _is_fresh(state: np.void) -> bool:
    """Whether no walker has read of the stream."""
    return not any(int(state[name]) for name in OF_READER if name != "protocol")

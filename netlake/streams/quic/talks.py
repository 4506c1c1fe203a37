"""Which connection the packets of a datagram belong to: the connections of a capture, by flow and connection ID.

Rules
- A connection begins with an Initial packet that opens with keys from its own Destination Connection ID, and that is
  not of a connection of its flow. A flow can have several, one after another or at once.
- Packets with a long header belong to the connection one of whose ends has their Source Connection ID, those with a
  short header to the one whose other end is called by the ID behind the first byte. The last connection has the packets
  whose ID is not known.
- A flow is idle while none of its connections is decrypted; of an idle one only datagrams with a long header are read.
- At most MOST_TALKS connections are read at once, MOST_OF_FLOW of a flow; together they keep at most MOST_HELD bytes.
  One more ends the oldest without secrets; where all have some, the new one is not read. Above MOST_HELD those that
  keep most keep nothing more, until an eighth is free. What is given up is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from netlake.layers.datagrams import Datagram, Inner
from netlake.layers.decrypted import Outcome
from netlake.layers.dialog import Said, Where
from netlake.layers.key_log import Secrets
from netlake.layers.probes import byte_at
from netlake.packets import Malformed, Mask, Messages
from netlake.streams.quic.connection import Connection
from netlake.streams.quic.frames import Close
from netlake.streams.quic.packets import LONG, Kind, Packet, packets
from netlake.streams.quic.streams import Event

MOST_TALKS, MOST_OF_FLOW, MOST_HELD = 1 << 14, 16, 64 << 20


class Inside(Protocol):
    """What reads the streams of a connection; `held` are the bytes that it keeps."""

    name: str

    @property
    def held(self) -> int:
        """Bytes that are kept."""

    def read(self, event: Event) -> Iterator[Said]:
        """Read what happened in a stream."""

    def end(self, closed: tuple[int, Close] | None, place: Where | None) -> Iterator[Said]:
        """The connection is over; `closed` is the side that closed it, and how."""


# makes what reads the streams of a connection, by the protocols that it can be and the side of the client
Choose = Callable[[tuple[str, ...], int], Inside | None]


@dataclass(slots=True, eq=False)
class Talk:
    """A connection, what reads its streams (None if nothing does), and the bytes that both keep."""

    connection: Connection
    inside: Inside | None = None
    is_chosen: bool = False
    held: int = 0


@dataclass(slots=True)
class Flow:
    """The connections of a flow that are read, and what is known of those that are over."""

    talks: list[Talk] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    services: dict[str, None] = field(default_factory=dict)


class Talks:
    """The connections of one capture (netlake.layers.datagrams.DecryptingReader); `choose` makes what reads them."""

    def __init__(self, secrets: Secrets, choose: Choose) -> None:
        self.secrets, self.choose = secrets, choose
        self.open: dict[int, Flow] = {}
        # all that are read, and those of them that had no secrets when this was last looked at: oldest first
        self.talks: dict[Talk, Flow] = {}
        self.bare: dict[Talk, None] = {}
        self.held = 0
        self.counts: Counter[str] = Counter()

    def begins(self, messages: Messages) -> Mask:
        """The messages that can begin something: those with a long header."""
        return np.asarray(byte_at(messages, 0) >= LONG)

    def is_idle(self, flow: int) -> bool:
        """Whether nothing is decrypted of a flow."""
        found = self.open.get(flow)
        return found is None or all(one.connection.over for one in found.talks)

    def feed(self, message: Datagram) -> Iterator[Said | Inner]:
        """Read a datagram."""
        flow = self.open.get(message.flow)
        try:
            for packet in packets(message.data):
                talk = self._talk(flow, message, packet)
                if talk is not None:
                    flow = self.open[message.flow]
                    yield from self._events(talk)
                    if self._is_too_much(talk):
                        yield from self._end(flow, talk, message.at)
                    if len(flow.talks) > MOST_OF_FLOW:
                        yield from self._end(flow, flow.talks[0], message.at)
        except Malformed:
            if flow is not None and flow.talks:
                flow.talks[-1].connection.counts["failed_packets"] += 1

    def leave(self, flow: int) -> Iterator[Said]:
        """A flow is over."""
        found = self.open.get(flow)
        while found is not None and found.talks:
            yield from self._end(found, found.talks[0], None)

    def outcome(self, flow: int) -> tuple[Outcome, tuple[str, ...]]:
        """How much of a flow that has left was decrypted, and its protocols; it is then forgotten."""
        found = self.open.pop(flow, Flow())
        known = {one for one in found.outcomes if one is not Outcome.NONE}
        if len(known) > 1:
            known = {Outcome.PARTIAL}
        return known.pop() if known else Outcome.NONE, tuple(found.services)

    def give_up(self, flow: int) -> None:
        """Decrypt nothing more of a flow, because reading it raised."""
        for talk in self.open.get(flow, Flow()).talks:
            talk.connection.give_up()

    # -- connections

    def _talk(self, flow: Flow | None, message: Datagram, packet: Packet) -> Talk | None:
        """The connection of a packet, which reads it; None if it is of none."""
        data, place = message.data, message.at
        if packet.kind is Kind.INITIAL:
            return self._initial(message, packet)
        if flow is None or not flow.talks:
            return None
        if packet.kind is Kind.SHORT:
            talk, size = _called(flow, data[packet.begin + 1 :], 1 - place.side)
            packet = packet._replace(at=packet.begin + 1 + size)
        else:
            talk = next((one for one in reversed(flow.talks) if _is_of(one, packet, place.side)), flow.talks[-1])
        if message.missing and packet.kind is Kind.SHORT:
            talk.connection.counts["failed_packets"] += 1
        else:
            talk.connection.feed(data, packet, place)
        return talk

    def _initial(self, message: Datagram, packet: Packet) -> Talk | None:
        """The connection of an Initial packet, which may begin."""
        place = message.at
        flow = self.open.get(message.flow)
        for talk in reversed(flow.talks) if flow is not None else ():
            if _is_of(talk, packet, place.side) and talk.connection.begin(message.data, packet, place):
                return talk
        connection = Connection(self.secrets, place.side, packet.destination)
        if not connection.begin(message.data, packet, place):
            return None
        if len(self.talks) >= MOST_TALKS:
            self.counts["given_up"] += 1
            if not self._has_room():
                return None
        talk = Talk(connection)
        flow = self.open.setdefault(message.flow, Flow())
        flow.talks.append(talk)
        self.talks[talk], self.bare[talk] = flow, None
        return talk

    def _has_room(self) -> bool:
        """End the oldest connection without secrets, of which there are no rows; False if all have some."""
        while self.bare:
            talk = next(iter(self.bare))
            del self.bare[talk]
            if not talk.connection.has_secrets:
                for _ in self._end(self.talks[talk], talk, None):
                    pass
                return True
        return False

    def _events(self, talk: Talk) -> Iterator[Said | Inner]:
        """What was decrypted of a connection goes to what reads its streams."""
        connection = talk.connection
        yield from connection.certificates
        connection.certificates.clear()
        events, connection.found = connection.found, []
        if events and not talk.is_chosen:
            talk.is_chosen = True
            talk.inside = self.choose(connection.hellos.protocols, connection.client_side)
        for event in events if talk.inside is not None else ():
            yield from talk.inside.read(event)  # type: ignore[union-attr]

    def _is_too_much(self, talk: Talk) -> bool:
        """Count what a connection keeps; whether all keep too much, and giving up others did not help."""
        self._count(talk)
        if self.held <= MOST_HELD or not talk.held:
            return False
        for one in sorted(self.talks, key=lambda one: one.connection.held, reverse=True):
            if self.held <= MOST_HELD * 7 // 8 or not one.connection.held:
                break
            one.connection.give_up()
            self.counts["given_up"] += 1
            self._count(one)
        if self.held <= MOST_HELD:
            return False
        talk.connection.over = True
        self.counts["given_up"] += 1
        return True

    def _count(self, talk: Talk) -> None:
        """Count what a connection keeps now."""
        held = talk.connection.held + (0 if talk.inside is None else talk.inside.held)
        self.held, talk.held = self.held + held - talk.held, held

    def _end(self, flow: Flow, talk: Talk, place: Where | None) -> Iterator[Said]:
        """A connection of a flow is over."""
        flow.talks.remove(talk)
        del self.talks[talk]
        self.bare.pop(talk, None)
        connection, inside = talk.connection, talk.inside
        self.held -= talk.held
        for event in connection.end():
            if inside is not None:
                yield from inside.read(event)
        if inside is not None:
            yield from inside.end(connection.closed, place)
        flow.outcomes.append(connection.outcome)
        if connection.has_secrets:
            self.counts.update(+connection.counts)
            flow.services |= dict.fromkeys(["quic", *([inside.name] if inside is not None else [])])


def _is_of(talk: Talk, packet: Packet, side: int) -> bool:
    """Whether a packet with a long header, sent by `side`, has an ID of a connection."""
    ends = talk.connection.ends
    return packet.source in ends[side].ids or packet.destination in ends[1 - side].ids


def _called(flow: Flow, data: bytes, side: int) -> tuple[Talk, int]:
    """The connection whose end `side` is called by the ID at the begin of `data`, and the size of that ID."""
    found, longest = flow.talks[-1], -1
    for talk in reversed(flow.talks):
        end = talk.connection.ends[side]
        for size in end.sizes:
            if size > longest and data[:size] in end.ids:
                found, longest = talk, size
    return found, max(0, longest)

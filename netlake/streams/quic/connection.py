"""Decrypts one QUIC connection: the keys of its packets, and what is in their frames (rules: netlake.streams.quic)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, cast

from netlake.layers.datagrams import Inner
from netlake.layers.decrypted import Outcome
from netlake.layers.dialog import Where
from netlake.layers.handshake import HEADER, Assembly
from netlake.layers.key_log import EARLY, HANDSHAKE, NOTHING, TRAFFIC, Secrets
from netlake.packets import Malformed
from netlake.streams.quic.frames import Close, Crypto, Data, NewId, Reset, frames
from netlake.streams.quic.messages import OF_CERTIFICATE, Hellos, certificates
from netlake.streams.quic.packets import FIXED, Kind, Packet
from netlake.streams.quic.protection import ALLOWED, Keys, Opened, Sealed, of_initial, of_secret
from netlake.streams.quic.streams import STOP, Event, Streams
from netlake.streams.tls.decrypt.suites import SUITES

WRONG, LATER_WRONG = 8, 64
# bytes of packets that wait for the ServerHello, and what each takes besides its data
MOST_PENDING, OVERHEAD = 1 << 18, 400
# changes of the key phase that may be missing, and how often they are tried in a connection
SEARCH, MOST_TRIES = 3, 256
# connection IDs of one end that are known
MOST_IDS = 32
KEY_PHASE = 0x04


class Space(IntEnum):
    """Packet number spaces."""

    INITIAL = 0
    HANDSHAKE = 1
    DATA = 2


SPACES = {
    Kind.INITIAL: Space.INITIAL, Kind.EARLY: Space.DATA, Kind.HANDSHAKE: Space.HANDSHAKE, Kind.SHORT: Space.DATA,
}  # fmt: skip


@dataclass(slots=True)
class End:
    """One end of a connection: what it sends is opened with `keys`; `ids` are the connection IDs by which it is called.

    `phase` is the bit of its key phase, which began with packet `since`.
    """

    ids: dict[bytes, None] = field(default_factory=dict)
    sizes: set[int] = field(default_factory=set)  # of IDs
    largest: dict[Space, int] = field(default_factory=dict)
    crypto: dict[Space, Assembly] = field(default_factory=dict)
    keys: dict[Kind, Keys] = field(default_factory=dict)
    before: Keys | None = None
    after: Keys | None = None
    phase: int = 0
    since: int = 0

    def add_id(self, connection: bytes) -> None:
        """It is called by another ID."""
        self.ids[connection] = None
        self.sizes.add(len(connection))
        if len(self.ids) > MOST_IDS:
            del self.ids[next(iter(self.ids))]


@dataclass(slots=True)
class Waiting:
    """A packet that waits for the ServerHello, with the bytes of its datagram."""

    data: bytes
    packet: Packet
    place: Where


class Connection:
    """Decrypts one connection, which began with an Initial packet of `client_side` to the connection ID `first`.

    Events of its streams are in `found`, its Certificate messages in `certificates`, until the caller takes them;
    `closed` is how it was closed, and by which side.
    """

    def __init__(self, secrets: Secrets, client_side: int, first: bytes) -> None:
        self.secrets, self.client_side, self.first = secrets, client_side, first
        self.version = 0
        self.ends = (End(), End())  # by side
        self.hellos = Hellos()
        self.known: Mapping[str, bytes] = NOTHING
        self.has_secrets = self.over = False
        self.pending: list[Waiting] = []
        self.pending_size = self.failing = self.opened = 0
        self.tries = MOST_TRIES
        self.streams = Streams()
        self.found: list[Event] = []
        self.counts: Counter[str] = Counter()
        self.certificates: list[Inner] = []
        self.closed: tuple[int, Close] | None = None

    @property
    def held(self) -> int:
        """Bytes that are kept."""
        crypto = sum(one.size for end in self.ends for one in end.crypto.values())
        return self.pending_size + self.streams.held + crypto

    @property
    def outcome(self) -> Outcome:
        """How much was decrypted so far."""
        if not self.has_secrets:
            return Outcome.NONE
        if not self.opened:
            return Outcome.FAILED
        is_part = self.counts["failed_packets"] or self.streams.gaps or self.over
        return Outcome.PARTIAL if is_part else Outcome.COMPLETE

    def give_up(self) -> None:
        """Keep nothing, and decrypt nothing more."""
        self.over = True
        self.pending.clear()
        self.pending_size = 0
        self.streams.forget()
        for end in self.ends:
            end.crypto.clear()

    def end(self) -> Iterator[Event]:
        """The connection is over, or no more of it was captured: what its streams still have."""
        self.counts["failed_packets"] += len(self.pending)
        self.pending.clear()
        return self.streams.end()

    def begin(self, data: bytes, packet: Packet, place: Where) -> bool:
        """Read an Initial packet; False if it is not authentic with the keys of this connection.

        After a Retry a client sends to the ID that the server chose, and the keys follow from that one; its handshake
        begins anew, with the same ClientHello or, of some clients, another one.
        """
        from_client, end = place.side == self.client_side, self.ends[place.side]
        can_be_retry = from_client and not self.hellos.suite
        for first in (self.first, packet.destination) if can_be_retry else (self.first,):
            keys = of_initial(packet.version, first, server=not from_client)
            before = end.crypto.pop(Space.INITIAL, None) if first != self.first else None
            if keys is not None and self._open(data, packet, place, keys) is not None:
                self.first = first
                end.add_id(packet.source)
                return True
            if before is not None:
                end.crypto[Space.INITIAL] = before
        return False

    def feed(self, data: bytes, packet: Packet, place: Where) -> None:
        """Read a packet of another type; one of which the keys are not known yet waits."""
        if self.over:
            return
        if not self.hellos.is_complete:
            self._wait(Waiting(data, packet, place))
            return
        end = self.ends[place.side]
        if packet.kind not in end.keys and not self._take_keys(packet, place.side):
            return
        if packet.kind is Kind.SHORT:
            opened = self._open_short(data, packet, place)
        else:
            opened = self._open(data, packet, place, end.keys[packet.kind])
        if opened is None:
            # behind QUIC there can be something else; its ends may agree to set the bit to 0 (RFC 9287)
            if data[packet.begin] & FIXED:
                self._failed()
        else:
            self.opened, self.failing = self.opened + 1, 0
            self.counts["packets"] += 1

    def _wait(self, one: Waiting) -> None:
        if self.hellos.random and not self.secrets.of(self.hellos.random):
            self.give_up()
            return
        self.pending_size += len(one.data) + OVERHEAD
        if self.pending_size > MOST_PENDING:
            self.has_secrets = bool(self.hellos.random)
            self.give_up()
            return
        self.pending.append(one)

    def _take_keys(self, packet: Packet, side: int) -> bool:
        """Take the keys for packets of this type; False if there is no secret for them, which is counted."""
        role = int(side != self.client_side)
        self.known = self.secrets.of(self.hellos.random)
        suite = SUITES.get(self.hellos.suite) if self.hellos.suite in ALLOWED else None
        labels = {Kind.EARLY: EARLY, Kind.HANDSHAKE: HANDSHAKE[role], Kind.SHORT: TRAFFIC[role]}
        self.has_secrets |= any(label in self.known for label in (*HANDSHAKE, *TRAFFIC))
        if suite is None or not self.has_secrets:
            self.give_up()
            return False
        secret = self.known.get(labels[packet.kind])
        if packet.kind is Kind.EARLY and (role or secret is None):
            return False  # 0-RTT data is sent again if the server does not take it
        if secret is None:
            self.counts["failed_packets"] += 1
            return False
        self.ends[side].keys[packet.kind] = of_secret(secret, suite, packet.version or self.version)
        return True

    def _failed(self) -> None:
        self.counts["failed_packets"] += 1
        self.failing += 1
        if self.failing >= (LATER_WRONG if self.opened else WRONG):
            self.give_up()

    # -- packets

    def _open(self, data: bytes, packet: Packet, place: Where, keys: Keys) -> Opened | None:
        """Open a packet with a long header, and read its frames."""
        end, space = self.ends[place.side], SPACES[packet.kind]
        sealed = keys.unmask(data[: packet.end], packet.begin, packet.at, end.largest.get(space, -1))
        opened = None if sealed is None else keys.open(sealed)
        if opened is not None:
            end.largest[space] = max(opened.number, end.largest.get(space, -1))
            if place.side != self.client_side or not self.version:
                self.version = packet.version  # the server chooses it (RFC 9368)
            self._frames(opened.payload, packet.kind, place)
        return opened

    def _open_short(self, data: bytes, packet: Packet, place: Where) -> Opened | None:
        """Open a packet with a short header, with the keys of the key phase that it names."""
        end = self.ends[place.side]
        keys, largest = end.keys[Kind.SHORT], end.largest.get(Space.DATA, -1)
        sealed = keys.unmask(data[: packet.end], packet.begin, packet.at, largest)
        if sealed is None:
            return None
        opened = self._in_phase(end, keys, sealed)
        if opened is not None:
            end.largest[Space.DATA] = max(opened.number, largest)
            self._frames(opened.payload, packet.kind, place)
        return opened

    def _in_phase(self, end: End, keys: Keys, sealed: Sealed) -> Opened | None:
        is_current = (sealed.first & KEY_PHASE > 0) == bool(end.phase)
        if is_current and (opened := keys.open(sealed)) is not None:
            return opened
        if not is_current and end.before is not None and sealed.number < end.since:
            return end.before.open(sealed)
        # changes of the key phase: an odd number if the bit has changed, else an even one
        later = keys
        for steps in range(1, SEARCH + 1):
            if steps > 1:
                self.tries -= 1
                if self.tries <= 0:
                    return None
            if end.after is None:
                end.after = keys.following()
            later = end.after if steps == 1 else later.following()
            if steps % 2 == int(is_current):
                continue
            if (opened := later.open(sealed)) is not None:
                end.before, end.after, end.keys[Kind.SHORT] = keys, None, later
                end.phase, end.since = end.phase ^ (steps & 1), sealed.number
                self.counts["key_updates"] += steps
                return opened
        return None

    def _frames(self, payload: bytes, kind: Kind, place: Where) -> None:
        has_streams = kind in (Kind.EARLY, Kind.SHORT)
        try:
            for frame in frames(payload):
                if isinstance(frame, Data):
                    if has_streams:
                        self.found += self.streams.data(place.side, frame, place)
                elif isinstance(frame, Crypto):
                    self._crypto(frame, SPACES[kind], place)
                elif isinstance(frame, Reset):
                    self._reset(frame, place)
                elif isinstance(frame, NewId):
                    if has_streams:
                        self.ends[place.side].add_id(frame.connection)
                elif self.closed is None:
                    self.closed = place.side, frame
        except Malformed:
            self.counts["bad_packets"] += 1

    def _reset(self, frame: Reset, place: Where) -> None:
        if frame.size >= 0:
            self.found += self.streams.reset(place.side, frame.stream, frame.code, place)
        else:
            self.found.append(Event(STOP, frame.stream, place.side, place, code=frame.code))

    def _crypto(self, frame: Crypto, space: Space, place: Where) -> None:
        """Read handshake messages; those behind the handshake are not needed."""
        if space is Space.DATA or self.over:
            return
        end = self.ends[place.side]
        stream = end.crypto.setdefault(space, Assembly())
        stream.offer(frame.offset, frame.data, cast("Any", place))
        while not stream.ended and (found := stream.message()) is not None:
            message, begin = found
            self.hellos.read(message[0], message[HEADER:], from_client=place.side == self.client_side)
            if space is Space.HANDSHAKE and (made := certificates(message[0], message[HEADER:])) is not None:
                self.certificates.append(Inner("x509", made, OF_CERTIFICATE, cast("Any", begin), place))
        if self.hellos.is_complete and self.pending:
            pending, self.pending, self.pending_size = self.pending, [], 0
            for one in pending:
                self.feed(one.data, one.packet, one.place._replace(due=place.due))

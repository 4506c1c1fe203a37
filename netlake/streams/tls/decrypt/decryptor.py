"""Decrypts one flow of TLS 1.0 to 1.3 (netlake.layers.decrypted).

Rules
- The secrets of a flow are looked up by the random value of its ClientHello when its first encrypted record arrives.
  Without any the flow is left alone.
- Up to TLS 1.2 a direction is encrypted behind its ChangeCipherSpec, with keys of the last two hellos; a handshake
  within (renegotiation) changes them again. In TLS 1.3 records of type 23 are encrypted: with the secrets for early
  data, for the handshake up to Finished, for data, and for data behind each KeyUpdate.
- Encrypted records that arrive before the ServerHello wait, at most MOST_PENDING bytes of each side.
- Behind missing bytes a record can begin anywhere (netlake.streams.tls.decrypt.side), and its sequence number is not
  known. Those that the missing bytes allow are tried, at most SEARCH of them for a record and MOST_TRIES in a flow; in
  TLS 1.3 also the next secrets. As many bytes as the missing records contained are a gap of the stream inside: in CBC,
  and with padding, it is a few bytes too large.
- A record that is not authentic is missing in the stream inside. WRONG of them before any other end the decryption of a
  flow, LATER_WRONG in succession too. Rejected early data, and early data without a secret, does not count.
- Of encrypted handshake messages hellos and certificates are handed on, in the form of TLS 1.2; alerts too.
- Not decrypted: SSL 3.0 and 2.0, compression, drafts of TLS 1.3 before 26, and cipher suites that
  netlake.streams.tls.decrypt.suites does not have. A flow with secrets for them has the outcome FAILED.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from netlake.kernels.stream_state import Kind
from netlake.kernels.tls_state import HEADER_SIZE, Content, Handshake
from netlake.layers.decrypted import Outcome, Piece, Place
from netlake.layers.key_log import EARLY, HANDSHAKE, MASTER, NOTHING, TRAFFIC, Secrets
from netlake.layers.key_schedule import expand_label
from netlake.streams.tls.decrypt import hello as hellos
from netlake.streams.tls.decrypt.hello import ClientHello, ServerHello
from netlake.streams.tls.decrypt.protection import (
    TLS_1_0,
    TLS_1_3,
    Epoch,
    Opened,
    Protection,
    Record,
    of_epoch,
    of_secret,
)
from netlake.streams.tls.decrypt.side import Messages, Side
from netlake.streams.tls.decrypt.suites import SUITES, Suite

MOST_PENDING = 1 << 16
SEARCH, MOST_TRIES = 1 << 10, 1 << 15
WRONG, LATER_WRONG = 8, 64
# what one record may have as content
LONGEST_CONTENT = 1 << 14
DRAFTS = range(0x7F1A, 0x7F20)  # of TLS 1.3, from 26 on
END_OF_EARLY_DATA, FINISHED, KEY_UPDATE = 5, 20, 24
CERTIFICATE = Handshake.CERTIFICATE.value
READ = frozenset({
    Handshake.CLIENT_HELLO.value, Handshake.SERVER_HELLO.value, CERTIFICATE, hellos.COMPRESSED_CERTIFICATE,
    END_OF_EARLY_DATA, FINISHED, KEY_UPDATE,
})  # fmt: skip
CHANGE, ALERT, MESSAGE = Content.CHANGE_CIPHER_SPEC.value, Content.ALERT.value, Content.HANDSHAKE.value
APPLICATION = Content.APPLICATION_DATA.value
HANDED_ON = frozenset({Handshake.CLIENT_HELLO.value, Handshake.SERVER_HELLO.value, CERTIFICATE})
# bytes that may be missing where data is encrypted and no ChangeCipherSpec was captured: two short records
WITHOUT_CHANGE = 96
DATA, GAP, END = Kind.DATA, Kind.GAP, Kind.END
# the stages of TLS 1.3; earlier versions have the last one
OF_EARLY, OF_HANDSHAKE, OF_TRAFFIC = range(3)


class TlsDecryptor:
    """Decrypts one flow; without secrets for it, it is `over` with its first encrypted record."""

    def __init__(self, secrets: Secrets) -> None:
        self.secrets = secrets
        self.found: list[Piece] = []
        self.counts: Counter[str] = Counter()
        self.over = False
        self.sides = (Side(Messages(READ)), Side(Messages(READ)))
        self.client_side = 0
        self.client: ClientHello | None = None
        self.server: ServerHello | None = None
        self.known: Mapping[str, bytes] = NOTHING
        self.has_secrets = False
        self.tries = MOST_TRIES

    @property
    def held(self) -> int:
        """Bytes that are kept."""
        return self.sides[0].held + self.sides[1].held

    @property
    def outcome(self) -> Outcome:
        """How much was decrypted so far."""
        if not self.has_secrets:
            return Outcome.NONE
        if not self.counts["records"]:
            return Outcome.FAILED
        incomplete = self.counts["failed_records"] or self.counts["gaps"] or any(side.missed for side in self.sides)
        return Outcome.PARTIAL if incomplete or self.over else Outcome.COMPLETE

    def give_up(self) -> None:
        """Keep nothing, and decrypt nothing more."""
        self.over = True
        for side in self.sides:
            side.forget()

    def feed(self, side: int, data: bytes, place: Place) -> None:
        """Read the next bytes of a side."""
        records = iter(()) if self.over else self.sides[side].records(data, place)
        for record, begin in records:
            self._record(side, record, begin)
            if self.over:
                return

    def gap(self, side: int, size: int, place: Place) -> None:  # noqa: ARG002 - the place is that of the record behind
        """Bytes of a side are missing."""
        self.sides[side].gap(size)

    def end(self, side: int, place: Place) -> None:
        """A side sends nothing more."""
        mine = self.sides[side]
        if mine.protection is not None:
            mine.missed += len(mine.buffer)
        mine.forget()
        self._close(side, place)

    def _close(self, side: int, place: Place) -> None:
        if not self.sides[side].closed:
            self.sides[side].closed = True
            self.found.append(Piece(side, END, b"", 0, place))

    @property
    def _is_13(self) -> bool:
        return self.server is not None and (self.server.version >= TLS_1_3)

    def _record(self, side: int, record: Record, place: Place) -> None:
        mine = self.sides[side]
        if record.kind == CHANGE and (mine.protection is None or self._is_13):
            mine.changed = True
        elif self._is_sealed(mine, record):
            self._sealed(side, record, place)
        else:
            mine.missed = 0
            if record.kind == MESSAGE:
                self._messages(side, record.fragment, place, own=False)

    def _is_sealed(self, mine: Side, record: Record) -> bool:
        """Whether a record that is no ChangeCipherSpec is encrypted."""
        if record.kind == APPLICATION:
            return True
        if self._is_13:
            return False
        if self.server is None or self.server.retry:
            # behind a HelloRetryRequest a hello follows a ChangeCipherSpec
            return mine.changed and record.fragment[:1] != bytes((Handshake.CLIENT_HELLO.value,))
        return mine.changed or mine.protection is not None

    # -- encrypted records

    def _sealed(self, side: int, record: Record, place: Place) -> None:
        """Open a record, or let it wait for the hellos."""
        mine = self.sides[side]
        if self.client is None or self.server is None or self.server.retry:
            mine.wait(record, place, MOST_PENDING)
            return
        role = side ^ self.client_side
        if (mine.changed or mine.stage < 0) and not self._begin(mine, role, self.client, self.server):
            self.give_up()
            return
        before = mine.missed
        opened, records = self._open(mine, record, role)
        if opened is None:
            self._not_authentic(mine, record, role)
            return
        if before:
            self._missed(side, records, place)
        mine.sequence, mine.opened, mine.failing = opened.sequence + 1, mine.opened + 1, 0
        self.counts["records"] += 1
        self._content(side, opened, place)

    def _begin(self, mine: Side, role: int, client: ClientHello, server: ServerHello) -> bool:
        """Take the keys that follow from the last hellos; False if they are not known, or not supported."""
        self.known = self.secrets.of(client.random)
        suite = SUITES.get(server.suite)
        labels = (HANDSHAKE[role], TRAFFIC[role]) if self._is_13 else (MASTER,)
        has_secrets = any(label in self.known for label in labels)
        self.has_secrets |= has_secrets
        is_read = TLS_1_0 <= server.version <= TLS_1_3 or server.version in DRAFTS
        if suite is None or not is_read or server.compression or not has_secrets:
            return False
        changed, mine.changed = mine.changed, False
        if self._is_13:
            if mine.stage < 0:
                early = role == 0 and client.early_data and EARLY in self.known
                self._stage(mine, OF_EARLY if early else OF_HANDSHAKE, role, suite)
            return True
        seed = server.random + client.random
        epoch = Epoch(server.version, suite, self.known[MASTER], seed, server.mac_last, server.truncated)
        mine.protection, mine.sequence, mine.stage = of_epoch(epoch, role), 0, OF_TRAFFIC
        if not changed:
            mine.missed = max(mine.missed, WITHOUT_CHANGE)
        return True

    def _stage(self, mine: Side, stage: int, role: int, suite: Suite) -> None:
        """Take the secret of a stage of TLS 1.3, or of the first later one that is known."""
        labels = (EARLY, HANDSHAKE[role], TRAFFIC[role])
        while stage < OF_TRAFFIC and labels[stage] not in self.known:
            stage += 1
        _take(mine, self.known.get(labels[stage], b""), stage, suite)

    def _open(self, mine: Side, record: Record, role: int) -> tuple[Opened | None, int]:
        """The content of a record, and how many records are missing before it if bytes are.

        Where records may be missing, the keys of TLS 1.3 may be later ones, which are then taken.
        """
        if mine.protection is not None:
            opened = self._try(mine.protection, record, mine.sequence, mine.missed)
            if opened is not None:
                return opened, opened.sequence - mine.sequence
        suite = SUITES.get(self.server.suite if self.server else 0)
        if suite is None or not self._is_13 or not (mine.missed or mine.stage == OF_EARLY):
            return None, 0
        labels = (EARLY, HANDSHAKE[role], TRAFFIC[role])
        later = [(stage, self.known.get(labels[stage], b"")) for stage in range(mine.stage + 1, OF_TRAFFIC + 1)]
        if mine.stage == OF_TRAFFIC and mine.secret:
            later = [(OF_TRAFFIC, _next(mine.secret, suite))]
        for stage, secret in later:
            if secret and (opened := self._try(of_secret(secret, suite), record, 0, mine.missed)) is not None:
                _take(mine, secret, stage, suite)
                # at least the last record with the keys before
                return opened, opened.sequence + 1
        return None, 0

    def _try(self, protection: Protection, record: Record, first: int, missed: int) -> Opened | None:
        """Open a record with the sequence numbers that are possible if `missed` bytes of records are missing."""
        count = min(SEARCH, missed // (HEADER_SIZE + protection.overhead) + 1, max(1, self.tries))
        opened = protection.open(record, range(first, first + count))
        self.tries -= (count if opened is None else opened.sequence - first + 1) - 1
        return opened

    def _missed(self, side: int, records: int, place: Place) -> None:
        """A record was opened behind missing bytes, which were `records` records."""
        mine = self.sides[side]
        overhead = HEADER_SIZE + (mine.protection.overhead if mine.protection else 0)
        size, mine.missed = mine.missed - records * overhead, 0
        if records:
            self.counts["gaps"] += 1
        if records and mine.stage == OF_TRAFFIC:
            self.found.append(Piece(side, GAP, b"", max(1, size), place))
        mine.messages.lose()

    def _not_authentic(self, mine: Side, record: Record, role: int) -> None:
        """A record is missing: it is damaged, the secrets are wrong, or it has early data."""
        self.counts["failed_records"] += 1
        early = self.client is not None and self.client.early_data and role == 0
        if early and self._is_13 and not mine.opened and mine.stage == OF_HANDSHAKE:
            return
        mine.missed += HEADER_SIZE + len(record.fragment)
        mine.failing += 1
        if mine.failing >= (LATER_WRONG if mine.opened else WRONG) or self.tries <= 0:
            self.give_up()

    # -- what records contain

    def _content(self, side: int, opened: Opened, place: Place) -> None:
        mine = self.sides[side]
        if opened.kind == APPLICATION:
            if opened.content and not mine.closed:
                self.found.append(Piece(side, DATA, opened.content, len(opened.content), place))
        elif opened.kind == MESSAGE:
            self._messages(side, opened.content, place, own=True)
        elif opened.kind == ALERT:
            self._own(side, ALERT, opened.content, place)
            if len(opened.content) == 2 and opened.content[1] == 0:  # close_notify
                self._close(side, place)
        elif opened.kind == CHANGE:
            mine.changed = True

    def _messages(self, side: int, data: bytes, place: Place, *, own: bool) -> None:
        """Read handshake messages; `own` are those that were encrypted."""
        for kind, body, begin in self.sides[side].messages.add(data, place):
            if not own and self._is_13 and any(one.opened and one.stage > OF_EARLY for one in self.sides):
                continue  # behind encrypted records there are none that are not: these are not of the two ends
            if kind == Handshake.CLIENT_HELLO:
                self._client(side, body)
            elif kind == Handshake.SERVER_HELLO:
                self._server(body)
            elif own and self._is_13:
                kind, body = self._of_13(side, kind, body)  # noqa: PLW2901 - in the form of TLS 1.2
            if own and kind in HANDED_ON:
                message = bytes((kind,)) + len(body).to_bytes(3, "big") + body
                self._own(side, MESSAGE, message, Place(begin.number, begin.ts, place.at))

    def _client(self, side: int, body: bytes) -> None:
        found = hellos.client_hello(body)
        if found is not None:
            self.client, self.client_side = found, side

    def _server(self, body: bytes) -> None:
        """Take a ServerHello; records that wait for it are read."""
        found = hellos.server_hello(body)
        if found is None:
            return
        self.server = found
        if found.retry or self.client is None:
            return
        for side in (self.client_side, 1 - self.client_side):
            for record, begin in self.sides[side].take_pending():
                if not self.over:
                    self._sealed(side, record, begin)

    def _of_13(self, side: int, kind: int, body: bytes) -> tuple[int, bytes]:
        """Read an encrypted message of TLS 1.3; returns it, certificates in the form of TLS 1.2."""
        mine, role = self.sides[side], side ^ self.client_side
        suite = SUITES.get(self.server.suite if self.server else 0)
        if suite is None:
            return kind, body
        if kind == FINISHED and mine.stage < OF_TRAFFIC:
            self._stage(mine, OF_TRAFFIC, role, suite)
        elif kind == END_OF_EARLY_DATA and mine.stage == OF_EARLY:
            self._stage(mine, OF_HANDSHAKE, role, suite)
        elif kind == KEY_UPDATE and mine.secret and mine.stage == OF_TRAFFIC:
            _take(mine, _next(mine.secret, suite), OF_TRAFFIC, suite)
        elif kind == hellos.COMPRESSED_CERTIFICATE:
            unpacked = hellos.decompressed(body)
            if unpacked is not None:
                kind, body = CERTIFICATE, unpacked
        return kind, hellos.as_certificate_12(body) if kind == CERTIFICATE else body

    def _own(self, side: int, kind: int, data: bytes, place: Place) -> None:
        """Hand on a message of TLS that was encrypted, in records that are not."""
        records = bytearray()
        for at in range(0, len(data), LONGEST_CONTENT):
            part = data[at : at + LONGEST_CONTENT]
            records += bytes((kind, 3, 3)) + len(part).to_bytes(2, "big") + part
        if records:
            self.found.append(Piece(side, DATA, bytes(records), len(records), place, own=True))


def _take(mine: Side, secret: bytes, stage: int, suite: Suite) -> None:
    """Take a traffic secret; without one, nothing can be opened."""
    mine.secret, mine.stage, mine.sequence = secret, stage, 0
    mine.protection = of_secret(secret, suite) if secret else None


def _next(secret: bytes, suite: Suite) -> bytes:
    """The traffic secret behind a KeyUpdate (RFC 8446 section 7.2)."""
    return expand_label(secret, "traffic upd", len(secret), suite.hash)

"""The walker of TLS streams (netlake.layers.streamed.Walker), and what the first bytes of a stream show."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from netlake.kernels.tls import walk
from netlake.kernels.tls_state import LONGEST_RECORD, MOST, PART, Content, Handshake, PoolArrays
from netlake.layers import handshake
from netlake.layers.streamed import NO, UNSURE, YES, Chains, Pool, Take, Verdict
from netlake.packets import Columns, Messages
from netlake.schema import Table
from netlake.streams.tls.declared import ALERT, CLIENT_HELLO, SERVER_HELLO, X509

# bytes of a stream that are kept before its protocol is known, at most
SCRATCH = 1 << 16
HEADER = 5
# the smallest encrypted content: a tag, or a MAC
SMALLEST_ENCRYPTED = 16


def first_look(data: bytes, _side: int) -> Verdict:
    """Whether a stream begins with a TLS record: a hello, or in the midst of a connection any record."""
    if data[:1] >= b"\x80":
        return _ssl_2(data)
    if any(byte != value for byte, value in zip(data[1:2], b"\x03", strict=False)) or data[2:3] > b"\x04":
        return NO
    if data and not Content.CHANGE_CIPHER_SPEC.value <= data[0] <= Content.APPLICATION_DATA.value:
        return NO
    if len(data) < HEADER:
        return UNSURE
    kind, size = data[0], int.from_bytes(data[3:HEADER])
    if not 0 < size <= LONGEST_RECORD:
        return NO
    return _content(kind, size, data[HEADER:])


def _ssl_2(data: bytes) -> Verdict:
    """Whether a stream begins with a ClientHello in the format of SSL 2.0 that offers SSL 3.0 or TLS."""
    if data[2:3] not in (b"", b"\x01") or data[3:4] not in (b"", b"\x03") or data[4:5] > b"\x03":
        return NO
    if len(data) < 11:
        return UNSURE
    length, suites, session, challenge = (int.from_bytes(data[at : at + 2]) for at in (0, 5, 7, 9))
    return YES if suites % 3 == 0 and length & 0x7FFF == 9 + suites + session + challenge else NO


def _content(kind: int, size: int, body: bytes) -> Verdict:
    """Whether the content of a first record fits its type and size."""
    if kind == Content.CHANGE_CIPHER_SPEC.value:
        fits = size == 1 and body[:1] in (b"", b"\x01")
        return NO if not fits else YES if body else UNSURE
    if kind == Content.ALERT.value and size == 2:
        fits = body[:1] in (b"", b"\x01", b"\x02")
        return NO if not fits else YES if body else UNSURE
    if kind != Content.HANDSHAKE.value:
        return YES if size >= SMALLEST_ENCRYPTED else NO
    if len(body) < min(4, size):
        return UNSURE
    if size >= 4 and body[0] in HANDSHAKES:
        return YES if int.from_bytes(body[1:4]) <= MOST else NO
    return YES if size >= SMALLEST_ENCRYPTED else NO


HANDSHAKES = {kind.value for kind in Handshake} | set(range(Handshake.LAST.value))


class TlsWalker:
    """Reads TLS streams; `number` is that of the protocol in STREAM.protocol."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pool = Pool()
        self._part, self._scratch = np.zeros(1, PART), np.zeros(SCRATCH, np.uint8)

    @property
    def pools(self) -> tuple[Pool, ...]:
        """The pool with hellos, certificates and alerts."""
        return (self.pool,)

    def walk(self, chains: Chains) -> None:
        """Locate the messages of the batch's TLS streams."""
        first, done = chains.first.copy(), 0
        while True:
            pool = PoolArrays(self.pool.data, self.pool.messages, self.pool.control)
            done = walk(done, self.number, first, chains.states, chains.data, chains.arena, pool, self._part,
                        self._scratch)  # fmt: skip
            if done >= len(first):
                return
            self.pool.grow()

    def rows(self, take: Take, *, every: bool) -> Iterator[tuple[Table, Messages, Columns | None]]:
        """The located messages by table, without columns; `hint` is their `kind` (netlake.kernels.tls_state)."""
        if not len(self.pool) or not (every or self.pool.full):
            return
        kinds = self.pool.messages["kind"][: len(self.pool)]
        for kind, table in TABLES_OF.items():
            index = np.flatnonzero(kinds & 0xFF == kind)
            if len(index):
                messages = take(self.pool, table, index)
                messages.hint = kinds[index].astype(np.int64)
                yield table, messages, None
        self.pool.clear()

    def forget(self) -> None:
        """Forget the located messages."""
        self.pool.clear()

    def close(self) -> None:
        """Nothing runs beside it."""


# the table of each type of message; handshake messages in datagrams have the same ones
_DECLARED = {table.name: table for table in (CLIENT_HELLO, SERVER_HELLO, X509)}
TABLES_OF = {kind: _DECLARED[name] for kind, name in handshake.TABLES_OF.items()} | {Content.ALERT.value: ALERT}

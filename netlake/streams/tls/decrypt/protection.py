"""Opens protected records (RFC 5246 section 6.2.3, RFC 5288, 6655, 7366, 7905, RFC 8446 section 5.2).

A Protection has the keys of one direction from one change of keys to the next. `open` is given the sequence numbers
that are possible, and returns the first with which the record is authentic; None if there is none, which is also the
answer for a wrong key. No record is used that is not authentic.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

from netlake.layers.key_schedule import expand_label, prf
from netlake.streams.tls.decrypt.suites import Suite

TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 = 0x0301, 0x0302, 0x0303, 0x0304
TAGS = {"ccm_8": 8}
TAG, IV_SIZE, SALT, EXPLICIT = 16, 12, 4, 8
# bytes that a MAC is cut to by the extension truncated_hmac (RFC 6066)
TRUNCATED = 10


class Record(NamedTuple):
    """A record as sent: type, version, and what is behind the header."""

    kind: int
    version: int
    fragment: bytes


class Opened(NamedTuple):
    """The content of a record, its real type, and the sequence number with which it is authentic."""

    kind: int
    content: bytes
    sequence: int


class Protection(Protocol):
    """The keys of one direction; `overhead` is what a record has beside its content and header, bytes, at least."""

    overhead: int

    def open(self, record: Record, sequences: Iterable[int]) -> Opened | None:
        """The content of a record that has one of these sequence numbers."""


class Epoch(NamedTuple):
    """What a handshake up to TLS 1.2 agreed on; `seed` is the server's random value and then the client's."""

    version: int
    suite: Suite
    master: bytes
    seed: bytes
    mac_last: bool  # encrypt-then-MAC
    truncated: bool


def of_epoch(epoch: Epoch, side: int) -> Protection:
    """The keys of a side (0 the client, 1 the server) that follow from a handshake up to TLS 1.2."""
    suite = epoch.suite
    name = suite.hash if epoch.version >= TLS_1_2 else "md5+sha1"
    mac = hashlib.new(suite.mac, usedforsecurity=False).digest_size if suite.mac else 0
    block = _block(suite)
    vector = block if suite.mac else IV_SIZE if suite.cipher == "chacha" else SALT
    keys = prf(epoch.master, b"key expansion", epoch.seed, 2 * (mac + suite.key + vector), name)
    own = []
    for size in (mac, suite.key, vector):
        own.append(keys[side * size : (side + 1) * size])
        keys = keys[2 * size :]
    if suite.mac:
        return _Mac(epoch, own[0], own[1], own[2])
    return _Aead(aead_of(suite, own[1]), own[2], TAGS.get(suite.cipher, TAG))


def of_secret(secret: bytes, suite: Suite) -> Protection:
    """The keys that follow from a traffic secret of TLS 1.3."""
    key, vector = (expand_label(secret, what, n, suite.hash) for what, n in (("key", suite.key), ("iv", IV_SIZE)))
    return _Aead13(aead_of(suite, key), vector, TAGS.get(suite.cipher, TAG))


def _block(suite: Suite) -> int:
    return {"aes_cbc": 16, "camellia_cbc": 16, "3des_cbc": 8}.get(suite.cipher, 0)


def aead_of(suite: Suite, key: bytes) -> Any:
    """The AEAD of a suite that has no MAC."""
    if suite.cipher == "gcm":
        return AESGCM(key)
    if suite.cipher == "chacha":
        return ChaCha20Poly1305(key)
    return AESCCM(key, tag_length=TAGS.get(suite.cipher, TAG))


class _Aead:
    """AEAD of TLS 1.2; the nonce has a part in the record, except for ChaCha20."""

    def __init__(self, aead: Any, vector: bytes, tag: int) -> None:
        self.aead, self.vector, self.tag = aead, vector, tag
        self.explicit = EXPLICIT if len(vector) == SALT else 0
        self.overhead = self.explicit + tag

    def open(self, record: Record, sequences: Iterable[int]) -> Opened | None:
        """As Protection.open."""
        size = len(record.fragment) - self.overhead
        if size < 0:
            return None
        sealed = record.fragment[self.explicit :]
        rest = bytes((record.kind,)) + record.version.to_bytes(2, "big") + size.to_bytes(2, "big")
        for sequence in sequences:
            counted = sequence.to_bytes(8, "big")
            nonce = self.vector + record.fragment[:EXPLICIT] if self.explicit else _mixed(self.vector, sequence)
            try:
                return Opened(record.kind, self.aead.decrypt(nonce, sealed, counted + rest), sequence)
            except InvalidTag:
                continue
        return None


class _Aead13:
    """AEAD of TLS 1.3: the content ends with its type and padding of zeros."""

    def __init__(self, aead: Any, vector: bytes, tag: int) -> None:
        self.aead, self.vector, self.overhead = aead, vector, tag + 1

    def open(self, record: Record, sequences: Iterable[int]) -> Opened | None:
        """As Protection.open."""
        size = len(record.fragment)
        if size < self.overhead:
            return None
        header = bytes((record.kind,)) + record.version.to_bytes(2, "big") + size.to_bytes(2, "big")
        for sequence in sequences:
            try:
                found = self.aead.decrypt(_mixed(self.vector, sequence), record.fragment, header)
            except InvalidTag:
                continue
            found = found.rstrip(b"\0")
            return Opened(found[-1], found[:-1], sequence) if found else Opened(0, b"", sequence)
        return None


def _mixed(vector: bytes, sequence: int) -> bytes:
    """The nonce of a record: the vector XOR its sequence number."""
    return (int.from_bytes(vector, "big") ^ sequence).to_bytes(IV_SIZE, "big")


class _Mac:
    """HMAC with a block cipher in CBC, or without a cipher."""

    def __init__(self, epoch: Epoch, mac: bytes, key: bytes, vector: bytes) -> None:
        self.hash, self.mac_key, self.mac_last = epoch.suite.mac, mac, epoch.mac_last
        self.block = _block(epoch.suite)
        size = hashlib.new(self.hash, usedforsecurity=False).digest_size
        self.mac = TRUNCATED if epoch.truncated else size
        # from TLS 1.1 on each record begins with its own vector; before, it is the end of the record before
        self.explicit = self.block if epoch.version >= TLS_1_1 else 0
        self.vector = vector
        self.algorithm = _algorithm(epoch.suite.cipher, key)
        self.overhead = self.explicit + self.mac + (1 if self.block else 0)

    def open(self, record: Record, sequences: Iterable[int]) -> Opened | None:
        """As Protection.open."""
        body = record.fragment
        if len(body) < self.overhead:
            return None
        if not self.block:
            return self._checked(record, body[: -self.mac], body[: -self.mac], body[-self.mac :], sequences)
        sent, mac = (body[: -self.mac], body[-self.mac :]) if self.mac_last else (body, b"")
        vector, self.vector = sent[: self.block] if self.explicit else self.vector, sent[-self.block :]
        sealed = sent[self.explicit :]
        if not sealed or len(sealed) % self.block:
            return None
        decryptor = Cipher(self.algorithm, modes.CBC(vector)).decryptor()
        plain = decryptor.update(sealed) + decryptor.finalize()
        padding = plain[-1] + 1
        if len(plain) < padding + (0 if mac else self.mac) or plain[-padding:] != bytes((padding - 1,)) * padding:
            return None
        plain = plain[:-padding]
        if mac:
            return self._checked(record, plain, sent, mac, sequences)
        return self._checked(record, plain[: -self.mac], plain[: -self.mac], plain[-self.mac :], sequences)

    def _checked(
        self, record: Record, content: bytes, authentic: bytes, mac: bytes, sequences: Iterable[int]
    ) -> Opened | None:
        """The content, if `mac` is that of the bytes `authentic` with one of the sequence numbers."""
        rest = bytes((record.kind,)) + record.version.to_bytes(2, "big") + len(authentic).to_bytes(2, "big")
        for sequence in sequences:
            made = hmac.digest(self.mac_key, sequence.to_bytes(8, "big") + rest + authentic, self.hash)
            if hmac.compare_digest(made[: self.mac], mac):
                return Opened(record.kind, content, sequence)
        return None


def _algorithm(cipher: str, key: bytes) -> Any:
    from cryptography.hazmat.decrepit.ciphers.algorithms import Camellia, TripleDES

    if cipher == "aes_cbc":
        return algorithms.AES(key)
    if cipher == "camellia_cbc":
        return Camellia(key)
    return TripleDES(key) if cipher == "3des_cbc" else None

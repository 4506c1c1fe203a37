"""Protection of QUIC packets: keys of one direction, header protection and packet numbers (RFC 9001 section 5).

The keys of a packet follow from a secret of TLS 1.3 and the cipher suite; the labels of version 2 are others (RFC 9369
section 3.3.2). No packet is used that is not authentic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from netlake.layers import quic_keys
from netlake.layers.key_schedule import expand_label
from netlake.layers.quic_keys import SAMPLE, TAG, VERSION_2
from netlake.streams.tls.decrypt.protection import IV_SIZE, aead_of
from netlake.streams.tls.decrypt.suites import SUITES, Suite

# cipher suites of TLS 1.3 that QUIC allows (RFC 9001 section 5.3)
ALLOWED = frozenset((0x1301, 0x1302, 0x1303, 0x1304))
OF_INITIAL = SUITES[0x1301]
LONG = 0x80
# the largest packet number
MOST_NUMBER = (1 << 62) - 1
Mask = Callable[[bytes], bytes]


class Opened(NamedTuple):
    """A packet without protection: the first byte, the whole packet number, and the frames."""

    first: int
    number: int
    payload: bytes


class Sealed(NamedTuple):
    """A packet whose header protection was removed: the authentic header, the packet number, and what is encrypted."""

    first: int
    number: int
    header: bytes
    rest: bytes


@dataclass(slots=True)
class Keys:
    """The keys of one direction from one change of keys to the next; header protection has the same key throughout."""

    secret: bytes
    suite: Suite
    version: int
    aead: Any
    vector: int
    mask: Mask

    def following(self) -> Keys:
        """The keys of the next key phase."""
        label = f"{_word(self.version)} ku"
        secret = expand_label(self.secret, label, len(self.secret), self.suite.hash)
        return _made(secret, self.suite, self.version, self.mask)

    def unmask(self, data: bytes, begin: int, at: int, largest: int) -> Sealed | None:
        """Remove the header protection of the packet data[begin:], whose number is at `at`; None if it is too short.

        `largest` is the largest packet number so far, -1 without one.
        """
        sample = data[at + 4 : at + 4 + SAMPLE]
        if len(sample) < SAMPLE:
            return None
        mask = self.mask(sample)
        first = data[begin] ^ (mask[0] & (0x0F if data[begin] & LONG else 0x1F))
        size = (first & 3) + 1
        sent = int.from_bytes(data[at : at + size]) ^ int.from_bytes(mask[1 : 1 + size])
        header = bytes((first,)) + data[begin + 1 : at] + sent.to_bytes(size)
        return Sealed(first, whole_number(sent, size, largest), header, data[at + size :])

    def open(self, sealed: Sealed) -> Opened | None:
        """The content of a packet; None if it is not authentic with these keys."""
        if len(sealed.rest) < TAG:
            return None
        nonce = (self.vector ^ sealed.number).to_bytes(IV_SIZE)
        try:
            return Opened(sealed.first, sealed.number, self.aead.decrypt(nonce, sealed.rest, sealed.header))
        except InvalidTag:
            return None


def of_secret(secret: bytes, suite: Suite, version: int) -> Keys:
    """The keys that follow from a secret of a key log."""
    key = expand_label(secret, f"{_word(version)} hp", suite.key, suite.hash)
    return _made(secret, suite, version, _mask(suite, key))


def of_initial(version: int, connection: bytes, *, server: bool) -> Keys | None:
    """The keys of Initial packets of a client or server, by the client's first Destination Connection ID."""
    found = quic_keys.keys_of(version, connection, server=server)
    if found is None:
        return None
    mask = _mask(OF_INITIAL, found.mask)
    return Keys(b"", OF_INITIAL, version, aead_of(OF_INITIAL, found.key), int.from_bytes(found.vector), mask)


def whole_number(sent: int, size: int, largest: int) -> int:
    """A packet number of which the low `size` bytes were sent (RFC 9000 appendix A.3)."""
    window = 1 << 8 * size
    expected = largest + 1
    number = (expected & ~(window - 1)) | sent
    if number + window // 2 <= expected and number + window <= MOST_NUMBER:
        return number + window
    if number > expected + window // 2 and number >= window:
        return number - window
    return min(number, MOST_NUMBER)


def _word(version: int) -> str:
    return "quicv2" if version == VERSION_2 else "quic"


def _made(secret: bytes, suite: Suite, version: int, mask: Mask) -> Keys:
    word = _word(version)
    key = expand_label(secret, f"{word} key", suite.key, suite.hash)
    vector = int.from_bytes(expand_label(secret, f"{word} iv", IV_SIZE, suite.hash))
    return Keys(secret, suite, version, aead_of(suite, key), vector, mask)


def _mask(suite: Suite, key: bytes) -> Mask:
    """What makes the mask of header protection from a sample (RFC 9001 sections 5.4.3 and 5.4.4)."""
    if suite.cipher == "chacha":
        return lambda sample: Cipher(algorithms.ChaCha20(key, sample), None).encryptor().update(bytes(5))
    # each sample is one block, so that one encryptor serves all
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update  # noqa: S305 - as the RFC says

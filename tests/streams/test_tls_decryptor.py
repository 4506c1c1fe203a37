"""The decryptor of TLS 1.3 on records that are made here: early data, changes of keys, missing records, bounds."""

from __future__ import annotations

import random
import zlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from netlake.kernels.stream_state import Kind
from netlake.layers.decrypted import Outcome, Place
from netlake.layers.key_log import EARLY, HANDSHAKE, TRAFFIC, Secrets
from netlake.streams.tls.decrypt import decryptor
from netlake.streams.tls.decrypt.decryptor import TlsDecryptor

CLIENT, SERVER = 0, 1
RANDOM = bytes(range(32))
ALERT, MESSAGE, DATA = 21, 22, 23
CHANGE = bytes.fromhex("140303000101")
SECRETS = {label: bytes([n]) * 32 for n, label in enumerate((EARLY, *HANDSHAKE, *TRAFFIC), 1)}
FINISHED, UPDATE, END_OF_EARLY_DATA = (
    bytes((kind, 0, 0, size)) + bytes(size) for kind, size in ((20, 32), (24, 1), (5, 0))
)


def derived(secret: bytes, label: str, size: int) -> bytes:
    """HKDF-Expand-Label (RFC 8446 section 7.1) by the library."""
    name = b"tls13 " + label.encode()
    info = size.to_bytes(2, "big") + bytes([len(name)]) + name + b"\0"
    return HKDFExpand(hashes.SHA256(), size, info).derive(secret)


class Sealer:
    """Makes the records of one side with AES-128-GCM (RFC 8446 section 5.2)."""

    def __init__(self, secret: bytes) -> None:
        self.secret, self.sequence = secret, 0

    def __call__(self, kind: int, content: bytes, padding: int = 0) -> bytes:
        plain = content + bytes([kind]) + bytes(padding)
        header = b"\x17\x03\x03" + (len(plain) + 16).to_bytes(2, "big")
        nonce = int.from_bytes(derived(self.secret, "iv", 12), "big") ^ self.sequence
        self.sequence += 1
        return header + AESGCM(derived(self.secret, "key", 16)).encrypt(nonce.to_bytes(12, "big"), plain, header)

    def next(self) -> Sealer:
        """The keys behind a KeyUpdate (RFC 8446 section 7.2)."""
        return Sealer(derived(self.secret, "traffic upd", 32))


def plain(kind: int, body: bytes) -> bytes:
    """A handshake message in a record that is not encrypted."""
    message = bytes([kind]) + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x03" + len(message).to_bytes(2, "big") + message


def extensions(*found: tuple[int, bytes]) -> bytes:
    data = b"".join(kind.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body for kind, body in found)
    return len(data).to_bytes(2, "big") + data


def client_hello(*, early: bool = False) -> bytes:
    offered = [(43, b"\x02\x03\x04")] + [(42, b"")] * early
    return plain(1, b"\x03\x03" + RANDOM + b"\0" + b"\x00\x02\x13\x01" + b"\x01\0" + extensions(*offered))


SERVER_HELLO = plain(2, b"\x03\x03" + bytes(32) + b"\0" + b"\x13\x01" + b"\0" + extensions((43, b"\x03\x04")))


class Feed:
    """A decryptor with the secrets of this file, but for those that are left out; `at` counts segments."""

    def __init__(self, *without: str) -> None:
        secrets = Secrets()
        secrets.found[RANDOM] = {label: secret for label, secret in SECRETS.items() if label not in without}
        self.decryptor, self.at = TlsDecryptor(secrets), 0
        self.sealers = {label: Sealer(secret) for label, secret in SECRETS.items()}

    def __call__(self, side: int, *records: bytes) -> None:
        for record in records:
            self.at += 1
            self.decryptor.feed(side, record, Place(self.at, self.at * 1000, self.at))

    def gap(self, side: int, size: int) -> None:
        self.at += 1
        self.decryptor.gap(side, size, Place(self.at, self.at * 1000, self.at))

    def handshake(self, *, early: bool = False) -> None:
        """From the hellos to both Finished."""
        self(CLIENT, client_hello(early=early), CHANGE)
        self(SERVER, SERVER_HELLO, CHANGE, self.sealers[HANDSHAKE[1]](MESSAGE, FINISHED))
        self(CLIENT, self.sealers[HANDSHAKE[0]](MESSAGE, FINISHED))

    def data(self, side: int) -> list[bytes | int]:
        """What a side sent, and the sizes of gaps."""
        pieces = [one for one in self.decryptor.found if one.side == side and not one.own]
        return [one.data if one.kind is Kind.DATA else one.size for one in pieces if one.kind is not Kind.END]


def test_keys_change_behind_each_key_update():
    feed = Feed()
    feed.handshake()
    sealer = feed.sealers[TRAFFIC[0]]
    for text in (b"one", b"two", b"three"):
        feed(CLIENT, sealer(DATA, text), sealer(MESSAGE, UPDATE))
        sealer = sealer.next()
    feed(CLIENT, sealer(DATA, b"four"))
    assert feed.data(CLIENT) == [b"one", b"two", b"three", b"four"]
    assert feed.decryptor.outcome is Outcome.COMPLETE


def test_padding_is_not_content():
    feed = Feed()
    feed.handshake()
    feed(SERVER, feed.sealers[TRAFFIC[1]](DATA, b"x", padding=100), feed.sealers[TRAFFIC[1]](DATA, b"", padding=5))
    assert feed.data(SERVER) == [b"x"]


@pytest.mark.parametrize("without", [(), (EARLY,)], ids=["with its secret", "without"])
def test_early_data(without):
    feed = Feed(*without)
    early = feed.sealers[EARLY]
    feed(CLIENT, client_hello(early=True), CHANGE, early(DATA, b"early"), early(DATA, b"more"))
    feed(SERVER, SERVER_HELLO, CHANGE, feed.sealers[HANDSHAKE[1]](MESSAGE, FINISHED))
    feed(CLIENT, early(MESSAGE, END_OF_EARLY_DATA), feed.sealers[HANDSHAKE[0]](MESSAGE, FINISHED))
    feed(CLIENT, feed.sealers[TRAFFIC[0]](DATA, b"late"))
    assert feed.data(CLIENT) == [b"late"] if without else [b"early", b"more", b"late"]
    assert feed.decryptor.outcome is (Outcome.PARTIAL if without else Outcome.COMPLETE)


def test_rejected_early_data_is_left_out():
    feed = Feed()
    feed(CLIENT, client_hello(early=True), CHANGE)
    feed(SERVER, SERVER_HELLO, CHANGE, feed.sealers[HANDSHAKE[1]](MESSAGE, FINISHED))
    feed(CLIENT, feed.sealers[HANDSHAKE[0]](MESSAGE, FINISHED), feed.sealers[TRAFFIC[0]](DATA, b"x"))
    assert feed.data(CLIENT) == [b"x"]


def test_records_before_the_server_hello_wait():
    feed = Feed()
    feed(CLIENT, client_hello(), CHANGE, feed.sealers[HANDSHAKE[0]](MESSAGE, FINISHED))
    feed(CLIENT, feed.sealers[TRAFFIC[0]](DATA, b"waits"))
    assert feed.data(CLIENT) == []
    feed(SERVER, SERVER_HELLO)
    assert feed.data(CLIENT) == [b"waits"]
    piece = next(one for one in feed.decryptor.found if one.data == b"waits")
    assert piece.place == Place(4, 4000, 4)


def test_no_more_than_the_bound_waits():
    feed = Feed()
    feed(CLIENT, client_hello(), CHANGE)
    for _ in range(20):
        feed(CLIENT, feed.sealers[TRAFFIC[0]](DATA, bytes(16000)))
        assert feed.decryptor.held <= decryptor.MOST_PENDING
    feed(SERVER, SERVER_HELLO)
    feed(CLIENT, feed.sealers[TRAFFIC[0]](DATA, b"later"))
    assert feed.data(CLIENT)[-1] == b"later"
    assert len(feed.data(CLIENT)) < 20
    assert feed.decryptor.outcome is Outcome.PARTIAL


def test_missing_handshake_leaves_the_data():
    feed = Feed()
    feed(CLIENT, client_hello())
    feed(SERVER, SERVER_HELLO, CHANGE)
    sealer = feed.sealers[HANDSHAKE[1]]
    feed.gap(SERVER, len(sealer(MESSAGE, bytes((11, 0, 8, 0)) + bytes(2048)) + sealer(MESSAGE, FINISHED)))
    feed(SERVER, feed.sealers[TRAFFIC[1]](DATA, b"data"))
    assert feed.data(SERVER)[-1] == b"data"
    assert feed.decryptor.outcome is Outcome.PARTIAL


def test_missing_records_are_a_gap_of_their_content():
    feed = Feed()
    feed.handshake()
    sealer = feed.sealers[TRAFFIC[1]]
    records = [sealer(DATA, bytes([n]) * 100) for n in range(8)]
    feed(SERVER, records[0], records[1][:50])
    feed.gap(SERVER, len(records[1]) - 50 + len(records[2]) + 30)
    # a segment that begins within record 3
    feed(SERVER, records[3][30:] + records[4] + records[5])
    assert feed.data(SERVER) == [bytes(100), 300, bytes([4]) * 100, bytes([5]) * 100]


def test_missing_key_update_is_found():
    feed = Feed()
    feed.handshake()
    sealer = feed.sealers[TRAFFIC[1]]
    feed(SERVER, sealer(DATA, b"one"))
    feed.gap(SERVER, len(sealer(MESSAGE, UPDATE)))
    feed(SERVER, sealer.next()(DATA, b"two"))
    assert [one for one in feed.data(SERVER) if isinstance(one, bytes)] == [b"one", b"two"]


def test_wrong_secrets_end_the_decryption_and_keep_nothing():
    feed = Feed()
    feed.decryptor.secrets.found[RANDOM] = {label: bytes(32) for label in SECRETS}
    feed.handshake()
    for _ in range(decryptor.WRONG):
        feed(SERVER, feed.sealers[TRAFFIC[1]](DATA, b"x"))
    assert feed.decryptor.over
    assert (feed.decryptor.held, feed.decryptor.outcome) == (0, Outcome.FAILED)


@pytest.mark.parametrize("damaged", [False, True])
def test_compressed_certificate_is_handed_on_as_that_of_tls_1_2(damaged):
    certificate = b"\0" + b"\0\0\x09" + b"\0\0\x04" + b"cert" + b"\0\0"
    packed = zlib.compress(certificate)
    body = b"\0\1" + len(certificate).to_bytes(3, "big") + len(packed).to_bytes(3, "big") + packed
    if damaged:
        body = body[:-4] + bytes(4)
    feed = Feed()
    feed(CLIENT, client_hello())
    feed(SERVER, SERVER_HELLO, feed.sealers[HANDSHAKE[1]](MESSAGE, b"\x19" + len(body).to_bytes(3, "big") + body))
    own = [one.data for one in feed.decryptor.found if one.own]
    message = bytes.fromhex("0b00000a") + b"\0\0\7" + b"\0\0\4" + b"cert"
    assert own == ([] if damaged else [b"\x16\x03\x03" + len(message).to_bytes(2, "big") + message])


@pytest.mark.parametrize("seed", range(30))
def test_any_bytes_raise_nothing_and_are_not_kept(seed):
    chosen = random.Random(seed)  # noqa: S311 - test data
    feed = Feed()
    if seed % 3:
        feed.handshake()
    for _ in range(200):
        side, size = chosen.randrange(2), chosen.choice((1, 5, 40, 1460))
        kind = chosen.randrange(6)
        if kind == 0:
            feed.gap(side, size)
        elif kind == 1:
            feed(side, feed.sealers[TRAFFIC[side]](chosen.choice((DATA, MESSAGE, ALERT)), chosen.randbytes(size)))
        elif kind == 2:
            feed(side, bytes((chosen.randrange(20, 25), 3, 3)) + chosen.randbytes(size))
        elif kind == 3:
            feed(side, plain(chosen.randrange(26), chosen.randbytes(size)))
        else:
            feed(side, chosen.randbytes(size))
        assert feed.decryptor.held < 400_000
        feed.decryptor.found.clear()
    for side in (CLIENT, SERVER):
        feed.decryptor.end(side, Place(0, 0, 0))
    assert feed.decryptor.held == 0

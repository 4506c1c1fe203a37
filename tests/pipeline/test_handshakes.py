"""Hellos and certificates in datagrams: rows of the tables of TLS, whatever the order of pieces and the batches are."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import netlake
from netlake.layers.quic_keys import keys_of
from tests.pipeline.test_batches import Packet, decoded, written
from tests.streams.test_tls_hello import client, extension

FIRST, CHOSEN, CLIENT = bytes.fromhex("8394c8f03e515708"), b"server's", b"\x01\x02"
UP, DOWN = (41000, 443), (443, 41000)
NAMED = client(
    extension(0, b"\x00\x07\x00\x00\x04a.de") + extension(16, b"\x00\x03\x02h3") + extension(43, b"\x02\x03\x04")
)
SERVER = b"\x03\x03" + bytes(range(32)) + b"\x00\x13\x01\x00" + b"\x00\x06" + extension(43, b"\x03\x04")
CONTEXT = ("transport", "packet", "last_packet", "fault", "from_originator")


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3) + body


def varint(value: int) -> bytes:
    return (value | 0x80000000).to_bytes(4)


def crypto(data: bytes, begin: int, end: int) -> bytes:
    """A CRYPTO frame with data[begin:end]."""
    return b"\x06" + varint(begin) + varint(end - begin) + data[begin:end]


def initial(frames: bytes, *, number: int, destination: bytes, source: bytes, server: bool = False,
            first: bytes = FIRST, version: int = 1) -> bytes:  # fmt: skip
    """An Initial packet (RFC 9001 section 5) with the keys of version 1 and a packet number of one byte."""
    keys = keys_of(1, first, server=server)
    assert keys is not None
    frames += bytes(max(0, 40 - len(frames)))
    header = (
        b"\xc0"
        + version.to_bytes(4)
        + bytes([len(destination)])
        + destination
        + bytes([len(source)])
        + source
        + b"\x00"
    )
    header += varint(len(frames) + 17)
    nonce = (int.from_bytes(keys.vector) ^ number).to_bytes(12)
    sealed = AESGCM(keys.key).encrypt(nonce, frames, header + bytes([number]))
    sample = sealed[3:19]
    mask = Cipher(algorithms.AES(keys.mask), modes.ECB()).encryptor().update(sample)  # noqa: S305
    return bytes([header[0] ^ mask[0] & 0x0F]) + header[1:] + bytes([number ^ mask[1]]) + sealed


def up(frames: bytes, number: int, destination: bytes = FIRST, first: bytes = FIRST) -> Packet:
    return initial(frames, number=number, destination=destination, source=CLIENT, first=first), *UP


def down(frames: bytes, number: int, first: bytes = FIRST) -> Packet:
    return initial(frames, number=number, destination=CLIENT, source=CHOSEN, server=True, first=first), *DOWN


def record(kind: int, body: bytes, begin: int, end: int, sequence: int = 0) -> bytes:
    """A DTLS record with body[begin:end] of a handshake message."""
    head = bytes([kind]) + len(body).to_bytes(3) + sequence.to_bytes(2) + begin.to_bytes(3) + (end - begin).to_bytes(3)
    fragment = head + body[begin:end]
    return b"\x16\xfe\xfd\x00\x00" + bytes(6) + len(fragment).to_bytes(2) + fragment


HELLO, ANSWER = message(1, NAMED), message(2, SERVER)
SIZE = len(HELLO)
DTLS = NAMED[:38] + b"\x00" + NAMED[38:]  # with an empty cookie
ROWS = dict[str, list[tuple[Any, ...]]]
ONE: ROWS = {"tls_client_hello": [("quic", 1, None, None, True)]}
Q, D = "quic", "dtls"
CASES: dict[str, tuple[list[Packet], ROWS]] = {
    "one datagram each": (
        [up(crypto(HELLO, 0, SIZE), 0), down(crypto(ANSWER, 0, len(ANSWER)), 0)],
        ONE | {"tls_server_hello": [(Q, 2, None, None, False)]},
    ),
    "the second part first, in a packet to the server's id": (
        [up(crypto(HELLO, 70, SIZE), 0), down(b"\x01", 0), up(crypto(HELLO, 0, 70), 1, CHOSEN)],
        {"tls_client_hello": [(Q, 3, None, None, True)]},
    ),
    "parts in any order that overlap": (
        [up(crypto(HELLO, 70, SIZE) + crypto(HELLO, 0, 9), 0), up(crypto(HELLO, 40, 75), 1),
         up(crypto(HELLO, 5, 50), 2)],
        {"tls_client_hello": [(Q, 1, 3, None, True)]},
    ),
    "sent again": ([up(crypto(HELLO, 0, SIZE), 0), up(crypto(HELLO, 0, SIZE), 1), up(crypto(HELLO, 0, 50), 2)], ONE),
    "a reserved version, with the keys of version 1": (
        [(initial(crypto(HELLO, 0, SIZE), number=0, destination=FIRST, source=CLIENT, version=0x1A2A3A4A), *UP)], ONE
    ),
    "coalesced": ([(up(crypto(HELLO, 60, SIZE), 0)[0] + up(crypto(HELLO, 0, 60), 1)[0], *UP)], ONE),
    "after a Retry, with another id and other keys": (
        [up(crypto(HELLO, 0, SIZE), 0), up(crypto(HELLO, 0, SIZE), 1, b"retry id", b"retry id"),
         down(crypto(ANSWER, 0, len(ANSWER)), 0, b"retry id")],
        {"tls_client_hello": [(Q, 1, None, None, True), (Q, 2, None, None, True)],
         "tls_server_hello": [(Q, 3, None, None, False)]},
    ),
    "two hellos of each side, after a HelloRetryRequest": (
        [up(crypto(HELLO, 0, SIZE), 0), down(crypto(ANSWER, 0, len(ANSWER)), 0),
         up(crypto(HELLO * 2, SIZE, 2 * SIZE), 1, CHOSEN), down(crypto(ANSWER * 2, len(ANSWER), 2 * len(ANSWER)), 1)],
        {"tls_client_hello": [(Q, 1, None, None, True), (Q, 3, None, None, True)],
         "tls_server_hello": [(Q, 2, None, None, False), (Q, 4, None, None, False)]},
    ),
    "a part is missing": (
        [up(crypto(HELLO, 0, 50), 0), up(crypto(HELLO, 60, SIZE), 1)], {"tls_client_hello": [(Q, 1, 2, "cut", True)]}
    ),
    "the first part is missing": ([up(crypto(HELLO, 60, SIZE), 0)], {"tls_client_hello": [(Q, 1, None, "cut", True)]}),
    "a server without its client": ([down(crypto(ANSWER, 0, len(ANSWER)), 0)], {}),
    "DTLS, one fragment": ([(record(1, DTLS, 0, len(DTLS)), *UP)], {"tls_client_hello": [(D, 1, None, None, True)]}),
    "DTLS, the second fragment first, and twice": (
        [(record(1, DTLS, 70, len(DTLS)), *UP), (record(1, DTLS, 70, len(DTLS)), *UP), (record(1, DTLS, 0, 75), *UP),
         (record(1, DTLS, 0, 75), *UP)],
        {"tls_client_hello": [(D, 3, None, None, True)]},
    ),
    "DTLS, messages of two numbers": (
        [(record(2, SERVER, 0, 20, 1) + record(1, DTLS, 0, 20, 2), *UP), (record(2, SERVER, 20, len(SERVER), 1), *UP),
         (record(1, DTLS, 20, len(DTLS), 2), *UP)],
        {"tls_client_hello": [(D, 1, 3, None, False)], "tls_server_hello": [(D, 1, 2, None, False)]},  # a server's flow
    ),
    "DTLS, a fragment is missing": (
        [(record(1, DTLS, 0, 40), *UP), (record(1, DTLS, 60, len(DTLS)), *UP)],
        {"tls_client_hello": [(D, 1, 2, "cut", True)]},
    ),
    "DTLS, another handshake with the same number": (
        [(record(1, DTLS, 0, 40), *UP), (record(1, DTLS, 40, len(DTLS)), *UP), (record(1, NAMED[::-1], 0, 40), *UP)],
        {"tls_client_hello": [(D, 1, 2, None, True), (D, 3, None, "cut", True)]},
    ),
}  # fmt: skip


def rows(tables: dict[str, pa.Table]) -> ROWS:
    """The context of each row of a hello."""
    names = [name for name in ("tls_client_hello", "tls_server_hello") if name in tables]
    return {name: [tuple(row[column] for column in CONTEXT) for row in tables[name].to_pylist()] for name in names}


@pytest.mark.parametrize(("packets", "expected"), CASES.values(), ids=CASES)
def test_hellos(packets: list[Packet], expected: ROWS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, packets)
    whole = decoded(path, 1 << 14, monkeypatch)
    assert rows(whole) == expected
    for name, fields in (("tls_client_hello", {"server_name": "a.de", "alpn": ["h3"]}), ("tls_server_hello", {})):
        for row in whole[name].to_pylist() if name in whole else ():
            if row["fault"] is None:
                assert row["supported_versions" if fields else "supported_version"] == ([0x304] if fields else 0x304)
                assert {column: row[column] for column in fields} == fields
                ends = ("10.0.0.1", "10.0.0.2")[:: 1 if row["src_port"] == UP[0] else -1]
                assert (row["src_ip"], row["dst_ip"]) == ends
    for size in (1, 2):
        other = decoded(path, size, monkeypatch)
        assert [name for name in whole if not other[name].equals(whole[name])] == []


def test_only_the_hellos_can_be_written(tmp_path: Path) -> None:
    packets = [up(crypto(HELLO, 0, SIZE), 0), (record(1, DTLS, 0, len(DTLS)), 41001, 5000)]
    found = netlake.decode(written(tmp_path, packets), include=["tls_client_hello"])
    assert {name: table["transport"].to_pylist() for name, table in found.items()} == {"tls_client_hello": [D, Q]}


def test_columns_of_quic_are_those_of_the_packet_that_completes_the_hello(tmp_path: Path) -> None:
    packets = [up(crypto(HELLO, 0, 50), 0), down(crypto(ANSWER, 0, 30), 0), up(crypto(HELLO, 50, SIZE), 1),
               up(crypto(HELLO, 50, SIZE), 2), down(crypto(ANSWER, 30, len(ANSWER)), 1)]  # fmt: skip
    found = netlake.decode(written(tmp_path, packets))["quic"]
    assert found["server_name"].to_pylist() == [None, None, "a.de", None, None]
    assert found["cipher_suites"].to_pylist() == [[], [], [0x1301, 0xC02F], [], [0x1301]]
    assert found["decrypted"].to_pylist() == [True] * 5
    hello = netlake.decode(written(tmp_path, packets))["tls_client_hello"]
    assert found["ja4"][2].as_py() == hello["ja4"][0].as_py()
    assert hello["ja4"][0].as_py()[:8] == "q13d0203"


@pytest.mark.parametrize("seed", range(4))
def test_connections_at_once_do_not_depend_on_batches(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces of many connections in a random order, some lost and some after the timeout."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable choice
    packets: list[Packet] = []
    for index in range(30):
        first = bytes([index]) * 8
        for begin, end in ((0, 40), (40, 70), (70, SIZE)):
            if chance.random() < 0.85:
                packets.append((up(crypto(HELLO, begin, end), begin, first, first)[0], 41000 + index, 443))
            if chance.random() < 0.85:
                packets.append((record(1, DTLS, begin, min(end, len(DTLS))), 42000 + index, 5000))
    chance.shuffle(packets)
    path = written(tmp_path, packets)
    whole = decoded(path, 1 << 14, monkeypatch)
    found = whole["tls_client_hello"]
    assert {None, "cut"} == set(found["fault"].to_pylist())
    assert len({(row["packet"], row["place"]) for row in found.to_pylist()}) == len(found)
    for size in (1, 7):
        assert decoded(path, size, monkeypatch)["tls_client_hello"].equals(found)

"""Files in TFTP: blocks in order, lost, repeated and renumbered, in any batches."""

from __future__ import annotations

import struct
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from netlake.layers.datagrams import Datagram, Peer
from netlake.layers.dialog import Piece, Row, Where
from netlake.layers.tftp_files import MOST, TftpFiles
from tests.layers import build as b
from tests.pipeline.test_streams import decoded

CLIENT, SERVER = (b.A4, 2000), (b.B4, 69)
TRANSFER = (b.B4, 3000)
READ, WRITE, ERROR = 1, 2, 5
FILE = bytes(range(256)) * 5


def packet(source: tuple[bytes, int], destination: tuple[bytes, int], payload: bytes) -> bytes:
    """A frame with a datagram."""
    udp = struct.pack(">HHHH", source[1], destination[1], 8 + len(payload), 0) + payload
    return b.ethernet(b.ipv4(udp, 17, source=source[0], destination=destination[0]))


def request(opcode: int, name: bytes, *options: bytes) -> bytes:
    """RRQ or WRQ."""
    return opcode.to_bytes(2, "big") + b"\0".join([name, b"octet", *options, b""])


def data(number: int, payload: bytes) -> bytes:
    """DATA."""
    return b"\0\x03" + (number % 65536).to_bytes(2, "big") + payload


def blocks(content: bytes, size: int) -> list[bytes]:
    """The DATA messages of a file."""
    return [data(1 + at // size, content[at : at + size]) for at in range(0, len(content) + 1, size)]


def shown(rows: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What the rows of `file` say."""
    names = ("source", "source_flow", "flow", "name", "size", "missing_bytes", "total_bytes", "complete", "sha256")
    return [tuple(row[name] for name in names) for row in rows.get("file", [])]


@pytest.mark.parametrize("batch", [1, 2, 8192])
def test_files_of_both_directions(batch: int, tmp_path: Path) -> None:
    """One is read with blocks of 100 bytes (RFC 2348), of which one is repeated; one is written."""
    sent = blocks(FILE, 100)
    made = [packet(CLIENT, SERVER, request(READ, b"a\\b/f.bin", b"blksize", b"100"))]
    made += [packet(TRANSFER, CLIENT, b"\0\x06blksize\x00100\0")]
    made += [packet(TRANSFER, CLIENT, one) for one in [*sent[:3], sent[2], *sent[3:]]]
    other = (b.A4, 2001)
    made += [packet(other, SERVER, request(WRITE, b"g.txt"))]
    made += [packet(other, (b.B4, 3001), one) for one in blocks(b"x" * 512, 512)]
    rows, decoder = decoded(tmp_path, made, batch)
    assert shown(rows) == [
        ("tftp", 1, 2, "f.bin", len(FILE), 0, len(FILE), True, sha256(FILE).hexdigest()),
        ("tftp", 3, 4, "g.txt", 512, 0, 512, True, sha256(b"x" * 512).hexdigest()),
    ]
    assert [(row["packet"], row["last_packet"]) for row in rows["file"]] == [(3, 16), (18, 19)]
    assert decoder.failures.by_table == {}


@pytest.mark.parametrize("batch", [1, 2, 8192])
def test_lost_blocks_and_transfers_that_do_not_end(batch: int, tmp_path: Path) -> None:
    sent = blocks(FILE, 512)
    made = [packet(CLIENT, SERVER, request(READ, b"f.bin"))]
    made += [packet(TRANSFER, CLIENT, one) for one in (sent[0], sent[2])]
    other = (b.A4, 2001)
    made += [packet(other, SERVER, request(READ, b"g")), packet((b.B4, 3001), other, sent[0])]
    third = (b.A4, 2002)
    made += [packet(third, SERVER, request(READ, b"h")), packet((b.B4, 3002), third, sent[0])]
    made += [packet((b.B4, 3002), third, b"\0\x05\0\0no\0"), packet((b.B4, 3003), third, sent[0])]
    rows, _ = decoded(tmp_path, made, batch)
    lacking = FILE[:512] + FILE[1024:]
    first = sha256(FILE[:512]).hexdigest()
    assert sorted(shown(rows)) == [
        ("tftp", 1, 2, "f.bin", len(lacking), 512, len(FILE), False, sha256(lacking).hexdigest()),
        ("tftp", 3, 4, "g", 512, 0, None, False, first),
        ("tftp", 5, 6, "h", 512, 0, None, False, first),
    ]


def read(reader: TftpFiles, payload: bytes, *, source: Peer, destination: Peer, flow: int = 2) -> list[Any]:
    """What the reader finds in one message."""
    return list(reader.feed(Datagram(payload, 0, source, destination, Where(0, 1, 1, 1), flow)))


def test_block_numbers_wrap_and_requests_are_bounded() -> None:
    client, server, reader = Peer(0, b.A4, 1), Peer(0, b.B4, 69), TftpFiles()
    for port in range(2 * MOST):
        read(reader, request(READ, b"x"), source=Peer(0, b.A4, 10 + port), destination=server)
    assert len(reader.requests) == MOST
    read(reader, request(READ, b"f"), source=client, destination=server)
    found = []
    for number in range(1, 70_001):
        block = b"a" * 512 if number < 70_000 else b"end"
        found += read(reader, data(number, block), source=Peer(0, b.B4, 3000), destination=client)
    assert sum(len(one.data) for one in found if isinstance(one, Piece)) == 512 * 69_999 + 3
    (row,) = [one for one in found if isinstance(one, Row)]
    assert (row.fields["seen_bytes"], row.fields["missing_bytes"], row.fields["complete"]) == (
        512 * 69_999 + 3,
        0,
        True,
    )
    assert not reader.open

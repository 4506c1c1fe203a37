"""Several files as one capture."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from netlake.errors import InputError
from netlake.sources import as_one


@pytest.fixture
def rotated(writer, tmp_path):
    """Three files whose names are in another order than their times; the middle one is pcapng."""
    make = [
        ("c.pcap", 100, writer.pcap([writer.Packet(b"one" * 9, 100), writer.Packet(b"two" * 9, 150)])),
        (
            "b.pcapng",
            200,
            writer.pcapng([writer.Packet(b"three", 200, interface=1, comments=("hi",))], [{}, {"link": 101}]),
        ),
        ("a.pcap.gz", 300, gzip.compress(writer.pcap([writer.Packet(b"four", 300)]))),
    ]
    for name, _, content in make:
        (tmp_path / name).write_bytes(content)
    return [tmp_path / name for name in ("a.pcap.gz", "b.pcapng", "c.pcap")]


def test_numbers_continue_in_order_of_time(rotated, collected):
    with as_one(rotated) as source:
        got = collected(source)
    assert [(p.number, p.data[:3], p.interface, p.ts) for p in got] == [
        (1, b"one", 0, 100_000), (2, b"two", 0, 150_000), (3, b"thr", 2, 200_000), (4, b"fou", 3, 300_000),
    ]  # fmt: skip
    assert [i.number for i in source.interfaces] == [0, 1, 2, 3]
    assert [(c.packet, c.text) for c in source.comments] == [(3, "hi")]
    assert [(Path(p.name).name, p.first_packet) for p in source.parts] == [
        ("c.pcap", 1), ("b.pcapng", 3), ("a.pcap.gz", 4),
    ]  # fmt: skip
    assert (source.packets, source.clock_steps_back, source.problems) == (4, 0, [])
    assert source.size == source.bytes_read == sum(path.stat().st_size for path in rotated)


def test_id_and_hash_are_computed_from_those_of_the_files(rotated, collected):
    with as_one(rotated) as one, as_one(rotated[::-1]) as other:
        assert one.capture_id == other.capture_id
        assert one.sha256 is None
        collected(one)
        ids = b"".join(bytes.fromhex(part.capture_id) for part in one.parts)
        hashes = [hashlib.sha256(path.read_bytes()).digest() for path in rotated[::-1]]
        assert one.capture_id == hashlib.blake2b(ids, digest_size=8).hexdigest()
        assert one.sha256 == hashlib.sha256(b"".join(hashes)).hexdigest()


def test_unreadable_file_is_a_problem_and_others_are_read(rotated, tmp_path, collected):
    (tmp_path / "empty.pcap").write_bytes(b"")
    (tmp_path / "cut.pcap").write_bytes(rotated[2].read_bytes()[:-1])
    with as_one([tmp_path / "empty.pcap", tmp_path / "cut.pcap", *rotated]) as source:
        got = collected(source)
    assert len(got) == 5
    assert [(Path(p.file).name, p.partial) for p in source.problems] == [
        ("empty.pcap", True),
        ("cut.pcap", True),
    ]


def test_earlier_timestamp_in_the_next_file_is_counted(writer, tmp_path, collected):
    for name, times in (("a", (10, 90)), ("b", (20, 30))):
        (tmp_path / name).write_bytes(writer.pcap([writer.Packet(b"x", t) for t in times]))
    with as_one([tmp_path / "b", tmp_path / "a"]) as source:
        assert [p.ts for p in collected(source)] == [10_000, 90_000, 20_000, 30_000]
    assert source.clock_steps_back == 1


def test_only_unreadable_files_are_refused(tmp_path):
    (tmp_path / "empty.pcap").write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        as_one([tmp_path / "empty.pcap"])
    with pytest.raises(InputError, match="No capture"):
        as_one([])
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="cannot be read twice"):
        as_one([tmp_path / "pipe"])

"""Secrets in pcapng: key logs of TLS in decryption secrets blocks."""

from __future__ import annotations

import struct

import pytest

from netlake.sources import open_capture


def _secrets(writer, log, *, kind=0x544C534B, size=None, big=False):
    head = struct.pack(">II" if big else "<II", kind, len(log) if size is None else size)
    return writer.block(10, head + writer.padded(log), big=big)


@pytest.mark.parametrize("big", [False, True])
def test_key_logs_count_from_their_place_on(writer, tmp_path, big):
    packets = [writer.packet_block(writer.Packet(b"x"), big=big)] * 3
    path = tmp_path / "x.pcapng"
    log = _secrets(writer, b"log", big=big)
    path.write_bytes(writer.pcapng([], big=big) + packets[0] + log + packets[1] + packets[2])
    with open_capture(path, sha256=False) as source:
        found = [(batch.count, list(source.secrets)) for batch in source.batches(8192)]
    assert found == [(1, []), (2, [b"log"])]
    assert (source.skipped_blocks, source.problems) == ({}, [])


def test_secrets_of_other_types_are_skipped_and_counted(writer, read):
    got, source = read(writer.pcapng([]) + _secrets(writer, b"x", kind=0x57474B4C, size=99))
    assert (got, source.secrets, source.skipped_blocks, source.problems) == ([], [], {10: 1}, [])


@pytest.mark.parametrize("body", [b"", b"KSLT", b"KSLT\5\0\0\0log\0"], ids=["empty", "type only", "too long"])
def test_secrets_that_do_not_fit_in_their_block_end_the_reading(writer, read, body):
    _, source = read(writer.pcapng([]) + writer.block(10, body))
    (problem,) = source.problems
    assert problem.partial
    assert "of type 10 cannot be read" in problem.reason


def test_more_secrets_than_are_kept_are_a_problem(writer, read, monkeypatch):
    monkeypatch.setattr("netlake.sources.pcapng.MOST_SECRETS", 8)
    _, source = read(writer.pcapng([]) + _secrets(writer, b"longer") * 2)
    assert source.secrets == [b"longer"]
    assert "too many secrets" in source.problems[0].reason

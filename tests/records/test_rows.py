"""Rows do not depend on how many a row group has: more than ROWS of one table are added in parts."""

from __future__ import annotations

from pathlib import Path

import pytest

import netlake
from netlake.pipeline import decoder
from netlake.records import rows
from tests.pipeline.test_streams import ACK, decoded, framed, frames, opened
from tests.records.test_waiting import CAPTURES, plain


@pytest.mark.parametrize("name", ["tunnel.pcap"])
@pytest.mark.parametrize("most", [3, 7])
def test_rows_do_not_depend_on_the_size_of_row_groups(name: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All messages of a table are read at once, and are more than a row group has."""
    monkeypatch.setattr(decoder, "COMMON", 1 << 40)
    whole = plain(netlake.decode(CAPTURES / name))
    assert max(map(len, whole.values())) > 7
    monkeypatch.setattr(rows, "ROWS", most)
    assert plain(netlake.decode(CAPTURES / name)) == whole


def test_messages_of_one_stream_are_more_than_a_row_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty messages of DNS (RFC 1035 section 4.2.2), and lines of FTP: one row each, in order, with their faults."""
    monkeypatch.setattr(rows, "ROWS", 8)
    found, made = decoded(tmp_path, frames(opened((True, ACK, framed(*[b""] * 100)))))
    assert [(row["place"], row["fault"]) for row in found["dns"]] == [(place, "short_header") for place in range(100)]
    assert made.rows.faults["dns", "short_header"] == 100
    turns = opened((False, ACK, b"220 ready\r\n"), (True, ACK, b"NOOP\r\n" * 100))
    found, made = decoded(tmp_path, frames(turns, port=21))
    assert len(found["ftp"]) > 100
    assert made.failures.by_table == {}

"""Dialogs in the decoder: both directions have one protocol, and rows do not depend on batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from netlake import tables
from netlake.streams.ssh.machine import SshMachine
from tests.pipeline.test_streams import ACK, FIN, Turn, decoded, frames, opened

SERVER, CLIENT = b"SSH-2.0-server\r\n", b"SSH-2.0-client\r\n"
BATCHES = pytest.mark.parametrize("batch", [1, 2, 8192])


def bytewise(data: bytes, *, from_client: bool) -> list[Turn]:
    """One byte a segment."""
    return [(from_client, ACK, data[at : at + 1]) for at in range(len(data))]


def closed(*turns: Turn) -> list[Turn]:
    """A connection with its end."""
    return opened(*turns, (True, FIN | ACK, b""), (False, FIN | ACK, b""))


def summary(rows: dict[str, Any]) -> list[Any]:
    """Packets, side and content of each row."""
    columns = ("packet", "last_packet", "from_originator", "src_port", "identification", "preamble", "fault")
    return [tuple(row[name] for name in columns) for row in rows.get("ssh", [])]


@BATCHES
def test_one_byte_a_segment(batch: int, tmp_path: Path) -> None:
    turns = closed(*bytewise(SERVER, from_client=False), *bytewise(CLIENT, from_client=True))
    rows, decoder = decoded(tmp_path, frames(turns, port=2222), batch)
    second = 4 + len(SERVER)
    # each ends without its KEXINIT, and its row is written then
    assert summary(rows) == [
        (second, second + len(CLIENT) - 1, True, 40000, "SSH-2.0-client", None, "short_header"),
        (4, 3 + len(SERVER), False, 2222, "SSH-2.0-server", None, "short_header"),
    ]
    assert rows["connection"][0]["service"] == ["ssh"]
    assert decoder.failures.by_table == {}


@BATCHES
def test_the_other_direction_gets_the_protocol(batch: int, tmp_path: Path) -> None:
    """Also if it says something else, or too little to be decided, before or after the first one is decided."""
    turns = closed((False, ACK, SERVER), (True, ACK, b"HELP\r\n"))
    rows, _ = decoded(tmp_path, frames(turns, port=2222), batch)
    assert [row[4:6] for row in summary(rows)] == [(None, "HELP"), ("SSH-2.0-server", None)]
    assert rows["connection"][0]["service"] == ["ssh"]
    turns = closed((True, ACK, b"SS"), (False, ACK, SERVER), (True, ACK, b"H-2.0-client\r\n"))
    rows, _ = decoded(tmp_path, frames(turns, port=2222), batch)
    assert summary(rows)[0] == (4, 6, True, 40000, "SSH-2.0-client", None, "short_header")


@BATCHES
def test_a_direction_of_another_protocol(batch: int, tmp_path: Path) -> None:
    """What was decided before stays, and so does what is another protocol by its own bytes."""
    hello = bytes.fromhex("16030100050100000100") + bytes(20)
    turns = closed((False, ACK, SERVER), (True, ACK, hello))
    rows, _ = decoded(tmp_path, frames(turns, port=2222), batch)
    assert rows["connection"][0]["service"] == ["tls", "ssh"]
    assert [row[4] for row in summary(rows)] == ["SSH-2.0-server"]


@BATCHES
def test_table_that_is_not_written(batch: int, tmp_path: Path) -> None:
    turns = closed((False, ACK, SERVER), (True, ACK, CLIENT))
    rows, _ = decoded(tmp_path, frames(turns), batch, exclude=frozenset({"ssh"}))
    assert "ssh" not in rows
    assert rows["connection"][0]["service"] == ["ssh"]


@BATCHES
def test_machine_that_fails(batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is noted, the flow is muted, and a row has the fault."""

    def line(*_arguments: Any) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(SshMachine, "_line", line)
    turns = closed((False, ACK, SERVER), (True, ACK, CLIENT))
    rows, decoder = decoded(tmp_path, frames(turns), batch)
    assert [(row["packet"], row["from_originator"], row["fault"]) for row in rows["ssh"]] == [
        (4, False, "reader_failed")
    ]
    assert decoder.failures.by_table["ssh"].startswith("ZeroDivisionError")


@BATCHES
def test_flows_that_leave_are_forgotten(batch: int, tmp_path: Path) -> None:
    made = [frame for client in range(40000, 40010) for frame in frames(opened((False, ACK, SERVER)), 22, client)]
    rows, decoder = decoded(tmp_path, made, batch)
    assert len(rows["ssh"]) == 10
    walker = decoder.streams.walkers[decoder.streams.numbers["ssh"]]
    assert walker.dialogs == {}
    assert tables.table("ssh").name in walker.tables

"""Rows of machines on their way to tables: values that cannot be stored, tables that fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netlake import tables
from netlake.layers import findings
from netlake.layers.dialog import Row, Where
from netlake.layers.findings import Findings, Places
from netlake.layers.streamed import Index, Pool
from netlake.layers.yielded import yielded_columns
from netlake.packets import Messages
from netlake.schema import Table, faults
from tests.messages import build
from tests.pipeline import test_tftp_files as tftp
from tests.pipeline.test_streams import ACK, decoded, frames, opened


def test_text_with_a_surrogate_is_null() -> None:
    """In a column, a struct and a list; the other rows are as they are."""
    table, kept = tables.table("mail"), build([b"", b"", b""])
    rows: list[dict[str, Any]] = [
        {"subject": "a", "received": ["x"], "headers": [{"name": "n", "value": "v"}]},
        {"subject": "\ud800", "received": ["x\udfff", "y"], "headers": [{"name": "n", "value": "\ud800"}]},
        {"subject": "b", "received": ["\xe4"], "headers": []},
    ]
    columns = yielded_columns(table, rows, kept)
    assert columns["subject"].to_pylist() == ["a", None, "b"]
    assert columns["received"].to_pylist() == [["x"], ["y"], ["\xe4"]]
    assert columns["headers"].to_pylist() == [[{"name": "n", "value": "v"}], [{"name": "n", "value": None}], []]
    assert kept.fault.tolist() == [0, faults.OUT_OF_RANGE, 0]


def test_table_that_fails_leaves_the_others() -> None:
    """Its error is raised behind their rows, and nothing is kept."""

    def take(_pool: Pool, _table: Table, index: Index) -> Messages:
        return build([b""] * len(index))

    found = Findings({name: tables.table(name) for name in ("mail", "file")})
    for number, (name, fields) in enumerate([("mail", {"unknown": 1}), ("file", {}), ("mail", {})]):
        found.put(Places(), 0, number, Row(name, fields, Where(0, number, 0, number)))
    rows = found.rows(take, every=True)
    table, messages, _ = next(rows)
    assert (table.name, len(messages)) == ("file", 1)
    with pytest.raises(KeyError, match="unknown"):
        next(rows)
    assert (len(found.found), len(found.pool)) == (0, 0)
    found.put(Places(), 0, 9, Row("file", {}, Where(0, 9, 0, 9)))
    assert [int(np.sum(found.pool.messages["number"][: len(found.pool)]))] == [9]


def failing_once(monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    """The rows of a table fail the first time."""
    calls: list[str] = []

    def columns(table: Table, *arguments: Any) -> Any:
        if table.name == failing and not calls:
            calls.append(table.name)
            raise ZeroDivisionError("broken")
        return yielded_columns(table, *arguments)

    monkeypatch.setattr(findings, "yielded_columns", columns)


def test_rows_of_dialogs_after_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that were found later have their own packets and are all there."""
    failing_once(monkeypatch, "ssh")
    monkeypatch.setattr("netlake.layers.streamed.MOST_MESSAGES", 1)
    made = [
        one
        for client in (40000, 40001, 40002)
        for one in frames(opened((False, ACK, b"SSH-2.0-s\r\n"), (False, 4, b"")), port=22, client=client)
    ]
    rows, decoder = decoded(tmp_path, made, 5)
    assert "broken" in decoder.failures.by_table["ssh"]
    assert [row["packet"] for row in rows["ssh"]] == [9, 14]


def test_rows_of_datagrams_after_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The failure is noted, and decoding continues."""
    failing_once(monkeypatch, "file")
    made = [tftp.packet(tftp.CLIENT, tftp.SERVER, tftp.request(tftp.READ, b"f"))]
    made += [tftp.packet(tftp.TRANSFER, tftp.CLIENT, one) for one in tftp.blocks(b"x" * 9, 512)]
    rows, decoder = decoded(tmp_path, made)
    assert any("broken" in one for one in decoder.failures.by_table.values())
    assert len(rows["packet"]) == len(made)
    assert all(not one.findings.found for one in decoder.streams.datagrams.readers.values())

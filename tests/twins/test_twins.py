"""Columnar readers and their twins agree on every row: a twin is a plain reader of one message at a time.

Each table with a columnar `read` has the twin tests/twins/NAME.py; a table that is read by its fixed header only has
the twin in fixed.py. Both read the cases of the table, whole and cut at every byte; random and changed messages,
several in a batch; and messages of real captures.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake import tables
from netlake.packets import Messages
from netlake.pipeline.decoder import Decoder, Options
from netlake.records import readers
from netlake.schema import faults
from netlake.sinks.null import NullSink
from netlake.sources import open_capture
from tests.messages import build
from tests.test_protocols import Layer, as_written, changed, filled, of_table, read_rows
from tests.twins.fixed import fixed
from tests.twins.message import Message, Row

FOLDER = Path(__file__).parent
COLUMNAR = [name for name, entry in tables.entries().items() if entry.hooks.read]
FIXED = [
    name
    for name, entry in tables.entries().items()
    if not entry.hooks.read and not entry.hooks.parse and any(column.at is not None for column in entry.table.columns)
]
# messages of a table in a batch of a capture that are compared
MOST = 200
# small captures which together have every column, fault and flag value of these tables that shared captures have
CAPTURES = (FOLDER / "captures.txt").read_text().split()

Twin = Callable[[Message], list[Row]]


def twin_of(table: str) -> Twin:
    """The twin of a table: its own, or that of fixed headers."""
    if table in FIXED:
        return lambda message: [fixed(tables.table(table), message)]
    twin: Twin = importlib.import_module(f"tests.twins.{table}").rows
    return twin


TWINS = {table: twin_of(table) for table in FIXED + COLUMNAR if table in FIXED or (FOLDER / f"{table}.py").exists()}


def plain(messages: Messages) -> list[Message]:
    ports = zip(messages.source_port.tolist(), messages.destination_port.tolist(), strict=True)
    return list(map(Message, messages, messages.missing.tolist(), ports, messages.hint.tolist()))


def comparable(row: Row) -> dict[str, Any]:
    """A row without nulls and empty lists."""
    return filled(as_written({name: value for name, value in row.items() if value is not None}))


def check(table: str, messages: Messages) -> None:
    """The reader of `table` and its twin have the same rows; a fault that the walk found comes first."""
    before = [faults.NAMES[code] for code in messages.fault.tolist()]
    alone = plain(messages)
    found = read_rows(table, messages)
    for message, fault, rows in zip(alone, before, found, strict=True):
        wanted = [row | {"fault": fault or row["fault"]} for row in TWINS[table](message)]
        assert list(map(comparable, rows)) == list(map(comparable, wanted)), (table, message)


def built(parts: list[tuple[bytes, int]], layers: list[Layer], *, interned: bool) -> Messages:
    """Messages of bytes and missing bytes, each from its layer."""
    data, missing = [part[0] for part in parts], [part[1] for part in parts]
    ports, hints = [layer.ports for layer in layers], [layer.hint for layer in layers]
    return build(data, missing=missing, ports=ports, hint=hints, around=b"\x7f" * 8, interned=interned)


def test_every_columnar_reader_has_a_twin() -> None:
    assert [table for table in COLUMNAR if table not in TWINS] == []


@pytest.mark.parametrize("interned", [True, False], ids=["interned", "text"])
@pytest.mark.parametrize("table", TWINS)
def test_cases_whole_and_cut_at_every_byte(table: str, *, interned: bool) -> None:
    parts: list[tuple[bytes, int]] = []
    layers: list[Layer] = []
    for case in of_table(table):
        data = case.data
        ends = range(len(data))
        parts += [(data, case.missing), *((data[:end], 0) for end in ends)]
        parts += [(data[:end], len(data) - end + case.missing) for end in ends]
        layers += [case.layer] * (len(parts) - len(layers))
    if parts:
        check(table, built(parts, layers, interned=interned))


@pytest.mark.parametrize("table", TWINS)
def test_random_and_changed_messages(table: str) -> None:
    layers = list(dict.fromkeys(case.layer for case in of_table(table))) or [Layer()]

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.tuples(changed(table), st.sampled_from(layers)), min_size=1, max_size=6), st.booleans())
    def agree(messages: list[tuple[tuple[bytes, int], Layer]], interned: bool) -> None:  # noqa: FBT001 - drawn
        parts, chosen = zip(*messages, strict=True)
        check(table, built(list(parts), list(chosen), interned=interned))

    agree()


@pytest.mark.parametrize("name", CAPTURES)
def test_messages_of_captures(name: str, shared_captures: Path) -> None:
    """Messages as the decoder finds them, among the bytes of other messages of their batch."""
    file = shared_captures / name
    if not file.exists():
        pytest.skip(f"there is no {name}")
    decoder = Decoder(NullSink(), "", Options())
    for table in TWINS:
        decoder.readers[table] = partial(compared, table, decoder.readers[table])
    with open_capture(file) as source:
        for batch in source.batches():
            decoder.batch(batch)
    decoder.finish()
    assert decoder.failures.said == {}


def compared(table: str, read: readers.Reader, messages: Messages) -> Any:
    """The result of a reader, whose first messages are compared with the twin."""
    some = messages.take(np.arange(min(len(messages), MOST)))
    some.row = np.arange(len(some), dtype=np.int32)
    check(table, some)
    return read(messages)

"""Columnar readers and their twins agree on every row: a twin is a plain reader of one message at a time.

Each table with a columnar `read` has the twin tests/twins/NAME.py, or that of tags in tag.py; a table that is read by
its fixed header only has the twin in fixed.py. A twin whose messages depend on others of their batch has `batch` in
place of `rows`. Readers and twins read the cases of the table, whole and cut at every byte; these with one byte
changed, and with several; random messages; and messages of real captures, always several in a batch.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
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
from tests.test_protocols import as_written, filled, of_table, read_rows
from tests.twins import tag
from tests.twins.fixed import ADDRESSES, fixed
from tests.twins.message import Message, Row

FOLDER = Path(__file__).parent
# tables of protocols in streams have their twins, and their streams, in tests/streams
STREAMED = {name for stream in tables.in_streams().values() for name in stream.tables if not tables.table(name).on}
COLUMNAR = [name for name, entry in tables.entries().items() if entry.hooks.read and name not in STREAMED]
FIXED = [
    name
    for name, entry in tables.entries().items()
    if not entry.hooks.read and not entry.hooks.parse and any(column.at is not None for column in entry.table.columns)
]
# of messages with one byte changed: how many bytes are changed in turn, and to which other numbers
MOST_CHANGED = 32
NUMBERS = (0, 1, 4, 7, 8, 20, 255)
# messages of a table in a batch of a capture that are compared
MOST = 200
# small captures which together have every column, fault and flag value of these tables that shared captures have
CAPTURES = (FOLDER / "captures.txt").read_text().split()

# the rows of each message of a batch
Twin = Callable[[list[Message]], list[list[Row]]]


def fixed_only(table: str, message: Message) -> list[Row]:
    """The row of a message that is read by its fixed header only."""
    return [fixed(tables.table(table), message)]


def one_by_one(rows: Callable[[Message], list[Row]]) -> Twin:
    """The twin that reads each message of a batch with `rows`."""
    return lambda messages: list(map(rows, messages))


MODULES = {
    table: importlib.import_module(f"tests.twins.{table}") for table in COLUMNAR if (FOLDER / f"{table}.py").exists()
}
TWINS: dict[str, Twin] = {table: one_by_one(partial(fixed_only, table)) for table in FIXED}
TWINS |= {table: one_by_one(partial(tag.tag, table)) for table in tag.TABLES}
TWINS |= {table: getattr(module, "batch", None) or one_by_one(module.rows) for table, module in MODULES.items()}
# messages in addition to the cases, for some twins
OWN: dict[str, list[Message]] = {table: getattr(module, "MESSAGES", []) for table, module in MODULES.items()}
# tables with addresses are also read without a pool, which gives text instead of codes
READ_AS = [
    (table, interned)
    for table in TWINS
    for interned in (True, False)
    if interned or any(column.kind in ("ip", *ADDRESSES) for column in tables.table(table).columns)
]


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
    for message, fault, rows, expected in zip(alone, before, found, TWINS[table](alone), strict=True):
        wanted = [row | {"fault": fault or row["fault"]} for row in expected]
        assert list(map(comparable, rows)) == list(map(comparable, wanted)), (table, message)


def built(messages: list[Message], *, interned: bool = True) -> Messages:
    """Messages of a batch, with other bytes between them."""
    return build(
        [message.data for message in messages],
        missing=[message.missing for message in messages],
        ports=[message.ports for message in messages],
        hint=[message.hint for message in messages],
        around=b"\x7f" * 8,
        interned=interned,
    )


@cache
def known(table: str) -> list[Message]:
    """The messages of the cases of a table, and those of its twin."""
    cases = [Message(case.data, case.missing, case.layer.ports, case.layer.hint) for case in of_table(table)]
    return cases + OWN.get(table, [])


def test_every_columnar_reader_has_a_twin() -> None:
    assert [table for table in COLUMNAR if table not in TWINS] == []
    assert [table for table in TWINS if not known(table)] == []


@pytest.mark.parametrize(("table", "interned"), READ_AS)
def test_messages_whole_and_cut_at_every_byte(table: str, *, interned: bool) -> None:
    messages = list(known(table))
    for message in known(table):
        length = message.length
        for end in range(len(message.data)):
            cut = replace(message, data=message.data[:end])
            messages += [replace(cut, missing=0), replace(cut, missing=length - end)]
    check(table, built(messages, interned=interned))


@pytest.mark.parametrize("table", TWINS)
def test_messages_with_each_byte_of_the_header_changed(table: str) -> None:
    """Each bit inverted, and the numbers at which lengths, counts and versions are decided."""
    messages = [
        replace(message, data=message.data[:at] + bytes([byte]) + message.data[at + 1 :])
        for message in known(table)
        for at, before in enumerate(message.data[:MOST_CHANGED])
        for byte in sorted({*NUMBERS, *(before ^ 1 << bit for bit in range(8))})
    ]
    check(table, built(messages))


@st.composite
def changed(draw: st.DrawFn, table: str) -> Message:
    """Random bytes, or a message with some bytes changed, cut anywhere."""
    message = draw(st.sampled_from(known(table)))
    missing = draw(st.sampled_from([0, 0, 1, 40]))
    if draw(st.integers(0, 3)) == 0:
        return replace(message, data=draw(st.binary(max_size=96)), missing=missing)
    data = bytearray(message.data)
    for at in draw(st.lists(st.integers(0, max(0, len(data) - 1)), max_size=4)):
        if at < len(data):
            data[at] = draw(st.integers(0, 255))
    end = draw(st.integers(0, len(data))) if draw(st.booleans()) else len(data)
    return replace(message, data=bytes(data[:end]), missing=missing)


@pytest.mark.parametrize("table", TWINS)
def test_random_and_changed_messages(table: str) -> None:
    @settings(deadline=None, max_examples=60)
    @given(st.lists(changed(table), min_size=1, max_size=6), st.booleans())
    def agree(messages: list[Message], interned: bool) -> None:  # noqa: FBT001 - drawn
        check(table, built(messages, interned=interned))

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
    assert decoder.failures.by_table == {}


def compared(table: str, read: readers.Reader, messages: Messages) -> Any:
    """The result of a reader, whose first messages are compared with the twin."""
    some = messages.take(np.arange(min(len(messages), MOST)))
    # each is a packet of its own for `read_rows`
    some.row, some.place = np.arange(len(some), dtype=np.int32), np.zeros(len(some), np.int16)
    check(table, some)
    return read(messages)

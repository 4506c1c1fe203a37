"""Every case of every table of netlake.protocols, from tests/protocols/NAME.toml, where NAME is the table.

A case contains
- `name`; `from`, the capture and packet or the RFC and section that its bytes are from; `bytes`, hexadecimal;
- as needed `missing` (bytes that the capture did not keep), `ports` (source and destination) and `hint`, which are
  fields of netlake.packets.Messages; for tables with a hook `memory` a message that the reader read before, `before` in
  the other direction, `earlier` in the same one;
- `row`, every column that is neither null nor an empty list, with bytes as hexadecimal; or `rows`, where one message
  has several rows or none. `fault` of the case is the fault of its last row; another row has its own `fault`;
- `pieces`, the names of columns of which the message sends the value in pieces or twice: a cut message has the value
  of what precedes the cut;
- `accept` and `probe`, the results of these hooks of the module if they are not true;
- `whole = true` if the probe, the only way to the table, has to refuse the message where the capture cut it.

Each case is read whole, cut at every byte, with other bytes around it, among others, and with bytes changed at random,
always by the reader that reads captures. tests/mutate calls the functions in CHECKS with mutated readers.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake import tables
from netlake.kernels.numbers import IpProtocol
from netlake.packets import Codes, Messages, Nullable
from netlake.records import readers
from netlake.schema import arrow, faults
from tests.messages import NO_PORTS, build, claims

FOLDER = Path(__file__).parent / "protocols"
# columns that the reader leaves to others: to the option --entropy, and to the flow tracker
FILLED_LATER = {"entropy", "window_scaled"}
# messages without a row in any table, as they contain no facts: an encrypted packet with a short header (any message
# of QUIC may be one), a keep-alive of RFC 3948; `udp` and `packet` have rows for them
ROWLESS: dict[str, set[bytes]] = {"isakmp": {b"\xff"}, "ipsec_esp": {b"\xff"}}
ROWLESS_TABLES = {"quic"}

Row = dict[str, Any]
Part = tuple[bytes, int]  # bytes of a message, and how many more are missing


@dataclass(frozen=True, slots=True)
class Layer:
    """What the layer below passes to the reader with a message, as in Messages."""

    ports: tuple[int, int] = NO_PORTS
    hint: int = 0
    before: bytes = b""
    earlier: bytes = b""


@dataclass(frozen=True)
class Case:
    """One case of one table."""

    table: str
    case: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.table}: {self.case['name']}"

    @property
    def data(self) -> bytes:
        """The message."""
        return bytes.fromhex(self.case["bytes"])

    @property
    def missing(self) -> int:
        """Bytes that the capture did not keep."""
        return int(self.case.get("missing", 0))

    @property
    def layer(self) -> Layer:
        before, earlier = (bytes.fromhex(self.case.get(name, "")) for name in ("before", "earlier"))
        return Layer(tuple(self.case.get("ports", NO_PORTS)), int(self.case.get("hint", 0)), before, earlier)

    @property
    def messages(self) -> Messages:
        return messages([(self.data, self.missing)], self.layer)

    @property
    def rows(self) -> list[Row]:
        """Expected rows, each with its fault."""
        expected = self.case["rows"] if "rows" in self.case else [self.case["row"]]
        last = {"fault": self.case.get("fault")}
        return [
            {"fault": None, **row, **(last if position == len(expected) - 1 else {})}
            for position, row in enumerate(expected)
        ]


def load() -> list[Case]:
    files = sorted(FOLDER.glob("*.toml"))
    return [Case(file.stem, case) for file in files for case in tomllib.loads(file.read_text())["case"]]


CASES = load()
TABLES = sorted({case.table for case in CASES})
# tables that join messages of a connection: each message is read as the only one
JOINED = {"quic"}
ALL_CASES = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
READ = [
    name
    for name, entry in tables.entries().items()
    if entry.module.__name__.startswith("netlake.protocols.") and (entry.table.on or entry.table.size)
]


def messages(parts: list[Part], layer: Layer = Layer(), around: bytes = b"") -> Messages:
    """Messages of `parts`, with the bytes `around` before and behind each."""
    return build(
        [data for data, _ in parts],
        missing=[missing for _, missing in parts],
        ports=layer.ports,
        hint=layer.hint,
        around=around,
    )


def read_rows(table: str, found: Messages, layer: Layer = Layer()) -> list[list[Row]]:
    """The rows of each message, with their faults; every value is checked against the Arrow schema.

    If `layer` has a message before these, the same reader reads it first.
    """
    entry = tables.entries()[table]
    failures = readers.Failures()
    origin = found.row.copy()
    read = readers.reader(entry, failures, entropy=False)
    if layer.before:
        read(messages([(layer.before, 0)], Layer(layer.ports[::-1])))
    if layer.earlier:
        read(messages([(layer.earlier, 0)], Layer(layer.ports)))
    kept, columns = read(found)
    assert failures.by_table == {}
    schema = arrow.schema(entry.table)
    assert set(columns) <= {column.name for column in entry.table.columns}
    lists = {name: as_arrow(value, schema.field(name).type, kept).to_pylist() for name, value in columns.items()}
    result: list[list[Row]] = [[] for _ in origin]
    for index in range(len(kept)):
        row = {name: values[index] for name, values in lists.items()}
        row["fault"] = faults.NAMES[kept.fault[index]]
        result[int(kept.row[index])].append(row)
    # each message is a packet of its own, in whose order its rows are numbered
    assert kept.place.tolist() == [place for rows in result for place in range(len(rows))]
    return result


@cache
def sharing(table: str) -> list[str]:
    """Other tables that read the same messages."""
    keys = set(tables.table(table).on)
    return [name for name in READ if name != table and keys & set(tables.table(name).on)]


def rows_of_each(table: str, parts: list[Part], layer: Layer) -> list[list[Row]]:
    """The rows of each message; a message without one belongs to another table, which has a row, or is rowless."""
    if table in JOINED:
        return [read_rows(table, messages([part], layer), layer)[0] for part in parts]
    found = read_rows(table, messages(parts, layer), layer)
    # part of a DNS message in a TCP segment has no row
    in_segment = table == "dns" and layer.hint == IpProtocol.TCP
    if not all(found) and table not in ROWLESS_TABLES and not in_segment:
        others = [read_rows(name, messages(parts, layer), layer) for name in sharing(table)]
        every = zip(parts, found, *others, strict=True)
        assert all(any(rows) or part in ROWLESS.get(table, ()) for (part, _), *rows in every)
    return found


def as_arrow(value: Any, kind: pa.DataType, kept: Messages) -> pa.Array:
    """A column's value as an Arrow array of exactly its type."""
    if isinstance(value, Codes):
        array = kept.pools[value.pool].text(value.codes).cast(pa.string())
    elif isinstance(value, Nullable):
        assert value.values.dtype == kind.to_pandas_dtype()
        array = pa.array(value.values, mask=~value.valid)
    else:
        array = pa.array(value) if isinstance(value, np.ndarray) else value
    assert array.type == kind
    assert len(array) == len(kept)
    array.validate(full=True)
    return array


def as_written(value: Any) -> Any:
    """A value as a case contains it: bytes as hexadecimal, nulls left out."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [as_written(element) for element in value]
    if isinstance(value, dict):
        return {name: as_written(element) for name, element in value.items() if element is not None}
    return value


def whole(case: Case) -> list[Row]:
    return read_rows(case.table, case.messages, case.layer)[0]


def is_part(part: Any, of: Any) -> bool:
    """Whether `part` is `of` or less of it: null, fewer elements, fewer bytes."""
    if part is None:
        return True
    if isinstance(part, list):
        return len(part) <= len(of) and all(map(is_part, part, of))
    if isinstance(part, dict):
        return all(is_part(value, of[name]) for name, value in part.items())
    return bool(of.startswith(part)) if isinstance(part, bytes) and isinstance(of, bytes) else bool(part == of)


def filled(row: Row) -> Row:
    """The columns that are neither null nor an empty list: a reader may leave out a column without values."""
    return {name: value for name, value in row.items() if value is not None and value != []}


@ALL_CASES
def test_rows_equal_the_expected_rows(case: Case) -> None:
    assert [filled(as_written(row)) for row in whole(case)] == [filled(row) for row in case.rows]


@ALL_CASES
def test_hooks_accept_and_find_the_message(case: Case) -> None:
    entry = tables.entries()[case.table]
    if entry.hooks.accept is not None:
        assert entry.hooks.accept(case.messages).tolist() == [case.case.get("accept", True)]
    if entry.hooks.probe is not None:
        assert claims(entry.hooks, case.messages).tolist() == [case.case.get("probe", True)]


@ALL_CASES
def test_bytes_around_the_message_are_not_read(case: Case) -> None:
    part = [(case.data, case.missing)]
    expected = whole(case)
    assert read_rows(case.table, messages(part, case.layer, b"\xff" * 64), case.layer)[0] == expected
    assert read_rows(case.table, messages(part, case.layer, b"\x00" * 64), case.layer)[0] == expected


@ALL_CASES
def test_message_cut_by_the_capture_at_every_byte(case: Case) -> None:
    """Each row is part of the whole row and has the fault `cut`, unless it needs no further byte."""
    data, full = case.data, whole(case)
    parts = [(data[:end], len(data) - end + case.missing) for end in range(len(data))]
    if case.case.get("whole"):
        entry = tables.entries()[case.table]
        assert not entry.table.on
        assert not claims(entry.hooks, messages(parts, case.layer)).any()
        return
    for rows in rows_of_each(case.table, parts, case.layer):
        for row, complete in zip(rows, full, strict=False):
            assert row["fault"] in (None, "cut", complete["fault"])
            for name in row.keys() - {"fault", *case.case.get("pieces", ())}:
                assert is_part(row[name], complete.get(name)), name
            if row["fault"] is None:
                assert filled(row) == filled(complete)


@ALL_CASES
def test_message_ended_by_its_sender_at_every_byte(case: Case) -> None:
    """Fields at fixed places are kept, no row has the fault `cut`, and one without its whole header has a fault."""
    table = tables.table(case.table)
    fixed = [column.name for column in table.columns if column.at is not None]
    full = whole(case)
    parts = [(case.data[:end], 0) for end in range(len(case.data))]
    for end, rows in enumerate(rows_of_each(case.table, parts, case.layer)):
        if not rows:
            continue
        assert rows[0]["fault"] != "cut"
        assert rows[-1]["fault"] is not None or end >= table.size
        for name in fixed if full else ():
            assert is_part(rows[0].get(name), full[0].get(name)), name


@pytest.mark.parametrize("table", sorted({*TABLES} - JOINED))
def test_rows_do_not_depend_on_other_messages_of_the_batch(table: str) -> None:
    for layer in {case.layer for case in of_table(table)}:
        alike = [case for case in of_table(table) if case.layer == layer]
        parts = [(case.data, case.missing) for case in alike]
        for found, case in zip(read_rows(table, messages(parts, layer), layer), alike, strict=True):
            assert list(map(filled, found)) == list(map(filled, whole(case)))


# what tests/mutate runs of each table: one case after another, then all cases at once
CHECKS: tuple[Callable[[Case], None], ...] = (
    test_rows_equal_the_expected_rows,
    test_hooks_accept_and_find_the_message,
    test_bytes_around_the_message_are_not_read,
    test_message_cut_by_the_capture_at_every_byte,
    test_message_ended_by_its_sender_at_every_byte,
)
CHECKS_TOGETHER: tuple[Callable[[str], None], ...] = (test_rows_do_not_depend_on_other_messages_of_the_batch,)


@cache
def of_table(table: str) -> list[Case]:
    return [case for case in CASES if case.table == table]


def test_a_keep_alive_on_port_4500_has_no_row_and_any_other_message_has_one() -> None:
    """RFC 3948: a single byte 0xff is a keep-alive; the two tables of the port divide the rest."""
    for data, rows in ((b"\xff", 0), (b"\xff\xff", 1), (b"\xfe", 1)):
        found = [read_rows(table, messages([(data, 0)], Layer((4500, 4500))))[0] for table in ROWLESS]
        assert sum(map(len, found)) == rows


@st.composite
def changed(draw: st.DrawFn, table: str) -> Part:
    """Random bytes, or those of a case with some changed, cut anywhere."""
    missing = draw(st.sampled_from([0, 0, 1, 40]))
    if not of_table(table) or draw(st.integers(0, 3)) == 0:
        return draw(st.binary(max_size=96)), missing
    data = bytearray(draw(st.sampled_from(of_table(table))).data)
    for position in draw(st.lists(st.integers(0, max(0, len(data) - 1)), max_size=4)):
        if position < len(data):
            data[position] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data), missing


@pytest.mark.parametrize("table", READ)
def test_any_bytes_are_read_to_rows(table: str) -> None:
    layers = list(dict.fromkeys(case.layer for case in of_table(table))) or [Layer()]

    @settings(deadline=None, max_examples=40)
    @given(st.lists(changed(table), max_size=6), st.sampled_from(layers))
    def check(parts: list[Part], layer: Layer) -> None:
        rows_of_each(table, parts, layer)

    check()


def test_every_table_has_cases() -> None:
    """Here, or in a folder of tests of its own."""
    assert [table for table in READ if not of_table(table) and not (FOLDER.parent / table).is_dir()] == []


def test_lines_of_case_files_have_at_most_200_characters() -> None:
    lines = [(file.name, line) for file in FOLDER.glob("*.toml") for line in file.read_text().splitlines()]
    assert [(name, line[:40]) for name, line in lines if len(line) > 200] == []


def test_names_of_cases_are_unique() -> None:
    names = [case.name for case in CASES]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_in_some_case(table: str) -> None:
    rows = [row for case in of_table(table) for row in whole(case)]
    columns = {column.name for column in tables.table(table).columns} - FILLED_LATER
    assert columns - set().union(*map(filled, rows)) == set()

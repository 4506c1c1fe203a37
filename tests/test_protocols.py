"""Every case of every protocol, from tests/protocols/NAME.toml, where NAME is a table.

A case has `name`, `from` (where its bytes come from), `bytes` (hexadecimal), `row` (columns that are expected, others
may be there; bytes as hexadecimal) or `rows` where a message gives several, and as needed `fault`, `missing` (bytes
that the capture did not keep), `ports` and `hint` (see netlake.packets.Messages). Each is read whole, cut at every
byte, with other bytes around it, among others, and changed at random.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netlake import tables
from netlake.layers import read
from netlake.packets import Codes, Messages, Nullable
from netlake.schema import arrow, faults
from tests.messages import NO_PORTS, build

FOLDER = Path(__file__).parent / "protocols"
# filled by others than the reader: when asked for, or by the flow tracker
FILLED_LATER = {"entropy", "window_scaled"}
# messages that are no row of any table, as they hold no facts: an encrypted packet with a short header (any message of
# QUIC may be one), a keep-alive of RFC 3948; `udp` and `packet` have them
ROWLESS: dict[str, set[bytes]] = {"isakmp": {b"\xff"}, "ipsec_esp": {b"\xff"}}
ROWLESS_TABLES = {"quic"}


class Below(NamedTuple):
    """Ports and hint of a message, as in Messages."""

    ports: tuple[int, int] = NO_PORTS
    hint: int = 0


@dataclass(frozen=True)
class Case:
    """One case of one table."""

    table: str
    case: dict[str, Any]

    @property
    def data(self) -> bytes:
        """The message."""
        return bytes.fromhex(self.case["bytes"])

    @property
    def missing(self) -> int:
        """Bytes that the capture did not keep."""
        return int(self.case.get("missing", 0))

    @property
    def below(self) -> Below:
        """What the layers below pass on."""
        source, destination = self.case.get("ports", NO_PORTS)
        return Below((source, destination), self.case.get("hint", 0))


def load() -> list[Case]:
    files = sorted(FOLDER.glob("*.toml"))
    return [Case(file.stem, case) for file in files for case in tomllib.loads(file.read_text())["case"]]


CASES = load()
ALL_CASES = pytest.mark.parametrize("case", [pytest.param(c, id=f"{c.table}: {c.case['name']}") for c in CASES])
READ = [
    name
    for name, entry in tables.entries().items()
    if entry.module.__name__.startswith("netlake.protocols.") and (entry.table.on or entry.table.size)
]


Row = dict[str, Any]


def messages(parts: list[tuple[bytes, int]], below: Below = Below(), around: bytes = b"") -> Messages:  # noqa: B008
    """Messages of bytes and how many are missing, with the bytes `around` before and behind each."""
    return build(
        [data for data, _ in parts], missing=[missing for _, missing in parts], ports=below.ports, hint=below.hint,
        around=around,
    )  # fmt: skip


def read_rows(table: str, found: Messages, *verbs: str) -> list[list[Row]]:
    """The rows of each message, with its fault; every value is checked against the Arrow schema."""
    entry = tables.entries()[table]
    readers = {
        verb: getattr(entry.hooks, verb) if verb in (verbs or ("read", "parse")) else None for verb in ("read", "parse")
    }
    origin = found.row.copy()
    kept, columns = read.columns(entry.table, found, **readers)
    schema = arrow.schema(entry.table)
    own = {column.name for column in entry.table.columns}
    assert set(columns) <= own
    arrays = {name: as_arrow(value, schema.field(name).type, kept) for name, value in columns.items()}
    result: list[list[Row]] = [[] for _ in origin]
    lists = {name: array.to_pylist() for name, array in arrays.items()}
    for index in range(len(kept)):
        row = {name: values[index] for name, values in lists.items()}
        row["fault"] = faults.NAMES[kept.fault[index]]
        result[int(kept.row[index])].append(row)
    return result


@cache
def sharing(table: str) -> list[str]:
    """Other tables that read the same messages."""
    keys = set(tables.table(table).on)
    return [name for name in READ if name != table and keys & set(tables.table(name).on)]


def answered(table: str, parts: list[tuple[bytes, int]], below: Below) -> list[list[Row]]:
    """The rows of each message that has some; one that has none is another table's, which has a row for it."""
    found = read_rows(table, messages(parts, below))
    if not all(found) and table not in ROWLESS_TABLES:
        others = [read_rows(name, messages(parts, below)) for name in sharing(table)]
        told = zip(parts, found, *others, strict=True)
        assert all(any(rows) or part in ROWLESS.get(table, ()) for (part, _), *rows in told)
    return [rows for rows in found if rows]


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


def written(value: Any) -> Any:
    """A value as a case writes it: bytes as hexadecimal, nulls left out."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [written(element) for element in value]
    if isinstance(value, dict):
        return {name: written(element) for name, element in value.items() if element is not None}
    return value


def whole(case: Case) -> list[Row]:
    return read_rows(case.table, messages([(case.data, case.missing)], case.below))[0]


def kept(part: Any, of: Any) -> bool:
    """Whether `part` is nothing but what is in `of`, perhaps less of it."""
    if part is None:
        return True
    if isinstance(part, list):
        return len(part) <= len(of) and all(map(kept, part, of))
    if isinstance(part, dict):
        return all(kept(value, of[name]) for name, value in part.items())
    return bool(of.startswith(part)) if isinstance(part, bytes) and isinstance(of, bytes) else bool(part == of)


def same(row: Row, other: Row) -> bool:
    """Whether two rows say the same; a reader may leave a column out where a batch has none of it."""
    return all(said(row.get(name)) == said(other.get(name)) for name in row.keys() | other.keys())


def said(value: Any) -> Any:
    """A column's value, None for an empty list."""
    return None if value == [] else value


def test_a_keep_alive_is_no_row_and_two_bytes_are_one() -> None:
    """RFC 3948: a single byte on port 4500; anything longer is kept by one of the two tables of that port."""
    for data, rows in ((b"\xff", 0), (b"\xff\xff", 1), (b"\xfe", 1)):
        assert sum(len(read_rows(table, messages([(data, 0)], Below((0, 4500))))[0]) for table in ROWLESS) == rows


@ALL_CASES
def test_whole(case: Case) -> None:
    found = whole(case)
    expected = case.case["rows"] if "rows" in case.case else [case.case["row"]]
    assert len(found) == len(expected)
    for row, wanted in zip(found, expected, strict=True):
        assert {name: written(row.get(name)) for name in wanted} == wanted
    assert [row["fault"] for row in found][-1] == case.case.get("fault")


@ALL_CASES
def test_cut_by_the_capture_at_every_byte(case: Case) -> None:
    """A row has what was kept of it and says `cut`, or it needed no more."""
    data, full = case.data, whole(case)
    parts = [(data[:end], len(data) - end + case.missing) for end in range(len(data))]
    for rows in answered(case.table, parts, case.below):
        for row, complete in zip(rows, full, strict=False):
            assert row["fault"] in (None, "cut", complete["fault"])
            for name in row.keys() - {"fault"}:
                assert kept(row[name], complete.get(name)), name
            if row["fault"] is None:
                assert same(row, complete)


@ALL_CASES
def test_ended_by_its_sender_at_every_byte(case: Case) -> None:
    """Fields that lie at fixed places are kept, and a row without its whole header says so."""
    table = tables.table(case.table)
    fixed = [column.name for column in table.columns if column.at is not None]
    full = whole(case)[0]
    parts = [(case.data[:end], 0) for end in range(len(case.data))]
    for end, rows in enumerate(answered(case.table, parts, case.below)):
        assert rows[0]["fault"] != "cut"
        assert rows[-1]["fault"] is not None or end >= table.size
        for name in fixed:
            assert kept(rows[0].get(name), full.get(name)), name


@ALL_CASES
def test_bytes_around_it_are_not_read(case: Case) -> None:
    part = [(case.data, case.missing)]
    assert read_rows(case.table, messages(part, case.below, b"\xff" * 64))[0] == whole(case)
    assert read_rows(case.table, messages(part, case.below, b"\x00" * 64))[0] == whole(case)


@pytest.mark.parametrize("table", sorted({case.table for case in CASES}))
def test_messages_do_not_depend_on_their_neighbours(table: str) -> None:
    cases = [case for case in CASES if case.table == table]
    for below in {case.below for case in cases}:
        alike = [case for case in cases if case.below == below]
        parts = [(case.data, case.missing) for case in alike]
        for found, case in zip(read_rows(table, messages(parts, below)), alike, strict=True):
            for row, alone in zip(found, whole(case), strict=True):
                assert same(row, alone)


def both_readers(case: Case) -> bool:
    entry = tables.entries()[case.table]
    return entry.hooks.read is not None and entry.hooks.parse is not None


@pytest.mark.parametrize("case", [case for case in CASES if both_readers(case)], ids=lambda case: case.case["name"])
def test_both_readers_agree(case: Case) -> None:
    part = [(case.data, case.missing)]
    columnar = read_rows(case.table, messages(part, case.below), "read")[0]
    single = read_rows(case.table, messages(part, case.below), "parse")[0]
    for row, other in zip(columnar, single, strict=True):
        assert same(row, other)


@cache
def seeds(table: str) -> list[Case]:
    return [case for case in CASES if case.table == table]


@st.composite
def changed(draw: st.DrawFn, table: str) -> tuple[bytes, int]:
    """Random bytes, or those of a case with some changed, cut anywhere."""
    missing = draw(st.sampled_from([0, 0, 1, 40]))
    if not seeds(table) or draw(st.integers(0, 3)) == 0:
        return draw(st.binary(max_size=96)), missing
    data = bytearray(draw(st.sampled_from(seeds(table))).data)
    for position in draw(st.lists(st.integers(0, max(0, len(data) - 1)), max_size=4)):
        if position < len(data):
            data[position] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data), missing


@pytest.mark.parametrize("table", READ)
def test_any_bytes_give_rows(table: str) -> None:
    @settings(deadline=None, max_examples=40)
    @given(
        st.lists(changed(table), max_size=6),
        st.sampled_from(sorted({case.below for case in seeds(table)} or {Below()})),
    )
    def check(parts: list[tuple[bytes, int]], below: Below) -> None:
        answered(table, parts, below)

    check()


def test_every_table_has_cases() -> None:
    """Here, or in a folder of tests of its own."""
    assert [table for table in READ if not seeds(table) and not (FOLDER.parent / table).is_dir()] == []


@pytest.mark.parametrize("table", sorted({case.table for case in CASES}))
def test_every_column_is_in_some_case(table: str) -> None:
    rows = [row for case in seeds(table) for row in whole(case)]
    wanted = {column.name for column in tables.table(table).columns} - FILLED_LATER
    assert {name for name in wanted if not any(row.get(name) not in (None, []) for row in rows)} == set()

"""No exception leaves a reader: its rows have a fault, and the first exception of each table is kept."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from netlake.hooks import Hooks
from netlake.packets import Columns, Cursor, Messages
from netlake.records.readers import Failures, reader
from netlake.schema import Column, Table
from netlake.schema.faults import READER_FAILED
from netlake.tables import Entry
from tests.messages import build

TABLE = Table("sample", "One row.", "none", (), (Column("first", "u8", "First byte.", why="a test", at=0),), size=1)
MESSAGES = [b"\x01", b"\x02\x03"]


def entropy(messages: Messages, columns: Columns) -> Any:
    return columns["absent"]


def read(messages: Messages) -> Columns:
    raise ValueError("of read")


def parse(message: Cursor) -> Any:
    yield "first", message.number(1)
    if message.left:
        raise ValueError("of parse")


def entry(**hooks: Any) -> Entry:
    return Entry(TABLE, ModuleType("sample"), Hooks(**hooks))


@pytest.mark.parametrize(
    ("hooks", "error"), [({"read": read}, "ValueError: of read"), ({"entropy": entropy}, "KeyError: 'absent'")]
)
def test_exception_of_columnar_hook_marks_all_rows(hooks: dict[str, Any], error: str) -> None:
    failures = Failures()
    kept, columns = reader(entry(**hooks), failures, entropy=True)(build(MESSAGES))
    assert kept.fault.tolist() == [READER_FAILED, READER_FAILED]
    assert columns == {}
    assert failures.by_table["sample"].startswith(f"{error} ({__file__}, line ")


def test_exception_of_parse_marks_one_row_and_keeps_its_columns() -> None:
    failures = Failures()
    kept, columns = reader(entry(parse=parse), failures, entropy=False)(build(MESSAGES))
    assert kept.fault.tolist() == [0, READER_FAILED]
    assert columns["first"].to_pylist() == [1, 2]
    assert failures.by_table["sample"].startswith("ValueError: of parse")


def test_entropy_hook_is_called_only_when_enabled() -> None:
    kept, columns = reader(entry(entropy=entropy), Failures(), entropy=False)(build(MESSAGES))
    assert columns["first"].tolist() == [1, 2]
    assert np.count_nonzero(kept.fault) == 0

"""Small captures that other programs or earlier versions got wrong, against their right values in TOML files here.

A file has any number of

    [[case]]
    capture = "c08_back_in_time.pcap"
    why = "tshark: one connection, from 9.5 to 10.0 s"
    options = {flow_key = ["vlan"]}          # arguments of netlake.decode, none by default
    absent = ["utp"]                         # tables that must have no row
    [[case.connection]]                      # all rows of a table, of each the columns that matter
    ts = "1970-01-01T00:00:09.500000+00:00"
    duration = 0.5

Times are ISO 8601 in UTC; null is written as the text "null".
"""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Any

import pytest

import netlake

HERE = Path(__file__).parent
OTHER = ("capture", "why", "options", "absent")


def cases() -> list[Any]:
    found = []
    for path in sorted(HERE.glob("*.toml")):
        for case in tomllib.loads(path.read_text())["case"]:
            number = sum(known.values[0]["capture"] == case["capture"] for known in found)
            found.append(pytest.param(case, id=f"{case['capture']}-{number}"))
    return found


def plain(value: Any) -> Any:
    """A cell as TOML has it."""
    if value is None:
        return "null"
    if isinstance(value, dt.datetime):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("case", cases())
def test_right_values(case: dict[str, Any], shared_captures: Path) -> None:
    tables = netlake.decode(shared_captures / "reports" / case["capture"], **case.get("options", {}))
    expected = {name: rows for name, rows in case.items() if name not in OTHER}
    found = {
        name: [{column: plain(row[column]) for column in wanted} for wanted, row in pad(rows, tables, name)]
        for name, rows in expected.items()
    }
    assert found == expected
    assert not {name for name in case.get("absent", ()) if name in tables}


def pad(rows: list[dict[str, Any]], tables: dict[str, Any], name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each row of a table with the expected columns; a row too many has those of the last expected one."""
    present = tables[name].to_pylist() if name in tables else []
    return [(rows[min(number, len(rows) - 1)], row) for number, row in enumerate(present)]

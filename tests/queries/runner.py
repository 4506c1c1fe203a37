"""Runs the cases of saved queries: rows of tables in, rows of the query out.

tests/queries/NAME.toml has the cases of the query NAME. A case has `tables` (rows by table), `params` (as after
--param) and `expect`, the rows with the columns to compare; `expect = []` makes it a benign case. An empty text is
null. In a row:

- `at` is the time in seconds after START, 0 by default, and `capture` the letter of the capture, "a" by default.
- `times = N` makes N rows with `{n}` replaced by 0 to N - 1 in texts, which may be numbers ("{n}", "={n}+1000"), and
  with `at` later by `step` seconds each.

Each case also runs with its rows in two captures, which must not change what is found in each: `expect` must come
twice, or once if `merges = true`, for queries over all captures. And with IPv6 addresses instead of those of IPv4,
unless `ipv4 = true`.
"""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import netlake
from netlake import tables
from netlake.schema import SCALARS, List, Table
from tests.query import lakes

FOLDER = Path(__file__).resolve().parent
START = dt.datetime(2024, 2, 28, 12, tzinfo=dt.UTC)
EMPTY = {"boolean": False, "varchar": "", "blob": b""}
IPV4 = re.compile(r"\b(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\b")
VARIANTS = ("plain", "two captures", "IPv6")


def cases() -> Iterator[tuple[str, dict[str, Any], str]]:
    """(query, case, variant) of all cases and their variants."""
    for file in sorted(FOLDER.glob("*.toml")):
        if file.stem == "demo":
            continue
        for case in tomllib.loads(file.read_text(encoding="utf-8"))["case"]:
            for variant in VARIANTS:
                if variant != "IPv6" or not case.get("ipv4"):
                    yield file.stem, case, variant


def run(name: str, case: dict[str, Any], variant: str, folder: Path) -> tuple[list[dict[str, Any]], list[Any]]:
    """(rows of the query, rows expected), both with the columns of the case alone."""
    if variant == "IPv6":
        case = _ipv6(case)
    captures: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for table, given in case["tables"].items():
        for row in given:
            for made in _repeated(tables.table(table), row):
                found = captures.setdefault(made.pop("capture"), {})
                found.setdefault(table, []).append(made)
    if variant == "two captures":
        captures |= {letter.upper(): rows for letter, rows in captures.items()}
    for letter, rows in captures.items():
        number = f"{ord(letter):016x}"
        lakes.commit(folder, number, {tables.table(table): _spread(made) for table, made in rows.items()})
    found = netlake.Lake(folder).query(name, **case.get("params", {})).arrow().to_pylist()
    expected = case["expect"]
    if variant == "two captures" and not case.get("merges"):
        expected = [row for row in expected for _ in range(2)]
    columns = expected[0] if expected else ()
    shown = [{column: "" if row[column] is None else row[column] for column in columns} for row in found]
    return sorted(shown, key=str), sorted(expected, key=str)


def _spread(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Copies, because commit adds columns."""
    return [dict(row) for row in rows]


def _ipv6(value: Any) -> Any:
    """`value` with an IPv6 address for each IPv4 address: private ones stay private."""
    if isinstance(value, dict):
        return {key: _ipv6(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_ipv6(one) for one in value]
    return IPV4.sub(_mapped, _numbered(value)) if isinstance(value, str) else value


def _numbered(text: str) -> str:
    """The number of a repeated row is four digits of hexadecimal, and not of an IPv4 address."""
    return re.sub(r"\b(\d+)\.(\d+)\.(\d+)\.\{n\}", lambda found: f"{_head(found)}::{found[2]}:{found[3]}:{{n}}", text)


def _mapped(found: re.Match[str]) -> str:
    return f"{_head(found)}::{found[2]}:{found[3]}:{found[4]}"


def _head(found: re.Match[str]) -> str:
    return "fd00" if found[1] == "10" else f"26{found[1]:0>2}"[:4]


def _repeated(table: Table, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of a lake that follow from one row of a case."""
    given = dict(row)
    count, at, step = given.pop("times", 1), given.pop("at", 0), given.pop("step", 1)
    kinds = {column.name: column.kind for column in table.all_columns}
    for number in range(count):
        made = {name: _of_row(value, kinds[name], number) for name, value in given.items() if name != "capture"}
        when = made.get("ts", START + dt.timedelta(seconds=at + number * step))
        needed = {
            column.name: EMPTY.get(SCALARS[column.kind].lake, 0)
            for column in table.columns
            if not column.null and isinstance(column.kind, str)
        }
        yield needed | {"ts": when, "capture": given.get("capture", "a")} | made


def _of_row(value: Any, kind: Any, number: int) -> Any:
    """The value of a column in the row with this number of a repeated row."""
    if isinstance(value, list):
        within = kind.element if isinstance(kind, List) else None
        return [_of_row(one, within, number) for one in value]
    if isinstance(value, dict):
        return {name: _of_row(one, None, number) for name, one in value.items()}
    if value == "":
        return None
    if not isinstance(value, str) or "{n}" not in value:
        return value
    if value.startswith("={n}+"):
        return number + int(value.removeprefix("={n}+"))
    text = value.replace("{n}", str(number))
    return int(text) if isinstance(kind, str) and kind[0] in "ui" and kind[1:].isdigit() else text

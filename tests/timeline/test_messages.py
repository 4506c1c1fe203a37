"""The message of each table: its template is valid, and it gives the sentence of each row in messages.toml."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import netlake
from netlake.errors import SchemaError
from netlake.query import functions
from netlake.query.snapshot import Field
from netlake.query.timeline import messages
from netlake.schema import SCALARS, Column, Message, Table, rules
from netlake.schema.message import Choice, Placeholder, fields, parse
from netlake.tables import declared
from tests.query import lakes

CASES = tomllib.loads((Path(__file__).resolve().parent / "messages.toml").read_text(encoding="utf-8"))["case"]
TABLES = {table.name: table for table in declared()}
TOLD = [table for table in TABLES.values() if table.message]
EMPTY = {"boolean": False, "varchar": "", "blob": b""}


def filled(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """A row of a case with values of Python, and a value in columns that are never null."""
    kinds = {column.name: column.kind for column in table.all_columns}
    convert: dict[str, Callable[[Any], Any]] = {"bytes": bytes.fromhex, "ts": dt.datetime.fromisoformat}
    given = {name: convert.get(str(kinds[name]), lambda value: value)(value) for name, value in row.items()}
    needed = [column for column in table.columns if not column.null and isinstance(column.kind, str)]
    return {column.name: EMPTY.get(SCALARS[str(column.kind)].lake, 0) for column in needed} | given


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of a timeline of all cases, by kind, in the order of the cases: message, source, destination."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for case in CASES:
        rows.setdefault(case["table"], []).append(filled(TABLES[case["table"]], case["row"]))
    path = tmp_path_factory.mktemp("messages") / "lake"
    lakes.commit(path, "a" * 16, {TABLES[name]: given for name, given in rows.items()})
    found: dict[str, list[tuple[Any, ...]]] = {}
    with netlake.Lake(path) as lake:
        for _, kind, *rest in lake.timeline(kinds=sorted(rows)).rows():
            found.setdefault(kind, []).append(tuple(rest[:3]))
    return found


def numbered() -> Iterator[tuple[int, dict[str, Any]]]:
    """Each case, with its place among those of its table."""
    counts: dict[str, int] = {}
    for case in CASES:
        place = counts.setdefault(case["table"], 0)
        counts[case["table"]] += 1
        yield place, case


NUMBERED = list(numbered())


@pytest.mark.parametrize(("place", "case"), NUMBERED, ids=[f"{case['table']}-{place}" for place, case in NUMBERED])
def test_row_has_the_message(sentences: dict[str, list[tuple[Any, ...]]], place: int, case: dict[str, Any]) -> None:
    assert sentences[case["table"]][place] == (case["message"], case.get("source"), case.get("destination"))


def test_every_message_has_a_case() -> None:
    assert {table.name for table in TOLD} == {case["table"] for case in CASES}


@pytest.mark.parametrize("table", TOLD, ids=lambda table: table.name)
def test_declaration_is_valid(table: Table) -> None:
    assert table.message is not None
    assert list(rules.broken(table)) == []
    parts = list(fields(parse(table.message.text) + parse(table.message.only)))
    assert {part.function for part in parts if part.function} <= functions.every().keys()
    kinds = {column.name: column.kind for column in table.all_columns}
    addresses = {"ip", "ipv4", "ipv6", "mac"}
    assert all(kinds[name] in addresses for name in table.message.hosts)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (Message("{absent}", "group"), "names absent, which is not a column"),
        (Message("{number.field}", "group"), "names number.field, but the column has no fields"),
        (Message("{things}", "group"), "a column with fields, without one of them"),
        (Message("{things.absent}", "group"), "names things.absent, which is not a field"),
        (Message("{number", "group"), "a brace without the other one"),
        (Message("[{number}", "group"), "a bracket that is not closed"),
        (Message("{number}]", "group"), "outside of a choice"),
        (Message("{num-ber}", "group"), "names no column"),
        (Message("{number:1=}{number:=x}", "group"), "not VALUE=NAME"),
        (Message("{number:two words}", "group"), "in place of names"),
        (Message("{number}", "Group"), "not snake_case"),
        (Message("{number}", "group", time="number"), "which is not a time"),
        (Message("{number}", "group", hosts=("absent",)), "names absent"),
        (Message("{number}", "group", only="{absent?}"), "names absent"),
    ],
)
def test_invalid_message_breaks_a_rule(message: Message, reason: str) -> None:
    assert any(reason in problem for problem in rules.broken(replace(lakes.SAMPLE, why="own", message=message)))


def test_group_with_the_name_of_a_table_breaks_a_rule() -> None:
    made = replace(lakes.SAMPLE, message=Message("{number}", "sample"))
    assert list(rules.broken_together([made])) == ["sample: a group of messages has the name of a table"]


def test_parts_of_a_template() -> None:
    found = parse("a {b:1=x,2=y} [{c?!0}{d.e}|{f:name}]")
    first, condition, field, function = list(fields(found))
    assert first == Placeholder("b", names=(("1", "x"), ("2", "y")))
    assert condition == Placeholder("c", condition=("0",), negated=True)
    assert field == Placeholder("d", "e")
    assert function == Placeholder("f", function="name")
    assert found[0] == "a "
    assert isinstance(found[-1], Choice)
    with pytest.raises(SchemaError):
        parse("|")


def sentence(template: str, row: dict[str, Any], tmp_path: Path) -> str:
    """The message of a row of the table `sample` by a template."""
    table = replace(lakes.SAMPLE, message=Message(template, "group"))
    lakes.commit(tmp_path / "lake", "a" * 16, {lakes.SAMPLE: [row]})
    sql = messages.of_table(table, Message(template, "group"), {column.name for column in table.all_columns})
    with netlake.Lake(tmp_path / "lake") as lake:
        return str(lake.sql(f"SELECT {sql} FROM sample").rows()[0][0])  # noqa: S608 - of the test


@pytest.mark.parametrize(
    ("template", "row", "expected"),
    [
        ("{number} {word}", {"number": 5}, "5"),
        ("[{word} ]{number}", {"number": 5}, "5"),
        ("[{word}|{small}|none]", {"small": 0}, "0"),
        ("[{word}|{small}|none]", {}, "none"),
        ("[{flag?}yes|{flag?false}no|unknown]", {"flag": True}, "yes"),
        ("[{flag?}yes|{flag?false}no|unknown]", {"flag": False}, "no"),
        ("[{flag?}yes|{flag?false}no|unknown]", {}, "unknown"),
        ("[{number?1,2}few|{number?!9}some|nine]", {"number": 2}, "few"),
        ("[{number?1,2}few|{number?!9}some|nine]", {"number": 3}, "some"),
        ("[{number?1,2}few|{number?!9}some|nine]", {"number": 9}, "nine"),
        ("{number:1=one,2=two}", {"number": 2}, "two"),
        ("{number:1=one,2=two}", {"number": 3}, "3"),
        ("{flag:true=set,false=clear}", {"flag": False}, "clear"),
        ("{number:icmp_type_name}", {"number": 11}, "time exceeded"),
        ("{number:icmp_type_name}", {"number": 999}, "999"),
        ("{payload}", {"payload": b"\x00\xff"}, "00ff"),
        ("{payload}", {"payload": bytes(20)}, "00" * 16 + "…"),
        ("{ratio} s", {"ratio": 1.5}, "1.5 s"),
        ("{ratio} s", {"ratio": 100.0}, "100 s"),
        ("{ratio} s", {"ratio": 0.0004}, "0 s"),
        ("[, codes {codes}]", {}, ""),
        ("{codes}", {"codes": [1, 2]}, "1, 2"),
        ("{codes}", {"codes": [1, 2, 3, 4, 5]}, "1, 2, 3, 4, …"),
        ("{things.name}", {"things": [{"name": "a"}, {"name": None}, {"name": "c"}]}, "a, c"),
        ("[{things?}some|none]", {"things": [{"name": None}]}, "some"),
        ("[{word}[ {number}]]", {"word": "w"}, "w"),
        ("[{word}[ {number}]]", {"number": 1}, ""),
        ("{number}", {"number": 1, "fault": "cut"}, "1 [fault: cut]"),
        ("{src_ip}", {"src_ip": "192.0.2.1"}, "192.0.2.1"),
        ("{ts}", {}, "2024-02-28 23:55:00"),
    ],
)  # fmt: skip
def test_template_and_row(template: str, row: dict[str, Any], expected: str, tmp_path: Path) -> None:
    assert sentence(template, row, tmp_path) == expected


def test_long_text_is_cut(tmp_path: Path) -> None:
    table = Table("long", "One row.", columns=(Column("word", "text", "A word."),))
    lakes.commit(tmp_path / "lake", "a" * 16, {table: [{"word": "é" * 301}, {"word": "é" * 300}]})
    sql = messages.of_table(table, Message("{word}", "group"), {"word"})
    with netlake.Lake(tmp_path / "lake") as lake:
        assert lake.sql(f"SELECT {sql} FROM long").rows() == [("é" * 300 + "…",), ("é" * 300,)]  # noqa: S608 - of the test


def test_column_that_the_lake_does_not_have_is_null(tmp_path: Path) -> None:
    stored = {column.name for column in lakes.SAMPLE.all_columns} - {"word", "fault"}
    sql = messages.of_table(lakes.SAMPLE, Message("[{word}|none] {number}", "group"), stored)
    lakes.commit(tmp_path / "lake", "a" * 16, {lakes.SAMPLE: [{"word": "w", "number": 1, "fault": "cut"}]})
    with netlake.Lake(tmp_path / "lake") as lake:
        assert lake.sql(f"SELECT {sql} FROM sample").rows() == [("none 1",)]  # noqa: S608 - of the test


def test_table_without_template_has_its_first_columns() -> None:
    columns = [Field(1, "day", "DATE"), Field(32, "name", "VARCHAR"), Field(33, "things", "INTEGER[]")]
    sql = messages.generic("some_table", columns)
    assert "some table" in sql
    assert " name=" in sql
    assert "things" not in sql
    assert "day" not in sql

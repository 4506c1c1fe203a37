"""Hooks are found by name, once; a name that resembles a hook and is none is refused."""

from __future__ import annotations

from types import ModuleType

import pytest

from netlake import tables
from netlake.hooks import Hooks, hooks_of, mistakes

HEAD = """
from netlake.schema import Column, Table
def table(name, **more):
    return Table(name, "One row for each message.", "none", ("udp.port=9",),
                 (Column("size", "u8", "Size.", why="a test", **more),), size=1)
"""
ONE = HEAD + 'TABLES = (table("one"),)\n'
TWO = HEAD + 'TABLES = (table("one", at=0), table("two", at=0))\n'
FIXED = HEAD + 'TABLES = (table("one", at=0),)\n'
PARSE = "def parse(message):\n    yield 'size', message.number(1)\n"

CASES = {
    "a parser": (ONE + PARSE, []),
    "a fixed header": (FIXED, []),
    "a parser for each table": (TWO + PARSE.replace("parse", "parse_two"), []),
    "a helper": (ONE + PARSE + "def attributes(data):\n    return data\n", []),
    "a helper with an underscore": (ONE + PARSE + "def _parse_rest(data):\n    return data\n", []),
    "a class": (ONE + PARSE + "class Parsed:\n    pass\n", []),
    "a misspelt hook": (
        FIXED + PARSE.replace("parse", "prase"),
        ["its function prase is not a hook; rename it to parse, or to _prase if it is a helper"],
    ),
    "a misspelt hook of a table without a reader": (
        ONE + PARSE.replace("parse", "prase"),
        [
            "its function prase is not a hook; rename it to parse, or to _prase if it is a helper",
            "its table one has no `read`, no `parse` and no column with `at`, so its rows would be empty",
        ],
    ),
    "a misspelt table": (
        TWO + PARSE.replace("parse", "parse_tow"),
        ["its function parse_tow is not a hook; rename it to parse_two, or to _parse_tow if it is a helper"],
    ),
    "a hook without the name of its table": (
        TWO + PARSE,
        ["its function parse is not a hook of any of its tables; the hooks are parse_one, parse_two"],
    ),
    "a table without messages": (
        HEAD + 'TABLES = (Table("one", "One.", "none", (), (Column("a", "u8", "A.", why="t"),)),)\n' + PARSE,
        ["its table one has neither dispatch keys in `on` nor a probe, so it would have no rows"],
    ),
}


def module(text: str) -> ModuleType:
    made = ModuleType("sample")
    exec(compile(text, "sample.py", "exec"), made.__dict__)  # noqa: S102 - a plugin is a file of code
    return made


@pytest.mark.parametrize("name", CASES)
def test_mistakes_are_sentences(name: str) -> None:
    text, expected = CASES[name]
    assert list(mistakes(module(text))) == expected


def test_hooks_are_those_of_the_table() -> None:
    made = module(TWO + PARSE.replace("parse", "parse_two"))
    assert hooks_of(made, made.TABLES[0]) == Hooks()
    assert hooks_of(made, made.TABLES[1]) == Hooks(parse=made.parse_two)


def test_modules_of_netlake_keep_to_the_rule() -> None:
    """Exceptions: tables that the pipeline fills, and three whose messages the walk itself finds, without a key."""
    filled = {"packet", "interface", "packet_comment", "packet_option", "name_resolution", "ip_in_ip", "llc", "prp"}
    modules = {entry.module for name, entry in tables.entries().items() if name not in filled}
    modules = {made for made in modules if made.__name__.startswith("netlake.protocols.")}
    assert {made.__name__: found for made in modules if (found := list(mistakes(made)))} == {}

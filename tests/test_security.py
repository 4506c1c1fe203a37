"""The limits in docs/security.md are those of the code, and the options that it names exist."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from tests import docs

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "security.md").read_text("utf-8")
ROW = re.compile(r"^\| [^|]+ \| ([\d,]+)(?: (KiB|MiB|GiB))? \| `([\w.]+):([\w.]+)(?::(\w+))?` \|$", re.MULTILINE)
UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
LIMITS = ROW.findall(PAGE)


def of_code(module: str, name: str, field: str) -> Any:
    """A constant, the default of an argument of a method, or the default of a field of a dataclass."""
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    if not field:
        return found
    if dataclasses.is_dataclass(found):
        return next(one.default for one in dataclasses.fields(found) if one.name == field)
    return inspect.signature(found).parameters[field].default


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: ":".join(limit[2:]))
def test_limit_is_that_of_the_code(limit: tuple[str, ...]) -> None:
    number, unit, *where = limit
    assert int(number.replace(",", "")) * UNITS[unit] == of_code(*where)


def test_every_row_of_the_table_is_compared() -> None:
    table = PAGE.split("## Limits")[1].split("## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert len(rows) - 2 == len(LIMITS) > 25


def test_options_and_commands_exist() -> None:
    """Words in code spans that are options of `netlake capture`, or commands of netlake."""
    found = {context.command_path: command for command, context in docs.commands()}
    known = {name for option in found["netlake capture"].params for name in option.opts}
    options = set(re.findall(r"`(--[a-z0-9-]+)", PAGE)) - {"--version", "--runs"}
    assert options
    assert options <= known
    for words in re.findall(r"`(netlake (?:util )?[a-z]+)", PAGE):
        assert words in found

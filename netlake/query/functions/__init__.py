"""The functions that statements can call beside those of DuckDB: macros in SQL, and functions in Python.

Theory of operation:
- A macro is declared once, in a file of netlake/sql/macros: its sentence, an example, the tables that it reads, and
  `CREATE MACRO`. A function in Python is declared by the decorator `function`, the name of a code by netlake/sql/codes.
- A database gets only what a statement names: `declare` adds functions in Python, `statements` are the macros, each
  after those that it uses. All words of the statement count, because DuckDB lists no functions before it binds.
- Functions in Python take Arrow arrays; `function` calls them once for each distinct row of arguments, and keeps the
  last results. They return null where an argument is null or has no meaning, and never raise: captured text is hostile.
- `net()` is not here, as its text depends on the statement (netlake.query.network).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, MutableSet
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlake.errors import SchemaError

if TYPE_CHECKING:
    import duckdb

_SQL = Path(__file__).resolve().parents[2] / "sql"
# modules of this package that declare functions
_MODULES = ("addresses", "codes", "domains", "flows", "hardware")
_WORD = re.compile(r"[a-z_][a-z0-9_]*", re.IGNORECASE)
_MACRO = re.compile(r"CREATE MACRO (?P<name>\w+)\((?P<parameters>[^)]*)\) AS(?P<table> TABLE)?\s", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Function:
    """A function or macro: `doc` is one sentence, `example` an SQL expression that is true.

    A macro has a `statement`, and names the `tables` that it reads. A function in Python has `call`, over single
    values, with the SQL types of its arguments and result; it gets the networks of the lake as `local` if `local`.
    """

    name: str
    parameters: str
    doc: str
    example: str = ""
    statement: str = ""
    tables: tuple[str, ...] = ()
    is_table: bool = False
    call: Callable[..., Any] | None = None
    types: tuple[str, ...] = ()
    returns: str = ""
    local: bool = False

    @property
    def signature(self) -> str:
        """`name(parameters)`."""
        return f"{self.name}({self.parameters})"


@cache
def every() -> dict[str, Function]:
    """Every function by name, sorted; SchemaError if two have one name."""
    found: dict[str, Function] = {}
    declared = [one for path in sorted((_SQL / "macros").glob("*.sql")) for one in _macros(path)]
    declared += [one for name in _MODULES for one in import_module(f"{__name__}.{name}").FUNCTIONS]
    for one in declared:
        if one.name in found:
            raise SchemaError(f"The function {one.name} is declared twice; rename one.")
        found[one.name] = one
    return dict(sorted(found.items()))


def _macros(path: Path) -> Iterator[Function]:
    """The macros of a file, whose blocks are separated by empty lines."""
    for block in re.split(r"\n\s*\n", path.read_text(encoding="utf-8").strip()):
        comments = [line.removeprefix("--").strip() for line in block.splitlines() if line.startswith("--")]
        statement = "\n".join(line for line in block.splitlines() if not line.startswith("--")).rstrip(";")
        head = _MACRO.match(statement)
        if head is None or not comments:
            raise SchemaError(f"{path.name}: a macro is comments and CREATE MACRO: {block.splitlines()[0]!r}.")
        notes = {key: text for key, _, text in (line.partition(": ") for line in comments) if key in _NOTES}
        doc = " ".join(line for line in comments if line.partition(": ")[0] not in _NOTES)
        tables = tuple(name.strip() for name in notes.get("tables", "").split(",") if name.strip())
        yield Function(
            head["name"], head["parameters"], doc, notes.get("example", ""),
            f"CREATE OR REPLACE TEMP {statement.removeprefix('CREATE ')}", tables, bool(head["table"]),
        )  # fmt: skip


_NOTES = ("example", "tables")


def named(sql: str) -> list[Function]:
    """The functions that `sql` may call, and those that they use, each after those that it uses."""
    found: dict[str, Function] = {}

    def add(text: str) -> None:
        for word in sorted({word.lower() for word in _WORD.findall(text)} & every().keys()):
            if word not in found:
                one = every()[word]
                # a macro names itself in its statement
                found[word] = one
                add(one.statement)
                found[word] = found.pop(word)

    add(sql)
    return list(found.values())


def statements(sql: str) -> list[str]:
    """The SQL that creates the macros that `sql` may call."""
    return [one.statement for one in named(sql) if one.statement]


def tables(sql: str) -> set[str]:
    """The tables and views that the macros read which `sql` may call."""
    return {table for one in named(sql) for table in one.tables}


def declare(
    database: duckdb.DuckDBPyConnection, sql: str, known: MutableSet[str] | None = None, local: tuple[str, ...] = ()
) -> None:
    """Add the functions in Python that `sql` may call to `database`, but those in `known`, which grows by them.

    `local` are the networks of `is_local`.
    """
    known = set() if known is None else known
    for one in named(sql):
        if one.call is not None and one.name not in known:
            call = _over_arrays(one.name, local if one.local else ())
            database.create_function(
                one.name, call, list(one.types), one.returns, type="arrow", null_handling="special"
            )  # type: ignore[call-overload]
            known.add(one.name)


@cache
def _over_arrays(name: str, local: tuple[str, ...]) -> Callable[..., Any]:
    """The function over Arrow arrays; kept, because a result outlives the connection that declared it."""
    from netlake.query.functions.declared import over_arrays

    one = every()[name]
    single: Any = partial(one.call, local=local) if one.local and one.call else one.call
    return over_arrays(single, len(one.types), one.returns)

"""Table -> SQL (DuckDB's): the spelling of its types, its view with comments, and the view that joins its packet.

`ethernet`, `ipv4` and the like do not repeat the conversation in every row (a third of the writing); `joined` gives it
back from `packet` where a person wants it.
"""

from __future__ import annotations

from netlake.schema import CONTEXTS, RECORD, Column, Kind, List, Struct, Table
from netlake.schema.kinds import SCALARS

TYPES = {
    "boolean": "BOOLEAN",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "date": "DATE",
    "varchar": "VARCHAR",
    "blob": "BLOB",
}
# words that are no names without quotes
_WORDS = """
all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
default deferrable desc describe distinct do else end except false fetch for foreign from group having in
initially intersect into lambda lateral leading limit not null offset on only or order pivot pivot_longer
pivot_wider placing primary qualify references returning select show some summarize symmetric table then to
trailing true union unique unpivot using variadic when where window with
"""
RESERVED = frozenset(_WORDS.split())
_JOIN = ("capture", "packet")


def name(identifier: str) -> str:
    """`identifier` quoted, whatever is in it."""
    return '"' + identifier.replace('"', '""') + '"'


def bare(identifier: str) -> str:
    """A snake_case `identifier` as a person writes it: quoted only where it must be."""
    return name(identifier) if identifier in RESERVED else identifier


def literal(value: str) -> str:
    """`value` as a string constant."""
    return "'" + value.replace("'", "''") + "'"


def type_of(kind: Kind) -> str:
    """The SQL type of `kind`."""
    if isinstance(kind, List):
        return type_of(kind.element) + "[]"
    if isinstance(kind, Struct):
        return "STRUCT(" + ", ".join(f"{name(column.name)} {type_of(column.kind)}" for column in kind.columns) + ")"
    return TYPES[SCALARS[kind].lake]


def view(table: Table, source: str, called: str | None = None) -> str:
    """The view of `table` over `source`, which is SQL after FROM: a table's name, or `read_parquet([...])`."""
    columns = ",\n  ".join(name(column.name) for column in table.all_columns)
    return f"CREATE OR REPLACE VIEW {name(called or table.name)} AS\nSELECT\n  {columns}\nFROM {source};\n"


def comments(table: Table, called: str | None = None) -> list[str]:
    """The statements that put the sentences of `table` on its view and on the view's columns."""
    return _comments(called or table.name, table.doc, [(column.name, column.doc) for column in table.all_columns])


def _comments(called: str, doc: str, columns: list[tuple[str, str]]) -> list[str]:
    target = name(called)
    statements = [f"COMMENT ON VIEW {target} IS {literal(doc)};"]
    statements += [f"COMMENT ON COLUMN {target}.{name(column)} IS {literal(text)};" for column, text in columns]
    return statements


def joins(table: Table) -> bool:
    """Whether a row of `table` begins in a packet, but does not say in which conversation."""
    return table.context in ("record", "network")


def joined_name(table: Table) -> str:
    """What the joined view of `table` is called unless one says otherwise."""
    return f"{table.name}_joined"


def added(table: Table) -> list[tuple[str, Column]]:
    """What `joined` adds: (name there, column of `packet`). The table's own addresses keep their names."""
    own = {column.name for column in table.all_columns}
    held = CONTEXTS["packet"][len(RECORD) :]
    return [(f"conversation_{column.name}" if column.name in own else column.name, column) for column in held]


def joined(table: Table, called: str | None = None) -> str:
    """A view of `table` with its packet's conversation, for tables of which `joins` is true.

    It is that of the innermost conversation of the packet; a row without its packet in the lake keeps nulls there.
    """
    if not joins(table):
        raise ValueError(f"table {table.name} has no packet to join, or says its conversation itself")
    columns = [f"t.{name(column.name)}" for column in table.all_columns]
    columns += [f"p.{name(column.name)} AS {name(shown)}" for shown, column in added(table)]
    on = " AND ".join(f"t.{name(column)} = p.{name(column)}" for column in _JOIN)
    return (
        f"CREATE OR REPLACE VIEW {name(called or joined_name(table))} AS\nSELECT\n  "
        + ",\n  ".join(columns)
        + f"\nFROM {name(table.name)} AS t\nLEFT JOIN {name('packet')} AS p ON {on};\n"
    )


def joined_comments(table: Table, called: str | None = None) -> list[str]:
    """The comments of the joined view."""
    columns = [(column.name, column.doc) for column in table.all_columns]
    columns += [(shown, f"{column.doc.rstrip('.')}, of the packet.") for shown, column in added(table)]
    return _comments(called or joined_name(table), f"{table.doc} With its packet's conversation.", columns)

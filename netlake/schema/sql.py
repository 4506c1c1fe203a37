"""Table -> SQL (DuckDB): types, the view with comments, and the view that adds columns of `packet`.

Tables such as `ethernet` and `ipv4` do not repeat the flow in every row, which saves a third of the writing; the view
of `joined` adds it from `packet`.
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
# reserved words, which need quotes as names
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
    """`identifier` in quotes, escaped."""
    return '"' + identifier.replace('"', '""') + '"'


def bare(identifier: str) -> str:
    """A snake_case `identifier`, quoted only if it is a reserved word."""
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
    """The SQL that creates the view of `table` over `source`, the SQL after FROM, such as `read_parquet([...])`."""
    columns = ",\n  ".join(name(column.name) for column in table.all_columns)
    return f"CREATE OR REPLACE VIEW {name(called or table.name)} AS\nSELECT\n  {columns}\nFROM {source};\n"


def comments(table: Table, called: str | None = None) -> list[str]:
    """The statements that set the descriptions of `table` as comments of its view and the view's columns."""
    return _comments(called or table.name, table.doc, [(column.name, column.doc) for column in table.all_columns])


def _comments(called: str, doc: str, columns: list[tuple[str, str]]) -> list[str]:
    target = name(called)
    statements = [f"COMMENT ON VIEW {target} IS {literal(doc)};"]
    statements += [f"COMMENT ON COLUMN {target}.{name(column)} IS {literal(text)};" for column, text in columns]
    return statements


def joins(table: Table) -> bool:
    """Whether rows of `table` have a packet but not its flow, so that `joined` can add it."""
    return table.context in ("record", "network")


def joined_name(table: Table) -> str:
    """The default name of the joined view of `table`."""
    return f"{table.name}_joined"


def added(table: Table) -> list[tuple[str, Column]]:
    """(name in the view, column of `packet`) of the columns that `joined` adds.

    Those that the table has as well get the prefix `flow_`.
    """
    own = {column.name for column in table.all_columns}
    context_columns = CONTEXTS["packet"][len(RECORD) :]
    return [(f"flow_{column.name}" if column.name in own else column.name, column) for column in context_columns]


def joined(table: Table, called: str | None = None) -> str:
    """The SQL that creates a view of `table` with the flow of each row's packet; ValueError unless `joins(table)`.

    It is the innermost flow of the packet, or null if the lake does not contain the packet's row.
    """
    if not joins(table):
        raise ValueError(f"table {table.name} has no packet to join, or has the flow itself")
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
    return _comments(called or joined_name(table), f"{table.doc} With the flow of its packet.", columns)

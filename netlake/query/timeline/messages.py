"""The SQL of a row's sentence, from the template that its table declares (netlake.schema.message).

Rules:
- The value of a placeholder is text; null where there is none. A sequence in a choice is joined with `||`, which is
  null if one part is; a condition is empty text, or null. A choice is the first alternative that is not null, else
  empty text.
- Text longer than LONGEST characters, bytes longer than BYTES and lists longer than LISTED elements end in `…`.
- A column that the lake does not have is null.
- Rows with a fault end in its word, because their values can be incomplete.
- A table without a template has its name and its first informative columns, as `name=value`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from netlake.query.snapshot import Field
from netlake.schema import CONTEXT_IDS, Column, List, Struct, Table
from netlake.schema.message import Choice, Message, Part, Placeholder, parse
from netlake.schema.sql import literal
from netlake.schema.sql import name as quoted

LONGEST, BYTES, LISTED = 300, 16, 4
# columns of a generated message, and names of those that tell nothing of the event
GENERIC = 6
_DULL = ("version", "length", "checksum", "size", "reserved", "heuristic", "place", "capture", "day", "ts", "flow",
         "packet", "last_packet", "fault", "from_originator", "src_ip", "dst_ip", "src_port", "dst_port")  # fmt: skip
_PLAIN = ("VARCHAR", "BOOLEAN", "SMALLINT", "INTEGER", "BIGINT", "DOUBLE")
_NONE = "NULL::VARCHAR"


def of_table(table: Table, message: Message, stored: Collection[str]) -> str:
    """The SQL of the sentence of a row of `table`, of whose columns the lake has `stored`."""
    columns = {column.name: column for column in table.all_columns if column.name in stored}
    parts = [_part(part, columns) for part in parse(message.text)]
    return _with_fault(f"trim(concat({', '.join(parts)}))", stored)


def only(table: Table, message: Message, stored: Collection[str]) -> str:
    """The SQL condition that a row is an event; empty if every row is one."""
    if not message.only:
        return ""
    columns = {column.name: column for column in table.all_columns if column.name in stored}
    return f"({_sequence(parse(message.only), columns)}) IS NOT NULL"


def generic(table: str, fields: Iterable[Field]) -> str:
    """The SQL of the sentence of a row of a table without a template."""
    fields = tuple(fields)
    own = [field for field in fields if field.number not in CONTEXT_IDS.values() and field.type in _PLAIN]
    chosen = [field for field in own if field.name not in _DULL][:GENERIC]
    parts = [literal(table.replace("_", " "))]
    for field in chosen:
        shown = _short(f"{quoted(field.name)}::VARCHAR")
        parts.append(f"' {field.name}=' || {shown}")
    return _with_fault(f"concat({', '.join(parts)})", {field.name for field in fields})


def _with_fault(sentence: str, stored: Collection[str]) -> str:
    return f"{sentence} || coalesce(' [fault: ' || fault || ']', '')" if "fault" in stored else sentence


def _part(part: Part, columns: dict[str, Column]) -> str:
    if isinstance(part, str):
        return literal(part)
    if isinstance(part, Choice):
        return f"coalesce({', '.join(_sequence(one, columns) for one in part.alternatives)}, '')"
    column = columns.get(part.column)
    if column is None:
        return _NONE
    if part.condition is not None:
        return f"CASE WHEN {_condition(part, column)} THEN '' END"
    return _value(part, column)


def _sequence(parts: Sequence[Part], columns: dict[str, Column]) -> str:
    return " || ".join(_part(part, columns) for part in parts) if parts else "''"


def _condition(part: Placeholder, column: Column) -> str:
    name = quoted(column.name)
    if part.condition:
        values = ", ".join(map(literal, part.condition))
        return f"{name}::VARCHAR {'NOT ' if part.negated else ''}IN ({values})"
    if isinstance(column.kind, List):
        return f"len({name}) > 0"
    return name if column.kind == "bool" else f"{name} IS NOT NULL"


def _value(part: Placeholder, column: Column) -> str:
    """The text of a value: of a scalar, of a field of a struct, or of the first elements of a list."""
    name = quoted(column.name)
    if isinstance(column.kind, List):
        inner = column.kind.element
        one, kind = ("one", inner) if isinstance(inner, str) else _field("one", inner, part.field)
        shown = _scalar(part, one, kind)
        few = f"array_to_string([{shown} FOR one IN {name}[1:{LISTED}] IF {one} IS NOT NULL], ', ')"
        more = f"CASE WHEN len({name}) > {LISTED} THEN ', …' ELSE '' END"
        return f"nullif({few} || {more}, '')"
    if isinstance(column.kind, Struct):
        value, kind = _field(name, column.kind, part.field)
        return _scalar(part, value, kind)
    return _scalar(part, name, column.kind)


def _field(value: str, struct: Struct, field: str | None) -> tuple[str, str]:
    """(SQL, kind) of a field of a struct; a list in it is joined by spaces."""
    kind = next(column.kind for column in struct.columns if column.name == field)
    shown = f"{value}.{quoted(field or '')}"
    return (shown, kind) if isinstance(kind, str) else (f"array_to_string({shown}, ' ')", "text")


def _scalar(part: Placeholder, value: str, kind: str) -> str:
    if part.names:
        arms = " ".join(f"WHEN {literal(given)} THEN {literal(shown)}" for given, shown in part.names)
        return f"CASE {value}::VARCHAR {arms} ELSE {value}::VARCHAR END"
    if part.function:
        return f"coalesce({part.function}({value}), {value}::VARCHAR)"
    if kind == "bytes":
        return f"lower(hex({value}[1:{BYTES}])) || CASE WHEN octet_length({value}) > {BYTES} THEN '…' ELSE '' END"
    if kind in ("f64", "duration"):
        return f"rtrim(rtrim(printf('%.3f', {value}), '0'), '.')"
    if kind == "ts":
        return f"strftime({value}, '%Y-%m-%d %H:%M:%S')"
    return _short(f"nullif({value}, '')") if kind == "text" else f"{value}::VARCHAR"


def _short(value: str) -> str:
    return f"CASE WHEN length({value}) > {LONGEST} THEN left({value}, {LONGEST}) || '…' ELSE {value} END"

"""The names that filters know: fields and layers, from the declarations of tables.

- A field is the Wireshark name of columns (`Column.wireshark`, `Table.also`), with all columns that declare it.
- `X.addr` is `X.src` and `X.dst`, `X.port` is `X.srcport` and `X.dstport`, where these are declared.
- A layer is the first word of a table's first Wireshark name, or what `Table.layers` says; all its rows are of the
  layer. A row is also of the layers of the other names of its columns, if one of those columns is not null.
- `TABLE` and `TABLE.COLUMN` are names too, for what Wireshark has no name for. Tables of flows, such as `connection`,
  have the packets of the flow.
- What no single column has is in `computed`.

Rows that last for several packets belong to the packet in which they end, as in Wireshark: `last_packet`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

from netlake import tables
from netlake.query.filter.computed import COMPUTED, Computed
from netlake.query.filter.syntax import Span
from netlake.schema import CONTEXTS, Column, List, Struct, Table

EITHER = {"addr": ("src", "dst"), "port": ("srcport", "dstport")}
# the type of values of a kind, for comparisons; other kinds are numbers
TYPES = {"bool": "bool", "ts": "time", "ip": "ip", "ipv4": "ip", "ipv6": "ip", "mac": "mac", "hex64": "hex",
         "bytes": "bytes", "word": "text", "text": "text", "day": "day"}  # fmt: skip
# bytes of a value in a packet, for len()
SIZES = {"8": 1, "16": 2, "32": 4, "64": 8}


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the path to a value: a column, or a field of structs; `listed` if it is a list."""

    name: str
    listed: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """Where a field has values: the `path` of a table; without a path, its rows.

    `late`: rows have a `last_packet`. `flow`: rows are of a flow and not of a packet. `names` is the path to the texts
    for numbers. `ports`: only rows with one of these ports, or with none of them if `without`. `needed`: only rows in
    which one of these columns is not null. `equal`: only rows with this value of a column. `computed` is how the values
    are computed; `layers` are the occurrences of the layer in the packet.
    """

    table: str
    path: tuple[Step, ...] = ()
    kind: str = ""
    late: bool = False
    flow: bool = False
    names: tuple[Step, ...] | None = None
    ports: tuple[int, ...] = ()
    without: bool = False
    needed: tuple[tuple[Step, ...], ...] = ()
    equal: tuple[str, int] | None = None
    computed: Computed | None = None
    layers: tuple[Span, ...] = ()

    @property
    def type(self) -> str:
        """Its type: number, bool, time, ip, mac, hex, bytes, text or day."""
        return TYPES.get(self.kind, "number")

    @property
    def size(self) -> int | None:
        """Bytes of a number in a packet; None if they are unknown."""
        return next((size for bits, size in SIZES.items() if self.kind.rstrip("le").endswith(bits)), None)


def usable(table: Table) -> bool:
    """Whether rows of `table` are of a packet or a flow."""
    return {"capture"} < {column.name for column in CONTEXTS[table.context]} and table.context != "capture"


def in_packets(one: Source) -> bool:
    """Whether the rows of a layer are of headers that the walk finds in packets, and not of messages in streams."""
    table = tables.table(one.table)
    return bool(table.on) and table.context != "stream" and not one.equal


def source(table: Table) -> Source:
    """The source of all rows of `table`."""
    context = {column.name for column in CONTEXTS[table.context]}
    return Source(table.name, late="last_packet" in context, flow="packet" not in context)


def values(table: Table, columns: Iterable[Column], path: tuple[Step, ...] = ()) -> Iterator[tuple[Column, Source]]:
    """(column, source) of every value in `columns`, those in lists and structs included."""
    known = tuple(columns)
    for column in known:
        kind = column.kind
        step = Step(column.name, isinstance(kind, List))
        kind = kind.element if isinstance(kind, List) else kind
        here = (*path, step)
        if isinstance(kind, Struct):
            yield from values(table, kind.columns, here)
            continue
        named = any(other.name == f"{column.name}_name" for other in known)
        names = (*path, Step(f"{column.name}_name")) if named and not step.listed else None
        yield column, replace(source(table), path=here, kind=str(kind), names=names)


@dataclass(frozen=True, slots=True)
class Names:
    """The sources of every field and every layer, by name; `own` are those named by table and column."""

    fields: dict[str, tuple[Source, ...]]
    layers: dict[str, tuple[Source, ...]]
    own: dict[str, tuple[Source, ...]]

    def every(self) -> list[str]:
        """All names, those of Wireshark first."""
        return list(dict.fromkeys([*self.fields, *self.layers, *self.own]))

    def near(self, name: str, most: int = 4) -> list[str]:
        """The known names nearest to one that is not known: those of its layer before others."""
        every = self.every()
        layer = name.partition(".")[0].lower() + "."
        found: list[str] = []
        same = [one for one in every if one.startswith(layer)]
        last = name.lower().rpartition(".")[2]
        found += difflib.get_close_matches(name.lower(), same, n=most, cutoff=0.65)
        found += [one for one in same if last and last in one.rpartition(".")[2]]
        if len(found) < 2:
            found += difflib.get_close_matches(name.lower(), every, n=most, cutoff=0.65)
        return list(dict.fromkeys(found))[:most]


def names() -> Names:
    """All names; made once for a set of tables."""
    return _names(tables.every())


@cache
def _names(every: tuple[Table, ...]) -> Names:
    fields: dict[str, list[Source]] = {}
    layers: dict[str, list[Source]] = {}
    own: dict[str, tuple[Source, ...]] = {}
    for table in filter(usable, every):
        found = list(_declared(table))
        for name, one in found:
            fields.setdefault(name, []).append(one)
        for name, one in _layers(table, found):
            layers.setdefault(name, []).append(one)
        own[table.name] = (source(table),)
        for _, one in values(table, table.all_columns):
            own[".".join([table.name, *(step.name for step in one.path)])] = (one,)
    for name, made in COMPUTED.items():
        fields[name] = [replace(source(tables.table(one.table)), kind=one.kind, computed=one) for one in made]
    for layer in sorted({name.partition(".")[0] for name in fields}):
        for short, parts in EITHER.items():
            if f"{layer}.{short}" not in fields and all(f"{layer}.{part}" in fields for part in parts):
                fields[f"{layer}.{short}"] = [one for part in parts for one in fields[f"{layer}.{part}"]]
    return Names(_frozen(fields), _frozen(layers), own)


def _frozen(found: dict[str, list[Source]]) -> dict[str, tuple[Source, ...]]:
    return {name: tuple(sources) for name, sources in found.items()}


def _declared(table: Table) -> Iterator[tuple[str, Source]]:
    """(Wireshark name, source) of every value of `table` that has one."""
    also = table.also
    for column, one in values(table, table.all_columns):
        for _, name in (pair for pair in also if pair[0] == column.name and len(one.path) == 1):
            yield _conditional(name, one)
    for column, one in values(table, table.columns):
        if column.wireshark:
            yield column.wireshark, one


def _layers(table: Table, found: list[tuple[str, Source]]) -> Iterator[tuple[str, Source]]:
    """(layer, source) of the rows of `table`."""
    by_layer: dict[str, list[tuple[Step, ...]]] = {}
    for name, one in found:
        by_layer.setdefault(name.partition(".")[0], []).append(one.path)
    given = table.layers or tuple(list(by_layer)[:1])
    special = tuple(int(port) for _, _, port in (layer.partition("@") for layer in given) if port.isdecimal())
    rows = source(table)
    for layer in given:
        plain = replace(rows, ports=special, without=True) if special else rows
        yield _conditional(layer, rows if "@" in layer else plain)
    named = {layer.partition("@")[0] for layer in given}
    for name, paths in by_layer.items():
        # headers that a row quotes are not of its layers
        if name not in named and not table.also and not (table.layers and special):
            yield name, replace(rows, needed=tuple(paths))


def _conditional(name: str, one: Source) -> tuple[str, Source]:
    """(name, source) of a declared name, with the condition behind its @."""
    plain, _, condition = name.partition("@")
    column, _, value = condition.partition("=")
    if value:
        return plain, replace(one, equal=(column, int(value)))
    return plain, replace(one, ports=(int(column),)) if column else one

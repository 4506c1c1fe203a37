"""Maps tables to layers of tshark, and columns to fields."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from netlake import tables
from netlake.schema import CONTEXTS, Column, List, Struct, Table
from tests.compare import values
from tests.compare.exceptions import asked
from tests.compare.values import Value

FILE = Path(__file__).with_name("layers.toml")
# fields with the ports, by layer
TRANSPORTS = {name: (f"{name}.srcport", f"{name}.dstport") for name in ("tcp", "udp", "sctp")}
# text fields with domain names
DOMAINS = ("dns.", "dhcpv6.client_domain")
# what tshark shows for an address of zeros
ANY = "0.0.0.0"  # noqa: S104 - shown, not bound to
UNSET = {"ip": ANY, "ipv4": ANY, "ipv6": "::", "mac": "00:00:00:00:00:00"}


@dataclass(frozen=True, slots=True)
class Part:
    """A column, or a field of structs in it: `path` to its values, `kind` of one value, whether it is in a list."""

    path: tuple[str, ...]
    kind: str
    listed: bool


@dataclass(frozen=True, slots=True)
class Field:
    """One field of tshark, and all parts of the table with its values (in DNS, one field for three lists)."""

    name: str
    names: tuple[str, ...]
    parts: tuple[Part, ...]
    silent: frozenset[Value] = frozenset()
    unless: tuple[str, ...] = ()
    form: str = ""

    @property
    def column(self) -> str:
        """Its name in reports."""
        return ", ".join(".".join(part.path) for part in self.parts)

    @property
    def single(self) -> bool:
        """Whether a row has at most one value of it."""
        return len(self.parts) == 1 and not self.parts[0].listed


@dataclass(frozen=True, slots=True)
class Layered:
    """A table that is compared, with its layers and fields."""

    table: Table
    layers: frozenset[str]
    fields: tuple[Field, ...]
    only: tuple[str, ...] = ()
    values: frozenset[str] = frozenset()
    ports: frozenset[int] = frozenset()
    inside: frozenset[str] = frozenset()
    needs: tuple[tuple[str, str], ...] = ()
    records: bool = False
    bodies: bool = False
    dialog: bool = False
    within: bool = False
    split: str | None = None
    begins: str | None = None
    columns: tuple[str, ...] = field(default=())
    merged: bool = False
    packet: str | None = None
    requires: str | None = None

    @property
    def key(self) -> str:
        """The name of its rows: that of the table, and of the column with the packet."""
        return self.table.name if self.packet is None else f"{self.table.name} {self.packet}"

    @property
    def waits(self) -> bool:
        """Whether a row can be in another frame than its layer."""
        return self.bodies or self.dialog or self.within

    @property
    def wanted(self) -> set[str]:
        """All fields that must be read from tshark."""
        deciding = {
            name
            for name in (*self.only, self.begins, *dict(self.needs).values(), *asked(self.table.name, "shows"))
            if name
        } | {one.unless[0] for one in self.fields if one.unless}
        return {name for one in self.fields for name in one.names} | deciding


def parts(
    columns: tuple[Column, ...], path: tuple[str, ...] = (), *, listed: bool = False
) -> Iterator[tuple[str, Part]]:
    """(Wireshark name, part) of all parts of `columns` that declare one."""
    for column in columns:
        here, kind = (*path, column.name), column.kind
        inside = listed
        if isinstance(kind, List):
            kind, inside = kind.element, True
        if isinstance(kind, Struct):
            yield from parts(kind.columns, here, listed=inside)
        elif column.wireshark:
            yield column.wireshark, Part(here, str(kind), inside)


def unset(columns: tuple[Column, ...]) -> Iterator[tuple[str, str]]:
    """Fields of addresses that are null for netlake where they are all zeros, with their kinds."""
    for column in columns:
        if column.unset and column.wireshark:
            yield column.wireshark, str(column.kind)
        yield from unset(column.fields)


def _fields(table: Table, entry: dict[str, Any]) -> tuple[Field, ...]:
    context = {column.name: column for column in table.all_columns}
    also = [
        (name, Part((column,), str(context[column].kind), listed=False))
        for column, name in dict(table.also).items()  # the last name of a column
        if column in {one.name for one in CONTEXTS[table.context]} - {"packet"}
    ]
    found: dict[str, list[Part]] = {}
    for name, part in [*also, *parts(table.columns)]:
        found.setdefault(name, []).append(part)
    alias, silent, unless, form = (entry.get(key, {}) for key in ("alias", "silent", "unless", "form"))
    silent = {name: UNSET[kind] for name, kind in unset(table.columns)} | silent
    return tuple(
        Field(
            name,
            (name, *alias.get(name, ())),
            tuple(own),
            frozenset(values.theirs(own[0].kind, text, text) for text in _texts(silent.get(name, ()))),
            tuple(unless.get(name, ())),
            form.get(name, _text_form(name, form) if str(own[0].kind) == "text" else ""),
        )
        for name, own in found.items()
    )


def _text_form(name: str, form: dict[str, str]) -> str:
    """The form of a text: that of domain names, or the one for all texts of the table."""
    return "dns_name" if name.startswith(DOMAINS) else form.get("*", "")


def _texts(given: str | list[str] | tuple[str, ...]) -> list[str]:
    """One text or several, as a list."""
    return [given] if isinstance(given, str) else list(given)


def layered(table: Table, entry: dict[str, Any]) -> Layered:
    """The mapping of `table`, from its declaration and its entry in `layers.toml`, or one of its `parts`."""
    only, chosen = entry.get("only", {}), entry.get("columns")
    own = tuple(one for one in _fields(table, entry) if chosen is None or one.parts[0].path[0] in chosen)
    columns = tuple(dict.fromkeys(part.path[0] for one in own for part in one.parts))
    merged = bool(entry.get("merged"))
    if merged:
        own = tuple(replace(one, parts=tuple(replace(part, listed=True) for part in one.parts)) for one in own)
    return Layered(
        table,
        frozenset(entry.get("layers") or usual(table)),
        own,
        only=(field,) if isinstance(field := only.get("field", ()), str) else tuple(field),
        values=frozenset(only.get("values", ())),
        ports=frozenset(entry.get("ports", ())),
        inside=frozenset(entry.get("inside", ())),
        needs=tuple(entry.get("needs", {}).items()),
        records=bool(entry.get("records")),
        bodies=bool(entry.get("bodies")),
        dialog=bool(entry.get("dialog")),
        within=bool(entry.get("within")),
        split=entry.get("split"),
        begins=entry.get("begins"),
        columns=columns,
        merged=merged,
        packet=entry.get("packet"),
        requires=entry.get("requires"),
    )


def usual(table: Table) -> set[str]:
    """The default layers of a table: the first words of its Wireshark names."""
    return {name.partition(".")[0] for name, _ in parts(table.columns)}


@cache
def entries() -> dict[str, dict[str, Any]]:
    """The content of `layers.toml`."""
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


def declaring() -> list[Table]:
    """All tables with a column that declares a Wireshark name."""
    return [table for table in tables.every() if any(parts(table.columns))]


@cache
def compared() -> tuple[Layered, ...]:
    """All tables that are compared."""
    found = ((table, entries().get(table.name, {})) for table in declaring())
    return tuple(layered(table, entry | part) for table, entry in found for part in entry.get("parts", ({},)))

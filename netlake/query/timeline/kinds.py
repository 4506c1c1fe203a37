"""The kinds of events of a timeline: the tables that names and groups mean.

Without names it is every table with a message that is shown by default. A name is a table, whatever it declares, or a
group of messages; `all` is every table whose rows have a time.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from netlake.errors import OptionError
from netlake.query.output.visible import harmless
from netlake.query.snapshot import Field, Snapshot
from netlake.schema import Message, Table
from netlake.tables import declared, derived, entries

EVERY = "all"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: a table with its columns, and its declaration and message if it has them.

    `every` is True if the table was named, so that all its rows are shown (`Message.only`).
    """

    name: str
    fields: tuple[Field, ...]
    table: Table | None = None
    message: Message | None = None
    every: bool = False

    @property
    def columns(self) -> dict[str, Field]:
        """The columns by name."""
        return {field.name: field for field in self.fields}

    @property
    def time(self) -> str:
        """The column with the time of the event."""
        return self.message.time if self.message else "ts"


def groups() -> dict[str, list[str]]:
    """The names of the tables of each group, sorted."""
    found: dict[str, list[str]] = {}
    for table in declared():
        if table.message:
            found.setdefault(table.message.group, []).append(table.name)
    return {group: sorted(names) for group, names in sorted(found.items())}


def chosen(names: Sequence[str], snapshot: Snapshot) -> list[Kind]:
    """The kinds with these names, those shown by default without names; OptionError for an unknown name.

    Tables that the lake does not have are left out, also if they are named, as they have no rows.
    """
    wanted: list[str] = []
    for name in names:
        wanted += _named(name, snapshot)
    if not names:
        wanted = [table.name for table in declared() if table.message and table.message.default]
    stored = set(snapshot.stored())
    named = {*names} if EVERY not in names else stored
    return list(_kinds([name for name in dict.fromkeys(wanted) if name in stored], named, snapshot))


def _named(name: str, snapshot: Snapshot) -> list[str]:
    """The tables of a name or group; OptionError if it is neither, or if the rows of the table have no time."""
    if name == EVERY:
        return [table for table in snapshot.stored() if _has_time(table, snapshot)]
    if found := groups().get(name):
        return found
    if not snapshot.has(name):
        raise _unknown(name, snapshot)
    if not _has_time(name, snapshot):
        raise OptionError(f"--kinds: rows of table {name} have no time, so that they are no events; omit it.")
    return [name]


def _has_time(name: str, snapshot: Snapshot) -> bool:
    message = _message(name)
    return any(field.name == (message.time if message else "ts") for field in snapshot.fields(name))


def _message(name: str) -> Message | None:
    table = _declaration(name)
    return table.message if table else None


def _declaration(name: str) -> Table | None:
    entry = entries().get(name)
    return entry.table if entry else derived().get(name)


def _kinds(names: Sequence[str], named: Collection[str], snapshot: Snapshot) -> Iterator[Kind]:
    for name in names:
        fields = snapshot.fields(name)
        table = _declaration(name)
        yield Kind(name, fields, table, table.message if table else None, name in named)


def _unknown(name: str, snapshot: Snapshot) -> OptionError:
    known = sorted({*snapshot.names(), *groups(), EVERY})
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.6)
    near += [other for other in known if name and name.lower() in other and other not in near]
    hint = f"nearest: {', '.join(near[:4])}; " if near else ""
    return OptionError(
        f"--kinds: there is no table or group {harmless(name)}; {hint}groups are {', '.join(groups())} and {EVERY}."
    )

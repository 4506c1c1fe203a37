"""Views with labels: `labelled.TABLE`, and `"labelled:NAME".TABLE` for another version of labels than `default`.

A view has the columns of its table, and four that it computes from the edges of a record in `label`:

- `label`: the first label by the order below, null without one; `labels`: all of them in this order;
- `attempted`: the category of the attempt, if one of the edges of `label` says that it is one;
- `state`: attack or benign, as `label`; unknown without an edge.

Order: larger priority, attack before benign, direct matches before those from flows and packets, larger confidence,
name.
A table with a column of one of these names keeps it, and the added one begins with `truth_`.

A statement pays for these views only if it names them. They are in a schema of the database, so they last longer than
a statement, but they name the temporary views of tables, which each statement has for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netlake.errors import QueryError
from netlake.query.snapshot import Snapshot
from netlake.schema import CONTEXT_IDS
from netlake.schema.sql import literal
from netlake.schema.sql import name as quoted

SCHEMA, DEFAULT = "labelled", "default"
# the table with the edges, see netlake.derived.labels
EDGES = "label"
ADDED = ("label", "labels", "attempted", "state")
_NAMES = re.compile(
    r'(?:"labelled(?::(?P<version>[^"]+))?"|\blabelled)\s*\.\s*(?:"(?P<quoted>[^"]+)"|(?P<bare>\w+))', re.IGNORECASE
)
_ALONE = re.compile(r'"?labelled(?::(?P<version>[^".]+))?"?\."?(?P<table>\w+)"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Labelled:
    """One view: the version of labels and the table."""

    version: str
    table: str

    @property
    def schema(self) -> str:
        """Name of its schema."""
        return SCHEMA if self.version == DEFAULT else f"{SCHEMA}:{self.version}"

    @property
    def name(self) -> str:
        """Its name with the schema, in quotes."""
        return f"{quoted(self.schema)}.{quoted(self.table)}"


def parse(text: str) -> Labelled | None:
    """The view with this name, quotes are optional; None for another name."""
    found = _ALONE.fullmatch(text)
    return Labelled(found["version"] or DEFAULT, found["table"].lower()) if found else None


def named(statement: str, snapshot: Snapshot) -> list[Labelled]:
    """The views that `statement` may name, of tables whose records can have labels."""
    found = {
        Labelled(match["version"] or DEFAULT, (match["quoted"] or match["bare"]).lower())
        for match in _NAMES.finditer(statement)
    }
    ordered = sorted(found, key=lambda one: one.name)
    return [one for one in ordered if snapshot.has(one.table) and key(one.table, snapshot)]


def key(table: str, snapshot: Snapshot) -> tuple[str, ...]:
    """The columns that identify a record of `table` in `label`; empty if its records have no labels."""
    own = {field.name for field in snapshot.fields(table) if CONTEXT_IDS.get(field.name) == field.number}
    if {"capture", "packet", "place"} <= own and own & {"flow", "src_ip"}:
        return ("capture", "packet", "place")
    return ("capture", "flow") if {"capture", "flow"} <= own and "packet" not in own else ()


def columns(table: str, snapshot: Snapshot) -> list[str]:
    """The columns of the view of `table`."""
    own = [field.name for field in snapshot.fields(table)]
    return own + [_added(name, own) for name in ADDED]


def _added(name: str, own: Sequence[str]) -> str:
    return f"truth_{name}" if name in own else name


def check(views: Sequence[Labelled], snapshot: Snapshot) -> None:
    """QueryError if the lake does not have the labels of one of `views`."""
    if not views:
        return
    versions = snapshot.catalog.owners(EDGES, snapshot.at)
    if not versions:
        raise QueryError(f"{views[0].schema}.{views[0].table}: the lake has no labels; run `netlake label apply`.")
    for view in views:
        if view.version not in versions:
            known = ", ".join(sorted(versions))
            raise QueryError(f"There is no version {view.version} of labels; the lake has {known}.")


def statements(views: Sequence[Labelled], snapshot: Snapshot) -> Iterator[str]:
    """The SQL that creates `views` over the views of their tables and of `label`."""
    for schema in sorted({view.schema for view in views}):
        yield f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}"
    for view in views:
        yield _view(view, snapshot)


def _view(view: Labelled, snapshot: Snapshot) -> str:
    own = [field.name for field in snapshot.fields(view.table)]
    keys = key(view.table, snapshot)
    listed = ", ".join(keys)
    on = " AND ".join(f"l.{column} = t.{column}" for column in keys)
    label, labels, attempted, state = (quoted(_added(name, own)) for name in ADDED)
    return (
        f"CREATE OR REPLACE VIEW {view.name} AS SELECT t.*, l.ranked[1].label AS {label},"  # noqa: S608
        f" coalesce([one.label FOR one IN l.ranked], []) AS {labels}, l.ranked[1].attempted AS {attempted},"
        f" CASE WHEN l.ranked[1].attack THEN 'attack' WHEN l.ranked IS NULL THEN 'unknown' ELSE 'benign' END AS {state}"
        f" FROM temp.{quoted(view.table)} t LEFT JOIN (SELECT {listed}, list({{label: label, attempted: attempted,"
        " attack: attack} ORDER BY priority DESC, attack DESC, direct DESC, confidence DESC, label) AS ranked FROM ("
        f"SELECT {listed}, label, max(priority) AS priority, bool_or(state = 'attack') AS attack,"
        " bool_or(scope = 'direct') AS direct, max(coalesce(confidence, -1)) AS confidence, max(attempted) AS attempted"
        f" FROM temp.{EDGES} WHERE version = {literal(view.version)} AND record_table = {literal(view.table)}"
        f" GROUP BY {listed}, label) GROUP BY {listed}) l ON {on}"
    )

"""`netlake.Lake`: queries on a lake from Python programs and notebooks.

Statements run with the rights of the process: `COPY ... TO` can write and `read_csv` can read any file of the caller.
Run SQL from an untrusted source with `netlake.query.guard`.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from netlake.lake.catalog import Catalog
from netlake.lake.facts import CaptureFacts
from netlake.query import functions, labelled, names, saved
from netlake.query.answer import Answer
from netlake.query.chosen import chosen
from netlake.query.connection import Connection, Views
from netlake.query.dump import Dump, check_condition
from netlake.query.functions import local
from netlake.query.output.place import target
from netlake.query.snapshot import Snapshot
from netlake.query.views import all_views, columns, tables_of, view_of, with_used
from netlake.schema.views import View

if TYPE_CHECKING:
    import duckdb
    import polars as pl

    from netlake.originals.carved import Carved


class Lake:
    """The lake at `path`: each query reads the latest snapshot, or the snapshot `at` (a number or a time) if given.

    With `captures` (ids, paths or names of files), it has the rows of these captures only.
    Not thread-safe: use one Lake for each thread.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        at: int | dt.datetime | None = None,
        captures: Sequence[str] | None = None,
    ) -> None:
        self.catalog = Catalog(Path(path), readonly=True)
        self.path = Path(path)
        self._at, self._only = at, captures
        self._connection: Connection | None = None
        self._snapshot()

    def _snapshot(self) -> Snapshot:
        whole = Snapshot(self.catalog, self._at)
        return whole if self._only is None else Snapshot(self.catalog, whole.at, chosen(self._only, whole.captures()))

    def _opened(self) -> Connection:
        if self._connection is None:
            self._connection = Connection(local=local.of_lake(self.path))
        return self._connection

    def sql(self, statement: str, *, prune: bool = True) -> Answer:
        """Return the lazy result of `statement`; call `.pl()`, `.arrow()`, `.rows()` or `.batches()` on it.

        The statement has the rights of this process: it can read and write any file that the caller can, also those of
        the lake. Run SQL from others with `netlake sql`, whose process can only read the lake.
        Raises QueryError if the statement is invalid. `prune=False` reads all files of the named tables.
        """
        relation, opened = self._opened().run(statement, self._snapshot(), prune=prune)
        return Answer(relation, opened)

    def dump(  # noqa: PLR0913 - the options of `netlake dump`
        self,
        table: str,
        *,
        filter: str | None = None,  # noqa: A002 - the name of the option
        select: Sequence[str] = (),
        where: str | None = None,
        sort: Sequence[str] = (),
        limit: int | None = None,
    ) -> Answer:
        """The rows of one table whose packet matches the display filter `filter` and the SQL condition `where`.

        The other options are those of `netlake dump`. Raises FilterError for an invalid filter.
        """
        snapshot = self._snapshot()
        opened = self._opened()
        condition, given = None, None
        if filter is not None:
            from netlake.query.filter import applied

            found = applied.rows(filter, table, snapshot, opened)
            condition, given = found.sql, found.tables
        check_condition(opened.database, where)
        statement = Dump(table, select, where, sort, limit, condition).sql(snapshot)
        relation, read = opened.run(statement, snapshot, given=given)
        return Answer(relation, read)

    def timeline(  # noqa: PLR0913 - the options of `netlake timeline`
        self,
        *,
        host: str | None = None,
        flow: int | None = None,
        since: str | dt.datetime | None = None,
        until: str | dt.datetime | None = None,
        kinds: Sequence[str] = (),
        filter: str | None = None,  # noqa: A002 - the name of the option
        limit: int | None = None,
    ) -> Answer:
        """The events of all tables, ordered by time: ts, kind, message, source, destination, flow, packet, capture.

        `since` and `until` are --from and --to of `netlake timeline`, the others its options. Raises OptionError for an
        unknown host, flow or kind, FilterError for an invalid filter.
        """
        from netlake.query.timeline import whole
        from netlake.query.timeline.events import Question
        from netlake.query.timeline.times import moment

        first, end = moment("since", since), moment("until", until)
        question = Question(host=host, flow=flow, since=first, until=end, kinds=tuple(kinds), limit=limit)
        return Answer(*whole.timeline(question, filter, self._snapshot(), self._opened()))

    def carve(  # noqa: PLR0913 - the options of `netlake carve`
        self,
        out: str | os.PathLike[str],
        *,
        flows: Sequence[int] = (),
        packets: Sequence[int] = (),
        where: str | None = None,
        filter: str | None = None,  # noqa: A002 - the name of the option
        labels: str | None = None,
        limit: int | None = None,
        originals: str | os.PathLike[str] | None = None,
        verify: bool = False,
    ) -> Carved:
        """Write packets to the capture `out` (.pcapng or .pcap), which is replaced, and return what was written.

        The options are those of `netlake carve`; without any, all packets are written. Raises InputError if an original
        is gone or was changed, QueryError if no packet matches.
        """
        from netlake.query import carve
        from netlake.query.carving import Carving

        place, snapshot, opened = Path(out), self._snapshot(), self._opened()
        form = carve.format_of(place)
        if flows or packets:
            carve.numbered(snapshot, "flows, packets")
        wanted = Carving(
            flows, [(one, one) for one in packets], where, filter, limit, carve.labels_of(snapshot, labels, form)
        )
        found = wanted.selection(snapshot, opened)
        relation, _ = opened.run(found.sql, snapshot, given=found.tables)
        known = {facts.capture: facts for facts in snapshot.captures()}
        where_from = carve.Originals(None if originals is None else Path(originals), verify)
        with target(place, self.path, "out") as file:
            return carve.write(relation.to_arrow_reader(4096), known, form(file), where_from)

    def packets(self, filter: str) -> Answer:  # noqa: A002 - the name of the option of `dump`
        """`capture` and `packet` of the packets that match a display filter, in order; FilterError if it is invalid."""
        from netlake.query.filter import applied

        snapshot = self._snapshot()
        found = applied.packets(filter, snapshot, self._opened())
        relation, read = self._opened().run(found.sql, snapshot, given=found.tables)
        return Answer(relation, read)

    def query(self, name: str | os.PathLike[str], /, *, prune: bool = True, **params: Any) -> Answer:
        """Return the result of a saved query with these parameters; `name` may be the path of a file.

        `netlake query --list` lists the names. Raises QueryError for an unknown name or a wrong parameter.
        """
        found = saved.find(name)
        relation, opened = self._opened().run(found.sql, self._snapshot(), prune=prune, params=found.bound(params))
        return Answer(relation, opened)

    def scan(self, table: str, *, filter: str | None = None) -> pl.LazyFrame:  # noqa: A002 - as in `dump`
        """The rows of one table as a lazy Polars frame over its files; QueryError if the table does not exist.

        With a display filter, only those whose packet matches it, computed by Polars.
        """
        from netlake.query.frames import scan

        snapshot = self._checked(table)
        frame = scan(self._opened(), snapshot, table)
        if filter is None:
            return frame
        from netlake.query.filter import applied

        return applied.frame(filter, frame, snapshot, self._opened())

    def connect(self, *tables: str) -> duckdb.DuckDBPyConnection:
        """A new DuckDB connection with a view of each of `tables`, by default of all tables with rows.

        A name such as `labelled.dns` is a view with labels; see netlake.query.labelled. Names of views that protocols
        declare, such as `http`, are allowed; by default those with a table with rows are included.

        The views read all files of the present snapshot: nothing is pruned, and later captures are not included.
        """
        snapshot = self._snapshot()
        wanted = list(tables or (name for name in snapshot.names() if snapshot.files(name)))
        with_labels = [found for name in wanted if (found := labelled.parse(name))]
        for table in (one.table for one in with_labels):
            self._known(snapshot, table)
        labelled.check(with_labels, snapshot)
        wanted = [name for name in wanted if labelled.parse(name) is None]
        declared = with_used(wanted, snapshot)
        if not tables:
            declared = [view for view in all_views(snapshot) if not view.tables or _some(view, wanted, snapshot)]
        wanted = list({name for name in wanted if view_of(name, snapshot) is None} | tables_of(declared, snapshot))
        wanted += {one.table for one in with_labels} | ({labelled.EDGES} if with_labels else set())
        for table in wanted:
            self._known(snapshot, table)
        views = Views(Connection(variables=True, local=local.of_lake(self.path)), snapshot)
        every = " ".join(name for name, one in functions.every().items() if set(one.tables) <= set(wanted))
        views.connection.declare(every)
        made = [*(view.statement for view in declared), *labelled.statements(with_labels, snapshot)]
        views.bind(wanted, macros=functions.statements(every), made=made)
        return views.cursor

    @property
    def tables(self) -> Mapping[str, int]:
        """Table name -> number of rows, without empty tables."""
        snapshot = self._snapshot()
        rows = {name: sum(file.rows for file in snapshot.files(name)) for name in snapshot.names()}
        return {name: count for name, count in rows.items() if count}

    @property
    def captures(self) -> list[CaptureFacts]:
        """The captures in the lake, in the order in which they were added."""
        return [entry.facts for entry in self.catalog.captures()]

    def columns(self, table: str) -> dict[str, tuple[str, str]]:
        """Column name -> (SQL type, description) of `table`, which may be a declared view."""
        if view := view_of(table, self._snapshot()):
            return columns(view, self._snapshot())
        return {field.name: (field.type, field.doc) for field in self._checked(table).fields(table)}

    def _checked(self, table: str) -> Snapshot:
        snapshot = self._snapshot()
        self._known(snapshot, table)
        return snapshot

    @staticmethod
    def _known(snapshot: Snapshot, table: str) -> None:
        if not snapshot.has(table):
            raise names.unknown("table", table, snapshot.names())

    def close(self) -> None:
        """Close the connection; existing answers keep their own."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        tables = self.tables
        return f"<Lake {self.path}: {len(self.captures)} captures, {len(tables)} tables, {sum(tables.values()):,} rows>"

    def _repr_html_(self) -> str:
        snapshot = self._snapshot()
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td align='right'>{count:,}</td><td>{escape(snapshot.doc(name))}</td></tr>"
            for name, count in self.tables.items()
        )
        return f"<p>{escape(repr(self))}</p><table><tr><th>table</th><th>rows</th><th></th></tr>{rows}</table>"

    def _ipython_key_completions_(self) -> list[Any]:
        return list(self.tables)


def _some(view: View, tables: Iterable[str], snapshot: Snapshot) -> bool:
    """Whether a view, or one that it uses, reads one of `tables`."""
    return not tables_of(with_used([view.name], snapshot), snapshot).isdisjoint(tables)

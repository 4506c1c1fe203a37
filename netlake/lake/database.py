"""The one place that knows which database holds the catalog: connections, transactions, and how dialects differ.

All other SQL in this package is plain: `?` for values, no upsert, no database's own functions, flags given as Python
booleans. Another database is another class with the three methods of SQLite.

SQLite is run without write-ahead log (it needs shared memory, which network file systems lack) and with synchronous
EXTRA: FULL alone may lose the deletion of the journal in a power cut, and with it a commit that was acknowledged.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from netlake.errors import LakeError

Row = tuple[Any, ...]
# seconds that a writer waits for others
PATIENCE = 120.0


class UncertainError(LakeError):
    """A commit failed in a way that does not tell whether it holds."""


class Session:
    """A connection within a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Row]:
        """Every row of a query."""
        return self.connection.execute(query, values).fetchall()

    def row(self, query: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row of a query."""
        found: Row | None = self.connection.execute(query, values).fetchone()
        return found

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        """One statement."""
        self.connection.execute(statement, values)

    def tables(self) -> set[str]:
        """The names of all tables."""
        return {name for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def insert(self, table: str, rows: Iterable[Sequence[Any]]) -> None:
        """Rows of as many values as `table` has columns."""
        given = [tuple(row) for row in rows]
        if given:
            marks = ", ".join("?" * len(given[0]))
            self.connection.executemany(f"INSERT INTO {table} VALUES ({marks})", given)  # noqa: S608 - our own names


class SQLite:
    """A catalog in one SQLite file."""

    # how the real extension spells a flag in SQLite
    flag = "BIGINT"

    def __init__(self, path: Path) -> None:
        self.path = path

    def _connect(self, mode: str, *, write: bool = False) -> sqlite3.Connection:
        # as_uri escapes what would end the path in a URI; isolation_level None: transactions are begun by us alone
        address = f"{self.path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(address, timeout=PATIENCE, isolation_level=None, uri=True)
        try:
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # only now the file is looked at
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state and writes nothing."""
        with _sentences(self.path):
            connection = self._begun()
            try:
                yield Session(connection)
            finally:
                connection.close()

    def _begun(self) -> sqlite3.Connection:
        """A connection that sees one state; what a killed writer left half done is undone first."""
        try:
            return self._connect("ro")
        except sqlite3.OperationalError as error:
            if "readonly" not in str(error):
                raise
        self._connect("rw").close()  # whoever opens read-only cannot undo it, and cannot read before it is undone
        return self._connect("ro")

    @contextmanager
    def write(self, *, create: bool = False) -> Iterator[Session]:
        """A session that alone may write; it holds when the block ends well, and never was when it does not."""
        with _sentences(self.path):
            connection = self._connect("rwc" if create else "rw", write=True)
            try:
                try:
                    yield Session(connection)
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                _commit(connection, self.path)
            finally:
                connection.close()


def _commit(connection: sqlite3.Connection, path: Path) -> None:
    try:
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        if not connection.in_transaction:
            raise UncertainError(f"The catalog {path} could not be written to its end: {error}.") from error
        connection.execute("ROLLBACK")
        raise


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Errors of the database as sentences."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if "locked" in text:
            raise LakeError(f"The catalog {path} is in use by another process for too long; try again.") from error
        if "unable to open" in text:
            raise LakeError(f"There is no catalog that can be opened at {path}.") from error
        if "readonly" in text or "read-only" in text:
            raise LakeError(
                f"The catalog {path} cannot be written; if a writer died in it, who may write must open it once."
            ) from error
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise
        raise LakeError(f"The catalog {path} cannot be read: {error}.") from error

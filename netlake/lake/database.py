"""The database of the catalog: connections, transactions, and what differs between databases.

- All other SQL in this package is plain: `?` for values, no upsert, no functions of one database, flags as Python
  booleans. Another database is another class with the methods of SQLite: see netlake.lake.postgresql.
- SQLite runs without a write-ahead log, which needs shared memory that network file systems lack, and with synchronous
  EXTRA: with FULL a power cut may undo the deletion of the journal, and with it a commit that was acknowledged.
- A reader of a catalog that an interrupted write left with a journal rolls it back first, which needs write permission.
- Errors of the database are raised as LakeError.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from netlake.errors import FullDiskError, LakeError

Row = tuple[Any, ...]
# seconds that a writer waits for others
PATIENCE = 120.0


# SQLite's names of the errors of a full disk or an exhausted quota
FULL = {"SQLITE_FULL", "SQLITE_IOERR_WRITE"}


class UncertainError(LakeError):
    """A commit failed, and whether it took effect is unknown."""


class Session:
    """A connection within a transaction."""

    # the types that the DuckLake extension gives columns in SQLite
    TYPES: ClassVar[Mapping[str, str]] = {"_flag": "BIGINT", "_time": "VARCHAR", "_uuid": "VARCHAR"}

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        found: list[Row] = self.connection.execute(query, values).fetchall()
        return found

    def row(self, query: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row of a query."""
        found: Row | None = self.connection.execute(query, values).fetchone()
        return found

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run one statement."""
        self.connection.execute(statement, values)

    def many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each of `rows`."""
        self.connection.executemany(statement, rows)

    def create(self, table: str) -> None:
        """Create a table, given as `name(column type, ...)` with the types of `TYPES`."""
        for kind, own in self.TYPES.items():
            table = table.replace(f" {kind}", f" {own}")
        self.run(f"CREATE TABLE {table}")

    def tables(self) -> set[str]:
        """The names of all tables."""
        return {name for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def insert(self, table: str, rows: Iterable[Sequence[Any]]) -> None:
        """Insert rows, each with a value for every column of `table`."""
        given = [tuple(row) for row in rows]
        if given:
            marks = ", ".join("?" * len(given[0]))
            self.many(f"INSERT INTO {table} VALUES ({marks})", given)  # noqa: S608 - our own names


class SQLite:
    """A catalog in one SQLite file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        """Whether there is a database."""
        return self.path.is_file()

    def _connect(self, mode: str, *, write: bool = False) -> sqlite3.Connection:
        # as_uri escapes characters that end the path in a URI; isolation_level None: only we begin transactions
        address = f"{self.path.absolute().as_uri()}?mode={mode}"
        before = self._file()
        connection = sqlite3.connect(address, timeout=PATIENCE, isolation_level=None, uri=True)
        try:
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.execute("PRAGMA secure_delete = ON")  # what is purged must not stay in free pages
            connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # only now is the file read
            replaced = before is not None and write and self._file() != before
        except BaseException:
            connection.close()
            raise
        if replaced:  # `discard_empty` removed it while we waited
            connection.close()
            return self._connect(mode, write=write)
        return connection

    def _file(self) -> int | None:
        """The number of the file (inode), None if it does not exist."""
        try:
            return self.path.stat().st_ino
        except FileNotFoundError:
            return None

    def discard_empty(self) -> None:
        """Remove a database without any table, which the failed creation of a catalog leaves."""
        with suppress(sqlite3.Error):
            connection = self._connect("rw", write=True)
            try:
                if not Session(connection).tables():
                    self.path.unlink(missing_ok=True)
            finally:
                connection.close()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that reads one state and writes nothing."""
        with _sentences(self.path):
            connection = self._begun()
            try:
                yield Session(connection)
            finally:
                connection.close()

    def _begun(self) -> sqlite3.Connection:
        """A connection for reading; an interrupted write is rolled back first."""
        try:
            return self._connect("ro")
        except sqlite3.OperationalError as error:
            if "readonly" not in str(error):
                raise
        self._connect("rw").close()  # a read-only connection cannot roll back, nor read before
        return self._connect("ro")

    @contextmanager
    def unborn(self) -> Iterator[Session]:
        """A session in an empty database in memory, in place of one that does not exist yet."""
        connection = sqlite3.connect(":memory:", isolation_level=None)
        try:
            yield Session(connection)
        finally:
            connection.close()

    @contextmanager
    def write(self, *, create: bool = False) -> Iterator[Session]:
        """The only writing session: committed when the block ends, rolled back if it raises."""
        with _sentences(self.path):
            connection = self._connect("rwc" if create else "rw", write=True)
            try:
                try:
                    yield Session(connection)
                except BaseException:
                    if connection.in_transaction:  # on a full disk SQLite has rolled back itself
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
            raise UncertainError(f"Writing the catalog {path} failed: {error}.") from error
        connection.execute("ROLLBACK")
        raise


@contextmanager
def _sentences(path: Path) -> Iterator[None]:
    """Raise errors of the database as LakeError."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if error.sqlite_errorname in FULL:
            raise FullDiskError(f"The catalog {path} could not be written: {text}.") from error
        if "locked" in text:
            raise LakeError(
                f"The catalog {path} is locked by another process for more than {PATIENCE:.0f} s; try again later."
            ) from error
        if "unable to open" in text:
            raise LakeError(f"The catalog {path} cannot be opened: it is missing or not readable.") from error
        if "readonly" in text or "read-only" in text:
            raise LakeError(
                f"The catalog {path} cannot be written; if an interrupted write left a journal, open the lake once"
                " with write permission."
            ) from error
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise
        raise LakeError(f"The catalog {path} cannot be read: {error}.") from error

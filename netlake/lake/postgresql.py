"""A catalog in PostgreSQL, for lakes that many machines write.

- A writing session locks the catalog against other writers until it ends, as SQLite does, so the catalog's SQL needs no
  retries: first an advisory lock, which also covers the creation of the tables, then a lock of `ducklake_snapshot`,
  which every commit of the DuckLake extension inserts into. A reading session sees one state (REPEATABLE READ).
- The tables are those of the connection's schema (`search_path`), with the types that the DuckLake extension gives
  them. Times and UUIDs are read as text, in the form that the catalog has in SQLite.
- Text is compared by code point (COLLATE "C"), as in SQLite and in the statistics.
- Passwords are not stored: libpq reads them from PGPASSWORD or its password file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

from netlake.errors import FullDiskError, LakeError
from netlake.lake.database import PATIENCE, Row, Session, SQLite, UncertainError

try:
    import psycopg
    from psycopg.adapt import Loader
except ImportError as error:
    raise LakeError("A catalog in PostgreSQL needs the extra netlake[postgresql]: install it with pip.") from error

# the advisory lock's first number; the second one is that of the schema
LOCK = 0x6E65746C


class _Text(Loader):
    """Reads a UUID as text."""

    def load(self, data: Any) -> str:
        """The text of a value."""
        return bytes(data).decode()


class _Time(Loader):
    """Reads a time as `2026-11-23 04:00:00.000000+00`; PostgreSQL omits zeros at the end of the fraction."""

    def load(self, data: Any) -> str:
        """The text with six digits of the fraction."""
        moment, zone = bytes(data).decode().rsplit("+", 1)
        seconds, _, fraction = moment.partition(".")
        return f"{seconds}.{fraction:0<6}+{zone}"


class PostgreSQLSession(Session):
    """A session in PostgreSQL."""

    TYPES: ClassVar[Mapping[str, str]] = {
        "VARCHAR": 'VARCHAR COLLATE "C"', "_flag": "BOOLEAN", "_time": "TIMESTAMPTZ", "_uuid": "UUID",
    }  # fmt: skip

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        found: list[Row] = self.connection.execute(_own(query), values).fetchall()
        return found

    def row(self, query: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row of a query."""
        found: Row | None = self.connection.execute(_own(query), values).fetchone()
        return found

    def run(self, statement: str, values: Sequence[Any] = ()) -> None:
        """Run one statement."""
        self.connection.execute(_own(statement), values)

    def many(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement for each of `rows`."""
        with self.connection.cursor() as cursor:
            cursor.executemany(_own(statement), rows)

    def tables(self) -> set[str]:
        """The names of all tables."""
        rows = self.rows("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        return {name for (name,) in rows}


def _own(statement: str) -> str:
    """A statement with psycopg's marks for values."""
    return statement.replace("%", "%%").replace("?", "%s")


class PostgreSQL(SQLite):
    """A catalog in the database `url`, without password; only `unborn` is that of SQLite."""

    def __init__(self, url: str) -> None:
        self.url = url

    def exists(self) -> bool:
        """Whether the database has any table."""
        with self.read() as session:
            return bool(session.tables())

    def discard_empty(self) -> None:
        """Do nothing: creation is part of a transaction."""

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that reads one state and writes nothing."""
        with self._sentences(), self._connected() as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            yield PostgreSQLSession(connection)
            connection.rollback()

    @contextmanager
    def write(self, *, create: bool = False) -> Iterator[Session]:
        """The only writing session: committed when the block ends, rolled back if it raises."""
        del create
        with self._sentences(), self._connected() as connection:
            session = PostgreSQLSession(connection)
            connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            session.run(f"SET LOCAL lock_timeout = {round(PATIENCE * 1000)}")
            session.run("SELECT pg_advisory_xact_lock(?, hashtext(current_schema()))", (LOCK,))
            if "ducklake_snapshot" in session.tables():
                session.run("LOCK TABLE ducklake_snapshot IN SHARE ROW EXCLUSIVE MODE")
            yield session
            try:
                connection.commit()
            except psycopg.OperationalError as error:
                raise UncertainError(f"Writing the catalog {self.url} failed: {_first(error)}.") from error

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        try:
            connection = psycopg.connect(self.url, connect_timeout=30, autocommit=True)
        except psycopg.ProgrammingError as error:
            raise LakeError(f"{self.url} is not a URL of PostgreSQL: {_first(error)}.") from error
        connection.execute("SET TimeZone = 'UTC'")
        connection.autocommit = False
        connection.adapters.register_loader("timestamptz", _Time)
        connection.adapters.register_loader("uuid", _Text)
        connection.prepare_threshold = None
        try:
            yield connection
        finally:
            with suppress(psycopg.Error):
                connection.close()

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Raise errors of the database as LakeError."""
        try:
            yield
        except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled) as error:
            raise LakeError(
                f"The catalog {self.url} is locked by another process for more than {PATIENCE:.0f} s; try again later."
            ) from error
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName) as error:
            raise LakeError(
                f"The catalog {self.url} refuses it: {_first(error)}; its user must be able to create tables."
            ) from error
        except psycopg.errors.DiskFull as error:
            raise FullDiskError(f"The catalog {self.url} could not be written: {_first(error)}.") from error
        except psycopg.OperationalError as error:
            raise LakeError(f"The catalog {self.url} cannot be opened: {_first(error)}.") from error
        except (psycopg.IntegrityError, psycopg.ProgrammingError):
            raise
        except psycopg.Error as error:
            raise LakeError(f"The catalog {self.url} cannot be read: {_first(error)}.") from error


def _first(error: Exception) -> str:
    """The first line of an error."""
    return str(error).strip().partition("\n")[0].rstrip(".")

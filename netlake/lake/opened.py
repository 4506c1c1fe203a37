"""A lake's folder and its catalog: opening, creating, sessions, and the path that other engines read.

Rules
- A lake of another contract or layout is refused when it is opened and again when it is written (`contract`, `layout`).
- With `late`, a lake that does not exist is created in the transaction of its first commit. Until then it is read as an
  empty catalog in memory. If that commit fails, nothing is left of it.
- A lake whose folder has a file `lake.toml` has its catalog in PostgreSQL, see `elsewhere`. The data folder is the one
  that its catalog records. Data files may be in an object store, see `remote`; `data` is then the folder where they are
  written before they are uploaded.
- Paths are resolved: a lake reached by another spelling of its path, or by a symbolic link, is the same lake.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from netlake.errors import LakeError, MissingLakeError
from netlake.lake import contract, elsewhere, layout, remote
from netlake.lake.database import Session, SQLite
from netlake.spelling import spelled

if TYPE_CHECKING:
    from netlake.sinks import StoredFile

NAME = "catalog.sqlite"
_DATA_PATH = "SELECT value FROM ducklake_metadata WHERE key = 'data_path' AND scope IS NULL"


@cache
def program() -> str:
    """The version of this netlake."""
    return version("netlake")


class OpenLake:
    """The folder of a lake, and sessions in its catalog; see `netlake.lake.catalog.Catalog` for the options."""

    def __init__(
        self, path: Path | str, *, create: bool = False, late: bool = False, readonly: bool = False, older: bool = False
    ) -> None:
        given = Path(path).resolve()
        self.folder = given.parent if given.name == NAME else given
        self.elsewhere = elsewhere.read(self.folder)
        self.readonly, self.older, self.late = readonly, older, late
        _check_name(self.folder)
        self._database = _database(self.folder, self.elsewhere)
        self.data, self.base = self._data()
        self.store = remote.Store(self.base, self.data) if remote.is_remote(self.base) else None
        found = self._contract()
        if found is None and late:
            return
        if found is None and create and not readonly:
            self._create()
            found = self._contract()
        if found is None:
            raise MissingLakeError(
                f"There is no lake at {self.folder}; check --lake, or create one: `netlake capture FILE --lake {path}`."
            )
        contract.admit(found, self.folder, older=older)

    def _contract(self) -> int | None:
        """The contract of the lake, None if there is no lake."""
        if not self._database.exists():
            return None
        with self._database.read() as session:
            return contract.recorded(session) if layout.exists(session) else None

    def _data(self) -> tuple[Path, str]:
        """The folder where data files are written, and where they are read: for a catalog elsewhere, as it records."""
        own, named = self.folder / "data", self.elsewhere.data
        if self.elsewhere.catalog is not None:
            with self._database.read() as session:
                row = session.row(_DATA_PATH) if layout.exists(session) else None
            named = row[0] if row else named
        if named is not None and remote.is_remote(named):
            return own, named.rstrip("/")
        folder = Path(named or own).absolute()
        return folder, str(folder)

    def _upload(self, files: Sequence[StoredFile]) -> None:
        """Copy files to the object store, if the lake has one."""
        if self.store is not None:
            self.store.upload(file.path for file in files)

    def _settle(self, files: Sequence[StoredFile]) -> None:
        """Remove the local copies of files that a snapshot names, if they are in an object store."""
        for file in files if self.store is not None else ():
            file.path.unlink(missing_ok=True)

    def _discard(self, files: Sequence[StoredFile]) -> None:
        """Delete files that no snapshot names."""
        for file in files:
            file.path.unlink(missing_ok=True)
        if self.store is not None:
            self.store.delete(self.store.place(file.path) for file in files)

    def _create(self) -> None:
        with self._created():
            pass

    @contextmanager
    def _created(self) -> Iterator[Session]:
        """A writing session in the catalog, which is created in its transaction if there is none."""
        from netlake.sinks.places import make_folder, sync_folder  # Arrow: 0.3 s

        make_folder(self.data)
        try:
            with self._database.write(create=True) as session:
                if self.elsewhere.data is not None and not layout.exists(session):
                    elsewhere.claim(self.base, self.elsewhere.catalog or f"{socket.gethostname()}:{self.folder}")
                self._complete(session)
                yield session
        except BaseException:
            self._database.discard_empty()
            with suppress(OSError):  # it is not empty
                self.data.rmdir()
            raise
        sync_folder(self.folder)

    def _complete(self, session: Session) -> None:
        if not layout.exists(session):  # another process may have created it
            layout.create(session, self._data_path(), program())

    def _data_path(self) -> str:
        return f"{self.base}/"

    @contextmanager
    def _read(self) -> Iterator[Session]:
        if self.late and self._contract() is None:
            with self._database.unborn() as session:
                self._complete(session)
                yield session
            return
        with self._database.read() as session:
            yield session

    @contextmanager
    def _write(self) -> Iterator[Session]:
        if self.readonly:
            raise LakeError(f"The lake {self.folder} was opened for reading only.")
        with self._created() if self.late else self._database.write() as session:
            layout.exists(session)
            contract.admit(contract.recorded(session), self.folder, older=self.older)
            yield session

    @property
    def notice(self) -> str | None:
        """A sentence for the user if the lake was moved, else None."""
        with self._read() as session:
            row = session.row(_DATA_PATH)
        if row is None or self.store is not None or Path(row[0]).resolve() == self.data.resolve():
            return None
        return (
            f"The lake was moved here from {row[0]}; netlake reads it, other engines can after `netlake util relocate`."
        )

    def relocate(self) -> str:
        """Write the folder's present path into the catalog, for other engines, and return it."""
        with self._write() as session:
            statement = "UPDATE ducklake_metadata SET value = ? WHERE key = 'data_path' AND scope IS NULL"
            session.run(statement, (self._data_path(),))
        return self._data_path()


def _database(folder: Path, where: elsewhere.Elsewhere) -> SQLite:
    if where.catalog is None:
        return SQLite(folder / NAME)
    from netlake.lake.postgresql import PostgreSQL

    return PostgreSQL(where.catalog)


def _check_name(folder: Path) -> None:
    """LakeError for a folder whose name is not UTF-8: the catalog and DuckDB store paths as text."""
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise LakeError(f"The path {spelled(folder)} of the lake is not UTF-8; give the lake another path.") from None

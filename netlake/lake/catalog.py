"""The catalog of a lake, as the rest of netlake uses it: see the package for the whole interface."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from netlake.errors import LakeError
from netlake.lake import captures, layout, read, store, upkeep
from netlake.lake.change import Change
from netlake.lake.database import Session, SQLite, UncertainError
from netlake.lake.facts import CaptureFacts, ColumnInfo, FileInfo, Outcome, Problem, SnapshotInfo, Standing, TableInfo
from netlake.lake.read import At

if TYPE_CHECKING:
    from netlake.sinks import DataFile

NAME = "catalog.sqlite"


@cache
def program() -> str:
    """The version of this netlake."""
    return version("netlake")


class Catalog:
    """The catalog in a lake's folder; `create` makes one where there is none, `readonly` refuses every change."""

    def __init__(self, path: Path | str, *, create: bool = False, readonly: bool = False) -> None:
        given = Path(path).absolute()
        self.folder = given.parent if given.name == NAME else given
        self.data = self.folder / "data"
        self.readonly = readonly
        self._database = SQLite(self.folder / NAME)
        if create and not readonly and not self._exists():
            self._create()
        if not self._exists():
            raise LakeError(f"There is no lake at {self.folder}; `netlake capture FILE --lake {given}` makes one.")

    def _exists(self) -> bool:
        if not self._database.path.is_file():
            return False
        with self._read() as session:
            return layout.exists(session)

    def _create(self) -> None:
        from netlake.sinks.places import make_folder, sync_folder  # Arrow: 0.3 s

        make_folder(self.data)
        with self._database.write(create=True) as session:
            if not layout.exists(session):  # another process may have been faster
                layout.create(session, self._database.flag, self._data_path(), program())
        sync_folder(self.folder)

    def _data_path(self) -> str:
        return f"{self.data.as_posix()}/"

    @contextmanager
    def _read(self) -> Iterator[Session]:
        with self._database.read() as session:
            yield session

    @contextmanager
    def _write(self) -> Iterator[Session]:
        if self.readonly:
            raise LakeError(f"The lake {self.folder} was opened for reading only.")
        with self._database.write() as session:
            layout.exists(session)
            yield session

    @property
    def notice(self) -> str | None:
        """What a person must know of this lake: that it was moved."""
        with self._read() as session:
            row = session.row("SELECT value FROM ducklake_metadata WHERE key = 'data_path' AND scope IS NULL")
        if row is None or row[0] == self._data_path():
            return None
        return (
            f"The lake was moved here from {row[0]}: netlake reads it all the same, other engines after"
            " `netlake util relocate`."
        )

    def relocate(self) -> str:
        """Write the folder's present place into the catalog, for other engines; it is returned."""
        with self._write() as session:
            statement = "UPDATE ducklake_metadata SET value = ? WHERE key = 'data_path' AND scope IS NULL"
            session.run(statement, (self._data_path(),))
        return self._data_path()

    # captures

    def capture(self, capture: str) -> Standing | None:
        """The capture of this id, if it stands."""
        with self._read() as session:
            return captures.find(session, capture)

    def captures(self, at: At = None) -> list[Standing]:
        """All captures that stand at a snapshot, in order of arrival."""
        with self._read() as session:
            return captures.every(session, read.snapshot(session, at))

    def find(self, capture: str, contract: int, sha256: str | None = None, path: str | None = None) -> Outcome | None:
        """Before decoding: None, or why it need not be decoded; `path` is how the sentence calls it."""
        with self._read() as session:
            standing = captures.find(session, capture, sha256)
        called = path or (standing.facts.path if standing else "")
        facts = CaptureFacts(capture, "file", called, sha256=sha256, contract=contract)
        return captures.decide(standing, facts, replace=False)

    def commit(self, facts: CaptureFacts, files: Sequence[DataFile], *, replace: bool = False) -> Outcome:
        """Let a capture stand with all its tables, or say why not; the files that are not kept are removed."""
        done: list[Outcome] = []
        try:
            with self._write() as session:
                done.append(self._commit(session, facts, files, replace=replace))
        except UncertainError:
            if not self._keeps(files):
                _remove(files)
                raise
        except BaseException:
            # also an interrupt that came when the transaction was over
            with suppress(LakeError):
                if not self._keeps(files):
                    _remove(files)
            raise
        if not done[0].written:
            _remove(files)
        return done[0]

    def _commit(self, session: Session, facts: CaptureFacts, files: Sequence[DataFile], *, replace: bool) -> Outcome:
        found = captures.matching(session, facts.capture, facts.sha256)
        standing = found[0] if found else None
        outcome = captures.decide(standing, facts, replace=replace)
        if outcome is not None:
            return outcome
        self._check(files)
        change = Change(session)
        further = standing is not None and standing.facts.kind == "live" and facts.part > standing.facts.part
        for earlier in () if further else found:
            store.end(change, captures.own_files(session, earlier))
            captures.end(change, earlier.facts.capture)
        store.add(change, files, facts.capture, self.data)
        captures.write(change, facts, program())
        verb = "replaced" if standing and not further else "added"
        message = f"{verb} capture {facts.capture}: {facts.called}"
        self._finish(change, facts, message)
        return Outcome(verb, f"{facts.called} was {verb} as capture {facts.capture}.", facts.capture, change.id)

    def _finish(self, change: Change, facts: CaptureFacts, message: str) -> None:
        extra = {"capture": facts.capture, "source": facts.path, "contract": facts.contract, "part": facts.part}
        change.finish(f"netlake {program()}", message, extra)

    def _check(self, files: Sequence[DataFile]) -> None:
        """That each file is there, where the catalog will say: one that waited long may have been collected."""
        for file in files:
            if not file.path.is_relative_to(self.data / file.table.name):
                raise LakeError(f"{file.path} does not lie in the lake's folder for table {file.table.name}.")
            if not file.path.is_file() or file.path.stat().st_size != file.size:
                raise LakeError(f"{file.path} is not there as it was written; decode the capture again.")

    def _keeps(self, files: Sequence[DataFile]) -> bool:
        """Whether the catalog knows these files, of which it has all or none."""
        if not files:
            return False
        with self._read() as session:
            named = (f"%{files[0].path.name}",)  # names are never used twice
            return session.row("SELECT 1 FROM ducklake_data_file WHERE path LIKE ?", named) is not None

    def remove(self, capture: str) -> Outcome:
        """Take a capture out of the lake; earlier snapshots still hold it. LakeError if it does not stand."""
        with self._write() as session:
            standing = captures.find(session, capture)
            if standing is None:
                raise LakeError(f"No capture {capture} stands in the lake {self.folder}.")
            change = Change(session)
            store.end(change, captures.own_files(session, standing))
            captures.end(change, capture)
            self._finish(change, standing.facts, f"removed capture {capture}: {standing.facts.called}")
        # messages stand in no snapshot, so nothing holds them any longer
        for path in self.folder.glob(f"proto/*/{standing.facts.capture}.pb.zst"):
            path.unlink(missing_ok=True)
        return Outcome("removed", f"Capture {capture} ({standing.facts.called}) was removed.", capture, change.id)

    # reading

    def snapshot(self, at: At = None) -> int:
        """The id of a snapshot: a number, the last at a time, the newest."""
        with self._read() as session:
            return read.snapshot(session, at)

    def snapshots(self) -> list[SnapshotInfo]:
        """Every snapshot, oldest first."""
        with self._read() as session:
            return read.snapshots(session)

    def tables(self, at: At = None) -> dict[str, TableInfo]:
        """Every table by name; those of another schema than `main` by `schema.name`."""
        with self._read() as session:
            return read.tables(session, read.snapshot(session, at), self.data)

    def columns(self, table: str, at: At = None) -> list[ColumnInfo]:
        """The columns of a table, in order; nested ones are children."""
        with self._read() as session:
            number = read.snapshot(session, at)
            return read.columns(session, number, self._table(session, table, number))

    def files(self, table: str, at: At = None, columns: Collection[int] | None = None) -> list[FileInfo]:
        """The data files of a table in order of arrival; statistics of the column ids `columns` only, None for all."""
        with self._read() as session:
            number = read.snapshot(session, at)
            return read.files(session, number, self._table(session, table, number), columns)

    def _table(self, session: Session, table: str, at: int) -> TableInfo:
        found = read.tables(session, at, self.data).get(table)
        if found is None:
            raise LakeError(f"The lake {self.folder} has no table {table}.")
        return found

    # upkeep

    def collect_orphans(self, grace_seconds: float) -> list[Path]:
        """Remove files that no snapshot knows and that nobody wrote to for so long; they are returned."""
        candidates = upkeep.old_files(self.data, upkeep.OURS, grace_seconds)
        candidates += upkeep.old_files(self.folder / "proto", upkeep.MESSAGES, grace_seconds)
        if not candidates:
            return []
        with self._write() as session:
            return upkeep.remove_unknown(session, candidates)

    def validate(self, *, deep: bool = False) -> list[Problem]:
        """The data files that are not as they were written: missing, of another size, and `deep` of other bytes."""
        with self._read() as session:
            return upkeep.check(session, self.data, deep=deep)


def _remove(files: Sequence[DataFile]) -> None:
    for file in files:
        file.path.unlink(missing_ok=True)

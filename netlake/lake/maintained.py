"""Operations on the files of a lake: merging, collecting, expiring and checking them.

They add no rows and remove none of the newest snapshot.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from netlake.errors import LakeError
from netlake.lake import compact, forget, layout, read, upkeep
from netlake.lake.change import Change
from netlake.lake.compact import Group, Merged, Wanted
from netlake.lake.database import Session
from netlake.lake.facts import FileProblem, TableInfo
from netlake.lake.opened import OpenLake, program

if TYPE_CHECKING:
    from netlake.sinks import StoredFile


class MaintainedLake(OpenLake):
    """A lake whose files can be maintained; see `netlake.lake.catalog.Catalog`."""

    def plan(self, wanted: Wanted) -> list[Group]:
        """The groups of small files that `compact` would merge. LakeError for a table that the lake does not have."""
        with self._read() as session:
            at = read.snapshot(session, None)
            numbers = {name: table.id for name, table in read.tables(session, at, self.base).items()}
            for name in wanted.tables or ():
                self._table(session, name, at)
            found = compact.candidates(session, self.base, numbers, wanted)
        return compact.plan(found, wanted)

    def compact(self, wanted: Wanted, watch: Callable[[str, float], None] = lambda *_: None) -> list[Merged]:
        """Merge small files in one snapshot; what became of each table. `watch` gets a table and the share done."""
        groups = self.plan(wanted)
        every, done = sum(group.size for group in groups), 0
        made: list[tuple[Group, StoredFile]] = []
        kept: list[tuple[Group, StoredFile]] = []
        try:
            for group in groups:
                watch(group.table, done / every)
                made.append((group, compact.write(group, self.data, self.base)))
                self._upload([made[-1][1]])
                done += group.size
            if made:
                with self._write() as session:
                    layout.complete(session)
                    change = Change(session)
                    kept = compact.commit(change, made, check_present, self.base, self.data)
                    if kept:
                        old = sum(len(group.files) for group, _ in kept)
                        change.finish(f"netlake {program()}", f"merged {old} files into {len(kept)}", {})
        except BaseException:
            with suppress(LakeError):
                if not self._keeps([file for _, file in kept]):
                    self._discard([file for _, file in made])
            raise
        self._discard([one[1] for one in made if one not in kept])
        self._settle([file for _, file in kept])
        return compact.summary([(group, [file.size]) for group, file in kept])

    def collect_orphans(self, grace_seconds: float) -> list[str]:
        """Remove files that no snapshot names and that were not written to for so long; return their paths."""
        candidates = list(map(str, upkeep.old_files(self.data, upkeep.OURS, grace_seconds)))
        candidates += map(str, upkeep.old_files(self.folder / "proto", upkeep.MESSAGES, grace_seconds))
        candidates += self.store.old(upkeep.OURS, grace_seconds) if self.store else []
        if not candidates:
            return []
        with self._write() as session:
            return upkeep.remove_unknown(session, candidates, self.store)

    def expire(self, before: dt.datetime, *, keep: int = 1) -> tuple[list[int], list[str]]:
        """Remove the snapshots that ended before a time, and the files that only they contained: (numbers, paths).

        The newest `keep` snapshots stay in any case.
        """
        with self._write() as session:
            layout.complete(session)
            numbers, gone = forget.expire(session, self.base, before, keep)
        upkeep.delete(gone, self.base, self.store)
        return numbers, gone

    def validate(self, *, deep: bool = False) -> list[FileProblem]:
        """The data files that are missing or have another size, and with `deep` those with another SHA-256.

        Files of the newest snapshot come first; those of earlier snapshots only are not `present`.
        """
        with self._read() as session:
            return upkeep.check(session, self.base, deep=deep)

    def without_sha256(self) -> int:
        """How many data files of all snapshots have no recorded SHA-256, because another engine wrote them."""
        with self._read() as session:
            return upkeep.without_sha256(session)

    def _table(self, session: Session, table: str, at: int) -> TableInfo:
        found = read.tables(session, at, self.base).get(table)
        if found is None:
            raise LakeError(f"The lake {self.folder} has no table {table}.")
        return found

    def _keeps(self, files: Sequence[StoredFile]) -> bool:
        """Whether the catalog has these files; it has all or none."""
        if not files:
            return False
        # a server may still be doing a commit whose connection was lost: it keeps the writer's lock until it is done
        with self._database.write() if self.elsewhere.catalog is not None else self._read() as session:
            named = (f"%{files[0].path.name}",)  # names are never used twice
            return session.row("SELECT 1 FROM ducklake_data_file WHERE path LIKE ?", named) is not None


def check_present(file: StoredFile) -> None:
    """LakeError unless a file that was written is still as it was: one that waited long may have been collected."""
    if not file.path.is_file() or file.path.stat().st_size != file.size:
        raise LakeError(f"{file.path} is missing or changed since it was written; run the command again.")

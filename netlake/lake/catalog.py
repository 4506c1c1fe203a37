"""The catalog of a lake: the class by which the rest of netlake reads and writes it.

Rules
- Every operation opens its own connection and is one transaction. A read sees one state. A write either commits all
  tables of a capture (or of a derived table's owner), or nothing.
- Files first, then the catalog: a data file is durable before the commit that names it. `commit` and `replace_table`
  take the files over and remove those that they do not keep, whatever happens. If it is unknown whether a commit took
  effect, the catalog is asked.
- Nothing is overwritten: rows of the catalog begin and end at snapshots, and files that a snapshot names stay.

The other modules of the package: `opened` opens the lake, `maintained` has the operations on its files, `identity` and
`likeness` compare captures, `captures` and `derived` decide what is written, `store` adds and ends files, `compact`
merges them, `shared` removes captures from merged files, `evolve` brings tables up to their declarations, `read` reads
a snapshot, `upkeep` checks and collects files, `forget` removes history.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netlake.errors import LakeError
from netlake.lake import captures, contract, derived, forget, identity, layout, likeness, read, shared, store, upkeep
from netlake.lake.change import Change
from netlake.lake.database import Session, UncertainError
from netlake.lake.facts import (
    CONTRACT,
    CaptureFacts,
    ColumnInfo,
    FileInfo,
    Outcome,
    SnapshotInfo,
    Stored,
    TableInfo,
)
from netlake.lake.identity import Offer, Place
from netlake.lake.maintained import MaintainedLake, check_present
from netlake.lake.opened import program
from netlake.lake.read import At

if TYPE_CHECKING:
    from netlake.schema import Table
    from netlake.sinks import DataFile, StoredFile


class Catalog(MaintainedLake):
    """The catalog in a lake's folder.

    `create` creates a lake if there is none, `late` with its first commit, so that nothing is left of a run that
    commits nothing. `readonly` refuses every change, `older` also opens a lake of an older contract, for its captures
    to be listed, removed and decoded again. LakeError if it cannot be opened.
    """

    # captures

    def capture(self, capture: str) -> Stored | None:
        """The capture with this id, None if it is not in the lake."""
        with self._read() as session:
            return captures.find(session, capture)

    def captures(self, at: At = None) -> list[Stored]:
        """All captures at a snapshot, in order of arrival."""
        with self._read() as session:
            return captures.every(session, read.snapshot(session, at))

    def place(self, offer: Offer, *, replace: bool = False) -> Place:
        """Before decoding: the id that the offered files get, and the same capture if it is in the lake."""
        with self._read() as session:
            stored, seen = captures.among(session, offer.ids()), read.snapshot(session, None)
        return identity.place(offer, stored, seen, replace=replace)

    def commit(
        self, facts: CaptureFacts, files: Sequence[DataFile], *, replace: bool = False, seen: int | None = None
    ) -> Outcome:
        """Add a capture with all its tables, or return why not; files that are not kept are removed.

        `seen` is the snapshot at which `place` gave its id: CollisionError if another capture got the id since.
        """
        rewriter = shared.Rewriter(self)
        if replace:
            with self._read() as session:
                ended = _ids(captures.matching(session, facts.capture, facts.sha256))
                again = rewriter.prepare(session, ended)
            rewriter.write(again, ended)
        addition = _Addition(facts, files, rewriter, replace=replace, seen=seen)
        return self._commit(files, lambda session: self._add_capture(session, addition), rewriter)

    def replace_table(self, table: Table, files: Sequence[DataFile], owner: str, version: str) -> Outcome:
        """Replace all rows of `owner` in a derived table by `files`, in one commit (see netlake.lake.derived).

        `version` is the owner's own, returned by `owners`. Rows of other owners stay. LakeError for a table that
        captures write. Files that are not kept are removed.
        """

        def work(session: Session) -> Outcome:
            rows = derived.OwnedRows(table, files, owner, version)
            rows.check()
            self._check(files)
            change = Change(session)
            outcome = derived.replace(change, rows, self.data)
            extra = {"owner": owner, "table": table.name, "version": version}
            change.finish(f"netlake {program()}", f"{outcome.status} rows of {owner} in {table.name}", extra)
            return outcome

        return self._commit(files, work)

    def remove_rows(self, table: str, owner: str) -> Outcome:
        """Remove `owner` and its rows from a derived table, in one commit; earlier snapshots still contain them.

        LakeError if the lake has no such table, or the owner has no rows in it.
        """
        with self._write() as session:
            change = Change(session)
            outcome = derived.remove(change, self._table(session, table, change.id - 1), owner)
            change.finish(
                f"netlake {program()}", f"removed rows of {owner} in {table}", {"owner": owner, "table": table}
            )
        return outcome

    def owners(self, table: str, at: At = None) -> dict[str, str]:
        """The owners of a derived table's rows and the version of each; empty for a table that is not in the lake."""
        with self._read() as session:
            number = read.snapshot(session, at)
            found = read.tables(session, number, self.base).get(table)
            return derived.owners(session, found.id, number) if found else {}

    def _commit(
        self, files: Sequence[StoredFile], work: Callable[[Session], Outcome], rewriter: shared.Rewriter | None = None
    ) -> Outcome:
        """Do `work` in one transaction; files that it does not keep are removed, however it ends."""
        done: list[Outcome] = []
        with rewriter.cleared() if rewriter else nullcontext():
            try:
                self._upload(files)
                with self._write() as session:
                    done.append(work(session))
            except UncertainError:
                if not self._kept(files, rewriter):
                    raise
            except BaseException:
                # the transaction may be over already, as when an interrupt arrives late
                with suppress(LakeError):
                    if done:
                        self._kept(files, rewriter)
                    else:
                        self._drop(files, rewriter)
                raise
            if not done[0].written:
                self._discard(files)
            self._settle([*files, *(rewriter.every if rewriter else ())])
        return done[0]

    def _kept(self, files: Sequence[StoredFile], rewriter: shared.Rewriter | None) -> bool:
        """Whether the catalog has the files of a transaction that failed; else they are removed."""
        used = [made for made in rewriter.every if made.path in rewriter.used] if rewriter else []
        if self._keeps([*files, *used]):
            return True
        self._drop(files, rewriter)
        return False

    def _drop(self, files: Sequence[StoredFile], rewriter: shared.Rewriter | None) -> None:
        """Remove the files of a transaction that was not committed."""
        self._discard(files)
        if rewriter:
            rewriter.used.clear()

    def _add_capture(self, session: Session, given: _Addition) -> Outcome:
        facts, files = given.facts, given.files
        found = captures.matching(session, facts.capture, facts.sha256)
        stored = found[0] if found else None
        outcome = captures.decide(stored, facts, replace=given.replace, seen=given.seen)
        if outcome is not None:
            return outcome
        self._check(files)
        derived.refuse_capture(session, sorted({file.table.name for file in files}))
        layout.complete(session)
        change = Change(session)
        further = stored is not None and stored.facts.kind == "live" and facts.part > stored.facts.part
        earlier = [] if further else found
        for one in earlier:
            if not captures.is_failed(one):
                captures.refuse_foreign(session, one)
            captures.end(change, one.facts.capture)
        shared.remove(change, given.rewriter, _ids(earlier))
        store.add(change, files, facts.capture, self.data)
        captures.write(change, facts, program())
        notes = likeness.record(session, facts)
        verb = "replaced" if stored and not further and not captures.is_failed(stored) else "added"
        self._finish(change, facts, f"{verb} capture {facts.capture}: {facts.called}")
        sentence = f"{facts.called} was {verb} as capture {facts.capture}."
        return Outcome(verb, sentence, facts.capture, change.id, notes)

    def _finish(self, change: Change, facts: CaptureFacts, message: str) -> None:
        extra = {"capture": facts.capture, "source": facts.path, "contract": facts.contract, "part": facts.part}
        change.finish(f"netlake {program()}", message, extra)

    def _check(self, files: Sequence[DataFile]) -> None:
        """LakeError if a file is elsewhere or missing: one that waited long may have been collected."""
        for file in files:
            if not file.path.is_relative_to(self.data / file.table.name):
                raise LakeError(f"{file.path} is outside the lake's folder of table {file.table.name}.")
            check_present(file)

    def remove(self, capture: str) -> Outcome:
        """Remove a capture; earlier snapshots still contain it. LakeError if it is not in the lake."""
        rewriter = self._without(capture)

        def work(session: Session) -> Outcome:
            stored = captures.find(session, capture)
            if stored is None:
                raise LakeError(f"The lake {self.folder} has no capture {capture}.")
            captures.refuse_foreign(session, stored)
            change = Change(session)
            shared.remove(change, rewriter, [capture])
            captures.end(change, capture)
            likeness.forget(session, capture)
            self._finish(change, stored.facts, f"removed capture {capture}: {stored.facts.called}")
            sentence = (
                f"Capture {capture} ({stored.facts.called}) was removed; earlier snapshots still contain it until"
                " `netlake util expire`, or `netlake captures rm --purge`."
            )
            return Outcome("removed", sentence, capture, change.id)

        outcome = self._commit((), work, rewriter)
        self._remove_messages(capture)
        return outcome

    def _without(self, capture: str, *, history: bool = False) -> shared.Rewriter:
        """The files with rows of a capture and of others, written again without its rows."""
        rewriter = shared.Rewriter(self)
        with self._read() as session:
            again = rewriter.prepare(session, [capture], history=history)
        rewriter.write(again, [capture])
        return rewriter

    def _remove_messages(self, capture: str) -> None:
        """Remove the protobuf messages of a capture, which belong to no snapshot."""
        for path in self.folder.glob(f"proto/*/{capture}.pb.zst"):
            path.unlink(missing_ok=True)

    def purge(self, capture: str) -> Outcome:
        """Remove a capture from all snapshots, and delete its files. LakeError if no snapshot has it."""
        rewriter, gone = self._without(capture, history=True), []

        def work(session: Session) -> Outcome:
            layout.complete(session)
            change = Change(session)
            stored = captures.find(session, capture)
            if stored is not None:
                captures.refuse_foreign(session, stored)
            gone.extend(forget.purge(change, rewriter, capture))
            likeness.forget(session, capture)
            change.finish(f"netlake {program()}", forget.PURGED, {})
            sentence = f"Capture {capture} was removed from all snapshots, and its {len(gone):,} files were deleted."
            return Outcome("removed", sentence, capture, change.id)

        outcome = self._commit((), work, rewriter)
        self._remove_messages(capture)
        upkeep.delete(gone, self.base, self.store)
        return outcome

    def known(self) -> list[str]:
        """The ids of the captures in any snapshot, the present ones first."""
        with self._read() as session:
            return captures.known(session)

    # contract

    @property
    def older_contract(self) -> bool:
        """Whether the lake has an older contract than this netlake."""
        return (self._contract() or CONTRACT) < CONTRACT

    def outdated(self) -> list[Stored]:
        """The captures that a refresh must decode again because the lake has an older contract."""
        with self._read() as session:
            return contract.outdated(session, read.snapshot(session, None))

    def begin_refresh(self, known: Container[str] | None = None) -> None:
        """End the tables of an older contract; the captures in `outdated` must then be decoded again.

        LakeError if captures wrote a table that is not among the `known` names.
        """
        with self._write() as session:
            change = contract.begin(session, known)
            if change is not None:
                message = f"began to decode all captures under contract {CONTRACT}"
                change.finish(f"netlake {program()}", message, {"contract": CONTRACT})

    def finish_refresh(self) -> None:
        """Record the present contract. LakeError if captures have not been decoded again."""
        with self._write() as session:
            contract.finish(session)

    # reading

    def snapshot(self, at: At = None) -> int:
        """The id of a snapshot: `at` is its number, a time (the last snapshot at it) or None (the newest)."""
        with self._read() as session:
            return read.snapshot(session, at)

    def snapshots(self) -> list[SnapshotInfo]:
        """Every snapshot, oldest first."""
        with self._read() as session:
            return read.snapshots(session)

    def tables(self, at: At = None) -> dict[str, TableInfo]:
        """Every table by name; those of another schema than `main` by `schema.name`."""
        with self._read() as session:
            return read.tables(session, read.snapshot(session, at), self.base)

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

    def files_of_others(self, wanted: Collection[str]) -> frozenset[int]:
        """The ids of the files that other captures than `wanted` wrote, and none of these."""
        with self._read() as session:
            return read.files_of_others(session, wanted)

    def spans(self, wanted: Collection[str]) -> dict[int, tuple[tuple[int, int], ...]]:
        """The rows of captures in files with rows of several, by id of the file: (first, number) of each run."""
        with self._read() as session:
            return read.spans(session, wanted)


@dataclass(frozen=True, slots=True)
class _Addition:
    """A capture that is added: see `Catalog.commit`; `rewriter` has files without the rows that it replaces."""

    facts: CaptureFacts
    files: Sequence[DataFile]
    rewriter: shared.Rewriter
    replace: bool
    seen: int | None


def _ids(stored: Sequence[Stored]) -> list[str]:
    return [one.facts.capture for one in stored]

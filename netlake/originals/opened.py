"""Find the original of a capture in the lake, and verify that it is as it was decoded.

Theory of operation
- The files of a capture are looked for at their paths, and, if a file is not there, by its name in the folder that the
  caller gives.
- A file whose stamp (device, inode, size, times) is that in the lake is the one that was decoded. Any other file, such
  as one that was copied or moved, must have the capture's id, which is computed from its size and samples of its
  content (netlake.sources.raw); this takes milliseconds. Files that differ between the samples have one id, so
  `verified` also compares the SHA-256 of the whole file, which takes about two seconds for each GB.
- The reader of packets compares their times and lengths with those of the lake too (netlake.originals.selected).
- The id of a capture may be salted, or derived from a BPF expression (netlake.lake.identity, netlake.sources.bpf).

Every failure is an InputError with one sentence.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from netlake.errors import InputError
from netlake.lake.facts import CaptureFacts
from netlake.lake.identity import SALTS, STAMPS, salted, sha256_of
from netlake.sources import Source, as_one, open_capture
from netlake.sources.bpf import derived
from netlake.sources.joined import id_of
from netlake.sources.raw import capture_ids, stamp_of
from netlake.spelling import spelled, unspelled


def files_of(facts: CaptureFacts, folder: Path | None = None, *, verified: bool = False) -> list[Path]:
    """The files of a capture, in the order of the lake; InputError unless all are there and unchanged.

    A file that is not at its path is looked for by its name in `folder`. `verified` compares the SHA-256 too.
    """
    if facts.kind != "file":
        raise InputError(f"{facts.called} was a stream, so the bytes of its packets cannot be read again.")
    paths = [_place(Path(unspelled(line)), folder) for line in facts.path.split("\n")]
    try:
        stats = [path.stat() for path in paths]
        if facts.report.get(STAMPS) != [stamp_of(stat) for stat in stats] and not _has_id(facts, paths):
            raise _changed(facts, paths)
        if verified and (sha256 := _sha256(facts)) is not None and sha256_of(paths) != sha256:
            raise _changed(facts, paths)
    except OSError as error:
        raise InputError(f"{spelled(error.filename or paths[0])} cannot be read: {error.strerror}.") from error
    return paths


def source_of(facts: CaptureFacts, paths: Sequence[Path]) -> Source:
    """The opened source of a capture's files, which reads all its packets; InputError if it cannot be opened."""
    salvage = bool(facts.report.get("options", {}).get("salvage"))
    if len(paths) == 1:
        return open_capture(paths[0], salvage=salvage, sha256=False)
    return as_one(paths, salvage=salvage, sha256=False)


def changed(facts: CaptureFacts) -> InputError:
    """The error of an original whose packets are not those of the lake."""
    return _changed(facts, [])


def _changed(facts: CaptureFacts, paths: Sequence[Path]) -> InputError:
    name = spelled(paths[0]) if len(paths) == 1 else facts.called
    return InputError(
        f"{name} was changed since it was decoded, so its packets are not those of capture {facts.capture}; restore it,"
        " or decode it again with `netlake capture --replace`."
    )


def _place(path: Path, folder: Path | None) -> Path:
    if folder is not None and not path.is_file():
        path = folder / path.name
    if not path.is_file():
        raise InputError(f"{spelled(path)} is gone, so the bytes of its packets cannot be read; restore it.")
    return path


def _has_id(facts: CaptureFacts, paths: Sequence[Path]) -> bool:
    """Whether the size and samples of files give the id of the capture."""
    found = []
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            found.append(capture_ids(descriptor, os.fstat(descriptor).st_size))
        finally:
            os.close(descriptor)
    bpf = facts.report.get("options", {}).get("bpf")
    for ids in zip(*found, strict=True):
        one = ids[0] if len(ids) == 1 else id_of(ids)
        one = one if bpf is None else derived(one, bpf)
        if facts.capture in {salted(one, salt) for salt in range(SALTS)}:
            return True
    return False


def _sha256(facts: CaptureFacts) -> str | None:
    found: str | None = facts.sha256 or facts.report.get("sha256_of_file")
    return found

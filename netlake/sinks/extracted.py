"""Stores the contents of files that streams transferred (netlake.layers.contents.Store).

Rules
- The name of a stored file is its SHA-256 and nothing else: no byte of the capture becomes part of a path. Equal
  contents are stored once. Mode 0600, folder 0700; no file is followed through a symbolic link or overwritten.
- A content is written to `NAME.part`, in which NAME is a number of this process, and renamed when it is over.
- Limits: bytes of one content, bytes of all, number of files. A content beyond one of them is not stored, and none of
  its bytes stay. What an earlier run stored does not count. An error of the file system is a content that is not
  stored. `counts` has how many of each.
- A content is kept in memory up to BUFFER bytes, and no file stays open, so that many contents can be open at once.
- Several threads write, each its own contents; a lock is held while one changes a file or the counts.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

BUFFER = 1 << 14


@dataclass(frozen=True, slots=True)
class Limits:
    """What is stored at most: bytes of one content, bytes of all contents, and files."""

    file_bytes: int = 1 << 30
    all_bytes: int = 16 << 30
    files: int = 1 << 20


@dataclass(slots=True)
class ExtractedFiles:
    """A folder of contents; made if it does not exist. OSError if it cannot be made.

    `counts`: `stored`, `equal` (stored before), `over_limit`, `failed`; `used` are the bytes of all files.
    """

    folder: Path
    limits: Limits = Limits()
    counts: Counter[str] = field(default_factory=Counter)
    used: int = 0
    made: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def begin(self) -> ExtractedPart:
        """A new content."""
        with self.lock:
            self.made += 1
            return ExtractedPart(self, self.folder / f"{os.getpid()}-{self.made}.part")


@dataclass(slots=True)
class ExtractedPart:
    """One content that is being written; `why` is why it is not stored, empty if it is."""

    files: ExtractedFiles
    path: Path
    size: int = 0
    written: int = 0
    why: str = ""
    buffer: bytearray = field(default_factory=bytearray)

    def write(self, data: bytes | memoryview) -> None:
        """Add bytes."""
        with self.files.lock:
            self._write(data)

    def end(self, sha256: str) -> bool:
        """The content is over, and has this hash; whether the folder has it. An empty one is not stored."""
        with self.files.lock:
            return self._end(sha256)

    def abort(self) -> None:
        """The content is not stored."""
        with self.files.lock:
            self._drop("aborted")

    def _write(self, data: bytes | memoryview) -> None:
        if self.why:
            return
        files, limits = self.files, self.files.limits
        if self.size + len(data) > limits.file_bytes or files.used + len(data) > limits.all_bytes:
            self._drop("over_limit")
            return
        self.size += len(data)
        files.used += len(data)
        self.buffer += data
        if len(self.buffer) > BUFFER:
            self._flush()

    def _end(self, sha256: str) -> bool:
        if not self.size and not self.why:
            return False
        target, files = self.files.folder / sha256, self.files
        if not self.why and target.exists():
            self._drop("equal")
            files.counts["equal"] += 1
            return True
        if not self.why and files.counts["stored"] >= files.limits.files:
            self._drop("over_limit")
        if not self.why:
            self._flush()
        if not self.why:
            try:
                self.path.rename(target)
            except OSError:
                self._drop("failed")
        files.counts[self.why or "stored"] += 1
        return not self.why

    def _flush(self) -> None:
        flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        flags |= 0 if self.written else os.O_CREAT | os.O_EXCL
        try:
            opened = os.open(self.path, flags, 0o600)
            try:
                view = memoryview(self.buffer)
                while view:
                    view = view[os.write(opened, view) :]
            finally:
                view.release()
                os.close(opened)
            self.written += len(self.buffer)
            self.buffer.clear()
        except OSError:
            self.written = max(self.written, 1)  # the file may exist
            self._drop("failed")

    def _drop(self, why: str) -> None:
        self.why = why
        self.files.used -= self.size
        self.size = 0
        self.buffer = bytearray()
        if self.written:
            with suppress(OSError):
                self.path.unlink()

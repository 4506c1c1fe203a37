"""The bytes of a capture before unpacking: a file, a named pipe or standard input; counted, identified and hashed.

Rules
- A file is read to the size that it had when it was opened, so that its id, its SHA-256 and its packets are those of
  the same bytes even if another process appends to it.
- The id of a file is computed before anything is read, so that rows can have it: from its size, its first and last MiB,
  and SAMPLES pieces of 4 KiB at even distances between them (7 ms in memory, 20 to 40 ms from an SSD, for a file of
  1 GiB). Files of up to 3 MiB are read completely. Files that differ elsewhere have one id; the lake compares their
  contents. The SHA-256 is computed by a thread while the file is decoded.
- A pipe has a random id, and its bytes are hashed as they are read.
- A pipe can be read with a deadline (`until`), for live captures. `ending` ends one when the
  user interrupts.
"""

from __future__ import annotations

import hashlib
import math
import os
import queue
import secrets
import select
import stat
import sys
import threading
import time
from pathlib import Path

from netlake.errors import InputError
from netlake.sources.ending import END_OF_INPUT
from netlake.sources.window import LateError
from netlake.spelling import spelled

END = 1 << 20
SAMPLES, SAMPLE = 256, 4096
_CHUNK = 1 << 20


def capture_ids(descriptor: int, size: int) -> tuple[str, str]:
    """(id of a file, the id that netlake 0.1 gave it), each 16 hexadecimal digits.

    The id is the BLAKE2b of its size, its first and last MiB and samples between them; 0.1 took no samples.
    """
    digest = hashlib.blake2b(size.to_bytes(8, "big"), digest_size=8)
    digest.update(os.pread(descriptor, min(END, size), 0))
    digest.update(os.pread(descriptor, END, max(0, size - END)))
    former, between = digest.hexdigest(), size - 2 * END
    if between <= 0:
        return former, former
    if between <= SAMPLES * SAMPLE:
        digest.update(os.pread(descriptor, between, END))
    else:
        for number in range(SAMPLES):
            digest.update(os.pread(descriptor, SAMPLE, END + (between - SAMPLE) * number // (SAMPLES - 1)))
    return digest.hexdigest(), former


def stamp_of(facts: os.stat_result) -> str:
    """A text that changes when a file is written or replaced, as far as the file system records it."""
    numbers = (facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
    return ":".join(map(str, numbers))


class Hash:
    """SHA-256 computed by a thread: of a whole file, or of the pieces given to `feed`."""

    def __init__(self, descriptor: int | None, size: int | None) -> None:
        self._digest = hashlib.sha256()
        self._pieces: queue.Queue[bytes] = queue.Queue(8)
        self._stopped = False
        self._whole = False
        work = self._fed if descriptor is None or size is None else lambda: self._read(descriptor, size)
        self._thread = threading.Thread(target=work, name="netlake-sha256", daemon=True)
        self._thread.start()

    def _read(self, descriptor: int, size: int) -> None:
        at = 0
        while at < size and not self._stopped:
            piece = os.pread(descriptor, min(_CHUNK, size - at), at)
            if not piece:
                return
            self._digest.update(piece)
            at += len(piece)
        self._whole = at == size

    def _fed(self) -> None:
        while piece := self._pieces.get():
            self._digest.update(piece)

    def feed(self, piece: bytes) -> None:
        """Hash the next bytes of a pipe; an empty piece is its end."""
        self._whole = not piece
        self._pieces.put(piece)

    def result(self) -> str | None:
        """Wait for the hash; None if it was stopped before the end."""
        if not self._stopped:
            self._thread.join()
        return self._digest.hexdigest() if self._whole else None

    def stop(self, *, fed: bool) -> None:
        """End the thread before the end of its input."""
        self._stopped = True
        if fed and not self._whole:
            self._pieces.put(b"")
        self._thread.join()


class Raw:
    """An opened input; `size` is None for a pipe, `path` None for standard input."""

    def __init__(self, spec: str | os.PathLike[str], *, sha256: bool = True) -> None:
        self.name = "standard input" if os.fspath(spec) == "-" else spelled(spec)
        self.path = None if os.fspath(spec) == "-" else Path(spec)
        self.descriptor = _open(self.path)
        mode = os.fstat(self.descriptor)
        self.regular = self.path is not None and stat.S_ISREG(mode.st_mode)
        self.size = mode.st_size if self.regular else None
        self.stamp = stamp_of(mode) if self.regular else None
        self.capture_id = self.former_id = secrets.token_hex(8)
        if self.size is not None:
            self.capture_id, self.former_id = capture_ids(self.descriptor, self.size)
        self.bytes_read = 0
        self.until: float | None = None  # see ByteStream
        self._pushed = b""
        self._ended = False
        self._sha256: str | None = None
        self._hash = Hash(self.descriptor if self.regular else None, self.size) if sha256 else None

    def readinto(self, view: memoryview) -> int:
        """Fill `view` from the input; 0 at its end. LateError if it would have to wait beyond `until`."""
        if self._pushed:
            count = min(len(view), len(self._pushed))
            view[:count] = self._pushed[:count]
            self._pushed = self._pushed[count:]
            return count
        if self.size is not None:
            view = view[: max(0, self.size - self.bytes_read)]
        if self._ended or not len(view):
            return 0
        if self.until is not None and not self.regular:
            self._wait(self.until)
        if not self.regular and not END_OF_INPUT.ready(self.descriptor):
            self._end_stream()
            return 0
        try:
            count = os.readv(self.descriptor, [view])
        except OSError as error:
            raise InputError(f"{self.name} cannot be read at byte {self.bytes_read}: {_why(error)}.") from error
        self.bytes_read += count
        self._ended = count == 0
        if self._hash and not self.regular:
            self._hash.feed(bytes(view[:count]))
        return count

    def _end_stream(self) -> None:
        self._ended = True
        if self._hash:
            self._hash.feed(b"")

    def _wait(self, until: float) -> None:
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        left = until - time.monotonic()
        if left <= 0 or not poll.poll(math.ceil(left * 1000)):
            raise LateError

    @property
    def shrunk(self) -> bool:
        """Whether the file became shorter than it was when it was opened."""
        return self._ended and self.size is not None and self.bytes_read < self.size

    def head(self, count: int) -> bytes:
        """The first bytes, which `readinto` returns again; call it before anything was read."""
        held = bytearray(count)
        have = 0
        while have < count and (more := self.readinto(memoryview(held)[have:])):
            have += more
        self._pushed = bytes(held[:have])
        return self._pushed

    def again(self) -> Raw:
        """The same file from its start, without hash; only for a `regular` file."""
        copy = Raw.__new__(Raw)
        copy.name, copy.path, copy.regular, copy.size = self.name, self.path, True, self.size
        copy.capture_id, copy.former_id, copy.stamp = self.capture_id, self.former_id, self.stamp
        copy.bytes_read, copy.until = 0, None
        copy._pushed, copy._ended, copy._sha256, copy._hash = b"", False, None, None  # noqa: SLF001 - its own kind
        copy.descriptor = _open(self.path)
        return copy

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of the input, after waiting for it; None if not requested or a pipe was not read to its end."""
        if self._hash and self._sha256 is None:
            if not self.regular and not self._ended:
                return None
            self._sha256 = self._hash.result()
        return self._sha256

    def close(self) -> None:
        """Close the input; a hash that is not finished is abandoned."""
        if self.descriptor < 0:
            return
        if self._hash:
            self._hash.stop(fed=not self.regular)
            self._sha256 = self._sha256 or self._hash.result()
        if self.path is not None:
            os.close(self.descriptor)
        self.descriptor = -1


def _open(path: Path | None) -> int:
    if path is None:
        return sys.stdin.fileno()
    try:
        return os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise InputError(f"{spelled(path)} cannot be opened: {_why(error)}.") from error


def _why(error: OSError) -> str:
    known = {
        FileNotFoundError: "the file does not exist",
        PermissionError: "it is not readable by this user",
        IsADirectoryError: "it is a folder",
    }
    return known.get(type(error), error.strerror or str(error))

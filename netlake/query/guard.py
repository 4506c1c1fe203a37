"""Runs SQL of commands and services in a child process that can read the lake and change nothing.

Rules, and the reason of each:
- The child restricts itself with Landlock before it imports anything that starts threads. DuckDB's settings are not
  enough: with external access disabled and the configuration locked, `COPY ... TO` still overwrites a readable Parquet
  file, and `WITH x AS (COPY ...) SELECT` is reported as a SELECT.
- The child writes to a file descriptor that is open when it starts. It therefore needs write access only to a private
  spill folder, for what does not fit in memory; the parent removes that folder.
- A display filter on the bytes of packets is computed in the child too, which may then read the originals, and the
  folder of compiled kernels; it can write to neither. Only DuckDB's memory is limited by `memory`: originals are read
  a batch at a time.
- The child is a new interpreter, not a fork, so that a process with threads can start one. It reads its request as
  JSON from standard input. SIGINT ends it immediately; a timeout kills it.
- On a kernel without Landlock, DuckDB's settings and the mode of the files (0444) remain; the child prints a warning.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from netlake.errors import QueryError

if TYPE_CHECKING:
    import pyarrow as pa

_ROOT = str(Path(__file__).resolve().parent.parent.parent)
_BOOT = """
import json, sys
request = json.loads(sys.stdin.buffer.read())
sys.path[:] = request.pop("paths")
from netlake.query.child import main
sys.exit(main(request))
"""


@dataclass(frozen=True, slots=True)
class Request:
    """A request to the child: a statement (`sql`), rows of a table (`dump`) or of all (`timeline`), packets (`carve`).

    `dump` has the fields of `netlake.query.dump.Dump`, `timeline` those of `netlake.query.timeline.events.Question`,
    with times as text, both also a display filter as `filter`; `carve` has those of `netlake.query.carving.Carving`.
    `captures` are names of captures, whose rows alone are read, see `chosen`; `local` the networks of `is_local`;
    `params` are the values of `$name` in `sql`;
    `files` are further tables, by name the path of a CSV or Parquet file; `originals` are paths of captures that a
    filter reads.
    `at` is a snapshot number or a time, see `snapshot.moment`, None for the latest; `width` is that of the terminal, 0
    for none; `rows` limits the rows, None for all; `memory` is DuckDB's memory limit ("2GB"); `plan` prints to stderr
    how many files of each table are read.
    """

    lake: str
    sql: str | None = None
    dump: dict[str, Any] | None = None
    timeline: dict[str, Any] | None = None
    carve: dict[str, Any] | None = None
    at: str | None = None
    format: str = "table"
    raw: bool = False
    width: int = 0
    rows: int | None = None
    threads: int | None = None
    memory: str | None = None
    plan: bool = False
    captures: Sequence[str] = ()
    local: Sequence[str] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    originals: Sequence[str] = ()
    params: Mapping[str, Any] = field(default_factory=dict)


def run(request: Request, out: int | IO[bytes], *, timeout: float | None = None) -> int:
    """Write the rows of `request` to the open file `out` and return the child's exit code.

    The code is 0, or 1 after a message on stderr. Raises QueryError after `timeout` seconds. In both cases of failure
    `out` is incomplete.
    """
    with start(request, out) as child:
        try:
            return child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise _late(timeout) from None
        finally:
            child.kill()


@contextlib.contextmanager
def rows(request: Request, *, timeout: float | None = None) -> Iterator[Iterator[pa.RecordBatch]]:
    """The rows of `request`, which the child computes while they are read.

    Raises FailedError if the child fails, and QueryError if it is not done after `timeout` seconds: at the latest when
    the last row was read, so that a file with the rows can be left out.
    """
    with start(replace(request, format="arrow"), subprocess.PIPE) as child:
        stream = _Stream(child, timeout)
        timer = threading.Timer(timeout, stream.stop) if timeout is not None else None
        try:
            if timer is not None:
                timer.start()
            yield stream.opened()
        finally:
            if timer is not None:
                timer.cancel()


class _Stream:
    """The Arrow stream that a child writes. One that ends early is read without an error: the exit code decides."""

    def __init__(self, child: subprocess.Popen[bytes], timeout: float | None) -> None:
        self.child, self.timeout = child, timeout
        self.stopped = threading.Event()

    def stop(self) -> None:
        """End the child, which takes too long."""
        self.stopped.set()
        self.child.kill()

    def opened(self) -> Iterator[pa.RecordBatch]:
        """The rows; raises for a statement that fails before its first row."""
        import pyarrow as pa

        assert self.child.stdout is not None  # noqa: S101 - it is a pipe
        try:
            return self._read(pa.ipc.open_stream(self.child.stdout))
        except (pa.ArrowInvalid, OSError) as error:
            self._end(error)
            raise

    def _read(self, stream: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        try:
            yield from stream
        except (pa.ArrowInvalid, OSError) as error:
            self._end(error)
        self._end()

    def _end(self, error: Exception | None = None) -> None:
        """Raise unless the child has ended well; `error` is that of reading its rows."""
        if error is not None and self.child.stdout is not None:
            self.child.stdout.close()  # a child that still writes ends
        code = self.child.wait()
        if self.stopped.is_set():
            raise _late(self.timeout) from None
        if code:
            raise FailedError(code) from error
        if error is not None:
            raise QueryError(f"The rows could not be read: {error}") from error


class FailedError(QueryError):
    """The child failed, and has printed why."""

    def __init__(self, code: int) -> None:
        super().__init__("The statement failed.")
        self.exit_code = code


def _late(timeout: float | None) -> QueryError:
    return QueryError(f"The statement was stopped after {timeout or 0:g} s; raise --timeout to allow more.")


def _elsewhere(lake: Path) -> tuple[list[str], list[int]]:
    """What the child needs of a lake whose catalog or data are elsewhere; for others nothing is imported."""
    if not (lake / "lake.toml").exists():
        return [], []
    from netlake.lake import elsewhere

    return elsewhere.needed(lake)


class start:  # noqa: N801 - used as a function that gives a context
    """The child process of `request`, which writes to `out`; leaving the context kills it and removes its files."""

    def __init__(self, request: Request, out: int | IO[bytes]) -> None:
        self.spill = tempfile.mkdtemp(prefix="netlake-spill-")
        fields = dataclasses.asdict(request) | {"paths": _paths(), "spill": self.spill}
        fields["kernels"] = _kernels() if request.originals else None
        fields["reads"], fields["ports"] = _elsewhere(Path(request.lake))
        self.child = subprocess.Popen(  # noqa: S603 - runs the interpreter of this process
            [sys.executable, "-P", "-c", _BOOT], stdin=subprocess.PIPE, stdout=out
        )
        try:
            self._send(json.dumps(fields).encode())
        except BaseException:
            self.__exit__()
            raise

    def _send(self, request: bytes) -> None:
        if self.child.stdin is not None:
            with self.child.stdin as pipe:
                pipe.write(request)

    def __enter__(self) -> subprocess.Popen[bytes]:
        return self.child

    def __exit__(self, *_: object) -> None:
        self.child.kill()
        self.child.wait()
        if self.child.stdout is not None:
            self.child.stdout.close()
        shutil.rmtree(self.spill, ignore_errors=True)


def _kernels() -> str | None:
    """The folder of compiled kernels, after those that are missing were compiled; None without one."""
    from netlake.kernels import cache_directory, warm

    warm.warm()
    folder = cache_directory()
    return None if folder is None else str(folder)


def _paths() -> list[str]:
    """The module search path for the child: that of this process, without the current folder."""
    paths = [path for path in sys.path if path and Path(path).exists()]
    return paths if _ROOT in paths else [*paths, _ROOT]

"""Runs SQL of commands and services in a child process that can read the lake and change nothing.

Rules, and the reason of each:
- The child restricts itself with Landlock before it imports anything that starts threads. DuckDB's settings are not
  enough: with external access disabled and the configuration locked, `COPY ... TO` still overwrites a readable Parquet
  file, and `WITH x AS (COPY ...) SELECT` is reported as a SELECT.
- The child writes to a file descriptor that is open when it starts. It therefore needs write access only to a private
  spill folder, for what does not fit in memory; the parent removes that folder.
- The child is a new interpreter, not a fork, so that a process with threads can start one. It reads its request as
  JSON from standard input. SIGINT ends it immediately; a timeout kills it.
- On a kernel without Landlock, DuckDB's settings and the mode of the files (0444) remain; the child prints a warning.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from netlake.errors import QueryError
from netlake.lake import elsewhere

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
    """A request to the child: a statement (`sql`), or one table (`dump`: the fields of `netlake.query.dump.Dump`).

    `captures` are names of captures, whose rows alone are read, see `chosen`; `local` the networks of `is_local`;
    `params` are the values of `$name` in `sql`;
    `files` are further tables, by name the path of a CSV or Parquet file.
    `at` is a snapshot number or a time, see `snapshot.moment`, None for the latest; `width` is that of the terminal, 0
    for none; `rows` limits the rows, None for all; `memory` is DuckDB's memory limit ("2GB"); `plan` prints to stderr
    how many files of each table are read.
    """

    lake: str
    sql: str | None = None
    dump: dict[str, Any] | None = None
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
            raise QueryError(f"The statement was stopped after {timeout:g} s; raise --timeout to allow more.") from None
        finally:
            child.kill()


class start:  # noqa: N801 - used as a function that gives a context
    """The child process of `request`, which writes to `out`; leaving the context kills it and removes its files."""

    def __init__(self, request: Request, out: int | IO[bytes]) -> None:
        self.spill = tempfile.mkdtemp(prefix="netlake-spill-")
        fields = dataclasses.asdict(request) | {"paths": _paths(), "spill": self.spill}
        fields["reads"], fields["ports"] = elsewhere.needed(Path(request.lake))
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


def _paths() -> list[str]:
    """The module search path for the child: that of this process, without the current folder."""
    paths = [path for path in sys.path if path and Path(path).exists()]
    return paths if _ROOT in paths else [*paths, _ROOT]

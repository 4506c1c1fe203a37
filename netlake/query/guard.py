"""User SQL from commands and services runs in a process of its own, which can read the lake and change nothing.

Decided here:
- DuckDB's own switches are not enough: with external access off and the configuration locked, `COPY ... TO` still
  overwrote a Parquet file that could be read, and `WITH x AS (COPY ...) SELECT` says that it is a SELECT. Linux's
  Landlock is: it is applied before anything is imported that starts threads, for it binds only threads that come
  after it.
- The child writes to a file that is already open when it starts, so that it needs no right to write anywhere but in a
  private folder for what does not fit in memory, which is removed after it.
- The child is a fresh interpreter and not a fork, so that a process with threads may ask too. Its request comes as
  JSON on its standard input. It ends by SIGINT at once; a time limit kills it.
- Where the kernel has no Landlock, DuckDB's switches and the files' modes (0444) are what there is; it says so once.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from netlake.errors import QueryError

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
    """What the child is asked: a statement (`sql`), or one table (`dump`: the fields of `netlake.query.dump.Dump`).

    `at` is a snapshot of the lake or a time, as `source.moment` reads it, None for now; `width` the terminal's, 0 for
    none; `rows` the most rows to give, None for all; `memory` as DuckDB spells it ("2GB"); `plan` tells on stderr
    which files were opened.
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


def run(request: Request, out: int | IO[bytes], *, timeout: float | None = None) -> int:
    """Answer `request` into the open file `out`; the child's exit code (0, or 1 after a sentence on stderr).

    QueryError after `timeout` seconds. What `out` holds then, or after another code than 0, is not whole.
    """
    with start(request, out) as child:
        try:
            return child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise QueryError(
                f"The statement took longer than {timeout:g} s and was ended; --timeout allows more."
            ) from None
        finally:
            child.kill()


class start:  # noqa: N801 - used as a function that gives a context
    """The child at work on `request`, its standard output going to `out`; the context removes what it leaves behind."""

    def __init__(self, request: Request, out: int | IO[bytes]) -> None:
        self.spill = tempfile.mkdtemp(prefix="netlake-spill-")
        asked = dataclasses.asdict(request) | {"paths": _paths(), "spill": self.spill}
        self.child = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-P", "-c", _BOOT], stdin=subprocess.PIPE, stdout=out
        )
        try:
            self._send(json.dumps(asked).encode())
        except BaseException:
            self.__exit__()
            raise

    def _send(self, asked: bytes) -> None:
        if self.child.stdin is not None:
            with self.child.stdin as pipe:
                pipe.write(asked)

    def __enter__(self) -> subprocess.Popen[bytes]:
        return self.child

    def __exit__(self, *_: object) -> None:
        self.child.kill()
        self.child.wait()
        if self.child.stdout is not None:
            self.child.stdout.close()
        shutil.rmtree(self.spill, ignore_errors=True)


def _paths() -> list[str]:
    """Where the child finds modules: where we do, without the folder that one happens to stand in."""
    paths = [path for path in sys.path if path and Path(path).exists()]
    return paths if _ROOT in paths else [*paths, _ROOT]

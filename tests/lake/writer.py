"""Forks writers of small captures, all warm: for tests that kill them and let them race.

Standard input has one JSON task a line: {"lake": folder, "jobs": [[first, count, rows, replace], ...], "kill": seconds
or null}. If `replace` is "compact", small files are merged `count` times; if it is another name, the job replaces the
rows of this owner `count` times, in editions from `first` on.
All jobs run at once, each in a process; after `kill` seconds they are killed. The answer, after all have ended, is the
list of [status, capture] that were acknowledged. A job of 0 captures kills itself while it writes the catalog's file.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

import small

from netlake.errors import LakeError
from netlake.lake import Catalog
from netlake.lake.compact import Wanted


def work(lake: str, pipe: int, first: int, count: int, rows: int, *, replace: bool | str) -> None:
    """Add captures, or replace an owner's rows; write a line for each that was acknowledged."""
    catalog = Catalog(lake, create=True)
    if count == 0:
        half_done(catalog)
    for number in range(first, first + count):
        try:
            if replace == "compact":
                os.write(pipe, f"compacted {len(catalog.compact(Wanted()))}\n".encode())
                continue
            if isinstance(replace, str):
                outcome = small.derive(catalog, replace, number, rows)
                os.write(pipe, f"{outcome.status} {replace}:{number}\n".encode())
                continue
            outcome = small.put(catalog, small.identity(number), rows, replace=replace)
            line = f"{outcome.status} {outcome.capture}\n"
        except LakeError as error:
            line = f"error {error}\n".replace("\n", " ").strip() + "\n"
        os.write(pipe, line.encode())


def half_done(catalog: Catalog) -> None:
    """Kill this process in a transaction that is too large for SQLite's cache, so that the file is already changed."""
    with catalog._database.write() as session:
        session.insert("netlake_metadata", [(f"key {i}", "x" * 1000) for i in range(20_000)])
        os.kill(os.getpid(), signal.SIGKILL)


def run(task: dict[str, Any]) -> list[list[str]]:
    """All jobs of a task at once."""
    reader, writer = os.pipe()
    children = []
    for first, count, rows, replace in task["jobs"]:
        pid = os.fork()
        if pid == 0:
            os.close(reader)
            work(task["lake"], writer, first, count, rows, replace=replace)
            os._exit(0)
        children.append(pid)
    os.close(writer)
    if task["kill"] is not None:
        time.sleep(task["kill"])
        for pid in children:
            os.kill(pid, signal.SIGKILL)
    with os.fdopen(reader) as results:
        lines = [line.rstrip("\n").split(" ", 1) for line in results]
    for pid in children:
        os.waitpid(pid, 0)
    return lines


def main() -> None:
    """Answer tasks."""
    for line in sys.stdin:
        sys.stdout.write(json.dumps(run(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

"""Settings of a process that only decodes, its signals, and what a run leaves behind.

The command line and its workers call `settle`.

A library call changes nothing that the rest of the process shares: `netlake.decode` and `netlake.capture` leave the
garbage collector, Arrow's memory pool and numba's settings as they are, and are a tenth slower for it.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa

from netlake.sources.ending import END_OF_INPUT


@contextmanager
def ended_by_signals(*, streams: bool) -> Iterator[None]:
    """Within the block SIGINT and SIGTERM end the input of `streams` and then abort; without streams they abort.

    Further SIGTERM are ignored while an abort removes files: a worker gets one from a signal to the process group and
    one from its supervisor.
    """
    if streams:
        with END_OF_INPUT.on_signals():
            yield
        return

    def abort(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, abort)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def settle() -> None:
    """Set garbage collection and Arrow's memory pool for the rest of the process.

    Collections become rare, and objects that exist by now are never examined: rows form no cycles (together 10 % of
    decoding). Arrow allocates by the C library unless ARROW_DEFAULT_MEMORY_POOL is set: its own pools keep memory that
    they no longer need (a million packets: peak 590 MiB instead of 490, at the same speed).
    """
    if not os.environ.get("ARROW_DEFAULT_MEMORY_POOL"):
        pa.set_memory_pool(pa.system_memory_pool())
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


@contextmanager
def only_if_used(lake: Path) -> Iterator[None]:
    """Remove the empty folders of a lake that the block began but committed nothing to; a lake that existed stays."""
    if any((lake / name).exists() for name in ("catalog.sqlite", "data")):
        yield
        return
    there = lake.exists()
    try:
        yield
    finally:
        if not (lake / "catalog.sqlite").exists():
            below = sorted(lake.glob("data/**/"), reverse=True) + sorted(lake.glob("proto/**/"), reverse=True)
            for folder in [*below, *([] if there else [lake])]:
                with suppress(OSError):  # not empty: another process uses it
                    folder.rmdir()

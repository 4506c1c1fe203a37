"""Process-wide settings: library calls change none; the command sets the garbage collector and the memory pool."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netlake.pipeline.process import ended_by_signals

CAPTURES = Path(__file__).resolve().parents[1] / "captures"

LIBRARY = """
import gc, json, sys
import numba, pyarrow as pa
from numba.core.caching import Cache, CompileResultCacheImpl, FunctionCache

def state():
    return {
        "thresholds": gc.get_threshold(),
        "frozen": gc.get_freeze_count(),
        "enabled": gc.isenabled(),
        "pool": pa.default_memory_pool().backend_name,
        "cache folder": numba.config.CACHE_DIR,
        "cache": [id(vars(Cache)[name]) for name in ("load_overload", "_load_overload", "save_overload")],
        "locators": [id(CompileResultCacheImpl._locator_classes), id(FunctionCache._impl_class)],
    }

before = state()
import netlake
found = netlake.decode(sys.argv[1])
report = netlake.capture(sys.argv[1], sys.argv[2])
print(json.dumps([before, state(), found["packet"].num_rows, report.captures[0].packets]))
"""

COMMAND = """
import gc, sys
import pyarrow as pa
from netlake.cli import main
try:
    main(["capture", sys.argv[1], "--lake", sys.argv[2], "--json"])
except SystemExit:
    pass
print(gc.get_threshold()[0], gc.get_freeze_count() > 0, pa.default_memory_pool().backend_name, file=sys.stderr)
"""


def run(program: str, lake: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, str(CAPTURES / "cooked.pcap"), str(lake)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)


def test_library_call_leaves_settings_of_the_process_unchanged(tmp_path: Path) -> None:
    before, after, decoded, captured = json.loads(run(LIBRARY, tmp_path / "lake").stdout)
    assert after == before
    assert decoded == captured == 60


def test_command_sets_collector_and_memory_pool(tmp_path: Path) -> None:
    assert run(COMMAND, tmp_path / "lake").stderr.split("\n")[-2] == "100000 True system"


def test_further_sigterm_does_not_interrupt_what_an_abort_removes() -> None:
    before, cleaned = signal.getsignal(signal.SIGTERM), []

    def aborted() -> None:
        with ended_by_signals(streams=False):
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                cleaned.append(True)

    with pytest.raises(KeyboardInterrupt):
        aborted()
    assert cleaned == [True]
    assert signal.getsignal(signal.SIGTERM) is before

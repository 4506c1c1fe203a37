"""Shared by the tests of sources: the writer of captures, and a function that reads one back."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from netlake.sources import open_capture

_SPEC = importlib.util.spec_from_file_location("capture_writer", Path(__file__).parent / "capture_writer.py")
assert _SPEC
assert _SPEC.loader
_WRITER = importlib.util.module_from_spec(_SPEC)
sys.modules["capture_writer"] = _WRITER
_SPEC.loader.exec_module(_WRITER)


def collect(source, max_packets=8192):
    """Every packet of a source as plain values."""
    fields = ("number", "ts", "captured", "length", "interface", "link_type", "offset", "last", "depth", "nanos")
    packets = []
    for batch in source.batches(max_packets):
        columns = [getattr(batch, name)[: batch.count].tolist() for name in fields]
        for row, values in enumerate(zip(*columns, strict=True)):
            at, size = int(batch.start[row]), int(batch.captured[row])
            assert at + size <= batch.used
            packets.append(
                SimpleNamespace(**dict(zip(fields, values, strict=True)), data=batch.data[at : at + size].tobytes())
            )
    return packets


@pytest.fixture(scope="session")
def writer():
    return _WRITER


@pytest.fixture(scope="session")
def read(tmp_path_factory):
    """Write bytes to a file and read them: (packets, the closed source)."""
    path = tmp_path_factory.mktemp("captures") / "file.bin"

    def _read(content, max_packets=8192, **options):
        path.write_bytes(content)
        with open_capture(path, **{"sha256": False, **options}) as source:
            return collect(source, max_packets), source

    return _read


@pytest.fixture(scope="session")
def collected():
    return collect

"""Captures decoded in batches of a few packets have the rows that they have in one batch: every table, every value."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

import netlake
from netlake.pipeline import run
from tests.compare import run as corpus

BUNDLED = sorted((Path(__file__).parents[1] / "captures").glob("*.pcap*"))
SHARED = Path(__file__).parents[3] / "shared" / "captures"
SAMPLE = 60
LARGEST = 100_000  # bytes: each packet may be a batch


def captures() -> list[Path]:
    """The bundled captures, and some of the shared ones, always the same."""
    if not SHARED.exists():
        return BUNDLED
    small = [task for task in corpus.captures([SHARED]) if task[0].stat().st_size < LARGEST]
    return [*BUNDLED, *(task[0] for task in corpus.sample(small, SAMPLE))]


def ordered(found: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """Rows by key: those of streams and of `address` are in the order of the batches."""
    keys = ("packet", "place", "flow", "address", "path")
    by = {name: [(key, "ascending") for key in keys if key in rows.column_names] for name, rows in found.items()}
    return {name: rows.sort_by(by[name]) if by[name] else rows for name, rows in found.items()}


@pytest.mark.parametrize("path", captures(), ids=lambda path: path.name)
def test_rows_do_not_depend_on_batches(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ordered(netlake.decode(path))
    size = 500 if path.stat().st_size > LARGEST else 3
    monkeypatch.setattr(run, "BATCH", size)
    parts = ordered(netlake.decode(path))
    assert parts.keys() == whole.keys()
    assert [name for name in whole if not parts[name].equals(whole[name])] == []

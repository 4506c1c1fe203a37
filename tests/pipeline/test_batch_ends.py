"""Captures decoded in batches of a few packets have the rows that they have in one batch: every table, every value.

Messages of rare tables do not wait for others either, so that every reader is called for every batch.
"""

from __future__ import annotations

from heapq import nlargest
from pathlib import Path

import pyarrow as pa
import pytest

import netlake
from netlake.pipeline import run
from netlake.records import waiting
from tests.compare import run as corpus

BUNDLED = sorted((Path(__file__).parents[1] / "captures").glob("*.pcap*"))
SHARED = Path(__file__).parents[3] / "shared" / "captures"
SAMPLE = 60
LARGEST = 100_000  # bytes: each packet may be a batch
# of the shared captures with one of these words in their names, the three largest
WORDS = (
    "quic",
    "http2",
    "tls",
    "ftp",
    "smtp",
    "ssh",
    "websocket",
    "socks",
    "dns-tcp",
    "dhcp",
    "sip",
    "rtp",
    "gtp",
    "mpls",
)


def captures() -> list[Path]:
    """The bundled captures, and some of the shared ones, always the same."""
    if not SHARED.exists():
        return BUNDLED
    small = [task for task in corpus.captures([SHARED]) if task[0].stat().st_size < LARGEST]
    of_words = [[task[0] for task in small if word in task[1].lower()] for word in WORDS]
    named = [path for paths in of_words for path in nlargest(3, paths, key=lambda path: path.stat().st_size)]
    return [*BUNDLED, *dict.fromkeys([*(task[0] for task in corpus.sample(small, SAMPLE)), *named])]


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
    monkeypatch.setattr(waiting, "MOST_MESSAGES", 1)
    parts = ordered(netlake.decode(path))
    assert parts.keys() == whole.keys()
    assert [name for name in whole if not parts[name].equals(whole[name])] == []

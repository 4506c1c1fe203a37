"""What the tests of ground truth share: the samples, and the rows of `truth`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

from netlake.query.lake import Lake

SAMPLES = Path(__file__).parent / "samples"
CAPTURE = "00112233aabbccdd"
Ran = tuple[int, str, str]
Run = Callable[..., Ran]


def truth(lake: Path) -> list[dict[str, Any]]:
    """All rows of `truth`, in order, with times as text."""
    with Lake(lake) as opened:
        rows = opened.sql("FROM truth ORDER BY source, rule").arrow().to_pylist()
    for row in rows:
        for name in ("begin_ts", "end_ts"):
            if row[name] is not None:
                row[name] = f"{row[name].astimezone(dt.UTC):%Y-%m-%d %H:%M:%S.%f}"
    return rows

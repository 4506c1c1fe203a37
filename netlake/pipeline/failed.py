"""Records in the lake that a capture could not be decoded, and why.

Rules
- A capture whose worker process died or exceeded its budget, or whose decoding raised what is not an error of its
  input, is in the lake with the state `failed`, without packets and rows, and with the reason in its report.
- One that is in the lake from an earlier decoding stays as it is.
- A capture with the state `failed` is decoded again by the next `netlake capture` of it, without --replace.
- What cannot be opened as a capture, such as a text file, has no id and is not recorded.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from netlake.errors import NetlakeError
from netlake.lake.catalog import Catalog
from netlake.lake.facts import CaptureFacts

FAILED = "failed"
# the reason, in the report of the capture
REASON = "failure"


def record(lake: str | os.PathLike[str], facts: CaptureFacts | None, reason: str) -> None:
    """Write a capture that failed to the catalog; `facts` are those from before its decoding, None if it has no id.

    A lake that cannot be written is not reported again: the failure is in the report of the run.
    """
    if facts is None:
        return
    with suppress(NetlakeError, OSError):
        catalog = Catalog(Path(lake), late=True)
        stored = catalog.capture(facts.capture)
        if stored is not None and stored.facts.state != FAILED:
            return
        report = {**facts.report, REASON: reason}
        catalog.commit(
            replace(facts, state=FAILED, packets=0, rows={}, begin=None, end=None, report=report), (), replace=True
        )

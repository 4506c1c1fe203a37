"""Training sets: rows of a feature set with labels, split honestly, checked, documented, in the formats of the field.

    build(lake, out, Options(features="cic", split="time"))  -> Result

Theory of operation
- The rows come from a stream (`source`), the labels from the edges of one version in the table `label` (`edges`).
- Rows of attempts and rows without a label are not guessed at: `classes` decides by options, and what is left out is
  counted.
- A split keeps together what would give itself away: the parts of a flow, an originator, an instance of an attack
  (`groups`, `split`). What cannot be kept together is purged, and stays listed.
- Features that name a host, a flow or a moment are not features of a model: they are written apart (`frame.select`).
- `checks` report what would still leak, with numbers. They never change a row.
- All working tables are on disk (`work`), and rows are written in batches (`formats`), so that a data set can be larger
  than memory.
- Bytes are the same on a second run: rows have an order, numbers do not depend on threads, files have no time of their
  own.
"""

from __future__ import annotations

from netlake.label.dataset.build import Result, build
from netlake.label.dataset.checks import FAIL, PASS, WARN, Check
from netlake.label.dataset.options import Options
from netlake.label.dataset.source import Definition, Plain, Source

__all__ = ["FAIL", "PASS", "WARN", "Check", "Definition", "Options", "Plain", "Result", "Source", "build"]

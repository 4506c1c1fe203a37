"""The join of ground truth with the records of a lake.

    apply(lake, Options(version="default", mode="overlap", tolerance=None)) -> Report

Modules, in the order of the work: `rules` (the rules as a table), `endpoints` (hosts on their sides), `flows` (which
flows match), `packets` (which packets), `edges` (the edges of all tables), `application` (writes them), `diagnosis`
(what may be wrong with the truth). `explain`, `coverage`, `compare` and `versions` read what was written.
"""

from __future__ import annotations

from netlake.label.join.application import apply
from netlake.label.join.options import DEFAULT, MODES, Options
from netlake.label.join.report import Finding, Missed, NoMatchError, Report

__all__ = ["DEFAULT", "MODES", "Finding", "Missed", "NoMatchError", "Options", "Report", "apply"]

"""Feature sets: rows of flows, or of packets, for training and analysis, computed from the packet tables of a lake.

    for batch in netlake.features.compute("lake", "cic"): ...

A lake is read, never decoded again: another timeout is another `policy`. Every column has a definition
(`definitions`), undefined values are null, and a set's rows are the same on every run.
"""

from __future__ import annotations

from netlake.features.definition import Feature, FeatureSet
from netlake.features.own import OwnSet
from netlake.features.packets import PacketSet
from netlake.features.policy import PRESETS, Policy
from netlake.features.registry import SETS, AnySet, find
from netlake.features.run import compute, definitions, schema

__all__ = [
    "PRESETS",
    "SETS",
    "AnySet",
    "Feature",
    "FeatureSet",
    "OwnSet",
    "PacketSet",
    "Policy",
    "compute",
    "definitions",
    "find",
    "schema",
]

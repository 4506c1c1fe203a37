"""The named sets, each loaded when it is first used."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping

from netlake.errors import OptionError
from netlake.features.definition import FeatureSet

_MODULES = {
    "cic": "netlake.features.sets.cic",
    "cic-2017": "netlake.features.sets.cic_2017",
    "nfstream": "netlake.features.sets.nfstream",
    "netflow-v2": "netlake.features.sets.netflow",
    "netflow-v3": "netlake.features.sets.netflow:SET_3",
    "unsw": "netlake.features.sets.unsw",
    "sequence": "netlake.features.sets.sequence",
}


class Sets(Mapping[str, FeatureSet]):
    """Name -> FeatureSet; OptionError for an unknown name."""

    def __getitem__(self, name: str) -> FeatureSet:
        base, colon, count = name.partition(":")
        if base == "sequence" and colon and count.isdecimal():
            from netlake.features.sets import sequence

            return sequence.of(int(count))
        if name not in _MODULES:
            raise OptionError(f"There is no feature set {name!r}; choose one of {', '.join(_MODULES)}.")
        module, _, attribute = _MODULES[name].partition(":")
        made: FeatureSet = getattr(importlib.import_module(module), attribute or "SET")
        return made

    def __contains__(self, name: object) -> bool:
        return name in _MODULES

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


SETS = Sets()


def find(name: str | FeatureSet) -> FeatureSet:
    """The set of a name; OptionError if there is none."""
    return SETS[name] if isinstance(name, str) else name
